"""Each call of the client, over both transports."""

from __future__ import annotations

import base64
import json
import struct

import pytest

from llmctl import Done, Finish, LlmctlError, Quirks, Text, Usage
from llmctl.errors import ConfigError, NotFound, NotUnderstood
from support.leaks import HEADER_SECRET, TEST_KEY
from support.upstream import Reply
from support.wire import chunk, completion, embeddings, error_body, models, text_stream, usage


def base64_vector(*numbers):
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def test_chat_asks_for_the_whole_answer(runner, target, upstream):
    upstream.script(Reply(body=completion("Hello.", usage=usage(5, 2))))
    answer = runner(target, lambda client: client.chat("Hi", temperature=0.5, seed=None))
    assert (answer.content, answer.finish_reason, answer.usage.total_tokens) == ("Hello.", "stop", 7)
    assert (answer.model, answer.id, answer.complete) == ("test-model", "chatcmpl-test", True)
    sent = upstream.last
    assert (sent.method, sent.path) == ("POST", "/v1/chat/completions")
    assert sent.json() == {
        "model": "test-model",
        "messages": [{"role": "user", "content": "Hi"}],
        "temperature": 0.5,
    }
    assert sent.headers["authorization"] == f"Bearer {TEST_KEY}"
    assert sent.headers["content-type"] == "application/json"
    assert "stream" not in sent.headers["accept"]


def test_stream_yields_events_and_collects_the_answer(runner, target, upstream):
    upstream.script(
        Reply.sse(*text_stream("Hel", "lo", usage=usage(5, 2)), headers={"x-request-id": "req_7"}),
    )

    async def call(client):
        stream = client.stream([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}])
        events = [event async for event in stream]
        return events, stream

    events, stream = runner(target, call)
    assert events == [
        Text("Hel"),
        Text("lo"),
        Finish("stop"),
        Usage(5, 2, 7),
        Done("stop", "test-model", "chatcmpl-test"),
    ]
    assert (stream.answer.content, stream.answer.usage) == ("Hello", events[3])
    assert (stream.summary.request_id, stream.summary.attempts) == ("req_7", 1)
    assert 0 <= stream.timing.first_token_ms <= stream.timing.total_ms
    body = upstream.last.json()
    assert body["stream"] is True
    assert body["stream_options"] == {"include_usage": True}
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert "text/event-stream" in upstream.last.headers["accept"]


def test_connections_are_kept_between_requests_by_httpx(target, upstream, runner):
    upstream.script(Reply(body=completion("1")), Reply(body=completion("2")))

    async def call(client):
        return [(await client.chat("Hi")).content for _ in range(2)]

    assert runner(target, call) == ["1", "2"]
    assert upstream.connections == (1 if runner.name == "httpx" else 2)


def test_a_model_of_the_call_beats_the_target_s(runner, target, upstream):
    upstream.script(Reply(body=completion("x")))
    runner(target, lambda client: client.chat("Hi", model="other/model:1"))
    assert upstream.last.json()["model"] == "other/model:1"


def test_text_that_is_no_ascii_arrives_unchanged(runner, target, upstream):
    text = "Grüße 👩‍👩‍👧 \u2028 𝔘 \x00 \\"
    upstream.script(Reply.sse(*text_stream(text)))
    assert runner(target, lambda client: _streamed(client, text)) == text
    assert upstream.last.json()["messages"][0]["content"] == text


async def _streamed(client, prompt):
    return "".join([event.text async for event in client.stream(prompt) if isinstance(event, Text)])


@pytest.mark.parametrize("streamed", [False, True])
def test_completions(runner, target, upstream, streamed):
    def piece(text, finish=None):
        return {"id": "c", "model": "m", "choices": [{"index": 0, "text": text, "finish_reason": finish}]}

    if streamed:
        upstream.script(Reply.sse(piece("Once "), piece("upon"), piece("", "length")))
    else:
        upstream.script(Reply(body=piece("Once upon", "length")))

    async def call(client):
        if not streamed:
            return await client.complete("Say", max_tokens=2)
        stream = client.stream_completion("Say", max_tokens=2)
        async for _ in stream:
            pass
        return stream.answer

    answer = runner(target, call)
    assert (answer.content, answer.finish_reason) == ("Once upon", "length")
    assert upstream.last.path == "/v1/completions"
    assert (upstream.last.json()["prompt"], upstream.last.json()["max_tokens"]) == ("Say", 2)
    assert upstream.last.json().get("stream", False) is streamed


