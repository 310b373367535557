"""Answers in a form for programs: --schema, --json-mode, --repair, --extract, --field."""

from __future__ import annotations

import json
import os

import pytest

from support.upstream import Reply
from support.wire import completion, error_body, text_stream

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
GOOD = '{"name": "Ada", "age": 36}'
BAD = '{"name": "Ada", "age": "old"}'
WHY = "the answer does not fit the schema: age: 'old' is not of type 'integer'"
PRETTY = '{\n  "name": "Ada",\n  "age": 36\n}\n'
SHORT = "name str, age int"
CODE = "First:\n\n```sh\nls -l\n```\n\nThen:\n\n```py\nprint(1)\n\n```\n"


def answer(text):
    return Reply.sse(*text_stream(*(text[at : at + 5] for at in range(0, len(text), 5))))


@pytest.mark.parametrize("how", ["file", "text", "short"])
def test_schema(work, upstream, sent, how):
    path = work.cli.cwd / "person.json"
    path.write_text("\ufeff" + json.dumps(PERSON), encoding="utf-8")
    upstream.script(answer(GOOD))
    given = {"file": "person.json", "text": json.dumps(PERSON), "short": SHORT}[how]
    assert work.chat("--schema", given).check().out == PRETTY
    wanted = {"name": "answer", "schema": PERSON, "strict": True}
    assert sent()[0]["response_format"] == {"type": "json_schema", "json_schema": wanted}
    assert [message["role"] for message in sent()[0]["messages"]] == ["user"]


@pytest.mark.parametrize(
    ("quirk", "form", "told"),
    [("json_schema", "json_schema", False), ("json_object", "json_object", True), ("none", None, True)],
)
def test_the_strongest_form_that_the_provider_takes(work, upstream, sent, quirk, form, told):
    work.configure(f'quirks = {{ structured = "{quirk}" }}')
    upstream.script(answer(GOOD))
    work.chat("-s", "Be brief.", "--schema", SHORT).check()
    assert sent()[0].get("response_format", {}).get("type") == form
    system = sent()[0]["messages"][0]["content"]
    assert (system.startswith("Be brief."), '"additionalProperties": false' in system) == (True, told)


@pytest.mark.parametrize(("quirk", "form"), [("json_schema", {"type": "json_object"}), ("none", None)])
def test_json_mode(work, upstream, sent, quirk, form):
    work.configure(f'quirks = {{ structured = "{quirk}" }}')
    upstream.script(answer("```json\n[1, 2]\n```"))
    assert work.chat("--json-mode").check().out == "[\n  1,\n  2\n]\n"
    assert sent()[0].get("response_format") == form
    assert sent()[0]["messages"][0] == {"role": "system", "content": "Answer with JSON only."}


@pytest.mark.parametrize(
    ("args", "text", "why"),
    [
        (["--schema", SHORT], BAD, WHY),
        (["--schema", SHORT], "Sorry.", "the answer is not JSON"),
        (["--schema", SHORT], f"{GOOD} {GOOD}", "the answer is not JSON"),
        (["--json-mode"], '{"a": NaN}', "NaN can't be a number of JSON"),
        (["--json-mode"], '{"a": 1e999}', "1e999 can't be a number of JSON"),
        (["-x"], "no code", "the answer holds no code block"),
        (["-x", "python"], "```sh\nls\n```", "the answer holds no python code block"),
        (["--schema", SHORT, "--field", "title"], GOOD, "there is no 'title' in the answer"),
    ],
)
@pytest.mark.parametrize("json_errors", [False, True])
def test_an_answer_that_does_not_fit(work, upstream, args, text, why, json_errors):
    upstream.script(answer(text))
    result = work.chat(*args, *(["--json"] if json_errors else [])).check(7)
    assert (why in result.err, result.out) == (True, "")
    assert text in (result.error()["partial"] if json_errors else result.err)


def test_repair_shows_the_error_to_the_model_once(work, upstream, sent):
    upstream.script(answer(BAD), answer(GOOD))
    result = work.chat("--schema", SHORT, "--repair").check()
    assert (result.out, WHY in result.err) == (PRETTY, True)
    first, second = sent()
    assert second["messages"][:-1] == [*first["messages"], {"role": "assistant", "content": BAD}]
    assert WHY in second["messages"][-1]["content"]
    assert second["response_format"] == first["response_format"]


def test_repair_that_fails_again(work, upstream):
    upstream.script(answer(BAD), answer(BAD))
    result = work.chat("--schema", SHORT, "--repair").check(7)
    assert (result.out, WHY in result.err, len(upstream.requests)) == ("", True, 2)


def test_repair_when_the_provider_fails(work, upstream):
    upstream.script(answer(BAD), Reply(429, body=error_body("slow down")))
    result = work.chat("--schema", SHORT, "--repair").check(6)
    assert (result.out, "slow down" in result.err) == ("", True)


@pytest.mark.parametrize(
    ("args", "prompt", "code"),
    [
        (["-x", "Hi"], "Hi", "ls -l\n"),
        (["Hi", "-x"], "Hi", "ls -l\n"),
        (["-x", "--", "Hi"], "Hi", "ls -l\n"),
        (["-x", "--no-stream", "Hi"], "Hi", "ls -l\n"),
        (["-x", "python", "Hi"], "Hi", "print(1)\n\n"),
        (["Hi", "-x", "Python"], "Hi", "print(1)\n\n"),
        (["Hi", "--extract=bash"], "Hi", "ls -l\n"),
        (["-xpython", "Hi"], "Hi", "print(1)\n\n"),
        (["--extract", "Write python"], "Write python", "ls -l\n"),
    ],
)
def test_extract(work, upstream, sent, args, prompt, code):
    upstream.script(Reply(body=completion(CODE)) if "--no-stream" in args else answer(CODE))
    assert work("chat", *args).check().out == code
    assert sent()[0]["messages"][-1]["content"] == prompt


