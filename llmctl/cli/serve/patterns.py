"""Whether a key's patterns of models fit anything that the config has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import chain
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmctl.config.configfile import Config

_MODELS = ("model", "embedding_model", "image_model")
"""Keys of a profile. Their models can be asked for without the profile's name."""


def unmatched(patterns: Sequence[str], env: Mapping[str, str]) -> list[str]:
    """The patterns that fit no profile, route, alias or configured model, so that a slip in one is seen.

    A pattern without a slash may still fit a model that only a provider's list knows. Raises ConfigError
    for a damaged config.
    """
    if not patterns:
        return []
    from llmctl.config.configfile import load_config
    from llmctl.config.paths import config_file
    from llmctl.config.profile import RESERVED
    from llmctl.gateway.plan import AUTO

    config = load_config(config_file(env))
    tables = _table(config, "profiles")
    profiles = [*tables, *RESERVED]
    configured = chain.from_iterable(_configured(table) for table in tables.values())
    names = [*profiles, *AUTO, *_table(config, "routes"), *_table(config, "aliases"), *configured]
    return [each for each in patterns if not _fits_a_name(each, names) and not _fits_a_profile(each, profiles)]


def _table(config: Config, name: str) -> Mapping[str, Any]:
    """What is no table is for others to complain of: a key can be made all the same."""
    table = config.data.get(name)
    return table if isinstance(table, Mapping) else {}


def _configured(profile: Any) -> list[str]:
    values = [profile.get(key) for key in _MODELS] if isinstance(profile, Mapping) else []
    return [value for value in values if isinstance(value, str)]


def _fits_a_name(pattern: str, names: Iterable[str]) -> bool:
    """Either may have wildcards: aliases such as "gpt-*" do."""
    return any(fnmatchcase(name, pattern) or fnmatchcase(pattern, name) for name in names)


def _fits_a_profile(pattern: str, profiles: Iterable[str]) -> bool:
    """Whether it can fit PROFILE/ and some model; a `*` may stand for the slash as well."""
    fixed = re.split(r"[*?\[]", pattern, maxsplit=1)[0]
    starts = [f"{profile}/" for profile in profiles]
    return any(fixed.startswith(start) or (fixed != pattern and start.startswith(fixed)) for start in starts)
