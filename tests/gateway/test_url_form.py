"""A base URL with or without /v1: the other form is looked for once, and by those doors alone that can tell."""

from __future__ import annotations

import contextlib
import json

import pytest

from support.upstream import Gate, Reply, Upstream
from support.wire import completion, embeddings, error_body, models

NAMES = ("fresh", "asked", "native", "lost", "moved", "busy", "vain", "through", "told", "refused")
PROFILES = "".join(
    f"""
[profiles.{name}]
base_url = "{{a}}"
retries = 0
"""
    for name in NAMES
)
CONFIG = f"""
{PROFILES}
[serve]
drain = 0.3
"""
FINE = Reply(body=completion("fine"))
NO_PATH = Reply(404, body={"detail": "Not Found"})


def profile(name, up, keys=("k",)):
    return f'[profiles.{name}]\nbase_url = "{up.url}/v1"\nretries = 0\nkeys = {json.dumps(keys)}\n'


def paths(stage):
    return [request.path for request in stage.a.requests if request.method == "POST"]


def post(stage, path, model, **fields):
    return stage.gateway.ask("POST", path, {"model": model, **fields})


def test_the_other_form_is_found_and_kept(stage):
    """The profile says …/v1, the provider serves without it."""
    stage.a.default = lambda request: NO_PATH if "v1" in request.path else Reply(body=completion(request.path))
    assert [stage.gateway.chat("fresh/m").text for _ in range(2)] == ["/chat/completions"] * 2
    assert paths(stage) == ["/v1/chat/completions", *["/chat/completions"] * 2]


def test_both_requests_are_counted(stage):
    stage.a.default = lambda request: NO_PATH if "v1" in request.path else FINE
    answer = stage.gateway.chat("told/m")
    assert answer.headers["x-llmctl-attempts"] == "2"
    line = json.loads(stage.gateway.wait_said(answer.headers["x-llmctl-id"]))
    assert [attempt[1] for attempt in line["attempts"]] == ["not_found", "ok"]


def test_a_path_that_is_missing_breaks_nobody(stage):
    """As llama.cpp: /tokenize and another kind of /embeddings are there only without /v1."""
    stage.a.default = lambda request: {
        "/v1/embeddings": Reply(body=embeddings([1.0])),
        "/embeddings": Reply(body=[{"index": 0, "embedding": [[1.0]]}]),
        "/tokenize": Reply(body={"tokens": [1]}),
    }.get(request.path, NO_PATH)
    assert post(stage, "/v1/tokenize", "native/tiny", content="hi").status == 404
    for _ in range(2):
        assert post(stage, "/v1/embeddings", "native/tiny", input="hi").json()["data"]
        assert post(stage, "/v1/tokenize", "native/tiny", content="hi").status == 404
    assert "/tokenize" not in paths(stage)


def test_what_has_answered_is_never_doubted(stage):
    stage.a.default = FINE
    assert stage.gateway.chat("asked/m").text == "fine"
    stage.a.default = lambda request: NO_PATH if "v1" in request.path else FINE
    assert [stage.gateway.chat("asked/m").status for _ in range(2)] == [404, 404]
    assert set(paths(stage)) == {"/v1/chat/completions"}


def test_a_list_of_models_says_it_too(serve):
    with Upstream() as up:
        up.default = lambda request: Reply(body=models("m")) if request.method == "GET" else NO_PATH
        gateway = serve(f'[profiles.listed]\nbase_url = "{up.url}/v1"\nretries = 0\n')
        assert gateway.get("/v1/models").status == 200
        assert gateway.chat("listed/m").status == 404
        assert [request.path for request in up.requests] == ["/v1/models", "/v1/chat/completions"]


@pytest.mark.parametrize(
    "said",
    [
        error_body("no such model", code="model_not_found"),
        {"error": {"message": "The model `m` does not exist.", "type": "NotFoundError", "param": "model"}},
        {"error": {"message": "The model `m` does not exist.", "type": "x", "param": "model", "code": 404}},
    ],
)
def test_an_unknown_model_is_not_looked_for_elsewhere(stage, said):
    stage.a.default = Reply(404, body=said)
    assert stage.gateway.chat("lost/m").status == 404
    assert paths(stage) == ["/v1/chat/completions"]


def test_a_search_in_vain_is_not_repeated(stage):
    stage.a.default = Reply(404, body=error_body("nothing here"))
    answers = [stage.gateway.chat("vain/m") for _ in range(4)]
    assert [answer.status for answer in answers] == [404] * 4
    assert answers[0].error["message"] == "nothing here"
    assert paths(stage) == ["/v1/chat/completions", "/chat/completions", *["/v1/chat/completions"] * 3]


def test_a_refusal_at_the_other_form_costs_no_key(stage):
    """The root of a host may be anybody's: what it says of the key is no provider's word."""
    stage.a.default = lambda request: NO_PATH if "v1" in request.path else Reply(401, body={"detail": "who?"})
    assert stage.gateway.chat("refused/m").status == 404
    rows = stage.gateway.get("/api/state").json()["targets"]
    assert [row["state"] for row in rows if row["target"] == "refused/m"] == ["ok"]


