"""[aliases]: short names of models, `fast = "groq/openai/gpt-oss-120b"`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from llmctl.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from llmctl.config.configfile import Config

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*\Z")


def read_aliases(config: Config) -> dict[str, str]:
    """Name -> MODEL or PROFILE/MODEL. Raises ConfigError."""
    table = config.data.get("aliases", {})
    if not isinstance(table, Mapping):
        raise ConfigError(f"{config.path}: aliases must be a table", hint='write [aliases] and fast = "MODEL"')
    for name, model in table.items():
        if not isinstance(model, str) or not model.strip():
            raise ConfigError(f"{config.path}: aliases.{name} must be a model in quotes")
    return dict(table)


def check_alias(name: str) -> str:
    """A name fit for an alias. Raises UsageError."""
    if not _NAME.match(name):
        raise UsageError(
            f"{name!r} can't be an alias",
            hint="letters, digits, '.', '_', ':' and '-' can; PROFILE/MODEL goes on the right",
        )
    return name
