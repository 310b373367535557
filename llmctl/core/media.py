"""What a file is, told by its content, and how it goes into a message.

Parts are those of OpenAI's chat completions: text, image_url, input_audio, file.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

TEXT, IMAGE, AUDIO, PDF, BINARY = "text", "image", "audio", "pdf", "binary"
"""Kinds of files; the quirk `media` names those that a provider takes beside text."""

_HEADS = (
    (rb"\x89PNG\r\n\x1a\n", "image/png"),
    (rb"\xff\xd8\xff", "image/jpeg"),
    (rb"GIF8[79]a", "image/gif"),
    (rb"RIFF....WEBP", "image/webp"),
    (rb"RIFF....WAVE", "audio/wav"),
    (rb"ID3[\x02-\x04]|\xff[\xe2\xe3\xf2\xf3\xfa\xfb]", "audio/mpeg"),
    (rb"fLaC[\0\x80]", "audio/flac"),
    (rb"OggS\0", "audio/ogg"),
    (rb"....ftypM4A", "audio/mp4"),
    (rb"%PDF-", "application/pdf"),
    (rb"....ftyp(heic|heix|mif1|avif)", "image/heic"),
    (rb"BM....\0\0\0\0", "image/bmp"),
    (rb"II\*\0|MM\0\*", "image/tiff"),
)
_TYPES = tuple((re.compile(head, re.DOTALL), mime) for head, mime in _HEADS)
_PART_KINDS = {"image_url": IMAGE, "input_audio": AUDIO, "file": PDF}
_AUDIO_FORMATS = {"audio/mpeg": "mp3", "audio/mp4": "m4a"}
NOT_TAKEN = {"image/heic": "HEIC", "image/bmp": "BMP", "image/tiff": "TIFF"}
"""Pictures that no provider takes: they must be converted first."""


@dataclass(frozen=True)
class Attachment:
    """A file: its name as given, its type, and its bytes."""

    name: str
    mime: str
    data: bytes

    @property
    def kind(self) -> str:
        """TEXT, IMAGE, AUDIO, PDF or BINARY."""
        if self.mime == "application/pdf":
            return PDF
        head = self.mime.partition("/")[0]
        return head if head in (TEXT, IMAGE, AUDIO) else BINARY

    def part(self) -> dict[str, Any]:
        """The content part."""
        if self.kind == TEXT:
            return {"type": "text", "text": file_text(self.name, self.data.decode("utf-8-sig"))}
        coded = base64.b64encode(self.data).decode()
        if self.kind == IMAGE:
            return {"type": "image_url", "image_url": {"url": f"data:{self.mime};base64,{coded}"}}
        if self.kind == AUDIO:
            form = _AUDIO_FORMATS.get(self.mime, self.mime.partition("/")[2])
            return {"type": "input_audio", "input_audio": {"data": coded, "format": form}}
        return {"type": "file", "file": {"filename": self.name, "file_data": f"data:{self.mime};base64,{coded}"}}


def mime_of(data: bytes) -> str:
    """The type of a file's content: a known one, text/plain for UTF-8 text, else application/octet-stream."""
    for head, mime in _TYPES:
        if head.match(data):
            return mime
    if b"\0" in data:
        return "application/octet-stream"
    try:
        data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return "application/octet-stream"
    return "text/plain"


def file_text(name: str, text: str) -> str:
    """A text file with its name, so that the model can tell several apart."""
    quoted = name.replace("&", "&amp;").replace('"', "&quot;")
    return f'<file name="{quoted}">\n{text.rstrip()}\n</file>'


def content(prompt: str, attachments: list[Attachment]) -> str | list[dict[str, Any]]:
    """The content of a message: a string when all is text, as many servers take no list; else parts."""
    texts = [item.part()["text"] for item in attachments if item.kind == TEXT]
    others = [item.part() for item in attachments if item.kind != TEXT]
    text = "\n\n".join([*texts, *([prompt] if prompt else [])])
    return [*others, *([{"type": "text", "text": text}] if text else [])] if others else text


def kinds_in(messages: Iterable[Mapping[str, Any]]) -> set[str]:
    """The kinds beside text that the contents of messages hold."""
    contents = (message.get("content") for message in messages)
    parts = (part for content in contents if isinstance(content, list) for part in content)
    return {_PART_KINDS[part["type"]] for part in parts if part.get("type") in _PART_KINDS}