def test_a_form_that_takes_the_request_is_tried_again(stage):
    """400 there says that the request was wrong, not the address."""
    bare = iter([Reply(400, body=error_body("temperature is wrong")), FINE])
    stage.a.default = lambda request: NO_PATH if "v1" in request.path else next(bare)
    assert stage.gateway.chat("busy/m").error["message"] == "temperature is wrong"
    assert stage.gateway.chat("busy/m").text == "fine"


def test_looking_for_the_other_form_disturbs_nobody(stage):
    """While the other form is tried for one, somebody else asks."""
    gate = Gate()
    stage.a.route("/chat/completions", Reply.stream([gate, "{}"], status=404))
    stage.a.route(
        "/v1/chat/completions",
        lambda request: NO_PATH if request.json()["model"] == "lost" else FINE,
    )
    with stage.gateway.begin("moved/lost") as client:
        gate.wait_reached()
        try:
            assert stage.gateway.chat("moved/known").text == "fine"
        finally:
            gate.open()
        assert client.answer().status == 404
    assert stage.gateway.chat("moved/known").text == "fine"


def test_other_doors_learn_it_from_the_list_of_models(stage):
    """A program that only asks /responses: its POST goes where the models are, and is sent nowhere else."""

    def answer(request):
        if "v1" in request.path:
            return NO_PATH
        return Reply(body=models("m") if request.method == "GET" else {"id": "resp_1"})

    stage.a.default = answer
    assert [post(stage, "/v1/responses", "through/m", input="hi").status for _ in range(2)] == [200, 200]
    assert paths(stage) == ["/v1/responses", "/responses", "/responses"]


WHO = error_body("Incorrect API key provided", "invalid_request_error", "invalid_api_key")
ANTHROPIC = {"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}}
PLAIN = error_body("who?")


@pytest.mark.parametrize("said", [WHO, ANTHROPIC, PLAIN], ids=["openai", "anthropic", "no code"])
def test_a_bad_key_is_told_at_the_wrong_form(serve, said):
    """The refusal at the other form is the provider's own word: not "no such path"."""
    with Upstream(default=lambda request: NO_PATH if "v1" in request.path else Reply(401, body=said)) as up:
        gateway = serve(profile("p", up))
        assert [gateway.chat("p/m").status for _ in range(2)] == [401, 401]
        assert gateway.chat("p/m").error["message"] == said["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
def test_keys_take_turns_at_the_wrong_form(serve, path):
    """Whichever key comes first, the good one finds the form."""

    def answer(request):
        if "v1" in request.path:
            return NO_PATH
        if request.headers["authorization"] != "Bearer good":
            return Reply(401, body=WHO)
        return Reply(body=models("m") if request.method == "GET" else completion("fine"))

    for keys in ("bad", "worse", "good"), ("good", "bad", "worse"):
        with Upstream(default=answer) as up:
            gateway = serve(profile("p", up, keys))
            for _ in range(4):
                assert gateway.ask("POST", path, {"model": "p/m", "input": "hi", "messages": []}).status == 200
            gateway.stop()


def test_all_keys_are_bad_at_the_wrong_form(serve):
    with Upstream(default=lambda request: NO_PATH if "v1" in request.path else Reply(403, body=WHO)) as up:
        gateway = serve(profile("p", up, ("bad", "worse", "worst")))
        assert gateway.chat("p/m").status == 403
        asked = [request.headers["authorization"] for request in up.requests if "v1" not in request.path]
        assert sorted(asked) == ["Bearer bad", "Bearer worse", "Bearer worst"]


def test_the_reason_says_what_was_changed(serve):
    """Also where the form is learned from the list between the two requests."""

    def answer(request):
        if "v1" not in request.path:
            return NO_PATH
        return Reply(body=models("m") if request.method == "GET" else {"id": "resp_1"})

    with Upstream(default=answer) as up:
        gateway = serve(profile("p", up).replace("/v1", ""))
        answer = gateway.ask("POST", "/v1/responses", {"model": "p/m", "input": "hi"})
        row = gateway.noted(answer)
        assert [each["why"] for each in row["attempts"]][1:] == ["after 404: /v1 added to the address"]


def test_the_list_is_asked_for_once_by_many(serve):
    gate = Gate()

    def answer(request):
        if "v1" in request.path:
            return NO_PATH
        if request.method == "GET":
            return Reply.stream([gate, json.dumps(models("m"))])
        return Reply(body={"id": "resp_1"})

    with Upstream(default=answer) as up:
        gateway = serve(profile("p", up))
        with contextlib.ExitStack() as clients:
            waiting = [clients.enter_context(gateway.client()) for _ in range(5)]
            for client in waiting:
                client.send("POST", "/v1/responses", {"model": "p/m", "input": "hi"})
            gate.wait_reached()
            up.wait_requests(7)
            waiting.pop(0).close()  # one that leaves takes it from nobody
            gate.open()
            assert [client.answer().status for client in waiting] == [200] * 4
        assert sum(request.method == "GET" for request in up.requests) == 2
