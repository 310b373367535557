"""`llmctl prompt`, and `llmctl chat -t`."""

from __future__ import annotations

import sys

import pytest

from support.upstream import Reply
from support.wire import text_stream

FINE = Reply.sse(*text_stream("Fine."))
REVIEW = "Review this {{language}} code: {{input}}"


@pytest.fixture
def add(work):
    """add(name, *args): keep a prompt."""
    return lambda name, *args, **more: work("prompt", "add", name, *args, **more).check()


@pytest.fixture
def asked(work, upstream):
    """asked(*args): the messages that `llmctl chat ARGS` sends."""

    def ask(*args, **more):
        upstream.script(FINE)
        work("chat", *args, **more).check()
        return [(message["role"], message["content"]) for message in upstream.last.json()["messages"]]

    return ask


@pytest.fixture
def broken(work):
    """broken(text): a prompt's file "broken" with this content."""

    def write(text):
        path = work.cli.root / "prompts/broken.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def test_variables_input_and_defaults(add, asked):
    add("review", REVIEW, "-d", "language=Python")
    assert asked("-t", "review", "x = 1") == [("user", "Review this Python code: x = 1")]
    assert asked("-t", "review", "-v", "language=Go", stdin="y := 1") == [("user", "Review this Go code: y := 1")]
    assert asked("-t", "review", "-v", "input=z") == [("user", "Review this Python code: z")]


def test_without_a_place_for_the_input_it_comes_last(add, asked):
    add("sum", "Sum this up.", "-s", "Be {{how}}.")
    assert asked("-t", "sum", "-v", "how=brief", "text") == [
        ("system", "Be brief."),
        ("user", "Sum this up.\n\ntext"),
    ]
    assert asked("-t", "sum", "-v", "how=brief") == [("system", "Be brief."), ("user", "Sum this up.")]


def test_what_a_value_holds_is_not_filled_again(add, asked):
    add("echo", "{{a}} {{input}}")
    assert asked("-t", "echo", "-v", "a={{input}}", "{{a}}") == [("user", "{{input}} {{a}}")]


def test_the_command_line_beats_the_prompt(add, asked, upstream):
    add("all", "-s", "Kept.", "-m", "kept-model", "-o", "temperature=0", "-o", "top_p=0.5")
    assert asked("-t", "all", "Hi") == [("system", "Kept."), ("user", "Hi")]
    body = upstream.last.json()
    assert (body["model"], body["temperature"], body["top_p"]) == ("kept-model", 0, 0.5)
    given = ["-s", "Mine.", "-m", "mine", "--temperature", "1", "-o", "top_p=0.9", "Hi"]
    assert asked("-t", "all", *given)[0] == ("system", "Mine.")
    body = upstream.last.json()
    assert (body["model"], body["temperature"], body["top_p"]) == ("mine", 1, 0.9)


@pytest.mark.parametrize("schema", ["name str", '{"type": "object", "required": ["name"]}'])
def test_a_schema(add, work, upstream, sent, schema):
    add("who", "Who?", "--schema", schema)
    upstream.script(Reply.sse(*text_stream('{"name": "Ada"}')))
    assert work("chat", "-t", "who").check().out == '{\n  "name": "Ada"\n}\n'
    assert sent()[0]["response_format"]["type"] == "json_schema"


def test_a_long_schema_can_be_kept(add, work):
    add("long", "Who?", "--schema", ", ".join(f"field_{n} str" for n in range(100)))
    assert work("prompt", "show", "long", "--json").check().json()["schema"].startswith("field_0 str")


def test_list_show_remove(add, work):
    add("review", REVIEW, "--description", "Reviews code")
    add("terse", "-s", "Be terse.\nVery.")
    table = work("prompt", "list").check().out
    assert [line.split("\t") for line in table.splitlines()][-2:] == [
        ["review", "language", "Reviews code"],
        ["terse", "", "Be terse."],
    ]
    shown = work("prompt", "list", "--json").check().json()
    assert [prompt["name"] for prompt in shown] == ["review", "terse"]
    assert f'prompt = "{REVIEW}"' in work("prompt", "show", "review").check().out
    assert work("prompt", "show", "review", "--json").check().json()["variables"] == ["language"]
    work("prompt", "remove", "review").check()
    assert "did you mean terse?" in work("prompt", "show", "ters").check(2).err
    assert "there is no prompt 'review'" in work("prompt", "remove", "review").check(2).err


