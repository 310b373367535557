"""[tui]: how the chat UI looks and which keys it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from llmctl.core.suggest import did_you_mean
from llmctl.errors import ConfigError


@dataclass(frozen=True)
class TuiSettings:
    """`theme` is a word of --theme or a theme of Textual's; `keys`: id of a binding -> keys, as "ctrl+t,f12"."""

    theme: str = ""
    reduced_motion: bool = False
    mouse: bool = True
    print_on_exit: bool = False
    keys: Mapping[str, str] = field(default_factory=dict)


KEYS = tuple(each.name for each in fields(TuiSettings))


def read_tui(data: Mapping[str, Any]) -> TuiSettings:
    """The table of a config. Raises ConfigError."""
    table = data.get("tui", {})
    if not isinstance(table, Mapping):
        raise ConfigError("tui must be a table", hint='write [tui] and theme = "dark"')
    for key, value in table.items():
        if key not in KEYS:
            raise ConfigError(
                f"tui: unknown key {key!r}", hint=did_you_mean(key, KEYS) or f"known: {', '.join(KEYS)}"
            )
        _check(key, value)
    return TuiSettings(**table)


def _check(key: str, value: Any) -> None:
    if key == "theme":
        if not isinstance(value, str):
            raise ConfigError("tui.theme must be a name in quotes")
    elif key == "keys":
        if not isinstance(value, Mapping) or not all(isinstance(each, str) for each in value.values()):
            raise ConfigError("tui.keys must be a table", hint='for example: "chat.new" = "ctrl+t"')
    elif not isinstance(value, bool):
        raise ConfigError(f"tui.{key} must be true or false")
