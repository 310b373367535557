"""A base URL with or without /v1: the other form is looked for once, and by those doors alone that can tell."""

from __future__ import annotations

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
    """The root of a host may be anybody's: what it says of the key counts for nothing."""
    stage.a.default = lambda request: NO_PATH if "v1" in request.path else Reply(401, body=error_body("who?"))
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
