"""The admin app on a real socket: page, health, metrics, state, events, cancelling."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from llmctl.gateway.admin import PAGE
from support.dashboard import Dashboard, View, entry, wait_until


@pytest.fixture
def dashboard() -> Iterator[Dashboard]:
    with Dashboard() as served:
        yield served


@pytest.fixture
def http(dashboard: Dashboard) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=dashboard.url, timeout=20, trust_env=False) as client:
        yield client


class Events:
    """The messages of /api/events, read in a thread."""

    def __init__(self, url: str) -> None:
        self.messages: list[dict[str, Any]] = []
        self.ended = threading.Event()
        self._client = httpx.Client(timeout=30, trust_env=False)
        self._thread = threading.Thread(target=self._read, args=(f"{url}/api/events",), daemon=True)
        self._leave = threading.Event()

    def __enter__(self) -> Events:
        self._thread.start()
        wait_until(lambda: self.messages, "the snapshot has come")
        return self

    def __exit__(self, *_exc: object) -> None:
        self._thread.join(20)
        assert not self._thread.is_alive()
        self._client.close()

    def _read(self, url: str) -> None:
        with self._client.stream("GET", url) as reply:
            self.headers = reply.headers
            for line in reply.iter_lines():
                if line.startswith("data: "):
                    self.messages.append(json.loads(line[6:]))
        self.ended.set()

    def wait_for(self, name: str) -> dict[str, Any]:
        """The first change with this part."""
        wait_until(lambda: any(name in message for message in self.messages[1:]), f"a change of {name}")
        return next(message for message in self.messages[1:] if name in message)


def test_the_page_and_its_files_are_served_with_strict_headers(http: httpx.Client) -> None:
    for path in ("/", *(f"/page/{name}" for name in PAGE)):
        reply = http.get(path)
        assert reply.status_code == 200, path
        assert reply.headers["content-security-policy"].startswith("default-src 'self'")
        assert "unsafe" not in reply.headers["content-security-policy"]
        assert reply.headers["x-content-type-options"] == "nosniff"
        again = http.get(path, headers={"If-None-Match": reply.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    head = http.head("/")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == "text/html; charset=utf-8"
    assert int(head.headers["content-length"]) > 1000


def test_the_page_needs_nothing_from_elsewhere_and_runs_no_inline_script(http: httpx.Client) -> None:
    page = http.get("/").text
    assert "<script>" not in page
    assert "style=" not in page
    assert " on" not in {text[:3] for text in page.split('"')[2::2]}
    for name in PAGE:
        text = http.get(f"/page/{name}").text.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in text, name
        assert "http://" not in text, name
        assert "innerHTML" not in text, name


def test_unknown_paths_and_methods_are_errors_in_openais_form(http: httpx.Client) -> None:
    for reply in (http.get("/page/../app.py"), http.get("/page/%2e%2e%2fadmin.py"), http.get("/nothing")):
        assert reply.status_code == 404
        assert set(reply.json()["error"]) == {"message", "type", "param", "code"}
    assert http.get("/api/cancel/x").status_code == 405
    assert http.post("/api/state").json()["error"]["message"]


def test_health_and_readiness(dashboard: Dashboard, http: httpx.Client) -> None:
    assert http.get("/healthz").text == "ok\n"
    assert http.get("/readyz").status_code == 200
    dashboard.view.state = (False, "draining")
    reply = http.get("/readyz")
    assert (reply.status_code, reply.text) == (503, "draining\n")
    assert http.get("/healthz").status_code == 200


def test_state_and_metrics_take_in_the_other_workers(dashboard: Dashboard, http: httpx.Client) -> None:
    other = View()
    other.monitor.finished([entry()])
    other.metrics.observe([entry()])
    dashboard.finish(entry())
    told = {"monitor": other.monitor.snapshot(), "metrics": other.metrics.state()}
    dashboard.view.other = [json.loads(json.dumps(told))]
    state = http.get("/api/state")
    assert state.headers["cache-control"] == "no-store"
    assert (state.json()["workers"], state.json()["totals"]["requests"]) == (2, 2)
    metrics = http.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'llmctl_requests_total{door="chat",model="big",outcome="ok",profile="work"} 2.0' in metrics.text


def test_a_worker_of_another_version_does_not_hide_the_others(dashboard: Dashboard, http: httpx.Client) -> None:
    dashboard.finish(entry())
    dashboard.view.other = [{"monitor": {"strange": 1}, "metrics": {"strange": 1}}]
    assert http.get("/api/state").json()["totals"]["requests"] == 1
    assert "llmctl_workers 1.0" in http.get("/metrics").text


def test_events_tell_what_happens_and_end_when_the_gateway_drains(dashboard: Dashboard) -> None:
    with Events(dashboard.url) as events:
        assert events.messages[0]["type"] == "snapshot"
        assert events.headers["content-type"].startswith("text/event-stream")
        running = dashboard.begin()
        assert events.wait_for("inflight")["inflight"][0]["id"] == running.id
        dashboard.finish(entry(id="done-1"))
        assert events.wait_for("recent")["recent"][0]["id"] == "done-1"
        dashboard.run(dashboard.view.monitor.close)
        assert events.ended.wait(20)


def test_one_who_leaves_is_not_followed_any_more(dashboard: Dashboard) -> None:
    looks = 0
    snapshot = dashboard.view.monitor.snapshot

    def counted() -> dict[str, Any]:
        nonlocal looks
        looks += 1
        return snapshot()

    dashboard.view.monitor.snapshot = counted  # type: ignore[method-assign]
    with (
        httpx.Client(timeout=20, trust_env=False) as client,
        client.stream("GET", f"{dashboard.url}/api/events") as reply,
    ):
        next(reply.iter_lines())
    seen = -1
    still = threading.Event()
    while looks != seen:  # it stops looking; as long as it goes on, a second brings more looks
        seen = looks
        still.wait(1)


def test_a_request_is_cancelled_once(dashboard: Dashboard, http: httpx.Client) -> None:
    running = dashboard.begin()
    assert http.post(f"/api/cancel/{running.id}").json() == {"cancelled": True}
    wait_until(lambda: running.outcome == "cancelled", "the request has ended")
    assert running.cancelled
    again = http.post(f"/api/cancel/{running.id}")
    assert again.status_code == 404
    assert "may have ended" in again.json()["error"]["message"]
