"""`llmctl serve` as a child process in a home of its own, with scripted upstreams behind it.

`GatewayProcess` is one gateway. `Stage` is a gateway with three upstreams, which the tests of a module
share: each of them names models of its own, so that the health of one target is nobody else's.
"""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Any

from support.cli import Cli, Env
from support.rawclient import Answer, Body, Headers, RawClient
from support.upstream import Upstream

TIMEOUT = 20
STOP_TIMEOUT = 15

CHAT = "/v1/chat/completions"
QUIET = """
[serve]
drain = 0.3
"""
"""Enough of [serve] for most tests."""


class GatewayProcess:
    """A gateway that listens. `lines` is what it has said on stderr so far."""

    def __init__(self, cli: Cli, *args: str, env: Env | None = None) -> None:
        """Start it, and wait until it says where it listens."""
        self.cli = cli
        self.process = cli.popen("serve", "--port", "0", *args, env=env)
        self.lines: list[str] = []
        self._said = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self.process.stdout is not None
        first = self.process.stdout.readline().decode()
        if not first.startswith("OPENAI_BASE_URL="):
            self.process.wait(STOP_TIMEOUT)
            self._reader.join(STOP_TIMEOUT)
            raise AssertionError(f"the gateway didn't start: {first}{''.join(self.lines)}")
        self.base_url = first.strip().partition("=")[2]
        self.port = int(self.base_url.removesuffix("/v1").rpartition(":")[2])

    # asking

    def client(self) -> RawClient:
        return RawClient(self.port)

    def ask(self, method: str, path: str, body: Body = None, headers: Headers = ()) -> Answer:
        """One request on a connection of its own."""
        with self.client() as client:
            return client.ask(method, path, body, headers)

    def get(self, path: str, headers: Headers = ()) -> Answer:
        return self.ask("GET", path, None, headers)

    def chat(self, model: str, text: str = "Hi", headers: Headers = (), **params: Any) -> Answer:
        return self.ask("POST", CHAT, chat_body(model, text, **params), headers)

    def stream(self, model: str, text: str = "Hi", headers: Headers = (), **params: Any) -> Answer:
        return self.chat(model, text, headers, stream=True, **params)

    def begin(self, model: str, text: str = "Hi", **params: Any) -> RawClient:
        """A connection on which a chat has been asked, and nothing was read."""
        client = self.client()
        client.send("POST", CHAT, chat_body(model, text, **params))
        return client

    # what it says

    @property
    def said(self) -> str:
        with self._said:
            return "".join(self.lines)

    def wait_said(self, text: str, timeout: float = TIMEOUT) -> str:
        """Wait until a line with this text has come on stderr; the line."""
        found: list[str] = []

        def look() -> bool:
            found[:] = [line for line in self.lines if text in line]
            return bool(found)

        with self._said:
            came = self._said.wait_for(look, timeout)
        assert came, f"it didn't say {text!r} in {timeout} s, but:\n{self.said}"
        return found[-1]

    def noted(self, answer: Answer) -> dict[str, Any]:
        """What it tells of the request behind an answer, once that is over and told of."""
        while True:
            for entry in self.get("/api/state").json()["recent"]:
                if entry["id"] == answer.headers["x-llmctl-id"]:
                    found: dict[str, Any] = entry
                    return found

    # its end

    def signal(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    def wait(self, timeout: float = STOP_TIMEOUT) -> int:
        """Wait until it has ended; its exit code."""
        code = self.process.wait(timeout)
        self._reader.join(STOP_TIMEOUT)
        return code

    def stop(self) -> int:
        """Tell it to end, if it hasn't; its exit code."""
        if self.process.poll() is None:
            self.signal()
        return self.wait()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._said:
                self.lines.append(line.decode(errors="replace"))
                self._said.notify_all()


class Stage:
    """Upstreams a, b and c, and a gateway in whose config `{a}`, `{b}` and `{c}` stand for their URLs."""

    def __init__(self, folder: Path, config: str, *args: str, env: Env | None = None) -> None:
        self.a, self.b, self.c = self.upstreams = [Upstream().__enter__() for _ in range(3)]
        self.cli = Cli(folder)
        self.cli.write_config(self.fill(config))
        self.gateway = GatewayProcess(self.cli, *args, env=env)

    def fill(self, config: str) -> str:
        """The config with the upstreams' URLs."""
        for name, upstream in zip("abc", self.upstreams, strict=True):
            config = config.replace(f"{{{name}}}", f"{upstream.url}/v1")
        return config

    def close(self) -> None:
        try:
            self.gateway.stop()
        finally:
            for upstream in self.upstreams:
                upstream.__exit__(None, None, None)
            self.cli.close()


def chat_body(model: str, text: str = "Hi", **params: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}], **params}
