"""What the clients of benchmarks ask, and wrk, which asks as often as it can."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MESSAGES = (
    b'"messages":[{"role":"system","content":"You are a helpful assistant."},'
    b'{"role":"user","content":"Say hello to the world, please, and keep it short."}],'
    b'"temperature":0.2,"max_tokens":100'
)
SCRIPT = """
wrk.method = "POST"
wrk.body = os.getenv("BODY")
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("KEY")
wrk.headers["User-Agent"] = "OpenAI/Python 2.54.0"
wrk.headers["x-stainless-lang"] = "python"
wrk.headers["Accept"] = "application/json"
"""


@dataclass(frozen=True)
class Asked:
    """Where a request goes, and what it says. `path` begins with a slash."""

    port: int
    model: str
    key: str = "none"
    path: str = "/v1/chat/completions"

    def body(self, stream: bool) -> bytes:
        return b'{"model":"%b",%b%b}' % (self.model.encode(), b'"stream":true,' * stream, MESSAGES)

    def bytes(self, stream: bool) -> bytes:
        """The whole request."""
        body = self.body(stream)
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nAuthorization: Bearer {self.key}\r\n"
            "Content-Type: application/json\r\nUser-Agent: OpenAI/Python 2.54.0\r\nx-stainless-lang: python\r\n"
            f"Accept: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


def flood(asked: Asked, seconds: float, folder: Path, connections: int = 16) -> int:
    """Ask as often as answers come, by wrk, which keeps to whole seconds; the number of answers."""
    script = folder / "post.lua"
    script.write_text(SCRIPT)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "-s", str(script)]
    env = {"PATH": os.environ["PATH"], "KEY": asked.key, "BODY": asked.body(False).decode()}
    url = f"http://127.0.0.1:{asked.port}{asked.path}"
    out = subprocess.run([*command, url], env=env, capture_output=True, text=True, check=True).stdout
    found = re.search(r"(\d+) requests in", out)
    assert found, out
    assert "Non-2xx" not in out, out
    assert "Socket errors" not in out, out
    return int(found[1])


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """On a loop whose own cost is small."""
    import uvloop  # isn't there on Windows, where this file is collected as well

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)
