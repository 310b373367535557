"""The shells' scripts: their texts, and where each shell looks for its own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from llmctl.cli.completion.source import PACKAGE
from llmctl.errors import UsageError

FILES = {"bash": "llmctl.bash", "zsh": "_llmctl", "fish": "llmctl.fish", "powershell": "llmctl.ps1"}
"""Shell -> its script's name in the folder `completions`."""

_OTHER_NAMES = {"pwsh": "powershell", "rbash": "bash"}
_BASH_COMPLETION = (
    "/usr/share/bash-completion/bash_completion",
    "/usr/local/share/bash-completion/bash_completion",
    "/opt/homebrew/share/bash-completion/bash_completion",
    "/etc/bash_completion",
)


@dataclass(frozen=True)
class Place:
    """Where a script goes, and what the shell's start-up file needs so that it is found there."""

    script: Path
    rc: Path
    lines: tuple[str, ...] = ()
    needed: bool = False


def script_text(shell: str) -> str:
    """The script, from the installed package or from the checkout."""
    installed = PACKAGE / "data" / "completions" / FILES[shell]
    path = installed if installed.exists() else PACKAGE.parent / "completions" / FILES[shell]
    return path.read_text("utf-8")


def choose_shell(name: str | None, env: Mapping[str, str]) -> str:
    """The shell that is named, else the one that started us, else the one of $SHELL. Raises UsageError."""
    if name:
        known = _known(name)
        if known is None:
            raise UsageError(
                f"{name!r} is not a shell that llmctl completes in", hint=f"known: {', '.join(FILES)}"
            )
        return known
    found = _known(_parent()) or _known(env.get("SHELL", "")) or ("powershell" if os.name == "nt" else None)
    if found is None:
        raise UsageError("which shell this is can't be told", hint=f"name it: {', '.join(FILES)}")
    return found


def place_of(shell: str, env: Mapping[str, str]) -> Place:
    """Where the user's own scripts of a shell are."""
    home = Path(os.path.expanduser("~"))
    if shell == "bash":
        data = Path(env.get("XDG_DATA_HOME") or home / ".local/share")
        folder = Path(env.get("BASH_COMPLETION_USER_DIR") or data / "bash-completion")
        script = folder / "completions" / "llmctl"
        needed = not any(os.path.exists(path) for path in _BASH_COMPLETION)
        return Place(script, home / ".bashrc", (f"source {_quoted(script)}",), needed)
    if shell == "zsh":
        dots = Path(env.get("ZDOTDIR") or home)
        script, rc = dots / ".zfunc" / "_llmctl", dots / ".zshrc"
        lines = (f"fpath=({_quoted(script.parent)} $fpath)", "autoload -Uz compinit && compinit")
        return Place(script, rc, lines, needed=True)
    if shell == "fish":
        config = Path(env.get("XDG_CONFIG_HOME") or home / ".config") / "fish"
        return Place(config / "completions" / "llmctl.fish", config / "config.fish")
    folder = _powershell_folder(env, home)
    script = folder / "llmctl-completion.ps1"
    quoted = "'" + str(script).replace("'", "''") + "'"
    return Place(script, folder / "Microsoft.PowerShell_profile.ps1", (f". {quoted}",), needed=True)


def _powershell_folder(env: Mapping[str, str], home: Path) -> Path:
    """That of $PROFILE."""
    if os.name != "nt":
        return Path(env.get("XDG_CONFIG_HOME") or home / ".config") / "powershell"
    from platformdirs import user_documents_path

    return user_documents_path() / "PowerShell"


def _known(program: str) -> str | None:
    name = os.path.basename(program).lower().removesuffix(".exe").lstrip("-")
    name = _OTHER_NAMES.get(name, name)
    return name if name in FILES else None


def _parent() -> str:
    """The name of the process that started us, where the system tells it in /proc."""
    try:
        return Path(f"/proc/{os.getppid()}/comm").read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _quoted(path: Path) -> str:
    import shlex

    return shlex.quote(str(path))
