"""Chat completions over real HTTP: words, tools, structured output, limits, streams."""

from __future__ import annotations

import base64
import json

import jsonschema
import pytest

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1, "maximum": 7}},
            "required": ["city", "days"],
            "additionalProperties": False,
        },
    },
}
NOTE = {"type": "custom", "custom": {"name": "note"}}
OTHER = {"type": "function", "function": {"name": "other"}}


def test_says_that_it_is_a_demo_and_what_was_said(chat):
    got = chat("Grüße, 世界 🎈")
    message = got.json["choices"][0]["message"]
    assert got.status == 200
    assert "demo provider of llmctl" in message["content"]
    assert "“Grüße, 世界 🎈”" in message["content"]
    assert "llmctl init" in message["content"]
    assert (message["refusal"], message["annotations"]) == (None, [])


def test_same_request_same_answer(chat):
    one, other = chat("again").json, chat("again").json
    assert {**one, "created": 0} == {**other, "created": 0}
    assert one["id"] != chat("else").json["id"]
    assert chat("again").headers["x-request-id"] == chat("again").headers["x-request-id"]


def test_every_field_that_openai_requires(chat):
    body = chat().json
    assert body["object"] == "chat.completion"
    assert body["service_tier"] == "default"
    assert body["system_fingerprint"]
    choice = body["choices"][0]
    assert choice.keys() == {"index", "message", "logprobs", "finish_reason"}
    usage = body["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["prompt_tokens_details"].keys() == {"cached_tokens", "audio_tokens"}
    assert len(usage["completion_tokens_details"]) == 4


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [("show me markdown", "## "), ("a table please", "| --- |"), ("some code", "```python")],
)
def test_samples_of_markdown(chat, prompt, expected):
    content = chat(prompt).json["choices"][0]["message"]["content"].replace("|---|", "| --- |")
    assert expected in content


def test_mentions_attachments_turns_and_system_prompt(chat):
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    sound = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
    paper = {"type": "file", "file": {"file_data": "AAAA", "filename": "a.pdf"}}
    messages = [
        {"role": "system", "content": "Be brief, please."},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "1"},
        {"role": "user", "content": [{"type": "text", "text": "two"}, picture, picture, sound, paper]},
    ]
    content = chat(messages).json["choices"][0]["message"]["content"]
    assert "2 images and 1 audio clip and 1 file" in content
    assert "turn 2" in content
    assert "3 words" in content
    assert "“two”" in content


@pytest.mark.parametrize("tools", [[WEATHER, OTHER], [OTHER, WEATHER]])
@pytest.mark.parametrize("choice", [None, "auto", "required"])
def test_calls_the_first_tool(chat, tools, choice):
    body = chat("weather?", tools=tools, **({"tool_choice": choice} if choice else {})).json
    answered = body["choices"][0]
    assert answered["finish_reason"] == "tool_calls"
    assert answered["message"]["content"] is None
    (made,) = answered["message"]["tool_calls"]
    function = tools[0]["function"]
    assert (made["type"], made["function"]["name"]) == ("function", function["name"])
    jsonschema.validate(json.loads(made["function"]["arguments"]), function.get("parameters", {}))


