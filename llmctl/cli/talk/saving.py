"""/save: the conversation as a file."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from llmctl.errors import UsageError
from llmctl.platforms import native_path

if TYPE_CHECKING:
    from llmctl.cli.talk.conversation import Conversation

_TITLES = {"user": "You", "assistant": "Model", "tool": "Tool", "system": "System"}


def save(talk: Conversation, name: str) -> None:
    """Write it, without ever replacing a file. Raises UsageError."""
    if not name:
        raise UsageError("/save needs a file's name")
    path = os.path.expanduser(native_path(name))
    text = as_json(talk) if name.endswith(".json") else as_markdown(talk)
    try:
        with open(path, "x", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except FileExistsError as error:
        raise UsageError(f"{name} exists already", hint="choose another name") from error
    except OSError as error:
        raise UsageError(f"can't write {name}: {error.strerror or error}") from error
    talk.session.streams.say(f"saved {len(talk.messages)} messages: {name}")


def as_json(talk: Conversation) -> str:
    """What would be sent, with the model."""
    target = talk.session.target
    facts = {"profile": target.profile, "model": target.model, "params": talk.params, "messages": talk.whole()}
    return json.dumps(facts, ensure_ascii=False, indent=2) + "\n"


def as_markdown(talk: Conversation) -> str:
    """Each message under a heading."""
    parts = [
        f"## {_TITLES.get(message['role'], message['role'])}\n\n{_text(message)}\n" for message in talk.whole()
    ]
    return "\n".join(parts)


def _text(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    if isinstance(content, list):
        content = "\n\n".join(part.get("text", f"({part.get('type')})") for part in content)
    calls = [call.get("function", {}) for call in message.get("tool_calls") or ()]
    return "\n\n".join(
        [*([content] if content else []), *(f"`{c.get('name')}({c.get('arguments')})`" for c in calls)]
    )
