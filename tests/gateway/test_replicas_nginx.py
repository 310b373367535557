"""Two replicas behind nginx, set up as the README says."""

from __future__ import annotations

import re
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.gateway import CHAT, chat_body
from support.nginx_server import NginxServer
from support.rawclient import RawClient
from support.replicas import PATIENCE, replicas, until
from support.upstream import Gate, Reply, Upstream, free_port
from support.wire import chunk, completion, text_stream

if sys.platform == "win32":
    pytest.skip("nginx is run as Debian has it", allow_module_level=True)

pytestmark = pytest.mark.peer

README = Path(__file__).parents[2] / "README.md"
CONFIG = """
[profiles.a]
base_url = "{url}/v1"
retries = 0

[serve]
hosts = ["llm.example.com"]
drain = 20
"""
HOST = {"Host": "llm.example.com"}
SIZES = (10, 5_000, 200_000)
"""Bytes of prompts: one read has the whole request, or some have, or it is longer than nginx's buffers."""


def readmes_config(port, ports):
    """The README's nginx block, for our ports and without TLS."""
    (block,) = re.findall(r"^```nginx\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE)
    for number, replica in zip((11, 12), ports, strict=True):
        block = block.replace(f"10.0.0.{number}:4000", f"127.0.0.1:{replica}")
    assert block.count("127.0.0.1:") == 2
    assert block.count("listen 443 ssl;") == 1
    return block.replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")


def whole_or_streamed(request):
    asked = request.json()
    text = str(len(asked["messages"][0]["content"]))
    return Reply.sse(*text_stream(text, "!")) if asked.get("stream") else Reply(body=completion(f"{text}!"))


@pytest.fixture
def upstream():
    with Upstream(default=whole_or_streamed) as server:
        yield server


@pytest.fixture
def behind(tmp_path, upstream):
    """(the replicas, the port of nginx)."""
    with replicas(tmp_path, CONFIG.format(url=upstream.url)) as pair:
        port = free_port()
        with NginxServer(tmp_path, port, readmes_config(port, [each.port for each in pair.both])):
            yield pair, port


class Load:
    """Clients that ask through nginx without a pause, on kept connections, until the end of the block."""

    def __init__(self, port, clients=12):
        self.problems, self.answered = [], 0
        self._port, self._clients = port, clients
        self._end, self._more = threading.Event(), threading.Condition()
        self._pool = ThreadPoolExecutor(clients)

    def __enter__(self):
        self._running = [self._pool.submit(self._ask, number) for number in range(self._clients)]
        return self

    def __exit__(self, *_):
        self._end.set()
        for client in self._running:
            client.result(PATIENCE)
        self._pool.shutdown()

    def wait_more(self, count):
        """Wait until so many more were answered."""
        with self._more:
            goal = self.answered + count
            assert self._more.wait_for(lambda: self.answered >= goal, PATIENCE)

    def _ask(self, number):
        size, stream = SIZES[number % 3], number % 2 == 0
        with RawClient(self._port) as client:
            while not self._end.is_set():
                answer = client.ask("POST", CHAT, chat_body("a/m", "x" * size, stream=stream), HOST)
                good = answer.status == 200 and answer.text == f"{size}!" and answer.whole
                with self._more:
                    self.answered += 1
                    if not good or answer.done != stream:
                        self.problems.append((answer.status, size, stream, answer.body[:200]))
                    self._more.notify_all()
                if not good:
                    return


def begun(port, upstream, name):
    """A connection on which a stream has begun, and its answer so far."""
    upstream.script(Reply.sse(chunk("half"), upstream.gate(name), *text_stream(" whole")))
    client = RawClient(port)
    client.send("POST", CHAT, chat_body("a/m", stream=True), HOST)
    answer = client.head()
    client.piece(answer)
    upstream.gate(name).wait_reached()
    return client, answer


def test_a_stream_comes_event_by_event(behind, upstream):
    _, port = behind
    gates = [Gate(str(number)) for number in range(4)]
    steps = [step for gate in gates for step in (chunk(gate.name), gate)]
    upstream.script(Reply.sse(*steps, *text_stream("end")))
    with RawClient(port) as client:
        client.send("POST", CHAT, chat_body("a/m", stream=True), HOST)
        answer = client.head()
        assert answer.status == 200
        for gate in gates:  # the upstream says nothing more until this event is here
            while len(answer.events) <= int(gate.name):
                client.piece(answer)
            gate.open()
        client.rest(answer)
    assert answer.text == "0123end"
    assert answer.done


def test_a_client_that_leaves_nginx_leaves_the_upstream(behind, upstream):
    _, port = behind
    client, _ = begun(port, upstream, "left")
    client.close()
    upstream.wait_closed(upstream.last.connection)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_a_replica_that_is_stopped_fails_no_request(behind, upstream, end):
    pair, port = behind
    streams = [begun(port, upstream, f"stream{number}") for number in range(4)]
    with Load(port) as load:
        load.wait_more(60)
        pair.one.signal(end)
        pair.one.wait_said("stopping;")
        load.wait_more(60)
        for number in range(4):
            upstream.gate(f"stream{number}").open()
        assert pair.one.wait() == 0
        load.wait_more(60)
    assert load.problems == []
    for client, answer in streams:
        client.rest(answer)
        client.close()
        assert (answer.text, answer.done) == ("half whole", True)
    for gateway in pair.both:  # both had their part
        until(lambda gateway=gateway: gateway.said.count('"outcome": "ok"') > 20)
