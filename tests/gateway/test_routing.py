"""From a model's name to the target that answers: profiles, aliases, lists, routes, keys, and `auto`."""

from __future__ import annotations

import json
import time

import pytest

from support.leaks import SECOND_KEY, TEST_KEY
from support.upstream import Reply
from support.wire import completion, error_body, models, text_stream

FAILURES = (401, 402, 403, 404, 429, 500, 503)
DOWN = "".join(
    f'[routes.down-{status}]\ntargets = ["a/down-{status}", "b/down-{status}"]\n' for status in FAILURES
)
CONFIG = f"""
{DOWN}
[profiles.a]
base_url = "{{a}}"
model = "default-a"
embedding_model = "embed-a"
retries = 0
quirks = {{ drop = ["tools"], structured = "none", media = [] }}

[profiles.b]
base_url = "{{b}}"
model = "default-b"
retries = 0

[profiles.keys]
base_url = "{{c}}"
keys = ["{TEST_KEY}", "{SECOND_KEY}", "third"]
retries = 0

[profiles.same1]
base_url = "{{c}}"
model = "shared-model"
[profiles.same2]
base_url = "{{c}}"
model = "shared-model"

[aliases]
fast = "b/quick"
"gpt-*" = "b/mapped-*"
"gpt-4*" = "a/four"
"claude-*-latest" = "b/any"
chained = "fast"
loop = "loop2"
loop2 = "loop"
"*-anything" = "fine"

[routes.fine]
targets = ["a/r1", "b/r1"]
[routes.nested]
targets = ["fast", "a/r2"]
[routes.dead]
targets = ["a/dead", "b/dead"]
[routes.limited]
targets = ["a/limited", "b/limited"]
[routes.flaky]
targets = ["a/flaky", "b/flaky"]
[routes.lost]
targets = ["a/lost", "b/lost"]
[routes.refused]
targets = ["a/refused", "b/refused"]
[routes.doors]
targets = ["a/doors", "b/doors"]
[routes.all-down]
targets = ["a/all-down", "b/all-down"]
[routes.resting]
targets = ["a/resting", "b/resting"]

[prices."a/default-a"]
input = 1
output = 1
[prices."b/default-b"]
input = 2
output = 2
[prices."same1/shared-model"]
input = 50
output = 50
[prices."same2/shared-model"]
input = 50
output = 50

[serve]
drain = 0.3
"""
FINE = Reply(body=completion("fine"))


@pytest.fixture(autouse=True)
def lists(stage):
    """What the providers list; it is asked for once."""
    stage.a.route("/v1/models", Reply(body=models("everywhere")))
    stage.b.route("/v1/models", Reply(body=models("everywhere", "only-b")))
    stage.c.route("/v1/models", Reply(404))
    stage.c.route("/models", Reply(404))


def chats(upstream):
    return [request for request in upstream.requests if request.method == "POST"]


def fine(stage):
    """Every upstream answers with its name."""
    for name in "abc":
        upstream = getattr(stage, name)
        upstream.script(*[Reply(body=completion(name))] * 10)


@pytest.mark.parametrize(
    ("model", "profile", "sent"),
    [
        ("a/x", "a", "x"),
        ("a/org/x:free", "a", "org/x:free"),
        ("fast", "b", "quick"),
        ("chained", "b", "quick"),
        ("gpt-5-mini", "b", "mapped-5-mini"),
        ("gpt-4o", "a", "four"),
        ("claude-3-5-latest", "b", "any"),
        ("default-a", "a", "default-a"),
        ("b", "b", "default-b"),
        ("fine", "a", "r1"),
        ("nested", "b", "quick"),
        ("some-anything", "a", "r1"),
    ],
)
def test_names(stage, model, profile, sent):
    fine(stage)
    answer = stage.gateway.chat(model)
    assert (answer.status, answer.text) == (200, profile)
    assert getattr(stage, profile).last.json()["model"] == sent
    assert answer.headers["x-llmctl-model"] == sent


def test_a_model_that_just_one_profile_lists(stage):
    stage.b.script(FINE)
    assert stage.gateway.chat("only-b").headers["x-llmctl-profile"] == "b"


@pytest.mark.parametrize("model", ["shared-model", "everywhere"])
def test_a_name_of_two_profiles_is_ambiguous(stage, model):
    answer = stage.gateway.chat(model)
    assert answer.status == 400
    assert answer.error["message"].count(f"/{model}") == 2


def test_an_unknown_model_gets_the_nearest_names(stage):
    answer = stage.gateway.chat("fsat")
    assert answer.status == 404
    assert answer.error["code"] == "model_not_found"
    assert "fast" in answer.error["message"]


@pytest.mark.parametrize(
    "model",
    [
        "loop",
        "a/",
        "/x",
        "nobody/x",
        "no-such-model-anywhere",
        pytest.param("x" * 5000, id="long"),
        "é\n\0",
        "*",
        "../x",
    ],
)
def test_odd_names_are_404(stage, model):
    assert stage.gateway.chat(model).status == 404


def test_embeddings_take_the_profiles_embedding_model(stage):
    stage.a.script(Reply(body={"object": "list", "data": []}))
    stage.gateway.ask("POST", "/v1/embeddings", {"model": "a", "input": "x"})
    assert stage.a.last.json()["model"] == "embed-a"


# auto


def test_auto_is_the_cheapest(stage):
    fine(stage)
    assert stage.gateway.chat("auto").headers["x-llmctl-model"] == "default-a"
    assert stage.gateway.chat("auto:cheapest").headers["x-llmctl-model"] == "default-a"


@pytest.mark.parametrize(
    "params",
    [
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]},
    ],
    ids=["tools", "schema", "image"],
)
def test_auto_takes_a_target_that_supports_what_is_used(stage, params):
    fine(stage)
    assert stage.gateway.chat("auto", **params).headers["x-llmctl-model"] == "default-b"