def test_a_prompt_is_not_replaced_by_mistake(add, work):
    add("a", "one")
    assert "--force replaces it" in work("prompt", "add", "a", "two").check(2).err
    add("a", "two", "--force")
    assert work("prompt", "show", "a", "--json").check().json()["prompt"] == "two"


def test_the_text_may_come_from_standard_input(add, asked):
    add("a", "-", stdin="Line one\nLine two: {{input}}\n")
    assert asked("-t", "a", "x") == [("user", "Line one\nLine two: x")]


def test_project_prompts_come_first_and_are_found_from_below(add, asked, work):
    add("a", "mine")
    add("b", "only mine")
    work("prompt", "add", "a", "the project's", "--project").check()
    assert asked("-t", "a") == [("user", "the project's")]
    below = work.cli.cwd / "deep/er"
    below.mkdir(parents=True)
    work.cli.cwd = below
    assert [asked("-t", name) for name in "ab"] == [[("user", "the project's")], [("user", "only mine")]]


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (["-t", "review", "x"], "needs language"),
        (["-t", "review", "-v", "langage=Go", "x"], "did you mean language?"),
        (["-t", "review", "-v", "language", "x"], "is not KEY=VALUE"),
        (["-t", "review", "-v", "language=Go"], "there is no prompt"),
        (["-t", "reviw", "x"], "did you mean review?"),
        (["-v", "a=b", "x"], "name one with -t NAME"),
    ],
)
def test_mistakes(add, work, upstream, args, why):
    add("review", REVIEW)
    assert why in work("chat", *args).check(2).err
    assert upstream.requests == []


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "a b"])
def test_names_that_can_not_be(work, name):
    assert "can't be a prompt's name" in work("prompt", "add", name, "text").check(2).err


@pytest.mark.parametrize(
    ("args", "why"), [(["-d", "x=1"], "the texts have no {{x}}"), (["-d", "x"], "is not KEY=VALUE")]
)
def test_defaults_that_can_not_be(work, args, why):
    assert why in work("prompt", "add", "a", "text", *args).err


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("prompt = ", "broken.toml"),
        ("prompt = 3", "prompt must be a string"),
        ("promt = 'x'", "did you mean prompt?"),
        ("description = 'x'", "has neither prompt nor system"),
        ("prompt = 'x'\ndefaults = 'y'", "defaults must be a table"),
        (b"prompt = 'caf\xe9'", "can't read"),
    ],
)
def test_broken_files(broken, work, text, why):
    path = broken(text)
    result = work("chat", "-t", "broken", "Hi").check(3)
    assert why in result.err
    assert str(path) in result.err
    assert "warning:" in work("prompt", "list").check().err
    edited = work("prompt", "edit", "broken", env={"EDITOR": "true"})
    assert "nothing changed" in edited.err or f"can't read {path}" in edited.check(3).err
    work("prompt", "remove", "broken").check()


def test_blank_prompts_beside_a_system_text_are_listed(broken, work):
    broken("prompt = ' '\nsystem = 'Be brief.'")
    assert "Be brief." in work("prompt", "list").check().out


def test_edit(work, add):
    editor = work.cli.root / "editor.py"
    editor.write_text(
        "import sys; p = sys.argv[1]; t = open(p).read(); open(p, 'w').write(t.replace('one', 'two'))"
    )
    edit = {"EDITOR": f"{sys.executable} {editor}"}
    add("a", "one")
    assert "saved" in work("prompt", "edit", "a", env=edit).check().err
    assert work("prompt", "show", "a", "--json").check().json()["prompt"] == "two"
    assert "nothing changed" in work("prompt", "edit", "a", env=edit).check().err
    assert "saved" in work("prompt", "edit", "new", env=edit).check().err
    assert work("prompt", "show", "new", "--json").check().json()["prompt"] == "{{input}}\n"


def test_an_edit_that_breaks_the_file_is_kept_beside_it(work, add):
    editor = work.cli.root / "editor.py"
    editor.write_text("import sys; open(sys.argv[1], 'w').write('prompt = ')")
    add("a", "one")
    result = work("prompt", "edit", "a", env={"EDITOR": f"{sys.executable} {editor}"}).check(3)
    draft = work.cli.root / "prompts/a.toml.rejected"
    assert (str(draft) in result.err, draft.read_text()) == (True, "prompt = ")
    assert work("prompt", "show", "a", "--json").check().json()["prompt"] == "one"
