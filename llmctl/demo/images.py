"""POST /v1/images/generations and /v1/images/edits, and the pictures they point to."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import partial
from typing import Any

from llmctl.demo import faults, models, tokens
from llmctl.demo.checks import Check, boolean, fields, integer, one_of, string
from llmctl.demo.exchange import Asked, Reply, json_reply
from llmctl.demo.forms import Form, Upload, typed, upload, uploads
from llmctl.demo.image import png
from llmctl.demo.problems import Problem, invalid_value, missing

_SIZE = re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,4})")
_LARGEST = 1024
_DEFAULT_SIZE = (256, 256)


def _check_size(param: str, value: Any) -> None:
    string(param, value)
    if value != "auto" and not _SIZE.fullmatch(value):
        raise invalid_value(param, "expected WIDTHxHEIGHT, such as 1024x1024, or 'auto'.")


def _check_stream(param: str, value: Any) -> None:
    boolean(param, value)
    if value:
        message = f"Unsupported value for '{param}': the demo provider sends pictures whole."
        raise Problem(message, param=param, code="unsupported_value")


_FIELDS: dict[str, Check] = {
    "prompt": string,
    "model": string,
    "background": one_of("auto", "opaque", "transparent"),
    "moderation": one_of("auto", "low"),
    "n": integer(1, 10),
    "output_compression": integer(0, 100),
    "output_format": one_of("png"),
    "partial_images": integer(0, 3),
    "quality": one_of("auto", "low", "medium", "high", "standard", "hd"),
    "response_format": one_of("b64_json", "url"),
    "size": _check_size,
    "stream": _check_stream,
    "style": one_of("vivid", "natural"),
    "user": string,
}
_EDIT_FIELDS: dict[str, Check] = {
    **_FIELDS,
    "image": partial(uploads, 16),
    "mask": upload,
    "input_fidelity": one_of("high", "low"),
}


def images(body: dict[str, Any], asked: Asked) -> Reply:
    """Pictures of one colour each, the colour chosen by the prompt."""
    fields(body, _FIELDS, required=("prompt",))
    return _drawn(body, asked, [])


def edits(form: Form, asked: Asked) -> Reply:
    """The same, the colour chosen by the pictures as well."""
    body = typed(form, "n", "output_compression", "partial_images", "stream")
    fields(body, _EDIT_FIELDS, required=("image", "prompt"))
    pictures = body["image"] if isinstance(body["image"], list) else [body["image"]]
    return _drawn(body, asked, [*pictures, body["mask"]] if body.get("mask") else pictures)


def _drawn(body: dict[str, Any], asked: Asked, given: list[Upload]) -> Reply:
    if not body["prompt"]:
        raise missing("prompt")
    model = body.get("model") or "demo-image"
    models.require(model, models.IMAGE, "images")
    faults.refuse(model)
    width, height = _size(body.get("size"))
    data = []
    for turn in range(body.get("n") or 1):
        colour = _colour(f"{turn} {body['prompt']}", given)
        if body.get("response_format") == "url":
            data.append({"url": f"{asked.origin}/v1/files/{colour.hex()}-{width}x{height}.png"})
        else:
            data.append({"b64_json": base64.b64encode(png(width, height, colour)).decode("ascii")})
    usage = _usage(tokens.count(body["prompt"]), len(given), len(data))
    return faults.spoil(model, json_reply({"created": asked.created, "data": data, "usage": usage}))


def _colour(text: str, given: list[Upload]) -> bytes:
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass"))
    for picture in given:
        digest.update(hashlib.sha256(picture.data).digest())
    return digest.digest()[:3]


def file(colour: str, width: str, height: str) -> Reply:
    """The picture that an address describes."""
    if not (0 < int(width) <= _LARGEST and 0 < int(height) <= _LARGEST):
        raise Problem("There is no such file.", status=404)
    return Reply(png(int(width), int(height), bytes.fromhex(colour)), kind="image/png")


def _size(asked: str | None) -> tuple[int, int]:
    found = _SIZE.fullmatch(asked or "")
    if found is None:
        return _DEFAULT_SIZE
    return min(int(found[1]), _LARGEST), min(int(found[2]), _LARGEST)


def _usage(text: int, given: int, made: int) -> dict[str, Any]:
    return {
        "input_tokens": text + given,
        "output_tokens": made,
        "total_tokens": text + given + made,
        "input_tokens_details": {"text_tokens": text, "image_tokens": given},
    }
