"""The process: how it starts, how it ends, several of them on one port."""

from __future__ import annotations

import contextlib
import json
import os
import plistlib
import signal
import socket
import sqlite3
import stat
import sys
import time
from pathlib import Path

import pytest

from support.cli import Cli
from support.leaks import TEST_KEY
from support.process import wait_ended
from support.upstream import Hang, Reply
from support.wire import chunk, completion, text_stream

CONFIG = f"""
[profiles.a]
base_url = "{{url}}/v1"
key = "{TEST_KEY}"
model = "m"
retries = 0

[routes.both]
strategy = "round-robin"
targets = ["a/x", "a/y"]

[serve]
drain = {{drain}}
"""
FINE = Reply(body=completion("fine"))


def config(upstream, drain=20.0):
    return CONFIG.format(url=upstream.url, drain=drain)


@pytest.fixture
def gateway(serve, upstream):
    return serve(config(upstream))


# start


def test_it_says_where_it_listens(gateway):
    assert gateway.base_url == f"http://127.0.0.1:{gateway.port}/v1"
    line = gateway.wait_said("Ctrl-C")
    assert f"127.0.0.1:{gateway.port}" in line
    assert gateway.get("/v1/models").status == 200


def test_without_any_config_the_demo_answers(serve):
    gateway = serve("")
    answer = gateway.stream("demo", "Hello")
    assert answer.done
    assert answer.text


def test_a_port_that_is_taken(cli, upstream):
    cli.write_config(config(upstream))
    result = cli.run("serve", "--port", str(upstream.port)).check(3)
    assert f"127.0.0.1:{upstream.port}" in result.err
    assert "--port" in result.err
    assert "Traceback" not in result.err
    if sys.platform == "linux":
        assert str(os.getpid()) in result.err  # who holds it


@pytest.mark.parametrize("host", ["nowhere.invalid", "192.0.2.1", "not an address"])
def test_an_address_that_is_not_ours(cli, upstream, host):
    cli.write_config(config(upstream).replace("[serve]", "[serve]\nkeys = false"))
    result = cli.run("serve", "--host", host, "--port", "0").check(3)
    assert host in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[serve]\nprot = 1", "port"),
        ("[serve]\nport = 99999", "65535"),
        ("[routes.r]\ntargets = []", "routes.r.targets"),
        ('[routes.r]\ntargets = ["nobody/m"]', "nobody/m"),
        ('[routes.r]\nstrategy = "fastet"\ntargets = ["demo/m"]', "fastest"),
        ("[serve", "config.toml"),
    ],
)
def test_a_config_that_is_wrong(cli, text, says):
    cli.write_config(text)
    result = cli.run("serve", "--port", "0").check(3)
    assert says in result.err
    assert "Traceback" not in result.err


def test_a_profile_that_is_not_there(cli, upstream):
    cli.write_config(config(upstream))
    assert "nobody" in cli.run("serve", "--port", "0", "--profile", "nobody").check(3).err


def test_profile_takes_every_model(serve, upstream):
    gateway = serve(config(upstream), "--profile", "a")
    upstream.script(FINE, FINE)
    assert gateway.chat("whatever:latest").text == "fine"
    assert upstream.last.json()["model"] == "whatever:latest"
    assert gateway.chat("org/model").text == "fine"
    assert upstream.last.json()["model"] == "org/model"


def test_a_profile_that_cannot_be_used_is_told_and_the_others_serve(serve, upstream):
    gateway = serve(config(upstream) + '[profiles.bad]\nprovider = "no-such-provider"\n')
    assert "bad" in gateway.wait_said("left out")
    upstream.script(FINE)
    assert gateway.chat("a/m").text == "fine"


@pytest.mark.skipif(not hasattr(socket, "AF_INET6"), reason="needs IPv6")
def test_ipv6(serve, upstream):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 on this machine")
    gateway = serve(config(upstream), "--host", "::1")
    assert gateway.base_url.startswith("http://[::1]:")


