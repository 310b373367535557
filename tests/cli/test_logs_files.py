"""`llmctl logs export` and `import`."""

from __future__ import annotations

import base64
import contextlib
import json
import sqlite3
import stat

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmctl.cli.logs.incoming import records_in
from llmctl.cli.logs.record import export
from llmctl.cli.logs.takein import TakeIn
from llmctl.core.media import Attachment
from llmctl.errors import UsageError
from llmctl.store.ledger import Request
from llmctl.store.messages import BROKEN, COMPLETE, PARTIAL, STOPPED, Message
from llmctl.store.store import Store

NOON = 1_795_262_400.0
PICTURE = Attachment("ä.png", "image/png", b"\x89PNG\0\xff")


@pytest.fixture
def path(cli):
    return cli.home / ".local/share/llmctl/llmctl.db"


@pytest.fixture
def store(path):
    with Store(path) as opened:
        yield opened


@pytest.fixture
def filled(store):
    """Two conversations: one with variants, a file, costs and a tool's call, and a plain one. Their ids."""
    first = store.conversations.begin(
        "work", "big", title="Tree", titled=True, system="Be brief.", params={"seed": 1}, pinned=True,
        created=NOON, updated=NOON,
    )  # fmt: skip
    asked = store.messages.add(first, None, Message("user", "Hi\r\n\0é", created=NOON), [PICTURE])
    extra = {"tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}
    one = store.messages.add(first, asked, Message("assistant", "", extra, COMPLETE, "work", "big", NOON + 0.125))
    store.messages.add(first, asked, Message("assistant", "Two", {}, STOPPED, "other", "small", NOON + 2))
    store.ledger.add(
        Request(NOON, "chat", "work", "openai", "https://x/v1", "big", prompt_tokens=7, cost=0.25,
                cost_by="prices", first_token_ms=1.5, conversation=first, message=one)
    )  # fmt: skip
    second = store.conversations.begin("work", "big", title="Plain", created=NOON + 5, updated=NOON + 5)
    store.messages.add(second, None, Message("user", "Hello", created=NOON + 5))
    return first, second


@pytest.fixture
def elsewhere(cli):
    """elsewhere(*args): a command in a history of its own."""

    def run(*args, **more):
        return cli.run("logs", *args, env={"LLMCTL_DATA": str(cli.home / "elsewhere")}, **more)

    return run


@pytest.fixture
def imported(cli, elsewhere):
    """imported(text): what an import of this text leaves in an empty history."""

    def read(text, code=0):
        data = text if isinstance(text, str | bytes) else json.dumps(text)
        elsewhere("import", "-", stdin=data).check(code)
        return [json.loads(line) for line in elsewhere("export", "--everything", "-F", "jsonl").out.splitlines()]

    return read


# there and back


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_there_and_back(cli, filled, elsewhere, form):
    whole = cli.run("logs", "export", "--everything", "-F", form).check().out_bytes
    assert elsewhere("import", "-", stdin=whole).check().err == "imported 2 conversations\n"
    assert elsewhere("export", "--everything", "-F", form).check().out_bytes == whole
    again = elsewhere("import", "-", stdin=whole).check()
    assert again.err == "imported 0 conversations; 2 skipped: here already\n"
    assert elsewhere("export", "--everything", "-F", form).check().out_bytes == whole


def test_what_an_export_holds(cli, filled):
    (talk,) = cli.run("logs", "export", filled[0], "-F", "json").check().json()
    assert (talk["format"], talk["version"], talk["id"]) == ("llmctl", 1, filled[0])
    assert talk["params"] == {"seed": 1}
    assert [(m["id"], m["parent"], m["state"]) for m in talk["messages"]] == [
        (1, None, "complete"), (2, 1, "complete"), (3, 1, "stopped")
    ]  # fmt: skip
    assert talk["head"] == 3
    assert base64.b64decode(talk["messages"][0]["files"][0]["data"]) == PICTURE.data
    assert talk["messages"][1]["extra"]["tool_calls"][0]["id"] == "c"
    (request,) = talk["requests"]
    assert (request["message"], request["cost"], request["cost_by"]) == (2, 0.25, "prices")


TEXT = st.text(max_size=20)
NAME = st.text(max_size=8)
VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAME, inner, max_size=3),
    max_leaves=6,
)
TABLE = st.dictionaries(NAME, VALUE, max_size=3)
PARAMS = TABLE.filter(lambda params: not {"messages", "stream", "whole", "model"} & params.keys())
WHEN = st.floats(1, 4e9)
COUNT = st.none() | st.integers(0, 2**63 - 1)
FILE = st.builds(Attachment, NAME, st.sampled_from(["text/plain", "image/png"]), st.binary(max_size=8))
MESSAGE = st.builds(
    Message,
    st.sampled_from(["user", "assistant", "tool"]),
    TEXT,
    TABLE.filter(lambda extra: not {"tool_calls", "tool_call_id"} & extra.keys()),
    st.sampled_from([COMPLETE, PARTIAL, STOPPED, BROKEN]),
    NAME,
    NAME,
    WHEN,
)
REQUEST = st.builds(
    Request,
    *(WHEN, NAME, NAME, NAME, NAME, NAME, NAME, NAME),
    http_status=COUNT,
    attempts=st.integers(0, 9),
    **dict.fromkeys(("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens"), COUNT),
    **dict.fromkeys(("cost", "first_token_ms", "total_ms"), st.none() | st.floats(0, 1e14)),
    cost_by=NAME,
    request_id=NAME,
)


