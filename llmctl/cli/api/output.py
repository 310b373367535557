"""What `llmctl api` prints: the body as it comes, or dressed for a terminal."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from llmctl.cli.streams import Streams, harmless
from llmctl.core.fieldpath import Every, get_field, render_field
from llmctl.errors import NotUnderstood

if TYPE_CHECKING:
    from llmctl.client.client import OpenReply

_BINARY = re.compile(
    r"(audio|image|video|font)/|application/(octet-stream|zip|gzip|pdf|x-tar|vnd\.openxmlformats)", re.IGNORECASE
)
_TOKENS = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*")(?=:)|(?P<string>"(?:[^"\\]|\\.)*")|(?P<word>\b(?:true|false|null)\b)'
    r"|(?P<number>-?\d[\d.eE+-]*)"
)
_COLOURS = {"key": "34;1", "string": "32", "word": "36", "number": "33"}


class Printer:
    """Prints replies. `field` is the path of the one value wanted, `silent` keeps bodies back.

    `hide` takes secrets out of what a terminal shows; into a pipe goes what came.
    """

    def __init__(self, streams: Streams, include: bool, field: str | None, silent: bool) -> None:
        self._streams = streams
        self._include = include
        self._field = field
        self._silent = silent
        self.hide: Callable[[str], str] = str

    def head(self, status: int, headers: Mapping[str, str]) -> None:
        """Status line and headers, if they are wanted."""
        if not self._include:
            return
        phrase = {known.value: known.phrase for known in HTTPStatus}.get(status, "")
        for line in (f"HTTP/1.1 {status} {phrase}".rstrip(), *(f"{k}: {v}" for k, v in headers.items()), ""):
            self._streams.out(harmless(line))

    async def stream(self, reply: OpenReply) -> None:
        """The body as it comes where it can be, else when it is whole."""
        if self._silent:
            return
        headers, kind = reply.headers, reply.headers.get("content-type", "")
        if self._field or (self._streams.terminal and _is_json(kind)):
            self.whole(headers, await reply.read())
            return
        if self._streams.terminal:
            await self._stream_lines(reply)
            return
        async for chunk in reply.chunks:
            self._streams.out_bytes(chunk)

    async def _stream_lines(self, reply: OpenReply) -> None:
        """Text for a terminal, a line at a time, so that no secret is cut in two and shown."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        rest = ""
        try:
            async for chunk in reply.chunks:
                if _is_binary(reply.headers.get("content-type", ""), chunk):
                    self._note_binary(reply.headers)
                    return
                lines, newline, rest = (rest + decoder.decode(chunk)).rpartition("\n")
                if newline:
                    self._streams.out(self._shown(lines))
        finally:
            if rest:
                self._streams.out(self._shown(rest))

    def whole(self, headers: Mapping[str, str], body: bytes, failed: bool = False, page: bool = False) -> None:
        """A body that is there as a whole. A failed request's is printed without looking for the field.

        A `page` ends its line, so that the next one begins another.
        """
        if self._silent:
            return
        if self._field and not failed:
            found = get_field(parse(body), self._field)
            if found or not isinstance(found, Every):  # nothing found by [*] is no line, not an empty one
                text = render_field(found)
                self._streams.out(self._shown(text) if self._streams.terminal else text)
        elif not self._streams.terminal:
            self._streams.out_bytes(body + b"\n" if page and not body.endswith(b"\n") else body)
        elif _is_binary(headers.get("content-type", ""), body):
            self._note_binary(headers)
        elif body.strip():
            self._streams.out(self._dressed(body))

    def _dressed(self, body: bytes) -> str:
        """For a terminal: JSON indented and coloured, other text as it is."""
        try:
            text = json.dumps(json.loads(body), ensure_ascii=False, indent=2)
        except (ValueError, RecursionError):
            return self._shown(body.decode("utf-8", "replace")).rstrip("\n")
        text = self._shown(text)
        return _TOKENS.sub(_coloured, text) if self._streams.coloured_output else text

    def _shown(self, text: str) -> str:
        """The text without secrets and without control characters, for a terminal."""
        return self.hide(harmless(text))

    def _note_binary(self, headers: Mapping[str, str]) -> None:
        kind = headers.get("content-type", "of an unknown kind").partition(";")[0]
        size = headers.get("content-length")
        known = f", {size} bytes" if size and size.isdigit() else ""
        self._streams.note(
            f"the body is binary ({kind}{known}) and no text for a terminal: redirect it into a file"
        )


def parse(body: bytes) -> Any:
    """The body as JSON. Raises NotUnderstood."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotUnderstood("the answer is not JSON, so it has no fields") from error


def _is_json(kind: str) -> bool:
    return bool(re.match(r"application/(\w[\w.-]*\+)?json\b", kind, re.IGNORECASE))


def _is_binary(kind: str, data: bytes) -> bool:
    return bool(_BINARY.match(kind)) or b"\0" in data


def _coloured(match: re.Match[str]) -> str:
    return f"\x1b[{_COLOURS[match.lastgroup or 'number']}m{match[0]}\x1b[0m"