# the end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_idle_it_ends_at_once(gateway, number):
    with gateway.client() as kept:
        assert kept.ask("GET", "/healthz").status == 200
        gateway.signal(number)
        assert gateway.wait() == 0
        assert kept.wait_closed() == b""


def test_a_stream_may_end(gateway, upstream):
    gate = upstream.gate()
    upstream.script(Reply.sse(chunk("a"), gate, chunk("b", finish="stop")))
    with gateway.begin("a/m", stream=True) as client:
        answer = client.head()
        client.piece(answer)
        gateway.signal()
        gateway.wait_said("stopping")
        with pytest.raises(OSError):
            gateway.client()
        gate.open()
        client.rest(answer)
        assert answer.done
        assert answer.text == "ab"
    assert gateway.wait() == 0


def test_a_whole_answer_may_end(gateway, upstream):
    gate = upstream.gate()
    upstream.script(
        Reply.stream([gate, json.dumps(completion("fine"))], headers={"Content-Type": "application/json"})
    )
    with gateway.begin("a/m") as client:
        upstream.wait_requests(1)
        gateway.signal()
        gateway.wait_said("stopping")
        gate.open()
        assert client.answer().text == "fine"
    assert gateway.wait() == 0


def test_what_takes_too_long_is_cut_and_told(serve, upstream):
    gateway = serve(config(upstream, drain=0.2))
    upstream.script(Reply.sse(chunk("half"), Hang()), Reply.hang())
    with gateway.begin("a/stream", stream=True) as client:
        answer = client.head()
        client.piece(answer)  # so that the other request is the upstream's second
        with gateway.begin("a/whole") as other:
            upstream.wait_requests(2)
            gateway.signal()
            client.rest(answer)
            assert not answer.whole
            assert "stopping" in json.loads(answer.payloads[-1])["error"]["message"]
            late = other.answer()
            assert late.status >= 500
            assert "stopping" in late.error["message"]
    assert gateway.wait() == 0


def test_ctrl_c_twice_does_not_wait(gateway, upstream):
    upstream.script(Reply.sse(chunk("half"), Hang()))
    with gateway.begin("a/m", stream=True) as client:
        answer = client.head()
        client.piece(answer)
        gateway.signal(signal.SIGINT)
        gateway.wait_said("stopping")
        gateway.signal(signal.SIGINT)
        client.rest(answer)
    assert json.loads(answer.payloads[-1])["error"]
    assert gateway.wait() == 0
    assert "Traceback" not in gateway.said


def test_requests_of_the_last_moment_are_in_the_ledger(gateway, upstream):
    upstream.script(FINE)
    assert gateway.chat("a/last").text == "fine"
    gateway.stop()
    (path,) = gateway.cli.root.rglob("llmctl.db")
    with contextlib.closing(sqlite3.connect(path)) as store:
        assert store.execute("SELECT profile, model, status FROM requests").fetchall() == [("a", "last", "ok")]


def test_nothing_it_writes_is_open_to_others(gateway, upstream):
    upstream.script(FINE)
    gateway.chat("a/m")
    gateway.stop()
    for path in gateway.cli.root.rglob("*"):
        if path.is_file() and path.name != "config.toml":
            assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path


# several processes


@pytest.fixture
def workers(serve, upstream):
    gateway = serve(config(upstream), "--workers", "2")
    upstream.default = FINE
    return gateway