@pytest.mark.parametrize(
    "choice",
    [
        {"type": "function", "function": {"name": "get_weather"}},
        {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [WEATHER]}},
    ],
)
def test_calls_the_tool_that_is_named(chat, choice):
    body = chat("weather?", tools=[OTHER, WEATHER], tool_choice=choice).json
    assert body["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "get_weather"


def test_custom_tool_gets_the_prompt_as_input(chat):
    made = chat("write this", tools=[NOTE]).json["choices"][0]["message"]["tool_calls"][0]
    assert made["custom"] == {"name": "note", "input": "write this"}


def test_no_call_when_none_is_wanted(chat):
    answered = chat("weather?", tools=[WEATHER], tool_choice="none").json["choices"][0]
    assert answered["finish_reason"] == "stop"
    assert "tool_calls" not in answered["message"]


def test_answers_in_words_after_the_tool_has_spoken(chat):
    first = chat("weather?", tools=[WEATHER]).json["choices"][0]["message"]
    result = {"role": "tool", "tool_call_id": first["tool_calls"][0]["id"], "content": "12 degrees"}
    answered = chat([{"role": "user", "content": "weather?"}, first, result], tools=[WEATHER]).json["choices"][0]
    assert answered["finish_reason"] == "stop"
    assert "“12 degrees”" in answered["message"]["content"]


def test_legacy_functions(chat):
    answered = chat("weather?", functions=[WEATHER["function"]]).json["choices"][0]
    assert answered["finish_reason"] == "function_call"
    assert answered["message"]["function_call"]["name"] == "get_weather"
    history = [
        {"role": "user", "content": "weather?"},
        answered["message"],
        {"role": "function", "name": "get_weather", "content": "sunny"},
    ]
    assert "“sunny”" in chat(history).json["choices"][0]["message"]["content"]
    named = chat("x", functions=[{"name": "a"}, {"name": "b"}], function_call={"name": "b"}).json
    assert named["choices"][0]["message"]["function_call"] == {"name": "b", "arguments": "{}"}


@pytest.mark.parametrize("tool", [WEATHER, NOTE])
def test_streamed_call_adds_up_to_the_whole_one(chat, tool):
    whole = chat("weather?", tools=[tool]).json["choices"][0]["message"]["tool_calls"][0]
    events = chat("weather?", tools=[tool], stream=True).events
    kind = tool["type"]
    field = {"function": "arguments", "custom": "input"}[kind]
    parts = [c["delta"]["tool_calls"][0] for e in events for c in e["choices"] if "tool_calls" in c["delta"]]
    assert parts[0] == {"index": 0, **whole, kind: {**whole[kind], field: ""}}
    assert all(part.keys() == {"index", kind} for part in parts[1:])
    assert "".join(part[kind][field] for part in parts) == whole[kind][field]
    assert events[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_streamed_legacy_call(chat):
    events = chat("x", functions=[{"name": "f"}], stream=True).events
    parts = [e["choices"][0]["delta"].get("function_call") for e in events]
    assert [part for part in parts if part] == [{"name": "f", "arguments": ""}, {"arguments": "{}"}]
    assert events[-1]["choices"][0]["finish_reason"] == "function_call"


def test_json_object(chat):
    content = chat("as JSON", response_format={"type": "json_object"}).json["choices"][0]["message"]["content"]
    assert json.loads(content)["you_said"] == "as JSON"


def test_json_schema(chat):
    schema = WEATHER["function"]["parameters"]
    wanted = {"type": "json_schema", "json_schema": {"name": "w", "schema": schema, "strict": True}}
    whole = chat("as JSON", response_format=wanted)
    jsonschema.validate(json.loads(whole.json["choices"][0]["message"]["content"]), schema)
    assert (
        chat("as JSON", response_format=wanted, stream=True).text == whole.json["choices"][0]["message"]["content"]
    )


@pytest.mark.parametrize(
    "schema", [{"type": "string", "enum": [1]}, {"$ref": "#/nowhere"}, {"properties": 3}, {"$ref": "other.json"}]
)
def test_schema_that_nothing_fits(chat, schema):
    wanted = {"type": "json_schema", "json_schema": {"name": "w", "schema": schema}}
    got = chat("x", response_format=wanted)
    assert (got.status, got.json["error"]["code"]) == (400, "invalid_json_schema")
    got = chat("x", tools=[{"type": "function", "function": {"name": "f", "parameters": schema}}])
    assert (got.status, got.json["error"]["code"]) == (400, "invalid_function_parameters")


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_token_limit(chat, name):
    body = chat("hello", **{name: 3}).json
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["choices"][0]["message"]["content"] == "This is the"
    assert body["usage"]["completion_tokens"] == 3


@pytest.mark.parametrize("stop", ["demo", ["nowhere", "demo"], ["of llmctl", "demo"]])
def test_stops_before_a_stop_sequence(chat, stop):
    answered = chat("hello", stop=stop).json["choices"][0]
    assert (answered["message"]["content"], answered["finish_reason"]) == ("This is the ", "stop")


def test_several_choices_differ_and_take_turns(chat):
    whole = chat("hello", n=3).json["choices"]
    assert [choice["index"] for choice in whole] == [0, 1, 2]
    assert len({choice["message"]["content"] for choice in whole}) == 3
    events = chat("hello", n=3, stream=True).events
    assert [event["choices"][0]["index"] for event in events[:6]] == [0, 1, 2, 0, 1, 2]
    for choice in whole:
        deltas = [e["choices"][0]["delta"] for e in events if e["choices"][0]["index"] == choice["index"]]
        assert "".join(d.get("content") or "" for d in deltas) == choice["message"]["content"]


def test_stream_in_the_order_openai_keeps(chat):
    events = chat("hello", stream=True).events
    assert events[0]["choices"][0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
    assert events[-1]["choices"][0] == {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}
    assert all(event["choices"][0]["finish_reason"] is None for event in events[:-1])
    assert {event["object"] for event in events} == {"chat.completion.chunk"}
    assert len({(event["id"], event["created"]) for event in events}) == 1
    assert not any("usage" in event for event in events)


def test_stream_with_usage(chat):
    events = chat("hello", stream=True, stream_options={"include_usage": True}).events
    assert all(event["usage"] is None for event in events[:-1])
    assert events[-1]["choices"] == []
    assert events[-1]["usage"] == chat("hello").json["usage"]


def test_stream_headers(chat):
    got = chat("hello", stream=True)
    assert got.headers["content-type"].startswith("text/event-stream")
    assert got.headers["cache-control"] == "no-cache"
    assert got.headers["x-request-id"].startswith("req_")


def test_logprobs(chat):
    body = chat("hello é", logprobs=True, top_logprobs=3).json["choices"][0]
    entries = body["logprobs"]["content"]
    assert "".join(entry["token"] for entry in entries) == body["message"]["content"]
    assert body["logprobs"]["refusal"] is None
    for entry in entries:
        assert bytes(entry["bytes"]).decode() == entry["token"]
        assert entry["logprob"] <= 0
        assert [t["logprob"] for t in entry["top_logprobs"]] == sorted(
            (t["logprob"] for t in entry["top_logprobs"]), reverse=True
        )
        assert len({t["token"] for t in entry["top_logprobs"]}) == 3
    events = chat("hello é", logprobs=True, top_logprobs=3, stream=True).events
    streamed = [x for e in events if e["choices"][0]["logprobs"] for x in e["choices"][0]["logprobs"]["content"]]
    assert streamed == entries


def test_thinking_model(chat):
    body = chat("hello", model="demo-think").json
    message = body["choices"][0]["message"]
    assert message["reasoning_content"]
    assert body["usage"]["completion_tokens_details"]["reasoning_tokens"] > 0
    deltas = [e["choices"][0]["delta"] for e in chat("hello", model="demo-think", stream=True).events]
    kinds = [key for delta in deltas[1:-1] for key in delta]
    assert kinds == sorted(kinds, reverse=True)  # every reasoning_content before every content
    assert "".join(d.get("reasoning_content", "") for d in deltas) == message["reasoning_content"]
    assert "reasoning_content" not in chat("hello", reasoning_effort="high").json["choices"][0]["message"]


def test_model_that_is_always_cut_off(chat):
    for more in ({}, {"tools": [OTHER]}, {"max_tokens": 1000}):
        assert chat("hello", model="demo-length", **more).json["choices"][0]["finish_reason"] == "length"


def test_lone_surrogate_survives(call):
    body = rb'{"model":"demo","messages":[{"role":"user","content":"\ud800!"}],"logprobs":true}'
    got = call("POST", "/v1/chat/completions", body)
    assert got.status == 200
    assert "\ud800!" in got.json["choices"][0]["message"]["content"]


def test_pictures_are_not_looked_at(chat):
    url = "data:image/png;base64," + base64.b64encode(b"no picture").decode()
    got = chat([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}])
    assert "1 image." in got.json["choices"][0]["message"]["content"]
