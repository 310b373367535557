"""/v1/responses and /v1/messages: understood as far as routing, limits and the truth of a stream need it."""

from __future__ import annotations

import json

import pytest

from support.upstream import Cut, Hang, Reply
from support.wire import error_body, text_stream

CONFIG = """
[profiles.a]
base_url = "{a}"
retries = 0

[profiles.b]
base_url = "{b}"
retries = 0

[profiles.free]
base_url = "{c}"
retries = 0

[prices."a/m"]
input = 1.0
output = 10.0

[routes.fast]
targets = ["a/m", "b/m"]
"""
USAGE = {"input_tokens": 1000, "output_tokens": 100}


def event(kind, **more):
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **more})}\n\n".encode()


def response(status="in_progress", **more):
    return {"id": "resp_1", "object": "response", "model": "m-1", "status": status, "output": [], **more}


STARTED = event("response.created", response=response())
DELTA = event("response.output_text.delta", delta="Hi")
COMPLETED = event("response.completed", response=response("completed", usage=USAGE))
RESPONSE = (STARTED, DELTA, COMPLETED)

MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m-1", "content": []}
BEGUN = event("message_start", message={**MESSAGE, "usage": {"input_tokens": 1000, "output_tokens": 1}})
TEXT = event("content_block_delta", index=0, delta={"type": "text_delta", "text": "Hi"})
REASON = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 100})
STOP = event("message_stop")
MESSAGES = (BEGUN, event("content_block_start", index=0), TEXT, REASON, STOP)

DOORS = {
    "responses": ("/v1/responses", {"input": "Hi"}, RESPONSE, response("completed", usage=USAGE, error=None)),
    "messages": ("/v1/messages", {"messages": [], "max_tokens": 9}, MESSAGES, {**MESSAGE, "usage": USAGE}),
}
by_door = pytest.mark.parametrize("door", DOORS)


def ask(stage, door, model="a/m", **more):
    path, body, _, _ = DOORS[door]
    return stage.gateway.ask("POST", path, {"model": model, **body, **more})


@by_door
def test_a_whole_answer_passes_and_is_accounted_for(stage, door):
    stage.a.script(Reply(body=DOORS[door][3]))
    answer = ask(stage, door)
    assert (answer.status, answer.json()) == (200, DOORS[door][3])
    assert float(answer.headers["x-llmctl-cost"]) == pytest.approx(0.002)
    assert stage.a.last.json() == {"model": "m", **DOORS[door][1]}


@by_door
def test_a_stream_passes_to_the_byte_and_is_accounted_for(stage, door):
    events = DOORS[door][2]
    stage.a.script(Reply.sse(*events, done=False))
    answer = ask(stage, door, stream=True)
    assert answer.body == b"".join(events)
    assert answer.whole
    attempt = stage.gateway.noted(answer)["attempts"][0]
    assert (attempt["prompt_tokens"], attempt["completion_tokens"]) == (1000, 100)
    assert attempt["cost"] == pytest.approx(0.002)


def test_what_open_responses_ends_with_passes(stage):
    stage.a.script(Reply.sse(*RESPONSE))
    assert ask(stage, "responses", stream=True).payloads[-1] == "[DONE]"


BEFORE = {"responses": STARTED, "messages": BEGUN}


@by_door
@pytest.mark.parametrize(
    "trouble",
    [
        [Cut()],
        [event("error", error={"type": "overloaded_error", "message": "too busy"}), Cut()],
        [b"event: error\ndata: {nonsense\n\n"],
        [],
    ],
    ids=["cut", "error", "garbage", "end"],
)
def test_before_the_first_token_the_next_target_is_asked(stage, door, trouble):
    stage.a.script(Reply.sse(BEFORE[door], *trouble, done=False))
    stage.b.script(Reply.sse(*DOORS[door][2], done=False))
    answer = ask(stage, door, "fast", stream=True)
    assert (answer.status, answer.body) == (200, b"".join(DOORS[door][2]))
    assert answer.headers["x-llmctl-profile"] == "b"


