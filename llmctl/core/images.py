"""Image replies."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass

from llmctl.core.chat import parse_json
from llmctl.core.events import Usage
from llmctl.core.faults import error_in_body
from llmctl.core.quirks import Quirks
from llmctl.core.usage import read_usage
from llmctl.errors import NotUnderstood

_KINDS = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpg", b"GIF8": "gif", b"BM": "bmp"}


@dataclass(frozen=True)
class Image:
    """One picture: its bytes, or the URL where the provider keeps it for a while."""

    data: bytes | None
    url: str | None = None
    revised_prompt: str | None = None


@dataclass(frozen=True)
class Images:
    """The pictures of one request, and what they took."""

    images: list[Image]
    model: str
    usage: Usage | None = None


def image_kind(data: bytes) -> str | None:
    """The ending that fits the bytes: png, jpg, webp, gif, bmp, svg; None for anything else."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data.lstrip()[:5] in (b"<svg ", b"<?xml"):
        return "svg"
    return next((kind for mark, kind in _KINDS.items() if data.startswith(mark)), None)


def read_image_usage(body: bytes, quirks: Quirks) -> Usage | None:
    """The usage of a reply that `read_images` has accepted."""
    payload = parse_json(body)
    return read_usage(payload.get("usage"), quirks) if isinstance(payload, Mapping) else None


def read_images(body: bytes) -> list[Image]:
    """Decode a reply of /images/generations. Raises NotUnderstood."""
    payload = parse_json(body)
    error = error_in_body(payload)
    if error:
        raise error
    rows = payload.get("data") if isinstance(payload, Mapping) else None
    if not isinstance(rows, list) or not rows:
        raise NotUnderstood("the provider's answer holds no image")
    return [_image(row) for row in rows]


def _image(row: object) -> Image:
    if not isinstance(row, Mapping):
        raise NotUnderstood("the provider's answer holds something else than images")
    encoded, url, prompt = (row.get(name) for name in ("b64_json", "url", "revised_prompt"))
    revised = prompt if isinstance(prompt, str) else None
    if isinstance(encoded, str) and encoded:
        try:
            return Image(base64.b64decode(encoded, validate=True), None, revised)
        except ValueError as error:
            raise NotUnderstood("the provider sent an image that is not base64") from error
    if isinstance(url, str) and url:
        return Image(None, url, revised)
    raise NotUnderstood("the provider sent an image without data")
