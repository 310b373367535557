"""Which conversation is meant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from llmctl.errors import UsageError

if TYPE_CHECKING:
    from llmctl.store.conversations import Conversation
    from llmctl.store.store import Store


def chosen(store: Store, prefix: str | None) -> Conversation:
    """The one whose id begins so; the last one without an id. Raises UsageError."""
    if prefix is not None:
        return store.conversations.find(prefix)
    last = store.conversations.last()
    if last is None:
        raise UsageError("no conversation is kept yet", hint="llmctl chat keeps them; see llmctl help history")
    return last


def all_chosen(store: Store, prefixes: Sequence[str]) -> list[Conversation]:
    """Those whose ids begin so, each once. Raises UsageError if one of them is not there."""
    found = [store.conversations.find(prefix) for prefix in prefixes]
    return list({conversation.id: conversation for conversation in found}.values())
