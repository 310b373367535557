"""Ways in which a web page could use a browser against the gateway, and keys of clients."""

from __future__ import annotations

import json
import subprocess

import pytest

from support.gateway import CHAT, chat_body
from support.upstream import Hang, Reply
from support.wire import chunk, completion, usage

CONFIG = """
[profiles.a]
base_url = "{a}"
model = "default-a"
retries = 0

[profiles.b]
base_url = "{b}"
retries = 0

[aliases]
fast = "a/quick"

[routes.both]
targets = ["a/m", "b/m"]
[routes.only-a]
targets = ["a/m"]

[prices."a/dear"]
input = 1000000
output = 1000000

[serve]
drain = 0.3
hosts = ["gateway.example.com", "*.lan"]
cors = ["https://app.example.com"]
"""
FINE = Reply(body=completion("fine", usage=usage(5, 5)))


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:{port}",
        "localhost:{port}",
        "LOCALHOST",
        "[::1]:1",
        "gateway.example.com",
        "x.lan:80",
        "10.0.0.7",
    ],
)
def test_hosts_that_are_ours(stage, host):
    assert stage.gateway.get("/healthz", {"Host": host.format(port=stage.gateway.port)}).status == 200


@pytest.mark.parametrize(
    "host", ["evil.example.com", "evil.example.com:{port}", "localhost.evil.com", "127.0.0.1.evil.com"]
)
@pytest.mark.parametrize("path", ["/", "/healthz", "/v1/models", "/v1/chat/completions", "/metrics", "/v1/files"])
def test_hosts_that_are_not(stage, host, path):
    """DNS rebinding: the page's own name points here."""
    answer = stage.gateway.get(path, {"Host": host.format(port=stage.gateway.port)})
    assert answer.status == 403
    assert answer.error["type"] == "permission_error"


@pytest.mark.parametrize(
    "origin", ["https://evil.example.com", "null", "http://localhost:1", "http://127.0.0.1.evil.com"]
)
def test_pages_of_other_origins(stage, origin):
    answer = stage.gateway.chat("a/m", headers={"Origin": origin})
    assert answer.status == 403
    assert "access-control-allow-origin" not in answer.headers
    assert stage.a.requests == []


def test_a_form_of_another_site(stage):
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Content-Type": "text/plain"}
    assert stage.gateway.ask("POST", "/v1/chat/completions", b'{"model": "a/m"}', headers).status == 403
    assert stage.a.requests == []


def test_our_own_page(stage):
    stage.a.script(FINE)
    headers = {"Origin": f"http://127.0.0.1:{stage.gateway.port}", "Sec-Fetch-Site": "same-origin"}
    assert stage.gateway.chat("a/m", headers=headers).status == 200


def test_an_origin_that_is_listed(stage):
    told = {"access-control-allow-origin": "https://evil.example.com", "Access-Control-Allow-Credentials": "true"}
    stage.a.script(Reply(200, told, completion("fine")))
    answer = stage.gateway.chat("a/m", headers={"Origin": "https://app.example.com"})
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == "https://app.example.com"
    assert "access-control-allow-credentials" not in answer.headers


def test_errors_can_be_read_by_a_page_that_is_listed(stage):
    answer = stage.gateway.chat("nobody/x", headers={"Origin": "https://app.example.com"})
    assert answer.status == 404
    assert answer.headers["access-control-allow-origin"] == "https://app.example.com"


def test_a_preflight(stage):
    headers = {
        "Origin": "https://app.example.com",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type, x-stainless-os",
    }
    answer = stage.gateway.ask("OPTIONS", "/v1/chat/completions", None, headers)
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == "https://app.example.com"
    assert "x-stainless-os" in answer.headers["access-control-allow-headers"]
    refused = stage.gateway.ask("OPTIONS", "/v1/chat/completions", None, {**headers, "Origin": "https://evil.com"})
    assert refused.status == 403


# keys


def add_key(stage, name, *options):
    return stage.cli.run("serve", "key", "add", name, *options).check().out.strip()


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def known(stage, key, status=200):
    """Wait until the gateway knows what has become of a key."""
    import time

    end = time.monotonic() + 20
    while stage.gateway.get("/v1/models", bearer(key)).status != status:
        assert time.monotonic() < end, "the gateway doesn't hear of keys"


def test_keys_of_clients(stage):
    """All limits of a key, on a gateway that needs none: what is shown counts."""
    narrow = add_key(stage, "narrow", "--model", "fast", "--model", "b/*")
    slow = add_key(stage, "slow", "--requests-per-minute", "2")
    tokens = add_key(stage, "tokens", "--tokens-per-minute", "10")
    poor = add_key(stage, "poor", "--budget", "5/day")
    known(stage, poor)
    stage.a.default = stage.b.default = FINE
    chat = stage.gateway.chat

    assert chat("fast", headers=bearer(narrow)).status == 200
    assert chat("b/any", headers={"X-Api-Key": narrow}).status == 200
    answer = chat("a/other", headers=bearer(narrow))
    assert answer.status == 403
    assert answer.error["type"] == "permission_error"
    ids = [model["id"] for model in stage.gateway.get("/v1/models", bearer(narrow)).json()["data"]]
    assert ids == ["fast"]
    assert stage.gateway.get("/v1/models/a%2Fother", bearer(narrow)).status in (403, 404)
    assert stage.gateway.get("/v1/files", {**bearer(narrow), "X-Llmctl-Profile": "a"}).status == 403

    assert [chat("fast", headers=bearer(slow)).status for _ in range(3)] == [200, 200, 429]
    answer = chat("fast", headers=bearer(slow))
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert answer.headers["x-should-retry"] == "false"

    first = chat("fast", headers=bearer(tokens))
    stage.gateway.wait_said(first.headers["x-llmctl-id"])
    assert chat("fast", headers=bearer(tokens)).status == 429

    first = chat("a/dear", headers=bearer(poor))
    assert float(first.headers["x-llmctl-cost"]) == 10
    stage.gateway.wait_said(first.headers["x-llmctl-id"])
    answer = chat("a/dear", headers=bearer(poor))
    assert answer.status in (402, 429)
    assert "budget" in answer.error["message"]


