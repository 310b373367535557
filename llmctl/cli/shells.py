"""Lines that set and unset variables, for each kind of shell."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import PurePath

from llmctl.errors import UsageError

SHELLS = ("bash", "zsh", "sh", "fish", "pwsh", "cmd")
_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+=,-]+\Z")
_BARE = re.compile(r"[A-Za-z0-9_./:@,-]+\Z")
_QUOTES_OF_PWSH = re.compile("['\u2018\u2019\u201a\u201b]")
"""PowerShell takes typographic quotes for quotes."""


def shell_of(env: Mapping[str, str]) -> str:
    """The kind of shell that the user has, by $SHELL: one of SHELLS."""
    shell = env.get("SHELL", "")
    kind = PurePath(shell).name.lower().removesuffix(".exe")
    if kind == "powershell" or (os.name == "nt" and not shell):
        return "pwsh"
    return kind if kind in SHELLS else "sh"


def is_csh(env: Mapping[str, str]) -> bool:
    """Whether the user's shell is csh or tcsh, whose language is none of SHELLS."""
    return PurePath(env.get("SHELL", "")).name in ("csh", "tcsh")


def set_line(shell: str, name: str, value: str) -> str:
    """The line that sets a variable. Raises UsageError for a value that the shell can't be told."""
    return _SETTERS.get(shell, _posix)(name, value)


def unset_line(shell: str, name: str) -> str:
    """The line that removes a variable, whether or not it is there."""
    return {
        "fish": f"set -e {name}",
        "pwsh": f"Remove-Item Env:{name} -ErrorAction SilentlyContinue",
        "cmd": f'set "{name}="',
    }.get(shell, f"unset {name}")


def eval_command(shell: str, command: str) -> str:
    """How the user makes the shell take the lines that a command prints."""
    return {
        "fish": f"{command} | source",
        "pwsh": f"{command} | Out-String | Invoke-Expression",
        "cmd": f"for /f \"delims=\" %i in ('{command}') do @%i",
    }.get(shell, f'eval "$({command})"')


def dotenv_line(name: str, value: str) -> str:
    """A line of a .env file, as dotenv libraries read it: quoted only where needed.

    Raises UsageError for a value that they read differently.
    """
    if _PLAIN.match(value) or not value:
        return f"{name}={value}"
    if not re.search(r"['\\\r\n]", value):
        return f"{name}='{value}'"
    if re.search("[$`]", value):  # in double quotes some put variables in, some keep the backslash before a $
        raise UsageError(
            f"not all programs read the value of {name} alike in a .env file: $ or ` beside ', \\ or a line break",
            hint="llmctl exec -- COMMAND hands it over as it is",
        )
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'{name}="{escaped}"'


def _posix(name: str, value: str) -> str:
    return f"export {name}={shlex.quote(value)}"


def _fish(name: str, value: str) -> str:
    if _BARE.match(value):
        return f"set -gx {name} {value}"
    quoted = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"set -gx {name} '{quoted}'"


def _pwsh(name: str, value: str) -> str:
    return f"$env:{name} = '{_QUOTES_OF_PWSH.sub(lambda quote: quote[0] * 2, value)}'"


def _cmd(name: str, value: str) -> str:
    if re.search(r'["%\r\n]', value):
        raise UsageError(f"cmd can't be told the value of {name}: it holds a quote, a % or a line break")
    return f'set "{name}={value}"'


_SETTERS: dict[str, Callable[[str, str], str]] = {"fish": _fish, "pwsh": _pwsh, "cmd": _cmd}
