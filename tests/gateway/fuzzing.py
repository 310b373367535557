"""What fuzz tests share: a gateway with a scripted upstream and the demo provider behind it, and odd values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from llmctl.demo.server import DemoServer
from support.cli import Cli
from support.gateway import GatewayProcess
from support.rawclient import Answer, RawClient
from support.upstream import Reply, Request, Upstream
from support.wire import completion, embeddings, models, text_stream, usage

UPSTREAM_KEY = "sk-upstream-" + "m4Vd8Tq2Zx7Lc9Rb1Wf6Hk3Ns5Jp0Yg"
CONFIG = f"""
current = "a"

[profiles.a]
base_url = "{{a}}/v1"
key = "{UPSTREAM_KEY}"
retries = 0
timeout = {{ connect = 2, first_token = 5, idle = 5, total = 8 }}

[profiles.d]
base_url = "{{d}}"
key = "{UPSTREAM_KEY}"
retries = 0

[routes.both]
targets = ["a/m", "d/demo"]

[serve]
keys = true
drain = 0.3
max_body_mb = 0.5
"""
TIMEOUT = 10
fuzz = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


def answer_well(request: Request) -> Reply:
    """What a good provider says."""
    if request.path.endswith("/models"):
        return Reply(body=models("m", "org/m:1"))
    if request.path.endswith("/embeddings"):
        return Reply(body=embeddings([0.5]))
    if b'"stream":true' in request.body:
        return Reply.sse(*text_stream("fine"))
    return Reply(body=completion("fine", usage=usage()))


class Fuzzed:
    """A gateway that needs keys, with a scripted upstream and the demo provider behind it."""

    def __init__(self, folder: Path) -> None:
        self.upstream = Upstream(default=answer_well).__enter__()
        self.demo = DemoServer(delay=0)
        self.demo.start()
        self.cli = Cli(folder)
        self.cli.write_config(CONFIG.replace("{a}", self.upstream.url).replace("{d}", self.demo.base_url))
        self.key = self.cli.run("serve", "key", "add", "fuzz", "--admin").check().out.strip()
        self.gateway = GatewayProcess(self.cli)

    def ask(
        self, method: str, path: str, body: bytes | None, headers: list[tuple[str, str]], broken: bool = False
    ) -> Answer:
        """The answer, which must be whole unless it may be `broken`, and tells no key."""
        with RawClient(self.gateway.port) as client:
            client.sock.settimeout(TIMEOUT)
            answer = client.ask(method, path, body, headers)
        assert answer.whole or broken
        assert self.key.encode() not in answer.body
        assert self.key not in str(answer.headers)
        if answer.status >= 400 and method != "HEAD":
            assert answer.error.keys() >= {"message", "type", "param", "code"}
        return answer

    def close(self) -> None:
        """End it: it must have lived, and told no key."""
        alive = self.gateway.process.poll() is None
        try:
            code = self.gateway.stop()
        finally:
            self.upstream.__exit__(None, None, None)
            self.demo.stop()
            self.cli.close()
        said = self.gateway.said
        ours = [line for line in said.splitlines() if not line.startswith("{")]  # the others are the log
        assert (alive, code) == (True, 0), ours[-20:]
        assert "Traceback (most recent call last):" not in ours, "\n".join(ours[-20:])
        files = [path for path in self.cli.root.rglob("*") if path.is_file() and path != self.cli.config]
        written = {"stderr": said.encode(), **{path.name: path.read_bytes() for path in files}}
        for secret in (UPSTREAM_KEY, self.key):
            assert [name for name, data in written.items() if secret.encode() in data] == []


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
huge = st.sampled_from(["1e999", "-1e999", "9" * 400, "1" * 5000, "0." + "3" * 400, "NaN", "Infinity", "-0"])
deep = st.builds(
    lambda depth, pair: pair[0] * depth + "1" + pair[1] * depth,
    st.sampled_from([50, 900, 5000, 60_000]),
    st.sampled_from([("[", "]"), ('{"a":', "}"), ('[{"b":', "}]"), ("[", "")]),
)
texts = st.text(max_size=8)
header_values = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=12)
odd_names = st.text("abcXYZ09-_.!#$%&'*+^`|~", min_size=1, max_size=8)


def spoilt(value: Any, field: str, raw: str) -> bytes:
    """JSON in which one field has this raw text."""
    text = json.dumps({**value, field: 0} if isinstance(value, dict) else value)
    return text.replace(f'"{field}": 0', f'"{field}": {raw}').encode()


def overwritten(data: bytes, at: int, garbage: bytes) -> bytes:
    at %= len(data) + 1
    return data[:at] + garbage + data[at + len(garbage) :]