def test_embeddings_as_base64_and_as_numbers(runner, target, upstream):
    upstream.script(
        Reply(body=embeddings(base64_vector(1, -2.5), base64_vector(0.5, 3))),
        Reply(body=embeddings([1, -2.5], [0.5, 3])),
    )

    async def call(client):
        return [await client.embed(["a", "b"]), await client.embed(["a", "b"], dimensions=2)]

    as_base64, as_numbers = runner(target, call)
    assert [list(vector) for vector in as_base64.vectors] == [[1, -2.5], [0.5, 3]]
    assert as_base64.vectors == as_numbers.vectors
    assert as_base64.usage.prompt_tokens == 3
    first, second = (request.json() for request in upstream.requests)
    assert first == {"model": "test-embed", "input": ["a", "b"], "encoding_format": "base64"}
    assert second["dimensions"] == 2


def test_embeddings_go_in_batches_up_to_the_provider_s_limit(runner, target_of, upstream):
    target = target_of(upstream, quirks=lambda _model: Quirks(embedding_batch=3, embedding_base64=False))

    def answer(request):
        texts = request.json()["input"]
        rows = embeddings(*([float(text), 0.0] for text in texts))
        rows["data"].reverse()  # the index counts, not the order
        return Reply(body=rows)

    upstream.default = answer
    result = runner(target, lambda client: client.embed([str(n) for n in range(7)]))
    assert [vector[0] for vector in result.vectors] == list(range(7))
    assert [len(request.json()["input"]) for request in upstream.requests] == [3, 3, 1]
    assert "encoding_format" not in upstream.last.json()
    assert result.usage.prompt_tokens == 9


def test_a_batch_of_token_lists(runner, target, upstream):
    upstream.script(Reply(body=embeddings([1.0], [2.0])))
    runner(target, lambda client: client.embed_batch([[1, 2], [3]]))
    assert upstream.last.json()["input"] == [[1, 2], [3]]


@pytest.mark.parametrize(
    "body",
    [
        {"object": "list", "data": []},
        embeddings([1.0], [2.0]),
        embeddings("not base64!"),
        embeddings(["x"]),
        embeddings([float("nan")]),
        {"data": [{"embedding": [], "index": 0}]},
        {"data": {}},
        [],
    ],
    ids=["none", "too many", "base64", "text", "NaN", "empty vector", "no list", "a list"],
)
def test_embeddings_that_are_none_are_not_understood(blocking, target, upstream, body):
    upstream.default = Reply(body=json.dumps(body))
    with pytest.raises(NotUnderstood):
        blocking(target, lambda client: client.embed(["a"]))


@pytest.mark.parametrize(
    "body",
    [
        models("b", "a/x:1", "b"),
        ["a/x:1", "b"],
        {"models": [{"name": "b"}, {"model": "a/x:1"}]},
        {"data": [{"id": "models/b"}, {"id": "a/x:1"}, 7]},
    ],
    ids=["openai", "bare list", "models", "gemini"],
)
def test_models_are_listed_in_order(runner, target, upstream, body):
    upstream.script(Reply(body=body))
    listed = runner(target, lambda client: client.models())
    assert [model.id for model in listed] == ["a/x:1", "b"]
    assert (upstream.last.method, upstream.last.path, upstream.last.body) == ("GET", "/v1/models", b"")
    assert "content-type" not in upstream.last.headers


def test_no_list_of_models_where_the_provider_has_none(runner, target_of, upstream):
    target = target_of(upstream, quirks=lambda _model: Quirks(model_list=False), model=None)
    for call in (lambda client: client.models(), lambda client: client.chat("Hi")):
        with pytest.raises(ConfigError, match="no list of models"):
            runner(target, call)
    assert upstream.requests == []


def test_the_only_model_listed_is_taken(runner, target_of, upstream):
    upstream.script(Reply(body=models("tiny")), Reply(body=completion("x")), Reply(body=completion("y")))

    async def call(client):
        await client.chat("Hi")
        await client.chat("Hi")
        return client.target.model

    assert runner(target_of(upstream, model=None), call) == "tiny"
    assert [request.method for request in upstream.requests] == ["GET", "POST", "POST"]


def test_several_models_listed_are_named(runner, target_of, upstream):
    upstream.script(Reply(body=models("one", "two")))
    with pytest.raises(ConfigError, match="one, two"):
        runner.chat(target_of(upstream, model=None))


