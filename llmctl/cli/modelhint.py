"""The nearest model names, when a provider says that there is no such model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from llmctl.cli.modelcache import cached_models
from llmctl.cli.session import Session
from llmctl.config.target import Timeouts
from llmctl.core.suggest import did_you_mean
from llmctl.errors import LlmctlError


def hint_model(error: LlmctlError, session: Session) -> None:
    """Add the names like the one that was asked for, from the cached list or a fresh one."""
    asked = session.target.model
    if not asked:
        return
    names = cached_models(session)
    if names is None:
        names = _listed(session)
    if names and asked not in names:
        error.hint = did_you_mean(asked, names) or "see which there are: llmctl models"


def _listed(session: Session) -> list[str] | None:
    quick = replace(session.target, retries=0, timeout=Timeouts(connect=3, total=5))

    async def fetch(client: Any) -> list[str]:
        return [model.id for model in await client.models()]

    try:
        return session.run(fetch, target=quick)
    except LlmctlError:
        return None  # the error at hand is the one to show
