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
from llmctl.platforms import end_group, new_group, wait_readable
from llmctl.signals import held_back, interruptible, tidy_end
from llmctl.tools.tool import Tool, ToolFailed

SECONDS = 60.0
MOST = 100_000
"""Bytes of output that go back to the model."""

_DEFINITION = re.compile(r"\s*([a-zA-Z0-9_-]{1,64})(?:\s+-\s+([^:]+?))?\s*:\s*(\S.*)\Z", re.DOTALL)
_PLAIN = re.compile(r"\{\{|\}\}|\$\{|\{([A-Za-z_][A-Za-z0-9_]*)\}|\\.|.", re.DOTALL)
_IN_SINGLE_QUOTES = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_]*)\}|.", re.DOTALL)
_VARIABLE = "LLMCTL_TOOL_"
_NESTING = {
    "((…))": re.compile(r"\(\("),
    "$(…)": re.compile(r"\$\("),
    "`…`": re.compile("`"),
    "$[…]": re.compile(r"\$\["),
}
"""What has quotes of its own inside, or reads a value as code: also between double quotes."""
_UNQUOTED_NESTING = {
    "$'…'": re.compile(r"\$'"),
    "a here-document (<<)": re.compile("<<"),
    "[[ … ]]": re.compile(r"\[\["),
    "let": re.compile(r"(?<![\w./-])let(?![\w./-])"),
    "a comment above other lines": re.compile(r"(?<![^\s;&|()])#.*\n", re.DOTALL),
}
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
    construct = _nesting(template) if names else ""
    if construct:
        raise UsageError(
            f"--tool-command {name}: a placeholder can't stand beside {construct}: only outside of such is its "
            "value one word and no code",
            hint="use a pipe or another program, or a function for --tool FILE.py",
        )
    parameters = {
        "type": "object",
        "properties": {placeholder: {"type": "string"} for placeholder in names},
        "required": names,
    }

    async def call(arguments: dict[str, Any]) -> str:
        return _run(script, {_VARIABLE + name: str(arguments[name]) for name in names}, seconds)

    return Tool(name, description or f"Runs: {template}", parameters, "command", call, takes_text=True)


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


def _nesting(template: str) -> str:
    """What the template holds in which a placeholder would not be one quoted word; "" for nothing.

    Quotes are followed as in `shell_script`, which is right at least as far as the first of these.
    """
    kept, bare = _without_quoted(template)
    for text, patterns in ((kept, _NESTING), (bare, _UNQUOTED_NESTING)):
        for what, pattern in patterns.items():
            if pattern.search(text):
                return what
    return ""


def _without_quoted(template: str) -> tuple[str, str]:
    """(the template without what is in single quotes, and without what is in any; line breaks stay)."""
    kept: list[str] = []
    bare: list[str] = []
    quote, at = "", 0
    while match := (_IN_SINGLE_QUOTES if quote == "'" else _PLAIN).match(template, at):
        token, at = match[0], match.end()
        if token in ("'", '"') and quote in ("", token):
            quote = "" if quote else token
            bare.append(token)
        escaped = token[0] == "\\" and len(token) == 2
        text = "_" if escaped or match[1] else token
        kept.append(text if quote != "'" else "_")
        bare.append(text if not quote else ("\n" if "\n" in token else ""))
    return "".join(kept), "".join(bare)


def _run(script: str, values: Mapping[str, str], seconds: float) -> str:
    """What the command prints. Raises ToolFailed for an exit code, for too long a run, for bad values."""
    import subprocess
    import tempfile

    group: Any = new_group()
    with tempfile.TemporaryFile() as errors, tidy_end():
        child: subprocess.Popen[bytes] | None = None
        try:
            with held_back():
                child = subprocess.Popen(
                    ["/bin/sh", "-c", script],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env={**os.environ, **values},
                    **group,
                )
            assert child.stdout is not None
            with child.stdout, interruptible():
                output = _read(child, child.stdout, seconds)
        except BaseException as error:
            if child is not None:
                end_group(child)
            elif isinstance(error, OSError | ValueError):  # too long a value, or a null byte in it
                raise ToolFailed(f"the command could not be started: {error}") from error
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
