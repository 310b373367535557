"""Legacy completions, embeddings, models, images, and the rest of the paths."""

from __future__ import annotations

import base64
import math
import struct
import zlib
from urllib.parse import urlsplit

import pytest


@pytest.fixture
def complete(call):
    return lambda prompt="Once", **more: call(
        "POST", "/v1/completions", {"model": "demo", "prompt": prompt, **more}
    )


@pytest.fixture
def embed(call):
    return lambda texts, **more: call("POST", "/v1/embeddings", {"model": "demo-embed", "input": texts, **more})


@pytest.fixture
def draw(call):
    return lambda prompt="a cat", **more: call("POST", "/v1/images/generations", {"prompt": prompt, **more})


def test_completion(complete):
    body = complete().json
    assert (body["object"], body["choices"][0]["finish_reason"]) == ("text_completion", "length")
    assert body["usage"]["completion_tokens"] == 16
    assert complete(max_tokens=100).json["choices"][0]["finish_reason"] == "stop"
    assert complete(max_tokens=100, stop="demo").json["choices"][0]["text"].endswith("to the ")
    assert complete("Once", echo=True, suffix="end").json["choices"][0]["text"].startswith("Once …")
    assert complete("Once", echo=True, max_tokens=0).json["choices"][0]["text"] == "Once"


@pytest.mark.parametrize(("prompt", "count"), [("a", 1), (["a", "b"], 2), ([1, 2], 1), ([[1], [2, 3]], 2)])
def test_completion_for_every_shape_of_prompt(complete, prompt, count):
    choices = complete(prompt, n=2).json["choices"]
    assert [choice["index"] for choice in choices] == list(range(2 * count))


def test_completion_logprobs(complete):
    choice = complete("Once", logprobs=2, echo=True).json["choices"][0]
    logprobs = choice["logprobs"]
    assert "".join(logprobs["tokens"]) == choice["text"]
    assert all(
        choice["text"].startswith(t, o) for t, o in zip(logprobs["tokens"], logprobs["text_offset"], strict=True)
    )
    assert all(len(top) == 2 for top in logprobs["top_logprobs"])
    assert len(logprobs["token_logprobs"]) == len(logprobs["tokens"])
    assert complete().json["choices"][0]["logprobs"] is None


def test_completion_stream(complete):
    whole = complete("Once", n=2, echo=True).json
    events = complete("Once", n=2, echo=True, stream=True, stream_options={"include_usage": True}).events
    for choice in whole["choices"]:
        mine = [c for e in events for c in e["choices"] if c["index"] == choice["index"]]
        assert "".join(c["text"] for c in mine) == choice["text"]
        assert mine[-1]["finish_reason"] == choice["finish_reason"]
    assert events[-1]["usage"] == whole["usage"]
    assert not any("usage" in e for e in complete("Once", stream=True).events)


@pytest.mark.parametrize("bad", [[], [1, "a"], [[]], [True], {}, [-1], [[1], "a"]])
def test_prompts_and_inputs_of_no_known_shape(complete, embed, bad):
    for got in (complete(bad), embed(bad)):
        assert got.status == 400
        assert got.json["error"]["param"] in ("prompt", "input")


def test_best_of_below_n(complete):
    assert complete(n=3, best_of=2).json["error"]["param"] == "best_of"


@pytest.mark.parametrize(("texts", "count"), [("a", 1), (["a", "b", "a"], 3), ([1, 2], 1), ([[1], [2, 3]], 2)])
def test_embedding_for_every_shape_of_input(embed, texts, count):
    body = embed(texts).json
    assert [item["index"] for item in body["data"]] == list(range(count))
    assert all(len(item["embedding"]) == 256 for item in body["data"])
    assert body["usage"]["prompt_tokens"] == body["usage"]["total_tokens"] > 0


@pytest.mark.parametrize("dimensions", [1, 7, 256])
def test_both_encodings_of_an_embedding_agree(embed, dimensions):
    floats = embed("hello", dimensions=dimensions).json["data"][0]["embedding"]
    coded = embed("hello", dimensions=dimensions, encoding_format="base64").json["data"][0]["embedding"]
    assert list(struct.unpack(f"<{dimensions}f", base64.b64decode(coded))) == floats
    assert math.isclose(math.hypot(*floats), 1, abs_tol=1e-6)


