"""Where llmctl keeps its files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def config_file(env: Mapping[str, str]) -> Path:
    """config.toml: LLMCTL_CONFIG, else in the platform's folder for configuration."""
    given = env.get("LLMCTL_CONFIG")
    if given:
        return Path(given).expanduser()
    from platformdirs import user_config_path

    return user_config_path("llmctl", appauthor=False) / "config.toml"


def key_folder(config: Path) -> Path:
    """Where typed keys are kept, one 0600 file a profile, beside the config."""
    return config.parent / "keys"


def cache_folder(env: Mapping[str, str]) -> Path:
    """Model lists and unfinished embedding runs: LLMCTL_CACHE, else the platform's cache folder."""
    given = env.get("LLMCTL_CACHE")
    if given:
        return Path(given).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("llmctl", appauthor=False)
