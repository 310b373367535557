"""Model lists kept from the last time, so that names can be completed and hinted without the network."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmctl.config.paths import cache_folder
from llmctl.errors import ConfigError

if TYPE_CHECKING:
    from llmctl.cli.session import Session
    from llmctl.config.target import Target
    from llmctl.core.models import Model

FRESH_SECONDS = 24 * 3600


def cached_models(session: Session) -> list[str] | None:
    """The names in the cached list, of whatever age; None without one."""
    return kept_names(session.streams.env, session.target.profile, session.target.base_url)


def kept_names(env: Mapping[str, str], profile: str, base_url: str) -> list[str] | None:
    """The same without a session, quickly enough for completion."""
    try:
        return [str(entry["id"]) for entry in _read(env, profile, base_url)["models"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def has_list(env: Mapping[str, str], profile: str) -> bool:
    """Whether a list is kept under a profile's name, for whichever address."""
    return _path(env, profile).exists()


def load(session: Session) -> tuple[list[Model], float] | None:
    """(models, age in seconds) of the profile at its address, or None."""
    from llmctl.core.models import Model

    try:
        data = _read(session.streams.env, session.target.profile, session.target.base_url)
        return [Model(**entry) for entry in data["models"]], max(0.0, time.time() - data["time"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def save(env: Mapping[str, str], target: Target, models: list[Model]) -> None:
    """Keep a list. A cache that can't be written is no reason to fail."""
    from llmctl.config.files import write_private

    data: dict[str, Any] = {
        "base_url": target.base_url,
        "time": time.time(),
        "models": [model.as_dict() for model in models],
    }
    with contextlib.suppress(ConfigError):
        write_private(_path(env, target.profile), json.dumps(data).encode())


def _read(env: Mapping[str, str], profile: str, base_url: str) -> dict[str, Any]:
    """The file's content. Raises OSError, ValueError (also for a list of another address), KeyError, TypeError."""
    data: dict[str, Any] = json.loads(_path(env, profile).read_bytes())
    if data["base_url"] != base_url:
        raise ValueError("this is the list of another address")
    return data


def _path(env: Mapping[str, str], profile: str) -> Path:
    name = hashlib.sha256(profile.encode()).hexdigest()[:16]
    return cache_folder(env) / "models" / f"{name}.json"
