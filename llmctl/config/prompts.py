"""Named prompts: TOML files in the config's folder `prompts`, and in a project's `.llmctl/prompts`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llmctl.config.configfile import parse_toml
from llmctl.core.suggest import did_you_mean
from llmctl.core.template import variables
from llmctl.errors import ConfigError, UsageError
from llmctl.platforms import belongs_to_us

INPUT = "input"
"""The variable that stands for the command line's prompt and standard input."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
_KEYS = ("description", "system", "prompt", "model", "defaults", "params", "schema")


@dataclass(frozen=True)
class Prompt:
    """A prompt's file. `schema` is the short form or a JSON Schema."""

    name: str
    path: Path
    description: str = ""
    system: str = ""
    prompt: str = ""
    model: str | None = None
    defaults: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    schema: str | Mapping[str, Any] | None = None

    @property
    def variables(self) -> list[str]:
        """Those of its texts, without the input."""
        return [name for name in variables(f"{self.system}\n{self.prompt}") if name != INPUT]


def prompt_folders(config: Path, folder: Path) -> list[Path]:
    """Where prompts are looked for, strongest first: the nearest project's folder upwards, then the user's.

    A folder that belongs to somebody else (in /tmp, say) is passed over: prompts choose where requests go.
    """
    found = (parent / ".llmctl" / "prompts" for parent in (folder, *folder.parents))
    project = next((path for path in found if _is_ours(path)), None)
    return [*([project] if project else []), user_folder(config)]


def _is_ours(path: Path) -> bool:
    try:
        return path.is_dir() and belongs_to_us(path)
    except OSError:  # in a folder that can't be looked into
        return False


def user_folder(config: Path) -> Path:
    return config.parent / "prompts"


def list_prompts(config: Path, folder: Path) -> dict[str, Path]:
    """Name -> file, sorted; a project's prompt hides the user's of the same name."""
    found: dict[str, Path] = {}
    for place in prompt_folders(config, folder):
        for path in place.glob("*.toml"):
            found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def find_prompt(name: str, config: Path, folder: Path) -> Prompt:
    """The prompt, checked. Raises UsageError with the nearest names, or ConfigError."""
    known = list_prompts(config, folder)
    if name not in known:
        hint = (
            did_you_mean(name, known) or f"keep one with: llmctl prompt add {name} 'TEXT with {{{{variables}}}}'"
        )
        raise UsageError(f"there is no prompt {name!r}", hint=hint)
    return read_prompt_file(known[name])


def read_prompt_file(path: Path) -> Prompt:
    """Raises ConfigError that names file and key."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"can't read {path}: {error}") from error
    return check_prompt(parse_toml(text, path), path)


def check_prompt(data: Mapping[str, Any], path: Path) -> Prompt:
    """What the file says, as a Prompt. Raises ConfigError."""
    for key, value in data.items():
        if key not in _KEYS:
            raise ConfigError(
                f"{path}: unknown key {key!r}", hint=did_you_mean(key, _KEYS) or f"known: {', '.join(_KEYS)}"
            )
        if key in ("defaults", "params"):
            fits, what = isinstance(value, Mapping), "a table"
        elif key == "schema":
            fits, what = isinstance(value, str | Mapping), "a table, or the short form in quotes"
        else:
            fits, what = isinstance(value, str), "a string"
        if not fits:
            raise ConfigError(f"{path}: {key} must be {what}")
    if not str(data.get("prompt", "")).strip() and not str(data.get("system", "")).strip():
        raise ConfigError(f"{path} has neither prompt nor system", hint="one of them is needed")
    defaults = {name: str(value) for name, value in data.get("defaults", {}).items()}
    prompt = Prompt(path.stem, path, **{**data, "defaults": defaults})
    unused = next((name for name in defaults if name not in [*prompt.variables, INPUT]), None)
    if unused:
        raise ConfigError(f"{path}: defaults.{unused}: the texts have no {{{{{unused}}}}}")
    return prompt


def check_prompt_name(name: str) -> str:
    """A name fit for a new prompt. Raises UsageError."""
    if not _NAME.match(name):
        raise UsageError(
            f"{name!r} can't be a prompt's name", hint="up to 100 letters, digits, '.', '_' and '-' can"
        )
    return name