@pytest.mark.parametrize(
    ("texts", "more", "param"),
    [
        ("", {}, "input"),
        (["a", ""], {}, "input"),
        (["a"] * 2049, {}, "input"),
        ("a", {"dimensions": 0}, "dimensions"),
        ("a", {"dimensions": 257}, "dimensions"),
        ("a", {"encoding_format": "hex"}, "encoding_format"),
    ],
)
def test_embeddings_refused(embed, texts, more, param):
    got = embed(texts, **more)
    assert (got.status, got.json["error"]["param"]) == (400, param)


def test_models(call):
    listed = call("GET", "/v1/models").json
    assert listed["object"] == "list"
    assert {"demo", "demo-embed", "demo-image", "demo-tts", "demo-whisper", "demo-429"} <= {
        model["id"] for model in listed["data"]
    }
    for model in listed["data"]:
        assert model["owned_by"] == "llmctl"
        assert call("GET", f"/v1/models/{model['id']}").json == model
    assert call("GET", "/v1/models/demo%2Dembed").json["id"] == "demo-embed"
    assert call("GET", "/v1/models/org%2Fname").status == 404
    assert call("GET", "/v1/models/org/name").status == 404


def parsed_png(data):
    """Width, height and colour of a PNG; every checksum has to be right."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", data, at + 8 + length) == (zlib.crc32(kind + content),)
        chunks[kind] = content
        at += 12 + length
    width, height, depth = struct.unpack_from(">IIB", chunks[b"IHDR"])
    assert len(zlib.decompress(chunks[b"IDAT"])) == height * (1 + (width * depth + 7) // 8)
    return width, height, chunks[b"PLTE"]


@pytest.mark.parametrize(
    ("size", "made"), [(None, (256, 256)), ("auto", (256, 256)), ("13x7", (13, 7)), ("1792x1024", (1024, 1024))]
)
def test_images(draw, size, made):
    body = draw(n=2, **({"size": size} if size else {})).json
    one, other = (parsed_png(base64.b64decode(item["b64_json"])) for item in body["data"])
    assert one[:2] == other[:2] == made
    assert one != other
    again = draw(n=2, **({"size": size} if size else {})).json
    assert again["data"] == body["data"]
    assert body["usage"]["input_tokens"] == 2


def test_image_by_url(draw, call):
    url = draw(response_format="url", size="20x10").json["data"][0]["url"]
    got = call("GET", urlsplit(url).path)
    assert got.headers["content-type"] == "image/png"
    inline = draw(size="20x10").json["data"][0]["b64_json"]
    assert got.body == base64.b64decode(inline)


@pytest.mark.parametrize("path", ["/v1/files/ffffff-0x1.png", "/v1/files/ffffff-1x9999.png", "/v1/files/x.png"])
def test_no_such_file(call, path):
    assert call("GET", path).status == 404


@pytest.mark.parametrize(
    "more", [{"size": "big"}, {"n": 0}, {"response_format": "gif"}, {"stream": True}, {"output_format": "webp"}]
)
def test_images_refused(draw, more):
    assert draw(**more).json["error"]["param"] == next(iter(more))


def test_image_needs_a_prompt(draw):
    assert draw("").json["error"]["param"] == "prompt"


@pytest.mark.parametrize("path", ["/", "/health", "/v1", "/v1/"])
def test_says_what_it_is(call, path):
    assert call("GET", path).json["service"] == "llmctl demo"


def test_head_has_no_body(call):
    got = call("HEAD", "/v1/models")
    assert (got.status, got.body) == (200, b"")
    assert got.headers["content-length"] == call("GET", "/v1/models").headers["content-length"]


@pytest.mark.parametrize(
    "path",
    ["/chat/completions", "/v1/chat/completions/", "/any/prefix/v1/chat/completions", "/v1/chat/completions?x=1"],
)
def test_any_prefix(call, path):
    body = {"model": "demo", "messages": [{"role": "user", "content": "hi"}]}
    assert call("POST", path, body).json["object"] == "chat.completion"


def test_any_content_type(call):
    body = {"model": "demo", "messages": [{"role": "user", "content": "hi"}]}
    assert (
        call("POST", "/v1/chat/completions", body, Content_Type="application/x-www-form-urlencoded").status == 200
    )