def test_a_response_that_fails_before_its_first_token_is_a_failure(stage):
    failed = response("failed", error={"code": "server_error", "message": "no room"})
    stage.a.script(Reply.sse(STARTED, event("response.failed", response=failed), done=False))
    answer = ask(stage, "responses", stream=True)
    assert answer.status == 502
    assert "no room" in answer.error["message"]


def test_a_response_that_fails_later_says_so_itself(stage):
    failed = event("response.failed", response=response("failed", error={"code": "e", "message": "no room"}))
    stage.a.script(Reply.sse(STARTED, DELTA, failed, done=False))
    answer = ask(stage, "responses", stream=True)
    assert answer.body == STARTED + DELTA + failed
    assert [stage.gateway.noted(answer)["outcome"], stage.gateway.noted(answer)["attempts"][0]["status"]] == [
        "server_error"
    ] * 2


@by_door
@pytest.mark.parametrize("end", [[], [Cut()], [b"event: response.output_text.delta\ndata: {", Cut()]])
def test_a_stream_without_its_end_is_no_whole_one(stage, door, end):
    begun = DOORS[door][2][:-2]
    stage.a.script(Reply.sse(*begun, *([DELTA] if door == "responses" else []), *end, done=False))
    answer = ask(stage, door, stream=True)
    assert (answer.status, answer.whole) == (200, False)
    last = answer.body.decode().rstrip("\n").rsplit("\n\n", 1)[1]
    assert last.startswith("event: error\ndata: ")
    told = json.loads(last.split("data: ", 1)[1])
    assert told["type"] == "error"
    assert "broke off" in (told["message"] if door == "responses" else told["error"]["message"]) or end
    assert stage.gateway.noted(answer)["outcome"] == "stream_broken"


