"""Keys that people type: never echoed, kept in a file of mode 0600 beside the config."""

from __future__ import annotations

import contextlib
from pathlib import Path

from llmctl.cli.streams import Streams
from llmctl.config.files import write_private
from llmctl.config.keys import reference_kind
from llmctl.config.paths import key_folder
from llmctl.errors import UsageError


def ask_key(title: str) -> str:
    """A key typed on the terminal, without echo; "" if the person just presses Enter."""
    import getpass

    with contextlib.suppress(EOFError):
        return check_key(getpass.getpass(f"Key for {title} (not shown; Enter for none yet): "), allow_empty=True)
    return ""


def read_key_from_stdin(streams: Streams) -> str:
    """The key on standard input: its only line. Raises UsageError."""
    return check_key(streams.read_input())


def check_key(text: str, allow_empty: bool = False) -> str:
    """The key without white space around it. Raises UsageError for what can't be one; it is not repeated."""
    key = text.strip()
    if not key and not allow_empty:
        raise UsageError("the key is empty")
    if not key.isascii() or any(c.isspace() or not c.isprintable() for c in key):
        raise UsageError("that is no key: it holds spaces, line breaks or characters that no header can carry")
    return key


def check_reference(text: str) -> str:
    """A reference, not a key: others can read the command line. Raises UsageError without repeating it."""
    if reference_kind(text) == "literal":
        raise UsageError(
            "--key takes a reference, not a key: others can read the command line",
            hint="env:NAME, cmd:COMMAND, file:PATH, keyring, or - to read the key from stdin",
        )
    return text


def store_key(config: Path, profile: str, key: str) -> str:
    """Keep a typed key; the reference for the config."""
    write_private(key_folder(config) / profile, f"{key}\n".encode())
    return f"file:keys/{profile}"


def forget_key(config: Path, profile: str, reference: str | None) -> None:
    """Remove what `store_key` or the keyring keeps for the profile; other people's files stay."""
    if reference == f"file:keys/{profile}":
        with contextlib.suppress(OSError):
            (key_folder(config) / profile).unlink()
    elif reference == "keyring":
        from llmctl.config.keys import remove_from_keyring

        remove_from_keyring(profile)
