"""Reasoning that comes inside the content, between tags such as <think>."""

from __future__ import annotations


class ThinkSplitter:
    """Separates a leading <tag>…</tag> from the text, however the pieces are cut.

    Only a tag at the very start (white space aside) counts: later ones are the answer's own.
    """

    def __init__(self, tags: tuple[str, ...]) -> None:
        self._opens = tuple(f"<{tag}>" for tag in tags)
        self._close = ""
        self._held = ""
        self._begun = False  # whether the reasoning has said anything but line breaks
        self._state = "start" if tags else "answer"

    def feed(self, piece: str) -> tuple[str, str]:
        """(reasoning, text) that this piece settles."""
        if self._state == "answer":
            return "", piece
        if self._state == "gap":
            return "", self._after_gap(piece)
        self._held += piece
        if self._state == "start" and not self._opened():
            return "", self._release()
        if self._state != "thinking":
            return "", ""
        return self._until_close()

    def flush(self) -> tuple[str, str]:
        """(reasoning, text) still held back when the stream ends."""
        held, self._held = self._held, ""
        return (self._thought(held), "") if self._state == "thinking" else ("", held)

    def _opened(self) -> bool:
        """Whether the start may still be, or is, an opening tag."""
        start = self._held.lstrip()
        for tag in self._opens:
            if start.startswith(tag):
                self._state = "thinking"
                self._close = f"</{tag[1:]}"
                self._held = start[len(tag) :]
                self._begun = False
                return True
        return len(self._held) < 256 and any(tag.startswith(start) for tag in self._opens)

    def _release(self) -> str:
        self._state = "answer"
        held, self._held = self._held, ""
        return held

    def _until_close(self) -> tuple[str, str]:
        before, found, after = self._held.partition(self._close)
        if found:
            self._held, self._state = "", "gap"
            return self._thought(before), self._after_gap(after)
        keep = _overlap(self._held, self._close)
        reasoning = self._held[: len(self._held) - keep]
        self._held = self._held[len(reasoning) :]
        return self._thought(reasoning), ""

    def _thought(self, piece: str) -> str:
        """The reasoning without the line breaks behind the opening tag."""
        if not self._begun:
            piece = piece.lstrip("\r\n")
            self._begun = bool(piece)
        return piece

    def _after_gap(self, piece: str) -> str:
        """The blank lines between the reasoning and the answer belong to neither."""
        text = piece.lstrip("\r\n")
        if text:
            self._state = "answer"
        return text


def _overlap(text: str, tag: str) -> int:
    """Length of the longest end of `text` that begins `tag`."""
    for size in range(min(len(text), len(tag) - 1), 0, -1):
        if tag.startswith(text[-size:]):
            return size
    return 0
