"""The cache of whole answers, as clients see it."""

from __future__ import annotations

import time

import pytest

from support.gateway import CHAT, chat_body
from support.upstream import Cut, Reply
from support.wire import chunk, completion, embeddings, error_body, text_stream, tool_call, usage

CONFIG = """
[profiles.a]
base_url = "{a}"
retries = 0
[profiles.b]
base_url = "{b}"
retries = 0

[routes.kept]
targets = ["a/kept"]
cache = true
[routes.other]
targets = ["a/kept"]
cache = true
[routes.elsewhere]
targets = ["b/kept"]
cache = true
[routes.fresh]
targets = ["a/fresh"]
cache = false

[prices."a/kept"]
input = 1
output = 1

[serve]
drain = 0.3
"""
ON = {"x-llmctl-cache": "on"}


def counting(stage, stream=False):
    """The upstream's answers are numbered."""

    def answer(request):
        if request.method == "GET":
            return Reply(404)
        text = str(sum(asked.method == "POST" for asked in stage.a.requests))
        if request.json().get("stream"):
            return Reply.sse(*text_stream(text, usage=usage()))
        return Reply(body=completion(text, usage=usage()))

    stage.a.default = answer


def over(stage, answer):
    """The answer, once its request is over and what is kept of it is there."""
    stage.gateway.wait_said(answer.headers["x-llmctl-id"])
    return answer


def state(answer):
    return answer.text, answer.headers.get("x-llmctl-cache")


def test_off_by_default(stage):
    counting(stage)
    assert [state(stage.gateway.chat("a/off")) for _ in range(2)] == [("1", None), ("2", None)]


def test_by_header(stage):
    counting(stage)
    first, second = (over(stage, stage.gateway.chat("a/header", headers=ON)) for _ in range(2))
    assert (state(first), state(second)) == (("1", "miss"), ("1", "hit"))
    assert second.body == first.body
    assert second.headers["content-type"] == "application/json"
    assert int(second.headers["age"]) >= 0
    assert second.headers["x-llmctl-attempts"] == "0"
    assert len(stage.a.requests) == 1
    assert state(stage.gateway.chat("a/header"))[1] is None  # who doesn't ask for it doesn't get it


def test_by_route(stage):
    counting(stage)
    assert [state(over(stage, stage.gateway.chat("kept", "By route"))) for _ in range(2)] == [
        ("1", "miss"),
        ("1", "hit"),
    ]
    assert [state(stage.gateway.chat("fresh")) for _ in range(2)] == [("2", None), ("3", None)]


def test_streams_come_back_as_streams(stage):
    counting(stage)
    first, second = (over(stage, stage.gateway.stream("a/streams", headers=ON)) for _ in range(2))
    assert second.headers["x-llmctl-cache"] == "hit"
    assert second.body == first.body
    assert second.done
    assert second.headers["content-type"] == first.headers["content-type"]
    assert len(second.pieces) == len(second.payloads)


def test_whole_and_streamed_answers_are_not_mixed(stage):
    counting(stage)
    over(stage, stage.gateway.stream("a/mixed", headers=ON))
    assert state(stage.gateway.chat("a/mixed", headers=ON)) == ("2", "miss")


def test_usage_is_there_for_those_who_ask_only(stage):
    counting(stage)
    options = {"include_usage": True}
    for more in ({"stream_options": options}, {}):
        first, second = (over(stage, stage.gateway.stream("a/usage", headers=ON, **more)) for _ in range(2))
        assert second.headers["x-llmctl-cache"] == "hit"
        assert first.body == second.body
        assert ("usage" in second.events[-1]) == bool(more)


