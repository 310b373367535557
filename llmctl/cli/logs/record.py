"""A conversation as one JSON object with everything: what `logs export` writes and `logs import` reads.

Messages are numbered from 1 within the object, parents before what follows them. Times are in
seconds since 1970, costs in US dollars, files in base64.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from llmctl.core.media import Attachment
from llmctl.store.ledger import Request
from llmctl.store.messages import Message

if TYPE_CHECKING:
    from llmctl.store.conversations import Conversation
    from llmctl.store.store import Store

FORMAT, VERSION = "llmctl", 1
COUNTED = ("id", "conversation", "entry", "route", "why")
"""What is counted anew in another store, or is the gateway's, whose requests have no conversation."""
REQUEST_FIELDS = tuple(field.name for field in fields(Request) if field.name not in COUNTED)
SETTINGS = ("title", "titled", "profile", "model", "system", "params", "pinned", "created", "updated")


@dataclass(frozen=True)
class Record:
    """A conversation outside the store. Ids and parents of `messages`, `head` and the requests' messages are
    the record's own numbers. With `derived` the id was made of the content, by a file that names none.
    """

    id: str
    settings: Mapping[str, Any]
    head: int | None
    messages: Sequence[tuple[Message, Sequence[Attachment]]]
    requests: Sequence[Request] = ()
    derived: bool = False


def export(store: Store, conversation: Conversation) -> dict[str, Any]:
    """The object for a conversation."""
    messages = store.messages.tree(conversation.id)
    numbers: dict[int | None, int | None] = {message.id: at for at, message in enumerate(messages, 1)}
    settings = {name: getattr(conversation, name) for name in SETTINGS}
    return {
        "format": FORMAT,
        "version": VERSION,
        "id": conversation.id,
        **settings,
        "head": numbers.get(conversation.head),
        "messages": [
            _message(message, [store.messages.load(file) for file in message.files], numbers)
            for message in messages
        ],
        "requests": [
            _request(request, numbers.get(request.message))
            for request in store.ledger.of_conversation(conversation.id)
        ],
    }


def content_id(said: Any) -> str:
    """An id made of what was said, so that the same is never taken in twice."""
    text = json.dumps(said, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def said_in(exported: Mapping[str, Any]) -> Any:
    """What makes an exported conversation the same as another: its messages, not their costs or its title."""
    return exported["messages"]


def as_exported(record: Record) -> dict[str, Any]:
    """What `export` would say of a record, as far as messages go."""
    numbers: dict[int | None, int | None] = {message.id: message.id for message, _ in record.messages}
    return {"messages": [_message(message, files, numbers) for message, files in record.messages]}


def _message(
    message: Message, files: Sequence[Attachment], numbers: Mapping[int | None, int | None]
) -> dict[str, Any]:
    return {
        "id": numbers[message.id],
        "parent": numbers.get(message.parent),
        "role": message.role,
        "text": message.text,
        "extra": dict(message.extra),
        "state": message.state,
        "profile": message.profile,
        "model": message.model,
        "created": message.created,
        "files": [
            {"name": file.name, "mime": file.mime, "data": base64.b64encode(file.data).decode()} for file in files
        ],
    }


def _request(request: Request, message: int | None) -> dict[str, Any]:
    return {**{name: value for name, value in asdict(request).items() if name not in COUNTED}, "message": message}