@st.composite
def stores(draw):
    """A store in memory with a few conversations in it."""
    store = Store(None)
    for _ in range(draw(st.integers(0, 3))):
        more = {"title": draw(TEXT), "titled": draw(st.booleans()), "pinned": draw(st.booleans())}
        times = {"created": draw(WHEN), "updated": draw(WHEN)}
        number = store.conversations.begin(
            draw(NAME), draw(NAME), system=draw(TEXT), params=draw(PARAMS), **more, **times
        )
        ids = [None]
        for message in draw(st.lists(MESSAGE, max_size=5)):
            ids.append(
                store.messages.add(number, draw(st.sampled_from(ids)), message, draw(st.lists(FILE, max_size=2)))
            )
        store.messages.show(number, draw(st.sampled_from(ids)))
        for request in draw(st.lists(REQUEST, max_size=3)):
            linked = store.ledger.add(request)
            store.ledger.assign(linked, number, draw(st.sampled_from(ids)))
    return store


def exported(store):
    return [export(store, found) for found in reversed(store.conversations.matching())]


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(stores(), st.booleans())
def test_any_history_comes_back_as_it_was(store, lines):
    said = exported(store)
    text = "".join(json.dumps(talk) + "\n" for talk in said) if lines else json.dumps(said)
    with store, Store(None) as empty, empty.transaction():
        taken = TakeIn(empty)
        for record in records_in(text or "[]", "file"):
            taken.take(record)
        assert (taken.came, taken.skipped) == (len(said), 0)
        by_id = {talk["id"]: talk for talk in exported(empty)}
        assert by_id == {talk["id"]: talk for talk in said}
        for record in records_in(text or "[]", "file"):
            taken.take(record)
        assert (taken.came, taken.skipped) == (len(said), len(said))


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_damaged_export_is_refused_in_one_line_and_never_with_a_traceback(data):
    with data.draw(stores()) as store:
        text = json.dumps([*exported(store), {"messages": [{"role": "user", "content": "x"}]}])
    start = data.draw(st.integers(0, len(text)))
    damaged = text[:start] + data.draw(st.text(max_size=3)) + text[start + data.draw(st.integers(0, 12)) :]
    with contextlib.suppress(UsageError), Store(None) as empty:
        for record in records_in(damaged, "file"):
            TakeIn(empty).take(record)


# what is here already


