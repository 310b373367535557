"""A gateway that may open no more files says so, and blames no provider."""

from __future__ import annotations

import os
import sys
from itertools import count

import pytest

from support.upstream import Reply, Upstream
from support.wire import completion

resource = pytest.importorskip("resource")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs prlimit")


def limit_to_what_is_open(pid):
    """No further file can be opened; the limits of before."""
    is_open = {int(name) for name in os.listdir(f"/proc/{pid}/fd")}
    free = next(number for number in count() if number not in is_open)
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    return resource.prlimit(pid, resource.RLIMIT_NOFILE, (free, hard))


def test_it_is_no_fault_of_the_provider(serve):
    with Upstream(default=Reply(body=completion("fine"))) as up:
        gateway = serve(f'[profiles.a]\nbase_url = "{up.url}/v1"\nretries = 0\n')
        pid = gateway.process.pid
        body = {"model": "a/m", "messages": []}
        with gateway.client() as client:
            assert client.ask("GET", "/healthz").status == 200
            before = limit_to_what_is_open(pid)
            for _ in range(5):
                answer = client.ask("POST", "/v1/chat/completions", body)
                assert (answer.status, answer.error["code"]) == (503, "out_of_files")
                assert "too many open files" in answer.error["message"]
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
            assert client.ask("POST", "/v1/chat/completions", body).status == 200
            (row,) = client.ask("GET", "/api/state").json()["targets"]
            assert (row["state"], row["failures"]) == ("ok", 0)
        gateway.wait_said("llmctl serve: too many open files")
        gateway.stop()
        assert gateway.said.count("llmctl serve: too many open files") == 1


def test_it_allows_itself_all_that_it_may(serve):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 256), hard))
    try:
        gateway = serve("")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert resource.prlimit(gateway.process.pid, resource.RLIMIT_NOFILE)[0] == min(hard, 65536)
