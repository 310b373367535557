"""Base URLs as people paste them, and where requests, and keys, go from there."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmctl import Target, resolve_target
from llmctl.errors import KeyRejected, NotFound, NotUnderstood
from support.leaks import TEST_KEY
from support.upstream import Reply, Upstream
from support.wire import completion, error_body, models, text_stream

FINE = Reply.sse(*text_stream("fine"))
NOWHERE = Reply(404, body=error_body("no such route"))


@pytest.fixture
def written(tmp_path: Path, upstream: Upstream):
    """written("…"): the target of a profile with this base_url, {} standing for the upstream's address."""

    def make(base_url: str, where: Upstream = upstream) -> Target:
        config = tmp_path / "config.toml"
        address = base_url.format(where.url.removeprefix("http://"))
        config.write_text(f'[profiles.work]\nbase_url = "{address}"\nmodel = "m"\nkey = "env:K"\nretries = 0\n')
        return resolve_target("work", env={"LLMCTL_CONFIG": str(config), "K": TEST_KEY})

    return make


@pytest.mark.parametrize(
    ("base_url", "paths"),
    [
        ("http://{}/v1", ["/v1/chat/completions"]),
        ("http://{}/v1/", ["/v1/chat/completions"]),
        ("http://{}/v1//", ["/v1/chat/completions"]),
        ("{}/v1", ["/v1/chat/completions"]),
        ("HTTP://{}/v1", ["/v1/chat/completions"]),
        ("  http://{}/v1  ", ["/v1/chat/completions"]),
        ("http://{}/v1/chat/completions", ["/v1/chat/completions"]),
        ("http://{}/v1/chat/completions/", ["/v1/chat/completions"]),
        ("http://{}/v1/embeddings", ["/v1/chat/completions"]),
        ("http://{}/v1/models", ["/v1/chat/completions"]),
        ("http://{}/v1?api-version=2026-01-01&x=a%2Fb", ["/v1/chat/completions?api-version=2026-01-01&x=a%2Fb"]),
        ("http://{}/v1#top", ["/v1/chat/completions"]),
        ("http://{}", ["/chat/completions", "/v1/chat/completions"]),
        ("http://{}/", ["/chat/completions", "/v1/chat/completions"]),
        ("{}", ["/chat/completions", "/v1/chat/completions"]),
        ("http://{}/chat/completions", ["/chat/completions", "/v1/chat/completions"]),
        ("http://{}?x=1", ["/chat/completions?x=1", "/v1/chat/completions?x=1"]),
    ],
)
def test_every_form_of_a_base_url_works(runner, written, upstream, base_url, paths):
    upstream.default = NOWHERE
    upstream.route(paths[-1].partition("?")[0], FINE)
    target = written(base_url)
    assert runner.chat(target).content == "fine"
    assert [request.target for request in upstream.requests] == paths


def test_v1_is_taken_off_where_there_is_none(runner, written, upstream):
    upstream.default = NOWHERE
    upstream.route("/chat/completions", FINE)
    assert runner.chat(written("http://{}/v1")).content == "fine"
    assert [request.path for request in upstream.requests] == ["/v1/chat/completions", "/chat/completions"]


@pytest.mark.parametrize(
    "wrong",
    [
        NOWHERE,
        Reply(405, body=b"Method Not Allowed"),
        Reply(404, {"Content-Type": "text/html"}, b"<html><title>Not here</title></html>"),
        Reply(200, {"Content-Type": "text/html; charset=utf-8"}, b"<!doctype html><title>Dashboard</title>"),
    ],
    ids=["404", "405", "404 html", "200 html"],
)
def test_the_form_that_answers_is_remembered(runner, written, upstream, wrong):
    upstream.default = wrong
    upstream.route("/v1/chat/completions", Reply(body=completion("fine")))
    upstream.route("/v1/models", Reply(body=models("m")))

    async def call(client):
        await client.chat("Hi")
        await client.chat("Hi")
        await client.models()
        return client.address

    assert runner(written("http://{}"), call) == f"{upstream.url}/v1"
    assert [request.path for request in upstream.requests] == [
        "/chat/completions",
        "/v1/chat/completions",
        "/v1/chat/completions",
        "/v1/models",
    ]