def test_a_conversation_that_went_on_is_here_already(cli, filled, store):
    whole = cli.run("logs", "export", "--everything", "-F", "jsonl").check().out
    store.messages.add(filled[1], store.conversations.get(filled[1]).head, Message("assistant", "More"))
    skipped = "imported 0 conversations; 2 skipped: here already\n"
    assert cli.run("logs", "import", "-", stdin=whole).check().err == skipped
    assert [found.messages for found in store.conversations.newest() if found.title == "Plain"] == [2]


def test_a_conversation_that_differs_is_kept_beside(cli, filled, store):
    whole = cli.run("logs", "export", "--everything", "-F", "jsonl").check().out
    store.messages.remove(store.conversations.get(filled[1]).head)
    for message in ("Goodbye", "and more"):
        store.messages.add(filled[1], store.conversations.get(filled[1]).head, Message("user", message))
    for said in (
        "imported 1 conversation; 1 skipped: here already\n",
        "imported 0 conversations; 2 skipped: here already\n",
    ):
        assert cli.run("logs", "import", "-", stdin=whole).check().err == said
    assert sorted(found.messages for found in store.conversations.newest() if found.title == "Plain") == [1, 2]


def test_costs_are_not_counted_twice_and_come_back_to_their_conversation(cli, filled, store):
    whole = cli.run("logs", "export", "--everything", "-F", "jsonl").check().out
    cli.run("logs", "rm", *filled).check()
    assert store.ledger.of_conversation(filled[0]) == []
    cli.run("logs", "import", "-", stdin=whole).check()
    assert [total.cost for total in store.ledger.totals("profile")] == [0.25]
    assert len(store.ledger.of_conversation(filled[0])) == 1
    assert cli.run("logs", "export", "--everything", "-F", "jsonl").check().out == whole


def test_a_new_title_or_price_is_no_other_conversation(cli, filled, store):
    whole = cli.run("logs", "export", "--everything", "-F", "jsonl").check().out
    store.conversations.change(filled[0], title="Mine", pinned=False)
    store.ledger.price(store.ledger.of_conversation(filled[0])[0].id, 1.0, "prices")
    assert "imported 0 conversations; 2 skipped" in cli.run("logs", "import", "-", stdin=whole).check().err
    assert store.conversations.get(filled[0]).title == "Mine"


def test_what_was_put_away_comes_back(cli, filled, store):
    whole = cli.run("logs", "export", filled[0], "-F", "jsonl").check().out
    store.conversations.hide(filled[0])
    assert "imported 1 conversation\n" in cli.run("logs", "import", "-", stdin=whole).check().err
    assert len(store.conversations.newest()) == 2


# export


def test_export_is_markdown_of_the_last_one(cli, filled, store):
    last = cli.run("logs", "export").check().out
    assert last.startswith("# Plain\n")
    both = cli.run("logs", "export", filled[1], filled[0]).check().out
    assert both.startswith(last + "\n---\n\n# Tree\n")
    assert "Two" in both


def test_an_export_is_of_one_moment(cli, filled, store):
    store.messages.add(filled[0], None, Message("user", "x" * 500_000, created=NOON))
    process = cli.popen("logs", "export", "--everything", "-F", "jsonl")
    begun = process.stdout.read(1)  # the pipe is full now, and the second one still to come
    store.conversations.remove(filled[1])
    whole = begun + process.stdout.read()
    assert process.wait() == 0
    talks = [json.loads(line) for line in whole.splitlines()]
    assert [message["text"] for message in talks[1]["messages"]] == ["Hello"]


def test_export_to_standard_output_by_name(cli, filled):
    whole = cli.run("logs", "export", "--everything", "-F", "jsonl").check().out
    result = cli.run("logs", "export", "--everything", "-F", "jsonl", "-o", "-").check()
    assert (result.out, result.err) == (whole, "")