def test_images(runner, target_of, upstream):
    rows = [{"b64_json": base64.b64encode(b"PNG").decode(), "revised_prompt": "A cat."}, {"url": "http://x/y"}]
    upstream.script(Reply(body={"created": 1, "data": rows}))
    target = target_of(upstream, image_model="draw")
    first, second = runner(target, lambda client: client.images("a cat", n=2, size="256x256"))
    assert (first.data, first.revised_prompt, second.url) == (b"PNG", "A cat.", "http://x/y")
    assert upstream.last.path == "/v1/images/generations"
    assert upstream.last.json() == {"model": "draw", "prompt": "a cat", "n": 2, "size": "256x256"}


def test_raw_gives_any_answer_as_it_came(runner, target, upstream):
    upstream.script(Reply(201, {"X-Some": "header"}, b"\x00\xff"))
    reply = runner(target, lambda client: client.raw("POST", "/any/thing?x=1", {"a": 1}))
    assert (reply.status, reply.headers["x-some"], reply.body) == (201, "header", b"\x00\xff")
    assert (upstream.last.target, upstream.last.json()) == ("/v1/any/thing?x=1", {"a": 1})


def test_raw_raises_for_an_error(runner, target, upstream):
    upstream.default = Reply(404, body=error_body("no such file", code="model_not_found"))
    with pytest.raises(NotFound, match="no such file"):
        runner(target, lambda client: client.raw("GET", "/files/1"))


def test_raw_stream_gives_the_provider_s_own_bytes(runner, target, upstream, collect):
    pieces = [b": ping\n\n", b'data: {"choices":[]}\r\n\r\n', b"\xff\x00", b"data: [DONE]\n\n"]
    upstream.script(Reply.stream(pieces, headers={"Content-Type": "text/event-stream"}))
    got = runner(target, lambda client: collect(client.raw_stream([{"role": "user", "content": "Hi"}])))
    assert b"".join(got) == b"".join(pieces)


def test_own_headers_are_sent_and_beat_ours(runner, target_of, upstream):
    upstream.script(Reply(body=completion("x")))
    target = target_of(upstream, headers={"X-Team": HEADER_SECRET, "User-Agent": "mine/1"})
    runner(target, lambda client: client.chat("Hi"))
    assert upstream.last.headers["x-team"] == HEADER_SECRET
    assert [value for name, value in upstream.last.raw_headers if name.lower() == "user-agent"] == ["mine/1"]


@pytest.mark.parametrize(
    ("auth", "header"), [("bearer", ("authorization", f"Bearer {TEST_KEY}")), ("api-key", ("api-key", TEST_KEY))]
)
def test_the_key_goes_into_the_header_of_its_kind(runner, target_of, upstream, auth, header):
    upstream.script(Reply(body=completion("x")))
    runner(target_of(upstream, auth=auth), lambda client: client.chat("Hi"))
    sent = {name.lower(): value for name, value in upstream.last.raw_headers if TEST_KEY in value}
    assert sent == dict([header])


def test_a_key_that_the_provider_echoes_is_not_repeated(runner, target, upstream):
    upstream.script(
        Reply(401, body=error_body(f"Incorrect API key provided: {TEST_KEY}.", code="invalid_api_key"))
    )
    with pytest.raises(LlmctlError) as failure:
        runner(target, lambda client: client.chat("Hi"))
    assert TEST_KEY not in f"{failure.value!r} {failure.value} {failure.value.as_dict()}"
    assert "Incorrect API key provided: ***" in failure.value.message


def test_notes_say_what_the_quirks_left_out(runner, target_of, upstream):
    upstream.script(Reply(body=completion("x")))
    notes = []
    target = target_of(upstream, quirks=lambda _model: Quirks(drop=("seed",), rename={"max_tokens": "most"}))
    runner(target, lambda client: client.chat("Hi", seed=1, max_tokens=5), on_note=notes.append)
    body = upstream.last.json()
    assert ("seed" in body, "max_tokens" in body, body["most"]) == (False, False, 5)
    assert len(notes) == 1
    assert "seed" in notes[0]


def test_usage_is_not_asked_for_where_it_is_refused(runner, target_of, upstream):
    upstream.script(Reply.sse(chunk("x", finish="stop")))
    runner.chat(target_of(upstream, quirks=lambda _model: Quirks(usage="never")))
    assert "stream_options" not in upstream.last.json()


def test_errors_say_which_profile_and_provider(runner, target_of, upstream):
    upstream.script(
        Reply(400, {"x-request-id": "req_9"}, error_body("no", param="temperature")),
    )
    with pytest.raises(LlmctlError) as failure:
        runner(target_of(upstream, provider="groq"), lambda client: client.chat("Hi"))
    facts = failure.value.as_dict()
    assert (facts["profile"], facts["provider"], facts["request_id"], facts["status"]) == (
        "work",
        "groq",
        "req_9",
        400,
    )
