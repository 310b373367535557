"""`llmctl config edit`."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import typer

from llmctl.cli.config.check import print_findings
from llmctl.cli.config.findings import Finding, check_text
from llmctl.cli.editor import NoEditor, edit_file
from llmctl.cli.options import command
from llmctl.cli.streams import Streams
from llmctl.config.files import locked, write_private
from llmctl.config.paths import config_file
from llmctl.errors import ConfigError

DRAFTS = "config-edit-*.toml"
"""What the copies are called that are edited."""

START = b"# The config of llmctl; its settings are described by `llmctl help config`.\n"


@dataclass(frozen=True)
class EditOptions:
    """`llmctl config edit` takes no options."""


def run(options: EditOptions, streams: Streams) -> None:
    """Open the config in your editor ($VISUAL, $EDITOR). A bad edit is not kept.

    You edit a copy of mode 0600. It takes the place of the config when it is valid and nobody else
    has changed the config meanwhile; otherwise it stays, and its name is printed.
    """
    path = config_file(streams.env)
    before = _bytes(path)
    start = START if before is None else before
    draft = _draft(path, start)
    try:
        while True:
            edit_file(draft, streams)
            after = draft.read_bytes()
            if after == start:
                streams.say("nothing was changed")
                break
            wrong = _new_errors(after, before or b"", path, streams)
            if not wrong:
                _take_over(after, before, path, draft)
                streams.say(f"changed {path}")
                break
            print_findings(wrong, streams)
            if not _again(streams):
                raise ConfigError(f"{path} was not changed", hint=f"your edit is in {draft}")
    except NoEditor as error:
        if _kept(draft, start):
            error.hint = f"your edit is in {draft}"
        raise
    except OSError as error:
        raise ConfigError(f"can't read {draft}: {error.strerror or error}") from error
    except KeyboardInterrupt:
        _kept(draft, start)
        raise
    draft.unlink(missing_ok=True)


def _bytes(path: Path) -> bytes | None:
    """The file's content; None where there is none. Raises ConfigError."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"can't read {path}: {error.strerror or error}") from error


def _draft(path: Path, content: bytes) -> Path:
    """A copy beside the config, so that paths and the disk are the same. Raises ConfigError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        before, _, after = DRAFTS.partition("*")
        handle, name = tempfile.mkstemp(prefix=before, suffix=after, dir=path.parent)  # mode 0600
        with os.fdopen(handle, "wb") as file:
            file.write(content)
    except OSError as error:
        raise ConfigError(f"can't write {path.parent}: {error.strerror or error}") from error
    return Path(name)


def _kept(draft: Path, start: bytes) -> bool:
    """Whether the draft holds an edit; one that does not is removed."""
    try:
        if draft.read_bytes() != start:
            return True
    except OSError:
        return False
    draft.unlink(missing_ok=True)
    return False


def _new_errors(after: bytes, before: bytes, path: Path, streams: Streams) -> list[Finding]:
    """What the edit makes wrong; what was wrong before is no reason to refuse it."""
    old = {finding.message for finding in _errors(before, path, streams)}
    return [finding for finding in _errors(after, path, streams) if finding.message not in old]


def _errors(data: bytes, path: Path, streams: Streams) -> list[Finding]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        return [Finding("error", str(path), "the file is not UTF-8 text", "save it as UTF-8", line)]
    return [finding for finding in check_text(text, path, streams.env) if finding.level == "error"]


def _again(streams: Streams) -> bool:
    if not (streams.input_terminal and streams.error_terminal):
        return False
    try:
        return typer.confirm("Edit again?", default=True, err=True)
    except typer.Abort:
        return False


def _take_over(after: bytes, before: bytes | None, path: Path, draft: Path) -> None:
    """Replace the config under its lock. Raises ConfigError when it isn't what was edited any more."""
    with locked(path):
        if _bytes(path) != before:
            raise ConfigError(
                f"{path} was changed by another program while you edited it; it is left as it is",
                hint=f"your edit is in {draft}",
            )
        write_private(path, after)


app = command(EditOptions, run, "EDITOR=nano llmctl config edit")
