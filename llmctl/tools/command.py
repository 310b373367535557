"""`--tool-command 'name: shell command with {placeholders}'`: a shell command as a tool.

Values never become part of the command's text. Each stands in an environment variable, which the shell puts
in the place of its placeholder as one word: whatever a model writes there, the shell does not read it as code.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Mapping
from typing import IO, Any

from llmctl.errors import UsageError
from llmctl.platforms import end_group, interruptible, new_group, wait_readable
from llmctl.tools.tool import Tool, ToolFailed

SECONDS = 60.0
MOST = 100_000
"""Bytes of output that go back to the model."""

_DEFINITION = re.compile(r"\s*([a-zA-Z0-9_-]{1,64})(?:\s+-\s+([^:]+?))?\s*:\s*(\S.*)\Z", re.DOTALL)
_PLAIN = re.compile(r"\{\{|\}\}|\$\{|\{([A-Za-z_][A-Za-z0-9_]*)\}|\\.|.", re.DOTALL)
_IN_SINGLE_QUOTES = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_]*)\}|.", re.DOTALL)
_VARIABLE = "LLMCTL_TOOL_"
_SLICE = 0.1


def parse_tool_command(text: str, seconds: float = SECONDS) -> Tool:
    """The tool of `name: command`, or `name - description: command`. Raises UsageError.

    Each {placeholder} is a required string; `{{` and `}}` stand for braces, `${NAME}` is the shell's own.
    """
    if sys.platform == "win32":
        raise UsageError("--tool-command needs a POSIX shell", hint="write a function, and use --tool FILE.py")
    match = _DEFINITION.match(text)
    if not match:
        raise UsageError(
            f"--tool-command {text!r} is not of the form 'name: command'",
            hint="for example: --tool-command 'weather - Weather in a city: curl -s wttr.in/{city}?format=3'",
        )
    name, description, template = match.groups()
    script, names = shell_script(template)
    if names and "((" in script:
        raise UsageError(
            f"--tool-command {name}: a placeholder can't stand beside ((…)), where some shells run its value",
            hint="compute with another program, or in a function for --tool FILE.py",
        )
    parameters = {
        "type": "object",
        "properties": {placeholder: {"type": "string"} for placeholder in names},
        "required": names,
    }

    async def call(arguments: dict[str, Any]) -> str:
        return _run(script, {_VARIABLE + name: str(arguments[name]) for name in names}, seconds)

    return Tool(name, description or f"Runs: {template}", parameters, "command", call)


def shell_script(template: str) -> tuple[str, list[str]]:
    """(the template with a quoted variable for each placeholder, the placeholders' names)."""
    names: dict[str, None] = {}
    pieces: list[str] = []
    quote, at = "", 0
    while match := (_IN_SINGLE_QUOTES if quote == "'" else _PLAIN).match(template, at):
        token, name, at = match[0], match[1], match.end()
        if name:
            names[name] = None
            variable = f"${{{_VARIABLE}{name}}}"
            pieces.append({"": f'"{variable}"', '"': variable, "'": f"'\"{variable}\"'"}[quote])
            continue
        if token in ("'", '"') and quote in ("", token):
            quote = "" if quote else token
        pieces.append({"{{": "{", "}}": "}"}.get(token, token))
    return "".join(pieces), list(names)


def _run(script: str, values: Mapping[str, str], seconds: float) -> str:
    """What the command prints. Raises ToolFailed for an exit code, for too long a run, for bad values."""
    import subprocess
    import tempfile

    group: Any = new_group()
    with tempfile.TemporaryFile() as errors:
        try:
            child = subprocess.Popen(
                ["/bin/sh", "-c", script],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, **values},
                **group,
            )
        except (OSError, ValueError) as error:  # too long a value, or a null byte in it
            raise ToolFailed(f"the command could not be started: {error}") from error
        assert child.stdout is not None
        try:
            with child.stdout, interruptible():
                output = _read(child, child.stdout, seconds)
        except BaseException:
            end_group(child)
            raise
        if child.wait():
            said = "\n".join(part for part in (_told(errors).strip(), output.strip()) if part)
            raise ToolFailed(f"exit code {child.returncode}" + (f":\n{said}" if said else ", and no output"))
    return output or "(no output)"


def _read(child: Any, pipe: IO[bytes], seconds: float) -> str:
    """What it writes until it ends, even where a child of its own keeps the pipe open."""
    end = time.monotonic() + seconds
    kept, size = bytearray(), 0
    while True:
        left = end - time.monotonic()
        if left <= 0:
            raise ToolFailed(f"the command was ended after {seconds:g} s")
        if wait_readable(pipe.fileno(), min(left, _SLICE)):
            data = os.read(pipe.fileno(), 65536)
            if not data and child.poll() is not None:
                break
            if not data:  # it has closed its output, and runs on
                time.sleep(min(left, _SLICE / 10))
            size += len(data)
            kept += data[: max(0, MOST - len(kept))]
        elif child.poll() is not None:
            break
    text = kept.decode("utf-8", "replace")
    return text if size <= MOST else f"{text}\n[cut here: {size} bytes in all, {MOST} shown]"


def _told(errors: IO[bytes]) -> str:
    """The end of what went to stderr."""
    size = errors.seek(0, os.SEEK_END)
    errors.seek(max(0, size - MOST // 10))
    return errors.read().decode("utf-8", "replace")
