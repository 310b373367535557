"""How long a conversation is, and how long it may be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from llmctl.cli import modelcache

if TYPE_CHECKING:
    from llmctl.cli.session import Session
    from llmctl.cli.talk.conversation import Conversation

MEDIA_TOKENS = 1000
"""A guess for a picture; providers count from 85 to 1600."""

WIDE, NARROW = 1.0, 0.25
"""Tokens a character: of scripts beyond Latin, Greek and Cyrillic, and of those."""


def context_limit(session: Session) -> int | None:
    """The tokens that the model takes, where its list of models says so; no request is made for it."""
    kept = modelcache.load(session)
    return next((model.context for model in kept[0] if model.id == session.target.model), None) if kept else None


def estimate(messages: list[dict[str, Any]]) -> int:
    """About how many tokens the messages have. Tokenisers differ, so this is right to about a third."""
    return sum(4 + _tokens(message.get("content")) + _calls(message) for message in messages)


def too_long(talk: Conversation) -> str | None:
    """What to say before a conversation is sent that the model won't take; None where it fits, or nobody knows."""
    limit = context_limit(talk.session)
    if limit is None:
        return None
    room = talk.params.get("max_tokens") or talk.params.get("max_completion_tokens") or 0
    needed = estimate(talk.whole()) + (room if isinstance(room, int) else 0)
    if needed <= limit:
        return None
    return f"about {needed:,} tokens, and {talk.session.target.model} takes {limit:,}"


def _tokens(content: Any) -> int:
    if isinstance(content, list):
        parts = [part for part in content if isinstance(part, dict)]
        return sum(_tokens(part["text"]) if part.get("type") == "text" else MEDIA_TOKENS for part in parts)
    if not isinstance(content, str):
        return 0
    narrow = sum(1 for char in content if char < "\u0530")
    return round(narrow * NARROW + (len(content) - narrow) * WIDE)


def _calls(message: dict[str, Any]) -> int:
    calls = message.get("tool_calls")
    return _tokens(json.dumps(calls, ensure_ascii=False)) if calls else 0
