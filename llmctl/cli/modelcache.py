"""Model lists kept from the last time, so that names can be completed and hinted without the network."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmctl.config.files import write_private
from llmctl.config.paths import cache_folder
from llmctl.core.models import Model
from llmctl.errors import ConfigError

if TYPE_CHECKING:
    from llmctl.cli.session import Session

FRESH_SECONDS = 24 * 3600


def cached_models(session: Session) -> list[str] | None:
    """The names in the cached list, of whatever age; None without one."""
    entry = load(session)
    return [model.id for model in entry[0]] if entry else None


def load(session: Session) -> tuple[list[Model], float] | None:
    """(models, age in seconds) of the profile at its address, or None."""
    try:
        data = json.loads(_path(session).read_bytes())
        if data["base_url"] != session.target.base_url:
            return None
        return [Model(**entry) for entry in data["models"]], max(0.0, time.time() - data["time"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def save(session: Session, models: list[Model]) -> None:
    """Keep a list. A cache that can't be written is no reason to fail."""
    data: dict[str, Any] = {
        "base_url": session.target.base_url,
        "time": time.time(),
        "models": [model.as_dict() for model in models],
    }
    with contextlib.suppress(ConfigError):
        write_private(_path(session), json.dumps(data).encode())


def _path(session: Session) -> Path:
    name = hashlib.sha256(session.target.profile.encode()).hexdigest()[:16]
    return cache_folder(session.streams.env) / "models" / f"{name}.json"