@pytest.mark.parametrize("base_url", ["http://{}", "http://{}/v1"])
def test_where_no_form_answers_both_are_named(runner, written, upstream, base_url):
    upstream.default = NOWHERE
    with pytest.raises(NotFound) as failure:
        runner.chat(written(base_url))
    assert (failure.value.status, failure.value.exit_code) == (404, 5)
    assert f"{upstream.url}/v1" in failure.value.hint
    assert "llmctl profile edit work --base-url" in failure.value.hint
    assert len(upstream.requests) == 2


def test_a_web_page_where_no_form_answers(runner, written, upstream):
    upstream.default = Reply(200, {"Content-Type": "text/html"}, b"<html><title>Welcome</title></html>")
    with pytest.raises(NotUnderstood, match="Welcome") as failure:
        runner.chat(written("http://{}"))
    assert f"{upstream.url}/v1" in failure.value.hint


def test_a_model_that_is_not_there_is_no_wrong_address(runner, written, upstream):
    upstream.default = Reply(404, body=error_body("no such model", code="model_not_found"))
    with pytest.raises(NotFound):
        runner.chat(written("http://{}/v1"))
    assert len(upstream.requests) == 1


def test_the_second_form_s_own_error_counts(runner, written, upstream):
    upstream.default = NOWHERE
    upstream.route("/v1/chat/completions", Reply(401, body=error_body("who are you?")))
    with pytest.raises(KeyRejected):
        runner.chat(written("http://{}"))


@pytest.mark.parametrize("path", ["/v1beta/openai", "/openai/deployments/x", "/api/v3"])
def test_a_versioned_address_is_left_as_it_is(runner, written, upstream, path):
    upstream.default = NOWHERE
    with pytest.raises(NotFound):
        runner.chat(written(f"http://{{}}{path}?api-version=1"))
    assert [request.target for request in upstream.requests] == [f"{path}/chat/completions?api-version=1"]


# redirects


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize("absolute", [False, True])
def test_a_redirect_on_the_same_origin_is_followed(runner, target, upstream, status, absolute):
    place = f"{upstream.url}/v2/chat?x=1" if absolute else "/v2/chat?x=1"
    upstream.script(Reply(status, {"Location": place}), FINE)
    assert runner.chat(target).content == "fine"
    first, second = upstream.requests
    assert (second.target, second.method, second.body) == ("/v2/chat?x=1", "POST", first.body)
    assert second.headers["authorization"] == f"Bearer {TEST_KEY}"


@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_redirect_of_a_get_is_followed(runner, target, upstream, status):
    upstream.script(Reply(status, {"Location": "/models/"}), Reply(body=models("m")))
    assert [model.id for model in runner(target, lambda client: client.models())] == ["m"]


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_redirect_that_would_lose_the_body_is_not_followed(runner, target, upstream, status):
    upstream.default = Reply(status, {"Location": "/v2/chat"})
    with pytest.raises(NotFound, match=f"redirect \\({status}\\)"):
        runner.chat(target)
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_nothing_goes_to_another_origin(runner, target, upstream, status):
    with Upstream() as elsewhere:
        upstream.default = Reply(status, {"Location": f"{elsewhere.url}/v1/models?token=1"})
        for call in (lambda client: client.models(), lambda client: client.chat("Hi")):
            with pytest.raises(NotFound, match="redirect") as failure:
                runner(target, call)
            assert elsewhere.url in failure.value.message
            assert "keys are never sent along a redirect" in failure.value.hint
        assert (elsewhere.connections, elsewhere.requests) == (0, [])


@pytest.mark.parametrize("location", ["//evil.invalid/v1", "http://127.0.0.1@evil.invalid/", "https://127.0.0.1/"])
def test_nothing_goes_to_what_only_looks_like_the_same_origin(runner, target, upstream, location):
    upstream.default = Reply(307, {"Location": location})
    with pytest.raises(NotFound, match="redirect"):
        runner.chat(target)
    assert len(upstream.requests) == 1


def test_redirects_in_a_circle_end(runner, target, upstream):
    upstream.default = Reply(307, {"Location": "/v1/chat/completions"})
    with pytest.raises(NotFound, match="redirect"):
        runner.chat(target)
    assert len(upstream.requests) <= 4


@pytest.mark.parametrize("location", [None, "", "http://[broken"])
def test_a_redirect_to_nowhere(runner, target, upstream, location):
    upstream.default = Reply(307, {} if location is None else {"Location": location})
    with pytest.raises(NotFound, match="redirect"):
        runner.chat(target)