# health of a route's targets


@pytest.mark.parametrize("status", FAILURES)
def test_fallback(stage, status):
    stage.a.script(Reply(status, body=error_body("no")))
    stage.a.route("/chat/completions", Reply(404))
    stage.b.script(FINE)
    answer = stage.gateway.chat(f"down-{status}")
    assert (answer.text, answer.headers["x-llmctl-attempts"]) == ("fine", "2")
    line = json.loads(stage.gateway.wait_said(answer.headers["x-llmctl-id"]))
    assert [attempt[0] for attempt in line["attempts"]] == ["a", "b"]
    assert str(status) in line["attempts"][1][2]


def test_a_dead_key_is_left_alone(stage):
    stage.a.script(Reply(401, body=error_body("no")))
    stage.b.script(FINE, FINE, FINE)
    assert [stage.gateway.chat("dead").text for _ in range(3)] == ["fine"] * 3
    assert len(stage.a.requests) == 1


def test_a_limited_target_waits_as_told_and_comes_back(stage):
    stage.a.script(Reply(429, {"Retry-After-Ms": "300"}), Reply(body=completion("again")))
    stage.b.default = Reply(body=completion("instead"))
    assert stage.gateway.chat("limited").text == "instead"
    assert stage.gateway.chat("limited").text == "instead"
    end = time.monotonic() + 20
    while stage.gateway.chat("limited").text != "again":
        assert time.monotonic() < end, "it never came back"
    assert len(chats(stage.a)) == 2


def test_a_target_that_dies_is_left_alone_after_three_failures(stage):
    stage.a.default = Reply(500)
    stage.b.default = FINE
    assert [stage.gateway.chat("flaky").text for _ in range(8)] == ["fine"] * 8
    assert len(stage.a.requests) == 3


def test_the_last_target_is_tried_all_the_same(stage):
    stage.b.script(Reply(500), Reply(500), Reply(500), Reply(500), FINE)
    assert [stage.gateway.chat("b/last").status for _ in range(5)] == [500] * 4 + [200]


def test_a_route_whose_targets_all_rest_is_tried_all_the_same(stage):
    stage.a.default = stage.b.default = Reply(500, body=error_body("down"))
    for _ in range(4):
        assert stage.gateway.chat("all-down").status == 500
    stage.a.default = stage.b.default = FINE
    assert stage.gateway.chat("all-down").text == "fine"


def test_a_resting_target_still_stands_in_for_one_that_fails(stage):
    stage.a.script(Reply(429, {"Retry-After": "30"}), FINE)
    stage.b.script(FINE, Reply(500))
    assert stage.gateway.chat("resting").text == "fine"
    assert stage.gateway.chat("resting").text == "fine"


def test_one_door_never_cools_another(stage):
    stage.a.script(Reply(401), FINE)
    stage.b.script(FINE)
    body = {"model": "doors", "input": "x"}
    assert stage.gateway.ask("POST", "/v1/embeddings", body).headers["x-llmctl-profile"] == "b"
    assert stage.gateway.chat("doors").headers["x-llmctl-profile"] == "a"


def test_a_model_that_is_not_there_goes_on_and_cools_nothing(stage):
    stage.a.script(*[Reply(404, body=error_body("no model", code="model_not_found"))] * 4)
    stage.b.script(FINE, FINE, FINE, FINE)
    assert [stage.gateway.chat("lost").text for _ in range(4)] == ["fine"] * 4
    assert len(stage.a.requests) == 4


def test_a_request_that_is_wrong_is_not_asked_twice(stage):
    stage.a.script(Reply(400, body=error_body("temperature is wrong")))
    answer = stage.gateway.chat("refused")
    assert (answer.status, answer.headers["x-llmctl-attempts"]) == (400, "1")
    assert stage.b.requests == []


# several keys


def key_of(request):
    return request.headers["authorization"].removeprefix("Bearer ")


def test_keys_take_turns(stage):
    stage.c.script(*[FINE] * 6)
    for _ in range(6):
        assert stage.gateway.chat("keys/turns").status == 200
    used = [key_of(request) for request in stage.c.requests]
    assert sorted(used) == sorted([TEST_KEY, SECOND_KEY, "third"] * 2)
    assert set(used[:3]) == set(used[3:])


@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_dead_key_is_passed_over(stage, status):
    refused = Reply(status, body=error_body("no"))
    stage.c.default = lambda request: refused if key_of(request) == SECOND_KEY else FINE
    answers = [stage.gateway.chat(f"keys/dead-{status}") for _ in range(6)]
    assert [answer.status for answer in answers] == [200] * 6
    assert [key_of(request) for request in stage.c.requests].count(SECOND_KEY) == 1


def test_a_limited_key_makes_way(stage):
    limited = Reply(429, {"Retry-After": "60"}, error_body("slow"))
    stage.c.default = lambda request: FINE if key_of(request) == "third" else limited
    assert [stage.gateway.stream("keys/limited").status for _ in range(3)] == [200] * 3
    assert len(stage.c.requests) <= 5


def test_all_keys_dead(stage):
    stage.c.default = Reply(401, body=error_body("no"))
    assert stage.gateway.chat("keys/all").status == 401
    assert len({key_of(request) for request in stage.c.requests}) == 3
    assert stage.gateway.chat("keys/all").status == 401  # it is tried all the same
    assert len(stage.c.requests) > 3


def test_keys_are_nowhere_to_be_seen(stage):
    stage.c.script(Reply.sse(*text_stream("fine")))
    assert stage.gateway.stream("keys/secret").text == "fine"
    said = stage.gateway.said
    assert TEST_KEY not in said
    assert SECOND_KEY not in said
