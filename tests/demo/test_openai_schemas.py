"""Every kind of answer against OpenAI's own OpenAPI file, as llm-comply brings it along."""

from __future__ import annotations

import importlib.resources
import json

import jsonschema
import pytest

from demo.multipart import multipart

pytestmark = pytest.mark.peer
HI = {"model": "demo", "messages": [{"role": "user", "content": "hi"}]}
TOOL = {"type": "function", "function": {"name": "f"}}


@pytest.fixture(scope="module")
def components():
    package = pytest.importorskip("llm_comply")
    text = (importlib.resources.files(package) / "specs" / "openai_chat.json").read_text("utf-8")
    return without_nullable(json.loads(text)["components"])


def without_nullable(part):
    """OpenAPI 3.0 says `nullable`, JSON Schema says anyOf null."""
    if isinstance(part, list):
        return [without_nullable(item) for item in part]
    if not isinstance(part, dict):
        return part
    rest = {key: without_nullable(value) for key, value in part.items() if key != "nullable"}
    return {"anyOf": [rest, {"type": "null"}]} if part.get("nullable") is True else rest


@pytest.fixture
def valid(components):
    def check(name, value):
        jsonschema.validate(value, {"$ref": f"#/components/schemas/{name}", "components": components})

    return check


@pytest.mark.parametrize("model", ["demo", "demo-think", "demo-length"])
@pytest.mark.parametrize(
    "more",
    [{}, {"tools": [TOOL]}, {"functions": [TOOL["function"]]}, {"logprobs": True, "top_logprobs": 2}, {"n": 2}],
)
def test_chat(call, valid, model, more):
    body = {**HI, "model": model, **more}
    valid("CreateChatCompletionResponse", call("POST", "/v1/chat/completions", body).json)
    streamed = {**body, "stream": True, "stream_options": {"include_usage": True}}
    *chunks, last = call("POST", "/v1/chat/completions", streamed).events
    for chunk in chunks:
        assert chunk.pop("usage") is None  # this OpenAPI file forbids what OpenAI sends
        valid("CreateChatCompletionStreamResponse", chunk)
    valid("CreateChatCompletionStreamResponse", last)


@pytest.mark.parametrize(
    ("path", "body", "name"),
    [
        ("completions", {"prompt": "x", "logprobs": 2, "max_tokens": 90}, "CreateCompletionResponse"),
        ("embeddings", {"input": ["x", "y"]}, "CreateEmbeddingResponse"),
        ("images/generations", {"prompt": "x", "n": 2}, "ImagesResponse"),
        ("moderations", {"input": ["x", "demo-flag"]}, "CreateModerationResponse"),
        ("embeddings", {"input": []}, "ErrorResponse"),
    ],
)
def test_others(call, valid, path, body, name):
    valid(name, call("POST", f"/v1/{path}", {"model": "demo", **body}).json)


@pytest.mark.parametrize(("task", "kind"), [("transcriptions", "Transcription"), ("translations", "Translation")])
def test_transcripts(call, valid, task, kind):
    for form, name in (("json", "Json"), ("verbose_json", "VerboseJson")):
        body, told = multipart(
            ("model", "demo-whisper"), ("file", ("a.wav", b"x" * 9000)), ("response_format", form)
        )
        got = call("POST", f"/v1/audio/{task}", body, Content_Type=told)
        valid(f"Create{kind}Response{name}", got.json)


def test_models(call, valid):
    valid("ListModelsResponse", call("GET", "/v1/models").json)
    valid("Model", call("GET", "/v1/models/demo").json)
