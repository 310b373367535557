"""A running demo server, and a plain HTTP client for it."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from llmctl.demo.server import DemoServer


@dataclass
class Got:
    """One response, read to its end."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[Any]:
        """The decoded events of a stream; it has to end with [DONE]."""
        blocks = self.body.decode().split("\n\n")
        assert blocks[-2:] == ["data: [DONE]", ""]
        assert all(block.startswith("data: ") and "\n" not in block for block in blocks[:-1])
        return [json.loads(block.removeprefix("data: ")) for block in blocks[:-2]]

    @property
    def text(self) -> str:
        """What a stream says in its first choice."""
        deltas = [c["delta"] for e in self.events for c in e["choices"] if c["index"] == 0]
        return "".join(delta.get("content") or "" for delta in deltas)


Call = Callable[..., Got]


@pytest.fixture(scope="session")
def demo() -> Iterator[DemoServer]:
    with DemoServer(delay=0) as server:
        yield server


@pytest.fixture(scope="session")
def call(demo: DemoServer) -> Call:
    """call(method, path, body, **headers); `body` is JSON, unless it is bytes."""
    address = urlsplit(demo.base_url).netloc

    def send(method: str, path: str, body: Any = None, **headers: str) -> Got:
        connection = http.client.HTTPConnection(address, timeout=30)
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, data, named)
            response = connection.getresponse()
            return Got(response.status, response.headers, response.read())
        finally:
            connection.close()

    return send


@pytest.fixture(scope="session")
def chat(call: Call) -> Call:
    """chat("hello", n=2): one request to /v1/chat/completions."""

    def send(prompt: Any = "hello", model: str = "demo", **more: Any) -> Got:
        messages = prompt if isinstance(prompt, list) else [{"role": "user", "content": prompt}]
        return call("POST", "/v1/chat/completions", {"model": model, "messages": messages, **more})

    return send
