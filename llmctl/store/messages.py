"""Messages: a tree, whose branches are variants. A conversation shows the path from its root to its head."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from llmctl.core.media import Attachment, content
from llmctl.store.database import Database, Row, json_object

COMPLETE, PARTIAL, STOPPED, BROKEN = "complete", "partial", "stopped", "broken"
"""States of a message. PARTIAL is still coming, or its writer was killed."""

STOPPED_MARK = "[The user stopped this answer here.]"
BROKEN_MARK = "[This answer broke off here.]"
FORGET_FILES = (
    "DELETE FROM attachments WHERE hash NOT IN (SELECT hash FROM message_attachments)"
    " AND NOT EXISTS (SELECT 1 FROM drafts WHERE INSTR(files, attachments.hash))"
)
_PORTABLE = ("name", "tool_calls", "tool_call_id")


@dataclass(frozen=True)
class FileRef:
    """A kept file: its bytes are found by their hash (sha256, hexadecimal). `size` in bytes."""

    name: str
    mime: str
    hash: str
    size: int


@dataclass(frozen=True)
class Message:
    """One message. `extra` holds the wire message's fields beside role and content, such as tool_calls."""

    role: str
    text: str
    extra: Mapping[str, Any] = field(default_factory=dict)
    state: str = COMPLETE
    profile: str = ""
    model: str = ""
    created: float = 0.0
    files: tuple[FileRef, ...] = ()
    id: int = 0
    conversation: str = ""
    parent: int | None = None

    @property
    def partial(self) -> bool:
        """Whether the answer never came to its end."""
        return self.state != COMPLETE

    def wire(self, files: Sequence[Attachment] = (), portable: bool = False) -> dict[str, Any]:
        """The message as OpenAI has it. `portable` leaves out what only its own provider understands."""
        extra = dict(self.extra)
        if portable:
            extra = portable_fields(self.role, extra)
        if "content" in extra:
            return {"role": self.role, **extra}
        body: Any = content(self.text, list(files)) if files else self.text
        if self.partial and self.role == "assistant":
            body = f"{self.text}\n\n{STOPPED_MARK if self.state == STOPPED else BROKEN_MARK}"
        elif not self.text and (extra.get("tool_calls") or extra.get("refusal")):
            body = None
        return {"role": self.role, "content": body, **extra}


