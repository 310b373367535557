"""A store in a file of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from llmctl.store.messages import Message
from llmctl.store.store import Store

settings.register_profile(
    "store",
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("store")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "llmctl.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with Store(path) as opened:
        yield opened


@pytest.fixture
def talk(store: Store) -> str:
    """The id of a conversation that has begun."""
    return store.conversations.begin("work", "m", title="A talk")


@pytest.fixture
def add(store: Store, talk: str) -> Callable[..., int]:
    """add(parent, text, role="user", files=(), **more): a message of the conversation; its id."""

    def add(parent: int | None, text: str, role: str = "user", files: Any = (), **more: Any) -> int:
        return store.messages.add(talk, parent, Message(role, text, **more), files)

    return add
