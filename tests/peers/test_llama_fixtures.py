"""The llama.cpp servers answer what the other peer tests count on."""

from __future__ import annotations

import http.client
import json
from typing import Any

import pytest

from support.llama import SENTENCE, THOUGHT, LlamaServer

pytestmark = pytest.mark.peer

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": CITY}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "place", "schema": CITY}}


def post(server: LlamaServer, path: str, **body: Any) -> Any:
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=20)
    try:
        connection.request("POST", path, json.dumps(body))
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def chat(server: LlamaServer, **more: Any) -> Any:
    body = {"messages": [{"role": "user", "content": "Hi"}], **more}
    return post(server, "/v1/chat/completions", **body)["choices"][0]


def test_chat(llama: LlamaServer) -> None:
    assert chat(llama)["message"]["content"] == SENTENCE


def test_tools(llama: LlamaServer) -> None:
    choice = chat(llama, tools=[TOOL], tool_choice="required")
    assert choice["finish_reason"] == "tool_calls"
    called = choice["message"]["tool_calls"][0]["function"]
    assert (called["name"], json.loads(called["arguments"])) == ("get_weather", {"city": "x"})


def test_json_schema(llama: LlamaServer) -> None:
    assert json.loads(chat(llama, response_format=SCHEMA)["message"]["content"]) == {"city": "x"}


def test_reasoning(llama_think: LlamaServer) -> None:
    message = chat(llama_think)["message"]
    assert (message["reasoning_content"], message["content"]) == (THOUGHT, SENTENCE)


def test_embeddings(llama_embed: LlamaServer) -> None:
    answer = post(llama_embed, "/v1/embeddings", input=["hi", "hi", "Z"])
    one, same, other = (item["embedding"] for item in answer["data"])
    assert one == pytest.approx(same)
    assert one != pytest.approx(other)