def test_export_into_a_file(cli, filled):
    path = cli.cwd / "out.jsonl"
    result = cli.run("logs", "export", "--everything", "-F", "jsonl", "-o", "out.jsonl").check()
    assert (result.out, result.err) == ("", "wrote 2 conversations: out.jsonl\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    assert "exists already" in cli.run("logs", "export", "-o", "out.jsonl").check(2).err
    assert path.read_bytes() == before
    assert (
        cli.run("logs", "import", "out.jsonl").check().err == "imported 0 conversations; 2 skipped: here already\n"
    )


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (["-o", "no/such/folder/x"], "can't write no/such/folder/x"),
        (["-F", "xml"], "xml"),
        (["abc", "--everything"], "exclude each other"),
        (["0000"], "there is no conversation"),
    ],
)
def test_exports_that_can_not_be(cli, filled, args, why):
    assert why in cli.run("logs", "export", *args).check(2).err


def test_nothing_to_export(cli):
    assert cli.run("logs", "export", "--everything", "-F", "json").check().json() == []
    assert cli.run("logs", "export", "--everything", "-F", "jsonl").check().out == ""


# other formats

SAID = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Why is the sky blue?"},
    {"role": "assistant", "content": "It scatters.", "refusal": None},
]


@pytest.mark.parametrize(
    "value",
    [SAID, {"messages": SAID, "profile": None, "model": None}, [{"messages": SAID}]],
    ids=["list", "object", "objects"],
)
def test_messages_of_openai(imported, elsewhere, value):
    (talk,) = imported(value)
    assert (talk["title"], talk["system"], talk["head"]) == ("Why is the sky blue?", "Be brief.", 2)
    assert [(m["role"], m["text"], m["parent"]) for m in talk["messages"]] == [
        ("user", "Why is the sky blue?", None), ("assistant", "It scatters.", 1)
    ]  # fmt: skip
    assert "1 skipped" in elsewhere("import", "-", stdin=json.dumps(value)).check().err


def test_a_line_of_messages_each(imported):
    text = "".join(
        json.dumps({"messages": [{"role": "user", "content": word}]}) + "\n\n" for word in ("one", "two")
    )
    assert {talk["title"] for talk in imported(text)} == {"one", "two"}