def test_extract_from_a_pipe(work, upstream, sent):
    upstream.script(answer(CODE), answer(CODE))
    assert work("chat", "-x", stdin="Hi").check().out == "ls -l\n"
    assert work("chat", "-x", "python", "-", stdin="Hi").check().out == "print(1)\n\n"
    assert [body["messages"][0]["content"] for body in sent()] == ["Hi", "Hi"]


def test_a_word_that_is_no_language(work):
    assert "-x: 'pyhton' is not a language" in work.chat("-x", "pyhton").check(2).err


@pytest.mark.parametrize(
    ("path", "text"), [("name", "Ada\n"), (".age", "36\n"), (".", '{"name": "Ada", "age": 36}\n')]
)
def test_field(work, upstream, path, text):
    upstream.script(answer(GOOD), answer(f"```json\n{GOOD}\n```"))
    assert work.chat("--schema", SHORT, "--field", path).check().out == text
    assert work.chat("--field", path).check().out == text


@pytest.mark.parametrize(
    ("args", "text", "added"),
    [
        (["--schema", SHORT], GOOD, {"data": json.loads(GOOD)}),
        (["--json-mode"], "[1]", {"data": [1]}),
        (["-x", "python"], CODE, {"extracted": "print(1)\n\n"}),
        (["-x", "json", "--schema", SHORT], f"```json\n{GOOD}\n```\n```\n2\n```", {"data": json.loads(GOOD)}),
    ],
)
def test_json_and_jsonl(work, upstream, args, text, added):
    upstream.script(answer(text), answer(text))
    whole = work.chat(*args, "--json").check().json()
    events = work.chat(*args, "--jsonl").check().jsonl()
    assert whole["content"] == text
    assert (whole | added, events[-1] | added) == (whole, events[-1])
    assert "".join(event["text"] for event in events if event["type"] == "text") == text


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (["--schema", "nowhere.json"], "there is no file nowhere.json"),
        (["--schema", "{"], "is not JSON"),
        (["--schema", '{"type": "strnig"}'], "is not a valid JSON Schema"),
        (["--schema", '{"pattern": "("}'], "is not a valid JSON Schema"),
        (["--schema", "age integr"], "there is no type 'integr'"),
        (["--schema", "[1]"], "--schema"),
        (["--schema", SHORT, "--json-mode"], "exclude each other"),
        (["--repair"], "--repair does nothing without"),
        (["--field", "a..b"], "is not the path of a field"),
        (["--raw", "--field", "a"], "--field does nothing with --raw"),
    ],
)
def test_mistakes_are_told_before_anything_is_asked(work, upstream, args, why):
    assert why in work.chat(*args).check(2).err
    assert upstream.requests == []


def test_a_description_may_hold_a_slash(work, upstream):
    upstream.script(answer('{"speed": 1.5}'))
    assert work.chat("--schema", "speed float: in km/h").check().out == '{\n  "speed": 1.5\n}\n'


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/missing"},
        {"type": "object", "properties": {"a": {"items": {"$ref": "#/$defs/a~1b/0"}}}, "$defs": {"a/b": {}}},
        {"$ref": "other.json"},
    ],
)
def test_a_reference_that_leads_nowhere_is_found_before_it_costs_anything(work, upstream, schema):
    assert "leads nowhere" in work.chat("--schema", json.dumps(schema)).check(2).err
    assert upstream.requests == []


def test_a_reference_within_the_schema(work, upstream):
    upstream.script(answer('{"a": "x"}'))
    schema = {"properties": {"a": {"$ref": "#/$defs/t~1u"}}, "$defs": {"t/u": {"type": "string"}}}
    work.chat("--schema", json.dumps(schema)).check()


def test_a_schema_that_refers_to_itself_without_end(work, upstream):
    upstream.script(answer(GOOD))
    assert "the schema refers to itself without end" in work.chat("--schema", '{"$ref": "#"}').check(7).err


def test_a_schema_never_makes_a_request(work, upstream):
    upstream.route("/other.json", Reply(body={}))
    work.chat("--schema", json.dumps({"$ref": f"{upstream.url}/other.json"})).check(2)
    assert upstream.requests == []


def test_a_schema_from_a_pipe(work, upstream, cli):
    upstream.script(answer('{"a": 1}'))
    pipe, end = os.pipe()
    os.write(end, b'{"type": "array"}')
    os.close(end)
    try:
        assert "not of type 'array'" in work.chat("--schema", f"/proc/{os.getpid()}/fd/{pipe}").check(7).err
    finally:
        os.close(pipe)


def test_an_answer_that_does_not_fit_can_not_drive_the_terminal(work, upstream):
    upstream.script(answer("no \x1b]0;title\x07code"))
    terminal = work.terminal("chat", "-x", "Hi")
    assert terminal.wait() == 7
    assert (b"\x1b]0;" in terminal.raw, "no ]0;titlecode" in terminal.screen()) == (False, True)


def test_on_a_terminal_only_the_form_is_shown(work, upstream):
    upstream.script(answer(CODE))
    terminal = work.terminal("chat", "-x", "python", "Hi")
    assert terminal.wait() == 0
    assert terminal.screen() == "print(1)"
