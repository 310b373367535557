"""Image replies."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmctl.core.images import Image, read_images
from llmctl.errors import LlmctlError, NotUnderstood, RequestRefused
from support import wire

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
ENCODED = base64.b64encode(PNG).decode()


def read(*rows: object) -> list[Image]:
    return read_images(json.dumps({"created": 1, "data": list(rows)}).encode())


@pytest.mark.parametrize(
    ("row", "image"),
    [
        pytest.param({"b64_json": ENCODED}, Image(PNG), id="base64"),
        pytest.param(
            {"b64_json": ENCODED, "url": None, "revised_prompt": "a"}, Image(PNG, None, "a"), id="OpenAI"
        ),
        pytest.param({"url": "https://x.example/1.png"}, Image(None, "https://x.example/1.png"), id="address"),
        pytest.param({"b64_json": "", "url": "https://x"}, Image(None, "https://x"), id="empty base64"),
        pytest.param({"b64_json": None, "url": "https://x"}, Image(None, "https://x"), id="base64 null"),
        pytest.param({"b64_json": ENCODED, "url": "https://x"}, Image(PNG), id="both"),
        pytest.param({"url": "https://x", "revised_prompt": 7}, Image(None, "https://x"), id="prompt a number"),
    ],
)
def test_image(row, image):
    assert read(row) == [image]
    assert read(row, row) == [image, image]


@pytest.mark.parametrize(
    "row",
    [
        *[None, 7, "x", [], {}, {"url": ""}, {"url": 7}, {"b64_json": 7}],
        {"b64_json": "***"},
        {"b64_json": "AAA"},
        {"b64_json": "é"},
        {"b64_json": "\ud800"},
    ],
    ids=repr,
)
def test_what_is_no_image(row):
    with pytest.raises(NotUnderstood):
        read(row)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{}", b"[]", b'{"data": []}', b'{"data": null}', b"null", b"\xff"]
)
def test_what_is_no_reply(body):
    with pytest.raises(NotUnderstood):
        read_images(body)


def test_an_error_with_status_200():
    with pytest.raises(RequestRefused):
        read_images(json.dumps(wire.error_body("x", code=400)).encode())


def test_a_large_image():
    picture = b"\x00" * 5_000_000
    assert read({"b64_json": base64.b64encode(picture).decode()}) == [Image(picture)]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["data", "b64_json", "url", "revised_prompt", "error"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)
rows = st.lists(st.dictionaries(st.sampled_from(["b64_json", "url", "revised_prompt"]), values))


@given(
    st.binary(max_size=100)
    | values.map(lambda value: json.dumps(value).encode())
    | rows.map(lambda value: json.dumps({"data": value}).encode())
)
def test_any_body(body):
    try:
        images = read_images(body)
    except LlmctlError:
        return
    assert images
    assert all((image.data is None) != (image.url is None) for image in images)