def test_profile_model_params_and_parts_are_taken(imported):
    parts = [
        {"type": "text", "text": "Look"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
    ]
    said = [{"role": "user", "content": parts}, {"role": "assistant", "content": "Yes", "tool_calls": []}]
    (talk,) = imported({"messages": said, "profile": "groq", "model": "m", "params": {"seed": 1}})
    assert (talk["profile"], talk["model"], talk["params"]) == ("groq", "m", {"seed": 1})
    assert talk["messages"][0]["extra"]["content"] == parts
    assert (talk["messages"][0]["text"], talk["messages"][1]["model"]) == ("Look", "m")


def test_calls_that_are_null_are_none(imported):
    null = {"tool_calls": None, "tool_call_id": None}
    beside = own(message={"extra": {**null, "name": None}})
    first, second = imported([{"messages": [{"role": "assistant", "content": "x", **null}]}, beside])
    assert sorted(str(talk["messages"][0]["extra"]) for talk in (first, second)) == ["{'name': None}", "{}"]


def test_half_a_surrogate_pair_is_replaced(imported):
    (talk,) = imported('[{"role": "user", "content": "a\\ud83d b\\ud83d\\ude00"}]')
    assert talk["messages"][0]["text"] == "a? b😀"


def own(**changes):
    message = {"id": 1, "parent": None, "role": "user", "text": "Hi", "extra": {}, "state": "complete",
               "profile": "", "model": "", "created": NOON, "files": []}  # fmt: skip
    record = {"format": "llmctl", "version": 1, "id": "ab" * 8, "title": "", "titled": False, "profile": "",
              "model": "", "system": "", "params": {}, "pinned": False, "created": NOON, "updated": NOON,
              "head": 1,
              "messages": [message | changes.pop("message", {})], "requests": []}  # fmt: skip
    return record | changes


def calls(value, why, name="tool_calls"):
    """The same mistake in a record of ours and in a message of OpenAI."""
    extra = {name: json.loads(value)}
    return (
        (own(message={"extra": extra}), why.format(", extra")),
        ([{"role": "assistant", "content": "x", **extra}], why.format("")),
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "standard input is empty"),
        ("[1, 2", "not valid JSON: line 1, column 6"),
        ("{\n  broken", "not valid JSON: line 2, column 3"),
        ('{"messages": [{"role": "user", "content": "x"}]}\n{"messages": 1}\n', "line 2: messages must be a list"),
        ('{"messages": [{"role": "user", "content": "x"}]}\n{broken\n', "not valid JSON: line 2, column 2"),
        ("[NaN]", "NaN is no number"),
        ("[" * 100_000, "nested too deeply"),
        ("3", "standard input is no object"),
        ('{"a": 1}', "is no conversation"),
        ("[[1]]", "conversation 1, message 1 is no object"),
        ('[{"role": "robot"}]', "message 1: role must be one of system"),
        ('[{"role": "user", "content": 3}]', "message 1: content must be a string"),
        (
            '[{"role": "user", "content": [{"text": "x"}]}]',
            "message 1, part 1: type must be a string, and is missing",
        ),
        ('{"messages": []}', "has no messages"),
        (own(version=2), "written by a newer llmctl"),
        (own(version=0), "version must be 1"),
        (
            '[{"role": "user", "content": [{"type": "text", "text": 3}]}]',
            "message 1, part 1: text must be a string",
        ),
        *calls('"x"', "message 1{}: tool_calls must be a list, and is something else"),
        *calls("[3]", "message 1{}, tool call 1 is no object"),
        *calls('[{"function": {}}]', "message 1{}, tool call 1: id must be a string, and is missing"),
        *calls('[{"id": "c", "function": 3}]', "message 1{}, tool call 1: function must be an object"),
        *calls("3", "message 1{}: tool_call_id must be a string", "tool_call_id"),
        (own(params={"model": "x"}), "standard input: params must not hold model"),
        ({"messages": [{"role": "user"}], "params": {"stream": 1}}, "standard input: params must not hold stream"),
        (own(id="xyz"), "id must be 16 hexadecimal digits"),
        (own(head=2), "head is 2, and there is no such message"),
        (own(created="x"), "created must be a number of 0 or more, and is something else"),
        (own(params=[]), "params must be an object"),
        (own(pinned=1), "pinned must be true or false"),
        (own(message={"id": 2}), "message 1: id must be 1"),
        (own(message={"parent": 1}), "message 1: parent is 1, and there is no such message before"),
        (own(message={"state": "odd"}), "message 1: state must be one of complete"),
        (
            own(message={"files": [{"name": "a", "mime": "b", "data": "?"}]}),
            "message 1, file 1: data is not base64",
        ),
        (own(requests=[{"time": 1}]), "request 1: caller must be a string, and is missing"),
        ([own(), own(id="cd" * 8, title=3)], "conversation 2: title must be a string"),
        (b"\xff\xfe[]", "is not UTF-8 text"),
    ],
    ids=range(41),
)
def test_what_is_refused_leaves_nothing_behind(elsewhere, text, why):
    data = text if isinstance(text, str | bytes) else json.dumps(text)
    result = elsewhere("import", "-", stdin=data).check(2)
    assert why in result.err
    assert len(result.err.splitlines()) <= 2
    assert elsewhere("list").check().out == ""


def test_a_file_that_is_not_there(cli):
    assert "can't read no.json: No such file" in cli.run("logs", "import", "no.json").check(2).err


# logs.db of llm

SCHEMA = """
CREATE TABLE conversations (id TEXT PRIMARY KEY, name TEXT, model TEXT);
CREATE TABLE responses (id TEXT PRIMARY KEY, model TEXT, prompt TEXT, system TEXT, prompt_json TEXT,
  options_json TEXT, response TEXT, response_json TEXT, conversation_id TEXT REFERENCES conversations(id),
  duration_ms INTEGER, datetime_utc TEXT, input_tokens INTEGER, output_tokens INTEGER, token_details TEXT);
"""


