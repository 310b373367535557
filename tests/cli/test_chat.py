"""`llmctl chat` into pipes: formats, parameters, warnings."""

from __future__ import annotations

import json

import pytest

from support.upstream import Reply
from support.wire import chunk, completion, error_body, models, text_stream, tool_call, usage

FINE = Reply.sse(*text_stream("Hel", "lo.", usage=usage(5, 2)), headers={"x-request-id": "req_7"})
ANSWER_KEYS = [
    *("content", "reasoning", "refusal", "tool_calls", "finish_reason"),
    *("usage", "cost", "id", "model", "profile", "provider", "timing", "request_id", "attempts", "conversation"),
]


def test_the_answer_goes_to_stdout_and_nothing_else(work, upstream, sent):
    upstream.script(FINE)
    result = work.chat().check()
    assert (result.out, result.err) == ("Hello.\n", "")
    assert sent() == [
        {
            "model": "test-model",
            "messages": [{"role": "user", "content": "Hi"}],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    ]


@pytest.mark.parametrize("text", ["line\n", "two\n\nlines\n", "  spaces  ", "\ttab\r\n", "**not** rendered"])
def test_text_is_passed_on_as_it_is(work, upstream, text):
    upstream.script(Reply.sse(*text_stream(text)))
    assert work.chat().check().out_bytes.decode() == (text if text.endswith("\n") else f"{text}\n")


@pytest.mark.parametrize("how", [[], ["--no-stream"]], ids=["streamed", "whole"])
def test_json(work, upstream, how, sent):
    whole = Reply(headers={"x-request-id": "req_7"}, body=completion("Hello.", usage=usage(5, 2)))
    upstream.script(whole if how else FINE)
    result = work.chat("--json", *how).check()
    answer = result.json()
    assert list(answer) == ANSWER_KEYS
    assert answer["usage"] == {
        **{key: answer["usage"][key] for key in answer["usage"]},
        "prompt_tokens": 5,
        "completion_tokens": 2,
        "total_tokens": 7,
    }
    assert (answer["content"], answer["finish_reason"], answer["tool_calls"]) == ("Hello.", "stop", [])
    assert (answer["reasoning"], answer["refusal"], answer["cost"]) == (None, None, None)
    assert (answer["model"], answer["profile"], answer["provider"]) == ("test-model", "work", "generic")
    assert (answer["id"], answer["request_id"], answer["attempts"]) == ("chatcmpl-test", "req_7", 1)
    assert list(answer["timing"]) == ["first_token_ms", "total_ms", "tokens_per_second"]
    assert result.err == ""
    assert sent()[0].get("stream", False) is not bool(how)


def test_what_is_unknown_is_null_and_never_zero(work, upstream):
    upstream.script(Reply.sse(*text_stream("x")))
    answer = work.chat("--json").check().json()
    assert (answer["usage"], answer["cost"], answer["request_id"]) == (None, None, None)
    assert answer["timing"]["tokens_per_second"] is None


def test_cost_by_own_prices(work, upstream):
    work.configure('[prices."work/test-model"]\ninput = 1.0\noutput = 10.0')
    upstream.script(FINE)
    assert work.chat("--json").check().json()["cost"] == pytest.approx(25e-6)


def test_tool_calls_in_json_and_as_text(work, upstream):
    calls = Reply.sse(
        chunk(tool_calls=[tool_call("add", '{"a": 1}', index=0)]),
        chunk(finish="tool_calls"),
    )
    upstream.script(calls, calls)
    answer = work.chat("--json").check().json()
    assert answer["tool_calls"] == [tool_call("add", '{"a": 1}')]
    result = work.chat().check()
    assert (result.out, "add" in result.err) == ("", True)


def test_jsonl_is_the_event_stream(work, upstream):
    upstream.script(
        Reply.sse(chunk(reasoning="Hm."), *text_stream("Hel", "lo", usage=usage(5, 2))),
    )
    result = work.chat("--jsonl").check()
    events = result.jsonl()
    assert [event["type"] for event in events] == ["reasoning", "text", "text", "finish", "usage", "done"]
    assert [event["text"] for event in events[:3]] == ["Hm.", "Hel", "lo"]
    assert list(events[-1]) == ["type", *ANSWER_KEYS]
    assert events[-1]["content"] == "Hello"
    assert result.err == ""


def test_jsonl_ends_with_an_error_event(work, upstream):
    upstream.script(Reply.sse(chunk("half"), error_body("overloaded", code=503), done=False))
    result = work.chat("--jsonl").check(7)
    text, error = result.jsonl()
    assert (text["type"], error["type"]) == ("text", "error")
    assert error["error"] == result.error()
    assert (error["error"]["code"], error["error"]["partial"]) == ("overloaded", "half")


@pytest.mark.parametrize(
    "body",
    [
        b'data: {"choices":[{"delta":{"content":"\xc3\xa9\xff"}}]}\r\n\r\n: x\n\ndata: [DONE]',
        b'{"choices": [], "odd": 1}\n',
        b"not even JSON \x00\x1b[31m",
    ],
    ids=["stream", "json", "anything"],
)
@pytest.mark.parametrize("how", [[], ["--no-stream"]], ids=["streamed", "whole"])
def test_raw_is_the_provider_s_own_bytes(work, upstream, body, how):
    upstream.script(Reply(200, {"Content-Type": "text/event-stream"}, body))
    result = work.chat("--raw", *how).check()
    assert (result.out_bytes, result.err) == (body, "")


def test_raw_that_fails(work, upstream):
    upstream.script(Reply(400, body=error_body("bad n")))
    result = work.chat("--raw").check(5)
    assert (result.out, "bad n" in result.err) == ("", True)


def test_several_answers(work, upstream, sent):
    chunks = [chunk("one"), chunk("two", index=1), chunk(finish="stop"), chunk(finish="stop", index=1)]
    upstream.default = Reply.sse(*chunks)
    assert work.chat("-n", "2").check().out == "one\n---\ntwo\n"
    answer = work.chat("-n", "2", "--json").check().json()
    assert [choice["content"] for choice in answer["choices"]] == ["one", "two"]
    assert [body["n"] for body in sent()] == [2, 2]


def test_parameters(work, upstream, sent):
    upstream.script(FINE)
    work.chat(
        *("-s", "Be brief.", "--temperature", "0.5", "--max-tokens", "9", "--seed", "3", "--logprobs"),
        *("--stop", "a", "--stop", "\n", "--reasoning-effort", "low", "-m", "other/model"),
    ).check()
    (body,) = sent()
    assert body == {
        "model": "other/model",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
        "temperature": 0.5,
        "max_tokens": 9,
        "seed": 3,
        "stop": ["a", "\n"],
        "logprobs": True,
        "reasoning_effort": "low",
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_options_are_typed_and_may_be_nested(work, upstream, sent):
    upstream.script(FINE)
    pairs = [
        *("top_p=0.9", "user=me", "store=false", "x=null", 'stop=["a", "b"]', "quoted=\"1\""),
        *("a.b.c=1", "a.b.d=two=2", "stream_options.include_usage=false", "temperature=1"),
    ]  # fmt: skip
    work.chat(*(part for pair in pairs for part in ("-o", pair)), "--temperature", "0.25").check()
    (body,) = sent()
    assert {key: body.get(key) for key in ("top_p", "user", "store", "stop", "quoted", "temperature")} == {
        "top_p": 0.9,
        "user": "me",
        "store": False,
        "stop": ["a", "b"],
        "quoted": "1",
        "temperature": 0.25,
    }
    assert body["a"] == {"b": {"c": 1, "d": "two=2"}}
    assert body["stream_options"] == {"include_usage": False}


def test_logprobs_are_in_the_json(work, upstream):
    piece = chunk("a", finish="stop")
    piece["choices"][0]["logprobs"] = {"content": [{"token": "a", "logprob": -0.5}]}
    upstream.script(Reply.sse(piece))
    assert work.chat("--logprobs", "--json").check().json()["logprobs"] == [{"token": "a", "logprob": -0.5}]


def test_reasoning_is_shown_when_asked_for_on_stderr(work, upstream):
    upstream.default = Reply.sse(chunk(reasoning="Hm, "), chunk(reasoning="so."), *text_stream("Hello"))
    quiet = work.chat().check()
    assert (quiet.out, quiet.err) == ("Hello\n", "")
    shown = work.chat("--show-reasoning").check()
    assert (shown.out, shown.err.rstrip("\n")) == ("Hello\n", "Hm, so.")


def test_usage_is_one_line_on_stderr(work, upstream):
    upstream.script(FINE)
    result = work.chat("--usage").check()
    assert result.out == "Hello.\n"
    assert result.err.startswith("work/test-model · 5 in · 2 out · cost unknown · first token ")
    assert result.err.count("\n") == 1


def test_unknown_usage_is_called_unknown(work, upstream):
    upstream.script(Reply.sse(*text_stream("x")))
    assert "tokens unknown · cost unknown" in work.chat("--usage").check().err


@pytest.mark.parametrize(
    ("reply", "word"),
    [
        (Reply.sse(*text_stream("cut", finish="length")), "token limit"),
        (Reply.sse(*text_stream("cut", finish="content_filter")), "filtered"),
        (Reply.sse(chunk(refusal="cut", finish="stop")), "refused"),
    ],
    ids=["length", "content_filter", "refusal"],
)
@pytest.mark.parametrize("how", [[], ["--json"], ["--jsonl"]], ids=["text", "json", "jsonl"])
def test_truncation_and_filtering_are_never_silent(work, upstream, reply, word, how):
    upstream.script(reply)
    result = work.chat(*how).check()
    assert "cut" in result.out
    assert "warning" in result.err
    assert word in result.err


def test_quirks_leave_parameters_out_and_say_so(work, upstream, sent):
    work.configure('quirks = { drop = ["seed"] }')
    upstream.script(FINE)
    result = work.chat("--seed", "1").check()
    assert "seed" not in sent()[0]
    assert "note: seed left out" in result.err


def test_retries_are_told_on_stderr(work, upstream):
    upstream.script(Reply(500, {"Retry-After-Ms": "1"}, error_body("busy")), FINE)
    result = work.chat("--retries", "1").check()
    assert (result.out, "retry 1 of 1 in 0.0 s: 500 busy" in result.err) == ("Hello.\n", True)


def test_profile_and_model_in_one(work, upstream, sent):
    upstream.script(FINE)
    work("chat", "-m", "work/org/model:1", "Hi").check()
    assert sent()[0]["model"] == "org/model:1"


def test_the_only_model_of_a_server_needs_no_name(cli, upstream):
    upstream.script(Reply(body=models("tiny")), FINE)
    assert cli.run("chat", "--base-url", f"{upstream.url}/v1", "Hi").check().out == "Hello.\n"
    assert upstream.last.json()["model"] == "tiny"


def test_variables_choose_profile_and_model(work, upstream, sent):
    work.configure(head="")
    upstream.script(FINE)
    work.chat(env={"LLMCTL_PROFILE": "work", "LLMCTL_MODEL": "from-env"}).check()
    assert sent()[0]["model"] == "from-env"


def test_without_any_profile_the_openai_variables_count(cli, upstream):
    upstream.script(FINE)
    env = {"OPENAI_BASE_URL": f"{upstream.url}/v1", "OPENAI_API_KEY": "sk-other", "OPENAI_MODEL": "m"}
    cli.run("chat", "Hi", env=env).check()
    assert upstream.last.headers["authorization"] == "Bearer sk-other"


def test_the_demo_profile_needs_nothing(cli):
    result = cli.run("chat", "-p", "demo", "Hi").check()
    assert "demo provider" in result.out
    answer = cli.run("chat", "-p", "demo", "--json", "Hi").check().json()
    assert (answer["profile"], answer["provider"], answer["model"]) == ("demo", "demo", "demo")
    assert json.dumps(answer["usage"]).count("null") < 6


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["--json", "--raw"], "exclude each other"),
        (["--jsonl", "--curl"], "exclude each other"),
        (["-o", "nothing"], "is not key=value"),
        (["-o", "messages=[]"], "messages"),
        (["-o", "stream=false"], "--no-stream"),
        (["-o", "model=x"], "-m"),
        (["-o", "a=1", "-o", "a.b=2"], "a is already set"),
        (["-n", "0"], "-n"),
        (["--retries", "21"], "--retries"),
        (["--temperature", "hot"], "hot"),
        (["--key", "sk-written-out"], "reference"),
        (["--timeout", "0"], "--timeout"),
    ],
)
def test_wrong_usage_is_explained_without_a_request(work, upstream, args, text):
    result = work.chat(*args).check(2)
    assert (result.out, "error" in result.err, text in result.err) == ("", True, True)
    assert "sk-written-out" not in result.err
    assert upstream.requests == []