def children(pid):
    """The process ids of a process's children."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@needs_proc
def test_two_workers_share_the_port(workers):
    assert len(children(workers.process.pid)) == 2
    assert [workers.chat("a/m").text for _ in range(20)] == ["fine"] * 20
    assert workers.stop() == 0


@needs_proc
def test_a_worker_that_dies_is_replaced(workers):
    first = children(workers.process.pid)
    os.kill(first[0], signal.SIGKILL)
    workers.wait_said("another one is started")
    end = time.monotonic() + 20
    while len(set(children(workers.process.pid)) - {first[0]}) < 2:
        assert time.monotonic() < end
    assert [workers.chat("a/m").text for _ in range(5)] == ["fine"] * 5


@needs_proc
def test_a_signal_while_workers_are_started_reaches_them_all(cli, upstream):
    cli.write_config(config(upstream))
    for least in (1, 2):
        gateway = cli.popen("serve", "--port", "0", "--workers", "2")
        while len(children(gateway.pid)) < least:
            assert gateway.poll() is None
        gateway.send_signal(signal.SIGTERM)
        assert gateway.wait(20) == 0


@needs_proc
def test_workers_drain_as_one_does(workers, upstream):
    gate = upstream.gate()
    upstream.script(Reply.sse(chunk("a"), gate, chunk("b", finish="stop")))
    with workers.begin("a/m", stream=True) as client:
        answer = client.head()
        client.piece(answer)
        workers.signal()
        workers.wait_said("stopping")
        gate.open()
        client.rest(answer)
        assert answer.done
    assert workers.wait() == 0


@needs_proc
def test_workers_end_with_their_parent(workers):
    """However it dies: nobody else would ever end them."""
    running = children(workers.process.pid)
    workers.process.kill()
    workers.process.wait(10)
    try:
        for pid in running:
            wait_ended(pid)
    finally:
        for pid in running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@needs_proc
def test_workers_share_limits(serve, upstream):
    upstream.default = FINE
    gateway = serve(config(upstream), "--workers", "2")
    key = gateway.cli.run("serve", "key", "add", "me", "--requests-per-minute", "4").check().out.strip()
    bearer = {"Authorization": f"Bearer {key}"}
    end = time.monotonic() + 20
    good = 0
    while good < 50:  # both know the key: a connection goes to either
        good = good + 1 if gateway.get("/v1/models", bearer).status == 200 else 0
        assert time.monotonic() < end
    seen = [gateway.chat("a/m", headers=bearer).status for _ in range(10)]
    assert seen.count(200) == 4
    assert seen.count(429) == 6


# units


def test_a_systemd_unit(cli: Cli):
    unit = (
        cli.run("serve", "--unit", "--port", "4567", env={"LLMCTL_CONFIG": "/etc/my llmctl/config.toml"})
        .check()
        .out
    )
    if sys.platform == "darwin":
        return
    assert "[Service]" in unit
    start = next(line for line in unit.splitlines() if line.startswith("ExecStart="))
    assert start.endswith("serve --port 4567")
    assert start.removeprefix("ExecStart=").startswith("/")
    assert 'Environment="LLMCTL_CONFIG=/etc/my llmctl/config.toml"' in unit
    assert "ExecReload=" in unit
    assert "WantedBy=default.target" in unit


def test_a_launchd_plist():
    from llmctl.cli.serve.command import ServeOptions
    from llmctl.cli.serve.unit import unit

    text = unit(ServeOptions(port=4567, profile="a&b"), {"LLMCTL_DATA": "/data <x>"}, "darwin")
    found = plistlib.loads(text.encode())
    assert found["ProgramArguments"][-5:] == ["serve", "--port", "4567", "--profile", "a&b"]
    assert found["EnvironmentVariables"] == {"LLMCTL_DATA": "/data <x>"}
    assert found["KeepAlive"] is True


def test_told_to_stop_in_the_middle_of_many_streams(serve, upstream):
    """Each that has begun is whole, or says that it isn't."""
    gateway = serve(config(upstream, drain=0.5))
    upstream.default = Reply.sse(*text_stream(*"many words"))
    clients = [gateway.begin("a/m", stream=True) for _ in range(20)]
    answers = []
    for number, client in enumerate(clients):
        if number == 10:
            gateway.signal()
        with client, contextlib.suppress(ConnectionError, EOFError):  # those that hadn't begun
            answers.append(client.answer())
    assert len(answers) >= 10
    assert all(answer.status == 503 or answer.done or "error" in answer.payloads[-1] for answer in answers)
    assert gateway.wait() == 0
