"""Full-text search in the command palette: a hit opens its conversation at the message."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, cast

from rich.text import Text
from textual.command import DiscoveryHit, Hit, Hits, Provider

from llmctl.cli.streams import harmless
from llmctl.store import search
from llmctl.tui import deeds

if TYPE_CHECKING:
    from llmctl.tui.app import ChatApp

MOST = 30


class SearchProvider(Provider):
    """Finds messages by their words, and conversations by their titles."""

    async def discover(self) -> Hits:
        """Before anything is typed: the conversations used last."""
        app = cast("ChatApp", self.app)
        for each in await app.archive.run(lambda store: store.conversations.newest(5, pinned_first=False)):
            title = harmless(each.title) or "untitled"
            yield DiscoveryHit(title, self._opens(each.id), help="conversation")

    async def search(self, query: str) -> Hits:
        """Titles first, then messages."""
        async for hit in self._titles(query):
            yield hit
        if len(query.strip()) < 2:
            return
        app = cast("ChatApp", self.app)
        for number, found in enumerate(await app.archive.run(lambda store: store.search.find(query, MOST))):
            shown = _marked(found.snippet)
            about = f"{'you' if found.role == 'user' else found.role} in {harmless(found.title) or 'untitled'}"
            yield Hit(0.5 - number / 100, shown, self._opens(found.conversation, found.message, query), help=about)

    async def _titles(self, query: str) -> AsyncIterator[Hit]:
        app, matcher = cast("ChatApp", self.app), self.matcher(query)
        for each in await app.archive.run(lambda store: store.conversations.newest(1000)):
            title = harmless(each.title)
            if (score := matcher.match(title)) > 0:
                yield Hit(score, matcher.highlight(title), self._opens(each.id), help="conversation")

    def _opens(self, conversation: str, message: int | None = None, query: str = "") -> deeds.Callback:
        chat = cast("ChatApp", self.app).chat
        return lambda: chat.work(deeds.jump(chat, conversation, message, query))


def _marked(snippet: str) -> Text:
    """The words that were found stand out."""
    text = Text(no_wrap=True, overflow="ellipsis")
    for number, piece in enumerate(snippet.split(search.START)):
        found, end, rest = piece.partition(search.END)
        text.append(_line(found), style="bold underline" if number and end else "")
        text.append(_line(rest))
    return text


def _line(text: str) -> str:
    return harmless(text.replace("\n", " "))
