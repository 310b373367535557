"""Where llmctl keeps its files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from llmctl.errors import ConfigError


def config_file(env: Mapping[str, str]) -> Path:
    """config.toml: LLMCTL_CONFIG, else in the platform's folder for configuration."""
    given = env.get("LLMCTL_CONFIG")
    if given:
        return Path(os.path.expanduser(given))
    from platformdirs import user_config_path

    return user_config_path("llmctl", appauthor=False) / "config.toml"


def working_folder() -> Path:
    """The working directory; the root where it has been deleted. For reading only, see `writing_folder`."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path(os.sep)


def writing_folder() -> Path:
    """The working directory, to write in. Raises ConfigError where it has been deleted."""
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise ConfigError("the folder you are in has been deleted", hint="go to another one") from error


def key_folder(config: Path) -> Path:
    """Where typed keys are kept, one 0600 file a profile, beside the config."""
    return config.parent / "keys"


def cache_folder(env: Mapping[str, str]) -> Path:
    """Model lists and unfinished embedding runs: LLMCTL_CACHE, else the platform's cache folder."""
    given = env.get("LLMCTL_CACHE")
    if given:
        return Path(os.path.expanduser(given))
    from platformdirs import user_cache_path

    return user_cache_path("llmctl", appauthor=False)


def state_folder(env: Mapping[str, str]) -> Path:
    """Logs and the history of typed lines: LLMCTL_STATE, else the platform's folder for state."""
    given = env.get("LLMCTL_STATE")
    if given:
        return Path(os.path.expanduser(given))
    from platformdirs import user_state_path

    return user_state_path("llmctl", appauthor=False)


def data_folder(env: Mapping[str, str]) -> Path:
    """The history of conversations and costs: LLMCTL_DATA, else the platform's folder for data."""
    given = env.get("LLMCTL_DATA")
    if given:
        return Path(os.path.expanduser(given))
    from platformdirs import user_data_path

    return user_data_path("llmctl", appauthor=False)