@pytest.mark.parametrize(
    "change",
    [{"temperature": 0.5}, {"seed": 1}, {"unknown": [1]}, {"messages": []}, {"model": "a/keys2"}, {"user": "x"}],
    ids=lambda change: next(iter(change)),
)
def test_all_that_shapes_the_answer_counts(stage, change):
    counting(stage)
    body = chat_body("a/keys")
    over(stage, stage.gateway.ask("POST", CHAT, body, ON))
    answer = stage.gateway.ask("POST", CHAT, {**body, **change}, ON)
    assert answer.headers["x-llmctl-cache"] == "miss"
    assert len(stage.a.requests) in (1, 2)


def test_routes_with_other_targets_are_other_answers(stage):
    counting(stage)
    stage.b.default = Reply(body=completion("b"))
    over(stage, stage.gateway.chat("kept", "Targets"))
    assert state(stage.gateway.chat("elsewhere", "Targets")) == ("b", "miss")


def test_one_client_never_gets_anothers_answer(stage):
    counting(stage)
    keys = [stage.cli.run("serve", "key", "add", name).check().out.strip() for name in ("one", "two")]
    bearers = [{**ON, "Authorization": f"Bearer {key}"} for key in keys]
    end = time.monotonic() + 20
    for bearer in bearers:
        while stage.gateway.get("/v1/models", bearer).status != 200:
            assert time.monotonic() < end, "the gateway doesn't hear of keys"
    stage.a.requests.clear()
    seen = [state(over(stage, stage.gateway.chat("a/scope", headers=bearer))) for bearer in bearers * 2]
    assert seen == [("1", "miss"), ("2", "miss"), ("1", "hit"), ("2", "hit")]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=completion("cut", "length")),
        Reply(body=completion("", "content_filter")),
        Reply(500, body=error_body("no")),
        Reply(400, body=error_body("no")),
        Reply.sse(chunk("half"), Cut()),
        Reply.sse(*text_stream("long", finish="length")),
    ],
    ids=["length", "filter", "500", "400", "cut", "length in a stream"],
)
def test_only_whole_and_unfiltered_answers_are_kept(stage, request, reply):
    stream = reply.steps is not None
    stage.a.script(reply, Reply.sse(*text_stream("fine")) if stream else Reply(body=completion("fine")))
    for _ in range(2):
        answer = stage.gateway.chat("a/partial", request.node.name, ON, stream=stream)
        over(stage, answer)
    assert answer.text == "fine"
    assert answer.headers["x-llmctl-cache"] == "miss"


def test_tool_calls_and_embeddings_are_kept(stage):
    stage.a.script(Reply(body=completion(None, "tool_calls", tool_calls=[tool_call("f")])))
    seen = [over(stage, stage.gateway.chat("a/calls", headers=ON)).headers["x-llmctl-cache"] for _ in range(2)]
    assert seen == ["miss", "hit"]
    stage.a.script(Reply(body=embeddings([0.5])))
    body = {"model": "a/vectors", "input": "x"}
    seen = [
        over(stage, stage.gateway.ask("POST", "/v1/embeddings", body, ON)).headers["x-llmctl-cache"]
        for _ in range(2)
    ]
    assert seen == ["miss", "hit"]


def test_what_a_client_may_say_of_it(stage):
    counting(stage)

    def ask(**headers):
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        return state(over(stage, stage.gateway.chat("kept", "Wishes", told)))

    assert ask() == ("1", "miss")
    assert ask(x_llmctl_cache="off")[0] == "2"
    assert ask() == ("1", "hit")
    assert ask(x_llmctl_cache="refresh")[0] == "3"
    assert ask() == ("3", "hit")
    assert ask(cache_control="no-cache")[0] == "4"
    assert ask(x_llmctl_cache="max-age=0")[0] == "5"


def test_a_hit_costs_nothing(stage):
    counting(stage)
    over(stage, stage.gateway.chat("kept", "Costs"))
    hit = stage.gateway.chat("kept", "Costs")
    assert hit.headers["x-llmctl-cache"] == "hit"
    assert '"cache": "hit"' in stage.gateway.wait_said(hit.headers["x-llmctl-id"])
    assert "x-llmctl-cost" not in hit.headers or float(hit.headers["x-llmctl-cost"]) == 0
