"""Key references: env:NAME | cmd:COMMAND | file:PATH | keyring | the key itself."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmctl.errors import KeyMissing
from llmctl.platforms import end_group, new_group

if TYPE_CHECKING:
    import subprocess

SERVICE = "llmctl"
"""The service name under which keys stand in the OS keyring; the user name is the profile's."""

COMMAND_SECONDS = 60


def reference_kind(key: str) -> str:
    """env, cmd, file, keyring, or "literal"."""
    kind = key.partition(":")[0]
    if key == "keyring":
        return "keyring"
    return kind if kind in ("env", "cmd", "file") and ":" in key else "literal"


def describe_key(key: str | None, variables: Sequence[str] = ()) -> str:
    """The reference, fit to be shown: a key written out is never repeated."""
    if key is None:
        return f"env:{' or env:'.join(variables)}" if variables else "none"
    return "written in the config (hidden)" if reference_kind(key) == "literal" else key


def resolve_key(key: str, profile: str, folder: Path, env: Mapping[str, str], seconds: float | None = None) -> str:
    """The key that a reference stands for; paths are relative to `folder`. Raises KeyMissing.

    A command is ended after `seconds` (else a minute), and with it what it has started unless that may
    have asked on the terminal.
    """
    kind = reference_kind(key)
    rest = key.partition(":")[2]
    if kind == "env":
        value = env.get(rest, "")
        problem = f"the variable {rest} is not set"
    elif kind == "cmd":
        value, problem = _from_command(rest, seconds)
    elif kind == "file":
        value, problem = _from_file(folder / os.path.expanduser(rest))
    elif kind == "keyring":
        value, problem = _from_keyring(profile)
    else:
        value, problem = key, "it is empty"
    if not value.strip():
        raise _missing(profile, problem)
    return checked_key(value, profile)


def checked_key(value: str, profile: str) -> str:
    """The key without white space around it. Raises KeyMissing for what no header can carry."""
    key = value.strip()
    if not key.isascii() or re.search(r"[\x00-\x20\x7f]", key):
        raise _missing(profile, "it holds spaces, line breaks or characters that no header can carry")
    return key


def key_from_variables(variables: Sequence[str], profile: str, env: Mapping[str, str]) -> str | None:
    """The key in the first of the variables that is set. Raises KeyMissing for what can't be one."""
    value = next((env[name] for name in variables if env.get(name, "").strip()), None)
    return checked_key(value, profile) if value else None


def store_in_keyring(profile: str, key: str) -> None:
    """Put a key into the OS keyring. Raises KeyMissing when there is none."""
    _keyring(profile, lambda keyring: keyring.set_password(SERVICE, profile, key))


def remove_from_keyring(profile: str) -> None:
    """Take a key out of the OS keyring; nothing happens where there is none."""
    if _keyring(profile, lambda keyring: keyring.get_password(SERVICE, profile)):
        _keyring(profile, lambda keyring: keyring.delete_password(SERVICE, profile))


def _missing(profile: str, problem: str) -> KeyMissing:
    error = KeyMissing(f"no key for profile {profile}: {problem}", hint=f"set it with: llmctl key set {profile}")
    error.profile = profile
    return error


def _from_command(command: str, seconds: float | None) -> tuple[str, str]:
    import subprocess

    try:
        done = _run(command, seconds or COMMAND_SECONDS, alone=seconds is not None and not os.isatty(0))
    except subprocess.TimeoutExpired as error:
        return "", f"the command {command!r} did not finish within {error.timeout:g} s"
    except (OSError, ValueError) as error:
        return "", f"the command {command!r} did not finish ({type(error).__name__})"
    if done.returncode:
        return "", f"the command {command!r} ended with exit code {done.returncode}"
    lines = done.stdout.decode("utf-8", "replace").split("\n")
    return next((line for line in lines if line.strip()), ""), f"the command {command!r} printed nothing"


def _run(command: str, seconds: float, alone: bool) -> subprocess.CompletedProcess[bytes]:
    """Run it to its end. `alone`: without our terminal, so that all it has started can be ended too."""
    import subprocess

    # It may ask for a password on the terminal, but must not eat a prompt that is piped in.
    stdin = None if os.isatty(0) else subprocess.DEVNULL
    group: dict[str, Any] = {**new_group()} if alone else {}
    with subprocess.Popen(  # noqa: S602 - the user's own command, in the user's own config
        command, shell=True, stdin=stdin, stdout=subprocess.PIPE, **group
    ) as child:
        try:
            out, _ = child.communicate(timeout=seconds)
        except BaseException:
            if alone:
                end_group(child)
            child.kill()
            raise
    return subprocess.CompletedProcess(command, child.returncode, out)


def _from_file(path: Path) -> tuple[str, str]:
    try:
        return path.read_text("utf-8", "replace"), f"{path} is empty"
    except OSError as error:
        return "", f"can't read {path}: {error.strerror or error}"
    except ValueError:  # a null byte
        return "", f"{str(path)!r} can't be a file's name"


def _from_keyring(profile: str) -> tuple[str, str]:
    found = _keyring(profile, lambda keyring: keyring.get_password(SERVICE, profile))
    return found or "", "the OS keyring holds none"


def _keyring(profile: str, call: Callable[[Any], str | None]) -> str | None:
    """A call of the keyring package. Its backends raise anything, and may put the key into the message."""
    try:
        import keyring
    except ImportError as error:
        raise _missing(profile, "the keyring package is not installed (pip install 'llmctl[keyring]')") from error
    try:
        return call(keyring)
    except Exception as error:  # noqa: BLE001 - see above
        raise _missing(profile, f"the OS keyring can't be used ({type(error).__name__})") from None