HALF_ENDS = {"responses": COMPLETED[: len(COMPLETED) // 2], "messages": STOP[: len(STOP) - 4]}


@by_door
def test_half_a_last_event_says_nothing(stage, door):
    """The body ends without a framing error, in the middle of the event that would end the stream."""
    whole = DOORS[door][2][:-1]
    stage.a.script(Reply.sse(*whole, HALF_ENDS[door], done=False, chunked=False))
    answer = ask(stage, door, stream=True)
    if door == "messages":  # the stop reason has come before
        assert answer.whole
        assert answer.body == b"".join(whole) + b'event: message_stop\ndata: {"type": "message_stop"}\n\n'
    else:
        assert not answer.whole
        assert stage.gateway.noted(answer)["outcome"] == "stream_broken"


def test_a_comment_in_the_same_event_hides_nothing(stage):
    stage.a.script(Reply.sse(STARTED, DELTA, b": hb\n" + COMPLETED, done=False))
    answer = ask(stage, "responses", stream=True)
    assert answer.whole
    assert stage.gateway.noted(answer)["attempts"][0]["completion_tokens"] == 100


def test_a_connection_left_open_after_the_last_event_holds_nobody(stage):
    stage.a.script(Reply.sse(*RESPONSE, Hang(), done=False))
    assert ask(stage, "responses", stream=True).body == b"".join(RESPONSE)


def test_what_is_wrong_with_the_prompt_is_not_the_provider_s_failure(stage):
    failed = response("failed", error={"code": "invalid_prompt", "message": "no"})
    for model in ["a/wrong"] * 4:
        stage.a.script(Reply.sse(STARTED, event("response.failed", response=failed), done=False))
        assert ask(stage, "responses", model, stream=True).status == 400
    rows = stage.gateway.get("/api/state").json()["targets"]
    assert [row["failures"] for row in rows if row["target"] == "a/wrong"] in ([], [0])


def test_a_stream_that_a_client_leaves_counts_for_what_came(serve, upstream):
    """A message's usage is told at its beginning, when almost nothing has come."""
    gateway = serve(
        f'[profiles.a]\nbase_url = "{upstream.url}"\nretries = 0\nbudget = {{ usd_per_day = 0.01 }}\n'
        '[prices."a/m"]\ninput = 0.0\noutput = 10.0\n'
    )
    upstream.script(Reply.sse(BEGUN, *[TEXT] * 1500, Cut(), done=False))
    path, body, _, _ = DOORS["messages"]
    asked = {"model": "a/m", "stream": True, **body}
    assert gateway.ask("POST", path, asked).status == 200
    assert gateway.ask("POST", path, asked).status == 402


def test_nothing_is_written_into_other_streams_below(stage):
    """POST /v1/responses/compact and the like pass as they are, also when they break off."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
    stage.a.script(Reply.raw(head + b'{"a":'))
    answer = stage.gateway.ask("POST", "/v1/responses/compact", {"model": "a/m", "stream": True})
    assert (answer.body, answer.whole) == (b'{"a":', False)


def test_a_message_whose_last_event_is_missing_gets_it(stage):
    stage.a.script(Reply.sse(*MESSAGES[:-1], done=False))
    answer = ask(stage, "messages", stream=True)
    assert answer.whole
    assert answer.body.endswith(REASON + b'event: message_stop\ndata: {"type": "message_stop"}\n\n')


@by_door
def test_limits_and_budgets_see_them(serve, upstream, door):
    gateway = serve(
        f'[profiles.a]\nbase_url = "{upstream.url}"\nretries = 0\nbudget = {{ usd_per_day = 0.003 }}\n'
        '[prices."a/m"]\ninput = 1.0\noutput = 10.0\n'
    )
    path, body, _, whole = DOORS[door]
    upstream.default = Reply(body=whole)
    statuses = [gateway.ask("POST", path, {"model": "a/m", **body}).status for _ in range(3)]
    assert statuses == [200, 200, 402]


# errors


def test_our_own_errors_on_messages_are_anthropic_s(stage):
    answer = ask(stage, "messages", "nobody/nothing")
    told = answer.json()
    assert (answer.status, told["type"], told["error"]["type"]) == (404, "error", "not_found_error")
    assert told["request_id"] == answer.headers["request-id"] == answer.headers["x-llmctl-id"]
    assert set(told) == {"type", "error", "request_id"}


def test_a_provider_s_anthropic_error_keeps_its_bytes(stage):
    body = b'{"type": "error",  "error": {"type": "overloaded_error", "message": "busy"}}'
    stage.a.script(Reply(529, {"request-id": "req_7"}, body))
    answer = ask(stage, "messages")
    assert (answer.status, answer.body, answer.headers["request-id"]) == (529, body, "req_7")


def test_another_shape_becomes_anthropic_s(stage):
    stage.a.script(Reply(429, body=error_body("slow down")))
    answer = ask(stage, "messages")
    assert answer.status == 429
    assert answer.json()["error"] == {"type": "rate_limit_error", "message": "slow down"}


def test_errors_on_responses_are_openai_s(stage):
    answer = ask(stage, "responses", "nobody/nothing")
    assert (answer.status, answer.error["code"]) == (404, "model_not_found")


def test_an_answer_without_the_provider_s_id_has_ours(stage):
    stage.a.script(Reply.sse(*text_stream("Hi")))
    answer = stage.gateway.stream("a/m")
    assert answer.headers["x-request-id"] == answer.headers["x-llmctl-id"]
    stage.a.script(Reply.sse(*text_stream("Hi"), headers={"x-request-id": "theirs"}))
    assert stage.gateway.stream("a/m").headers["x-request-id"] == "theirs"


@pytest.mark.parametrize("path", ["/messages", "/v1/v1/messages", "/v1/messages?beta=true"])
def test_other_ways_to_write_the_path(stage, path):
    stage.a.script(Reply(body={**MESSAGE, "usage": USAGE}))
    assert stage.gateway.ask("POST", path, {"model": "a/m", "messages": []}).status == 200
    assert stage.a.last.path.startswith("/messages") or stage.a.last.path.startswith("/v1/messages")


def test_other_paths_below_pass_as_they_are(stage):
    stage.a.script(Reply(body={"input_tokens": 7}))
    answer = stage.gateway.ask("POST", "/v1/messages/count_tokens", {"model": "a/m", "messages": []})
    assert answer.json() == {"input_tokens": 7}
