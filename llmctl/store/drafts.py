"""Drafts: what was typed and not sent, for each conversation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from llmctl.core.media import Attachment
from llmctl.store.database import Database
from llmctl.store.messages import FileRef, Messages


@dataclass(frozen=True)
class Draft:
    """Text, the cursor's (line, column) from 0, and the files that wait to be sent."""

    text: str
    cursor: tuple[int, int] = (0, 0)
    files: tuple[Attachment, ...] = ()


class Drafts:
    """One draft a conversation; "" is the conversation that has not begun."""

    def __init__(self, database: Database, messages: Messages) -> None:
        self._database = database
        self._messages = messages

    def get(self, conversation: str) -> Draft:
        """The draft; an empty one where none is kept."""
        row = self._database.row("SELECT * FROM drafts WHERE conversation = ?", (conversation,))
        if row is None:
            return Draft("")
        files = [
            self._messages.load(FileRef(name, mime, digest, 0)) for name, mime, digest in json.loads(row["files"])
        ]
        return Draft(row["text"], (row["line"], row["column"]), tuple(file for file in files if file.data))

    def keep(self, conversation: str, draft: Draft) -> None:
        """Keep a draft; an empty one is forgotten."""
        with self._database.transaction():
            held = self._database.row(
                "SELECT 1 FROM drafts WHERE conversation = ? AND files != '[]'", (conversation,)
            )
            if draft.text or draft.files:
                self._database.run(
                    "INSERT OR REPLACE INTO drafts VALUES (?, ?, ?, ?, ?)",
                    (conversation, draft.text, *draft.cursor, self._kept(draft.files)),
                )
            else:
                self._database.run("DELETE FROM drafts WHERE conversation = ?", (conversation,))
            if held:
                self._messages.forget_files()

    def _kept(self, files: Sequence[Attachment]) -> str:
        refs = [self._messages.keep(file) for file in files]
        return json.dumps([[ref.name, ref.mime, ref.hash] for ref in refs])
