"""The config is read anew when it changes: as a whole, or not at all."""

from __future__ import annotations

import os
import signal

import pytest

from support.upstream import Reply, Upstream
from support.wire import chunk, completion

CONFIG = """
[profiles.a]
base_url = "{url}/v1"
model = "m"
retries = 0

[serve]
drain = 0.3
"""
posix = pytest.mark.skipif(os.name != "posix", reason="needs SIGHUP")


@pytest.fixture
def gateway(serve, upstream):
    upstream.default = Reply(body=completion("first"))
    return serve(CONFIG.format(url=upstream.url))


def test_a_change_counts_soon(gateway, upstream):
    assert gateway.chat("new").status == 404
    gateway.cli.write_config(CONFIG.format(url=upstream.url) + '[aliases]\nnew = "a/other"\n')
    gateway.wait_said("read anew")
    assert gateway.chat("new").text == "first"
    assert upstream.last.json()["model"] == "other"


@posix
def test_sighup(gateway, upstream):
    gateway.signal(signal.SIGHUP)
    gateway.wait_said("read anew")
    assert gateway.chat("a/m").text == "first"


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("[profiles.a\n", "config.toml"),
        ("[serve]\nprot = 1\n", "port"),
        ('[routes.r]\ntargets = ["nobody/m"]\n', "nobody/m"),
        ("[profiles.a]\nmodel = 'm'\n", "base_url"),
    ],
)
def test_a_bad_edit_is_told_and_the_old_one_stays(gateway, upstream, bad, says):
    gateway.cli.write_config(bad)
    assert says in gateway.wait_said("the old one stays")
    assert gateway.chat("a/m").text == "first"
    gateway.cli.write_config(CONFIG.format(url=upstream.url))
    gateway.wait_said("read anew")
    assert gateway.chat("a/m").text == "first"


def test_a_profile_that_moves(gateway, upstream):
    """Requests that run are left alone; the next ones go to the new address."""
    gate = upstream.gate()
    upstream.script(Reply.sse(chunk("old"), gate, chunk(" end", finish="stop")))
    with Upstream(default=Reply(body=completion("second"))) as other:
        with gateway.begin("a/m", stream=True) as client:
            answer = client.head()
            client.piece(answer)
            gateway.cli.write_config(CONFIG.format(url=other.url))
            gateway.wait_said("read anew")
            assert gateway.chat("a/m").text == "second"
            gate.open()
            client.rest(answer)
        assert answer.done
        assert answer.text == "old end"


def test_a_profile_that_is_taken_out(gateway, upstream):
    gateway.cli.write_config(CONFIG.format(url=upstream.url).replace("profiles.a", "profiles.b"))
    gateway.wait_said("read anew")
    assert gateway.chat("a/m").status == 404
    assert gateway.chat("b/m").text == "first"


def test_limits_that_change(gateway, upstream):
    assert gateway.chat("a/m", "x" * 2_000_000).status == 200
    gateway.cli.write_config(CONFIG.format(url=upstream.url) + "max_body_mb = 1\n")
    gateway.wait_said("read anew")
    assert gateway.chat("a/m", "x" * 2_000_000).status == 413


def test_slots_that_change_while_requests_run(gateway, upstream):
    """Those that run keep their count right."""
    gate = upstream.gate()
    upstream.script(Reply.sse(chunk("a"), gate, chunk("b", finish="stop")))
    with gateway.begin("a/m", stream=True) as client:
        answer = client.head()
        client.piece(answer)
        gateway.cli.write_config(CONFIG.format(url=upstream.url) + "max_concurrent_per_client = 1\n")
        gateway.wait_said("read anew")
        gate.open()
        client.rest(answer)
    assert answer.done
    assert [gateway.chat("a/m").status for _ in range(3)] == [200] * 3
    assert "Traceback" not in gateway.said


def test_what_needs_a_restart_is_told(gateway, upstream):
    gateway.cli.write_config(CONFIG.format(url=upstream.url) + "workers = 3\n")
    assert "workers" in gateway.wait_said("next start")


def test_a_config_that_vanishes(gateway, upstream):
    gateway.cli.config.unlink()
    gateway.wait_said("is gone")
    assert gateway.chat("a/m").status == 200