def portable_fields(role: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a message, beside its role and plain content, that every provider understands."""
    kept = _PORTABLE if role == "assistant" else (*_PORTABLE, "content")
    found = {name: value for name, value in fields.items() if name in kept}
    if "tool_calls" in found:
        found["tool_calls"] = [_plain_call(call) for call in found["tool_calls"]]
    return found


def from_wire(message: Mapping[str, Any], state: str = COMPLETE) -> Message:
    """A message as OpenAI has it, to be kept. Content in parts stays as it is, beside its text."""
    extra = {name: value for name, value in message.items() if name not in ("role", "content")}
    body = message.get("content")
    if isinstance(body, list):
        extra["content"] = body
    return Message(str(message["role"]), spoken(body), extra, state)


def spoken(body: Any) -> str:
    """The text of a message's content, whether that is a string or parts."""
    if not isinstance(body, list):
        return body if isinstance(body, str) else ""
    texts = [part.get("text") for part in body if isinstance(part, Mapping) and part.get("type") == "text"]
    return "\n\n".join(text for text in texts if isinstance(text, str) and text)


class Messages:
    """The messages of all conversations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        conversation: str,
        parent: int | None,
        message: Message,
        files: Sequence[Attachment] = (),
        *,
        in_view: bool = True,
    ) -> int:
        """Put a message under its parent (None: at the root); its id.

        With `in_view` the conversation's head moves to it.
        """
        now = message.created or time.time()
        with self._database.transaction():
            number = self._database.run(
                "INSERT INTO messages (conversation, parent, role, text, extra, state, profile, model, created)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (conversation, parent, message.role, *_written(message), now),
            )
            for position, ref in enumerate([*message.files, *(self.keep(file) for file in files)]):
                self._database.run(
                    "INSERT INTO message_attachments VALUES (?, ?, ?, ?)", (number, position, ref.hash, ref.name)
                )
            if in_view:
                self._database.run(
                    "UPDATE conversations SET head = ?, updated = MAX(updated, ?) WHERE id = ?",
                    (number, now, conversation),
                )
        return number

    def write(self, number: int, message: Message) -> None:
        """Replace text, extra and state of a message: a checkpoint, or its end."""
        with self._database.transaction():
            self._database.run(
                "UPDATE messages SET text = ?, extra = ?, state = ?, profile = ?, model = ? WHERE id = ?",
                (*_written(message), number),
            )

    def remove(self, number: int) -> None:
        """Remove a message and what follows it; the head moves to its parent."""
        with self._database.transaction():
            found = self.get(number)
            below = f"{_BELOW} SELECT id FROM below ORDER BY id DESC"  # noqa: S608 - the query's own text
            for row in self._database.rows(below, (number,)):
                # The last one first: SQLite itself removes what follows only 1000 levels deep.
                self._database.run("DELETE FROM messages WHERE id = ?", (row["id"],))
            self.forget_files()
            if found:
                self.show(found.conversation, found.parent)

    def get(self, number: int) -> Message | None:
        """One message."""
        row = self._database.row("SELECT * FROM messages WHERE id = ?", (number,))
        return self._with_files([_message(row)])[0] if row else None

    def path(self, head: int | None) -> list[Message]:
        """From the root to this message."""
        rows = self._database.rows(
            "WITH RECURSIVE path (id, parent, depth) AS ("
            " SELECT id, parent, 0 FROM messages WHERE id = ? UNION ALL"
            " SELECT m.id, m.parent, depth + 1 FROM messages m JOIN path ON m.id = path.parent)"
            " SELECT messages.* FROM path JOIN messages ON messages.id = path.id ORDER BY depth DESC",
            (head,),
        )
        return self._with_files([_message(row) for row in rows])

    def tree(self, conversation: str) -> list[Message]:
        """All messages of a conversation, parents before children."""
        rows = self._database.rows("SELECT * FROM messages WHERE conversation = ? ORDER BY id", (conversation,))
        return self._with_files([_message(row) for row in rows])

    def variants(self, conversation: str, parent: int | None) -> list[int]:
        """The ids of the messages under this parent, oldest first."""
        rows = self._database.rows(
            "SELECT id FROM messages WHERE conversation = ? AND parent IS ? ORDER BY id", (conversation, parent)
        )
        return [row["id"] for row in rows]

    def siblings(self, conversation: str) -> dict[int | None, list[int]]:
        """Parent -> its messages' ids, oldest first, for the whole conversation."""
        found: dict[int | None, list[int]] = {}
        for row in self._database.rows(
            "SELECT id, parent FROM messages WHERE conversation = ? ORDER BY id", (conversation,)
        ):
            found.setdefault(row["parent"], []).append(row["id"])
        return found

    def leaf(self, number: int) -> int:
        """The newest end of the branch that goes through this message."""
        row = self._database.row(f"{_BELOW} SELECT MAX(id) AS id FROM below", (number,))  # noqa: S608
        return int(row["id"]) if row else number

    def show(self, conversation: str, head: int | None) -> None:
        """Make this message the end of the branch in view."""
        self._database.run("UPDATE conversations SET head = ? WHERE id = ?", (head, conversation))

    def keep(self, file: Attachment) -> FileRef:
        """Keep a file's bytes, once however often it is sent."""
        ref = FileRef(file.name, file.mime, hashlib.sha256(file.data).hexdigest(), len(file.data))
        self._database.run("INSERT OR IGNORE INTO attachments VALUES (?, ?, ?)", (ref.hash, ref.mime, file.data))
        return ref

    def forget_files(self) -> None:
        """Remove the bytes that no message and no draft has any more."""
        self._database.run(FORGET_FILES)

    def load(self, ref: FileRef) -> Attachment:
        """A kept file. One that is gone is empty."""
        row = self._database.row("SELECT data FROM attachments WHERE hash = ?", (ref.hash,))
        return Attachment(ref.name, ref.mime, bytes(row["data"]) if row else b"")

    def wire(self, path: Sequence[Message], profile: str | None = None) -> list[dict[str, Any]]:
        """The path as it is sent to this profile (None: as it was said), files loaded."""
        return [
            message.wire([self.load(ref) for ref in message.files], profile not in (None, message.profile))
            for message in path
        ]

    def questions(self, limit: int = 500) -> list[str]:
        """What was asked last, oldest first, each text once."""
        rows = self._database.rows(
            "SELECT text, MAX(id) AS last FROM messages WHERE role = 'user' AND text != ''"
            " GROUP BY text ORDER BY last DESC LIMIT ?",
            (limit,),
        )
        return [row["text"] for row in reversed(rows)]

    def _with_files(self, messages: list[Message]) -> list[Message]:
        """The messages with what they have attached, by one query for all."""
        found: dict[int, list[FileRef]] = {}
        for start in range(0, len(messages), 500):
            ids = [message.id for message in messages[start : start + 500]]
            for row in self._database.rows(
                "SELECT m.message, m.name, a.hash, a.mime, LENGTH(a.data) AS size"  # noqa: S608 - marks only
                " FROM message_attachments m JOIN attachments a ON a.hash = m.hash"
                f" WHERE m.message IN ({', '.join('?' * len(ids))}) ORDER BY m.message, m.position",
                ids,
            ):
                ref = FileRef(row["name"], row["mime"], row["hash"], row["size"])
                found.setdefault(row["message"], []).append(ref)
        return [
            replace(message, files=tuple(found[message.id])) if message.id in found else message
            for message in messages
        ]


_BELOW = (
    "WITH RECURSIVE below (id) AS (SELECT ? UNION ALL"
    " SELECT m.id FROM messages m JOIN below ON m.parent = below.id)"
)


def _message(row: Row) -> Message:
    return Message(
        row["role"], row["text"], json_object(row["extra"]), row["state"], row["profile"], row["model"],
        row["created"], (), row["id"], row["conversation"], row["parent"],
    )  # fmt: skip


def _written(message: Message) -> tuple[str, str, str, str, str]:
    return _text(message.text), _json(message.extra), message.state, message.profile, message.model


def _plain_call(call: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in call.items() if name in ("id", "type", "function", "custom")}


def _json(value: Mapping[str, Any]) -> str:
    return _text(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _text(text: str) -> str:
    """What SQLite can hold: half a surrogate pair is no text."""
    return text.encode("utf-8", "replace").decode()