def test_a_key_that_is_revoked(stage):
    key = add_key(stage, "gone")
    known(stage, key)
    stage.cli.run("serve", "key", "revoke", "gone").check()
    known(stage, key, 401)


@pytest.mark.parametrize(
    "key", ["sk-llmctl-", "sk-llmctl-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "sk-llmctl-é"]
)
def test_a_key_of_ours_that_nobody_made(stage, key):
    answer = stage.gateway.chat("a/m", headers=bearer(key.encode().decode("latin-1")))
    assert answer.status == 401
    assert answer.error["code"] == "invalid_api_key"
    assert key not in answer.body.decode()


def test_other_addresses_need_keys(stage, serve):
    """It refuses to start without; with one it asks for it."""
    config = stage.fill(CONFIG)
    with pytest.raises(AssertionError, match="serve key add"):
        serve(config, "--host", "0.0.0.0")


def test_a_gateway_that_needs_keys(stage, serve, tmp_path):
    from support.cli import Cli

    cli = Cli(tmp_path / "own")
    cli.write_config(stage.fill(CONFIG).replace("[serve]", "[serve]\nkeys = true"))
    key = cli.run("serve", "key", "add", "me").check().out.strip()
    process = cli.popen("serve", "--port", "0", stdin=subprocess.DEVNULL)
    try:
        port = int(process.stdout.readline().decode().strip().removesuffix("/v1").rpartition(":")[2])
        from support.rawclient import RawClient

        def ask(method, path, headers=(), body=None):
            with RawClient(port) as client:
                return client.ask(method, path, body, headers)

        for path in ("/v1/models", "/models", "/v1/files", "/metrics", "/api/events"):
            assert ask("GET", path).status == 401
        answer = ask("POST", "/v1/chat/completions", (), {"model": "a/m", "messages": []})
        assert answer.status == 401
        assert json.dumps(answer.error)
        assert stage.a.requests == []
        stage.a.script(FINE)
        assert ask("POST", "/v1/chat/completions", bearer(key), {"model": "a/m", "messages": []}).status == 200
        assert key not in str(stage.a.last.raw_headers)
        assert ask("GET", "/healthz").status == 200
        assert ask("GET", "/v1/files", {"Authorization": "Bearer wrong"}).status == 401
    finally:
        process.terminate()
        process.wait(15)
        cli.close()


def test_a_route_gives_only_the_targets_that_a_key_may_ask(stage):
    """A pattern of one profile doesn't open the others by way of a route; a route's own name does."""
    stage.a.default = stage.b.default = FINE
    key = add_key(stage, "only-b", "--model", "b/*")
    known(stage, key)
    for _ in range(3):
        assert stage.gateway.chat("both", headers=bearer(key)).headers["x-llmctl-profile"] == "b"
    assert stage.a.requests == []
    assert stage.gateway.chat("only-a", headers=bearer(key)).status == 403


def test_who_leaves_early_pays_as_well(stage):
    """Usage never comes then; what was relayed is counted, about."""
    key = add_key(stage, "hasty", "--budget", "5/day")
    known(stage, key)
    gate = stage.a.gate()
    stage.a.script(Reply.sse(chunk("a"), gate, Hang()))
    with stage.gateway.client() as client:
        body = chat_body("a/dear", stream=True)
        client.send("POST", CHAT, body, bearer(key))
        client.piece(client.head())
    stage.gateway.wait_said('"outcome": "client_left"')
    answer = stage.gateway.chat("a/dear", headers=bearer(key))
    assert answer.status == 402
    assert "budget" in answer.error["message"]


def test_a_budget_is_spent_at_once(stage):
    """Not when the next beat comes."""
    stage.a.default = FINE
    key = add_key(stage, "poorer", "--budget", "5/day")
    known(stage, key)
    with stage.gateway.client() as client:
        seen = [client.ask("POST", CHAT, chat_body("a/dear"), bearer(key)).status for _ in range(3)]
    assert seen == [200, 402, 402]


def test_requests_without_a_model_count_as_well(stage):
    stage.a.default = Reply(body={"data": []})
    key = add_key(stage, "files", "--requests-per-minute", "2")
    known(stage, key)
    headers = {**bearer(key), "X-Llmctl-Profile": "a"}
    assert [stage.gateway.get("/v1/files", headers).status for _ in range(3)] == [200, 200, 429]