def llm_db(path, schema=SCHEMA, rows=(), names=()):
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.executescript(schema)
        for name in names:
            database.execute("INSERT INTO conversations VALUES (?, ?, ?)", name)
        for row in rows:
            marks = ", ".join("?" * len(row))
            database.execute(f"INSERT INTO responses ({', '.join(row)}) VALUES ({marks})", list(row.values()))


def response(number, talk="t1", **more):
    base = {
        "id": f"r{number}",
        "model": "gpt-4o-mini",
        "prompt": f"Question {number}",
        "response": f"Answer {number}",
    }
    times = {
        "datetime_utc": f"2026-11-21T12:00:0{number}.500000+00:00",
        "input_tokens": 10 + number,
        "output_tokens": 5,
    }
    return {**base, "conversation_id": talk, **times, **more}


def test_the_history_of_llm(cli, store, imported):
    path = cli.cwd / "logs.db"
    rows = [
        response(2),
        response(1, system="Be brief."),
        response(3, talk=None, input_tokens=None, output_tokens=None),
    ]
    llm_db(path, rows=rows, names=[("t1", "The name", "gpt-4o-mini")])
    assert cli.run("logs", "import", "logs.db").check().err == "imported 2 conversations\n"
    talks = [export(store, found) for found in store.conversations.newest()]
    talk = next(talk for talk in talks if talk["title"] == "The name")
    assert [(m["role"], m["text"]) for m in talk["messages"]] == [
        ("user", "Question 1"), ("assistant", "Answer 1"), ("user", "Question 2"), ("assistant", "Answer 2")
    ]  # fmt: skip
    assert (talk["system"], talk["model"], talk["created"]) == ("Be brief.", "gpt-4o-mini", NOON + 1.5)
    assert [(r["prompt_tokens"], r["completion_tokens"], r["message"]) for r in talk["requests"]] == [
        (11, 5, 2),
        (12, 5, 4),
    ]
    assert "? in" not in cli.run("logs", "show", talk["id"]).check().out
    assert "tokens unknown · cost unknown" in cli.run("logs", "show").check().out
    assert "0 conversations; 2 skipped" in cli.run("logs", "import", "logs.db").check().err


def test_an_older_llm_without_tokens(cli, store):
    schema = """
    CREATE TABLE conversations (id TEXT PRIMARY KEY, name TEXT, model TEXT);
    CREATE TABLE responses (id TEXT, model TEXT, prompt TEXT, system TEXT, response TEXT, conversation_id TEXT,
      datetime_utc TEXT);
    """
    row = response(1, datetime_utc="2026-11-21T12:00:01")
    llm_db(cli.cwd / "logs.db", schema, [{name: row[name] for name in row if not name.endswith("_tokens")}])
    cli.run("logs", "import", "logs.db").check()
    (talk,) = [export(store, found) for found in store.conversations.newest()]
    assert (talk["title"], talk["created"], talk["requests"][0]["prompt_tokens"]) == ("Question 1", NOON + 1, None)


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ("CREATE TABLE logs (prompt TEXT);", "no logs.db of llm: it has no table conversations"),
        (
            "CREATE TABLE conversations (id TEXT); CREATE TABLE responses (prompt TEXT);",
            "responses has no conversation_id",
        ),
    ],
)
def test_databases_that_are_not_known(cli, schema, why):
    llm_db(cli.cwd / "logs.db", schema)
    assert why in cli.run("logs", "import", "logs.db").check(2).err


def test_a_history_of_our_own_is_not_taken_for_that_of_llm(cli, filled, path):
    result = cli.run("logs", "import", str(path)).check(2)
    assert "is a history of llmctl itself" in result.err
    assert "logs export --everything" in result.err


def test_a_damaged_database(cli):
    (cli.cwd / "logs.db").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    assert "can't read" in cli.run("logs", "import", "logs.db").check(2).err
