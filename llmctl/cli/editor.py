"""The user's own editor: $VISUAL, $EDITOR, or what the platform usually has."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from llmctl.cli.streams import Streams
from llmctl.errors import UsageError
from llmctl.platforms import wait_through_interrupts

USUAL = ("notepad",) if os.name == "nt" else ("editor", "nano", "vim", "vi")


class NoEditor(UsageError):
    """There is no editor, it could not be started, or it failed."""


def edit_text(text: str, streams: Streams, suffix: str = ".md") -> str | None:
    """The text as it was left in the editor, or None where nothing was changed.

    `suffix` ends the file's name, for the editor's colours. Raises NoEditor; what was written until
    then stays in a file that the hint names.
    """
    handle, name = tempfile.mkstemp(prefix="llmctl-", suffix=suffix)  # made with mode 0600
    path = Path(name)
    keep = False
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace", newline="") as file:
            file.write(text)
        try:
            edit_file(path, streams)
            after = _read(path)
        except NoEditor as error:
            keep = _differs(path, text)
            if keep:
                error.hint = f"what you wrote is in {path}"
            raise
        return None if after == text else after
    finally:
        if not keep:
            path.unlink(missing_ok=True)


def edit_file(path: Path, streams: Streams) -> None:
    """Open the file in the editor, and wait for its end. Raises NoEditor."""
    command = [*editor_command(streams), str(path)]
    # What an editor draws must not go along with an answer that is piped into a file.
    screen = None if streams.terminal else sys.stderr
    streams.flush()
    try:
        with subprocess.Popen(command, stdout=screen) as child:
            code = wait_through_interrupts(child)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise NoEditor(
            f"the editor {command[0]} can't be started: {reason}", hint="set VISUAL or EDITOR to another one"
        ) from error
    if code:
        ended = f"with exit code {code}" if code > 0 else f"by signal {-code}"
        raise NoEditor(f"the editor {command[0]} ended {ended}, so nothing is taken over")


def editor_command(streams: Streams) -> list[str]:
    """The program and its arguments, as in EDITOR="code --wait". Raises NoEditor."""
    for name in ("VISUAL", "EDITOR"):
        if streams.env.get(name, "").strip():
            return _split(streams.env[name], name)
    if not streams.input_terminal:
        raise NoEditor("an editor needs a terminal", hint="or set VISUAL or EDITOR to one that needs none")
    found = _installed(streams.env)
    if not found:
        raise NoEditor("no editor was found", hint="set VISUAL or EDITOR, for example: export EDITOR=nano")
    return [found]


def _installed(env: Mapping[str, str]) -> str | None:
    return next((found for found in (shutil.which(name, path=env.get("PATH")) for name in USUAL) if found), None)


def _split(text: str, name: str) -> list[str]:
    try:
        if os.name == "nt":  # a backslash is part of a path there
            return [part.strip('"') for part in shlex.split(text, posix=False)]
        return shlex.split(text)
    except ValueError as error:
        raise NoEditor(f"{name} is no command: {error}", hint=f"it says: {text}") from error


def _read(path: Path) -> str:
    """The file as text. Raises NoEditor for what is no text, or no longer there."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NoEditor("the editor saved something else than UTF-8 text") from error
    except OSError as error:
        raise NoEditor(f"what the editor saved can't be read: {error.strerror or error}") from error


def _differs(path: Path, text: str) -> bool:
    try:
        return path.read_bytes() != text.encode("utf-8", "replace")
    except OSError:
        return False
