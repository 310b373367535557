"""The slash commands of a conversation."""

from __future__ import annotations

import base64
import json
import re
import sys

import pytest

from support.leaks import SECOND_KEY
from support.talk import Talk
from support.upstream import Reply, Upstream
from support.wire import chunk, error_body, text_stream, tool_call

CODE = "Here:\n\n```python\nprint(1)\n```\n\n```sh\nls\n```\n"


def answer(*pieces, **more):
    return Reply.sse(*text_stream(*pieces, **more))


@pytest.fixture
def begin(work):
    return lambda *args, prompt="work> ", **more: Talk(work.terminal("chat", "-i", *args, **more), prompt)


@pytest.fixture
def said(sent):
    return lambda number: [(message["role"], message["content"]) for message in sent()[number]["messages"]]


def test_help_lists_every_command(begin):
    talk = begin(rows=40).say("/help")
    found = re.findall(r"^  /([a-z]+)\b", talk.screen, re.MULTILINE)
    assert " ".join(found) == "model use system set file retry edit copy save usage trim clear help quit"


def test_help_breaks_no_words_in_a_small_window(begin):
    talk = begin(rows=12, cols=40).say("/help")
    shown = " ".join(line.strip() for line in talk.terminal.history())
    assert "Ctrl-C stops an answer and keeps what has come; at the prompt it empties the line." in shown
    assert "/model [NAME] use another model, or PROFILE/MODEL" in re.sub(" +", " ", shown)


def test_an_unknown_command_is_not_sent(begin, upstream):
    begin().say("/sistem x").shows("did you mean system?").say("/zzz").shows("/help lists them")
    assert upstream.requests == []


def test_system_and_parameters(begin, upstream, sent, said):
    upstream.script(answer("A."), answer("B."))
    talk = begin().say("/system Be brief.").say("/set temperature=0.5").say("/set stop=x").say("One")
    talk.say("/system -").shows("there is no system prompt").say("/set stop=").say("/set").shows(
        "temperature = 0.5"
    )
    talk.say("Two")
    assert (said(0)[0], sent()[0]["temperature"], sent()[0]["stop"]) == (("system", "Be brief."), 0.5, "x")
    assert (said(1)[0], sent()[1]["temperature"], "stop" in sent()[1]) == (("user", "One"), 0.5, False)


@pytest.mark.parametrize("wrong", ["model=x", "messages=[]", "stream=false", "n=2", "temperature"])
def test_parameters_that_can_not_be_set(begin, wrong):
    begin().say(f"/set {wrong}").shows("error:").say("/set").shows("no parameters are set")


def test_files_go_with_the_next_message_only(begin, work, upstream, said):
    (work.cli.cwd / "a b.txt").write_text("alpha")
    (work.cli.cwd / "c.txt").write_text("gamma")
    upstream.script(answer("A."), answer("B."))
    talk = begin().say("/file 'a b.txt' c.txt", then="work [2 files]> ").say("/file -")
    talk.say("/file c.txt", then="work [1 file]> ").say("One").say("Two")
    assert said(0) == [("user", '<file name="c.txt">\ngamma\n</file>\n\nOne')]
    assert said(1)[-1] == ("user", "Two")


def test_a_folder_is_not_listed_file_by_file(begin, work):
    for n in range(9):
        (work.cli.cwd / f"src{n}.txt").write_text("alpha")
    begin(cols=120).say("/file .", then="work [9 files]> ").shows("src4.txt and 4 more")


@pytest.mark.parametrize("wrong", ["/file nowhere.txt", "/file 'a"])
def test_files_that_can_not_be_sent(begin, wrong):
    begin().say(wrong).shows("error:")


def test_retry(begin, upstream, said):
    upstream.script(answer("A."), answer("B."), answer("C."))
    begin().say("One").say("/retry").say("Two")
    assert (said(1), said(2)[1]) == (said(0), ("assistant", "B."))


def test_a_failed_retry_keeps_the_answer_so_far(begin, upstream, said):
    upstream.script(answer("A."), Reply(500, body=error_body("boom")), answer("C."))
    begin().say("One").say("/retry").shows("boom").say("Two")
    assert said(2) == [("user", "One"), ("assistant", "A."), ("user", "Two")]


def test_edit_changes_the_last_message(begin, work, upstream, said):
    upstream.script(answer("A."), Reply(500, body=error_body("boom")), answer("B."))
    editor = work.cli.root / "editor.py"
    editor.write_text("import sys; p = sys.argv[1]; t = open(p).read(); open(p, 'w').write(t.upper())")
    talk = begin(env={"EDITOR": f"{sys.executable} {editor}"}).say("One").say("/edit", then="work> ONE")
    talk.shows("boom").say(" more")
    assert said(1) == [("user", "ONE")]
    assert said(2) == [("user", "One"), ("assistant", "A."), ("user", "ONE more")]


def test_edit_that_changes_nothing(begin, upstream):
    upstream.script(answer("A."))
    begin(env={"EDITOR": "true"}).say("One").say("/edit").shows("nothing changed")
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    ("what", "copied"),
    [("", CODE.rstrip()), (" code", "print(1)\n"), (" bash", "ls\n")],
    ids=["all", "code", "sh"],
)
def test_copy_asks_the_terminal(begin, upstream, what, copied):
    upstream.script(answer(CODE))
    talk = begin(env={"PATH": "", "DISPLAY": None}).say("One").say(f"/copy{what}").shows("copied")
    found = re.findall(rb"\x1b\]52;c;([^\a]*)\a", talk.terminal.raw)
    assert [base64.b64decode(data).decode() for data in found] == [copied]


def test_copy_leaves_the_mark_of_a_stopped_answer_out(begin, upstream):
    gate = upstream.gate()
    upstream.script(Reply.sse(chunk("half"), gate))
    talk = begin(env={"PATH": "", "DISPLAY": None}).send("One\r").shows("half").key("ctrl-c").ready()
    talk.say("/copy").shows("copied 4 characters")


@pytest.mark.parametrize(("line", "why"), [("/copy", "no answer yet"), ("/retry", "nothing has been asked")])
def test_commands_that_need_an_answer(begin, line, why):
    begin().say(line).shows(why)


def test_copy_without_such_code(begin, upstream):
    upstream.script(answer("none"))
    begin().say("One").say("/copy python").shows("no python code block")


def test_save(begin, work, upstream):
    upstream.script(answer("Fine."))
    talk = begin("-s", "Brief.").say("Hi").say("/save talk.md").say("/save talk.json").say("/save talk.md")
    talk.shows("talk.md exists already").say("/save").shows("needs a file's name")
    talk.say("/save nowhere/x.md").shows("can't write")
    markdown = "## System\n\nBrief.\n\n## You\n\nHi\n\n## Model\n\nFine.\n"
    assert (work.cli.cwd / "talk.md").read_text() == markdown
    saved = json.loads((work.cli.cwd / "talk.json").read_text())
    assert (saved["profile"], saved["model"], len(saved["messages"])) == ("work", "test-model", 3)


def test_trim_and_clear(begin, upstream, said):
    upstream.script(*(answer(name) for name in "ABCD"))
    talk = begin("-s", "Brief.").say("One").say("Two").say("/trim").shows("2 messages left out; 2 remain")
    talk.say("/trim x").shows("takes a number").say("Three").say("/clear").say("Four")
    assert said(2) == [("system", "Brief."), ("user", "Two"), ("assistant", "B"), ("user", "Three")]
    assert said(3) == [("system", "Brief."), ("user", "Four")]


def test_another_model(begin, work, upstream, sent):
    work("alias", "set", "quick", "small").check()
    work("alias", "set", "own", "work/third").check()
    upstream.script(*(answer(name) for name in "ABCD"))
    talk = begin().say("/model other/with-slash").say("One").say("/model quick").say("Two")
    talk.say("/model own").shows("now asking work/third").say("Three").say("/model").shows("now asking work/third")
    talk.say("/use").say("/use work").shows("now asking work/test-model")
    assert [body["model"] for body in sent()] == ["other/with-slash", "small", "third"]


@pytest.fixture
def second(work):
    """Another profile, "second", with an upstream and a key of its own."""
    with Upstream() as upstream:
        table = f'[profiles.second]\nbase_url = "{upstream.url}/v1"\nkey = "env:SECOND_KEY"\nmodel = "m2"\n'
        work.configure(more=table)
        yield upstream


@pytest.mark.parametrize("line", ["/use second", "/model second/m2", "/model two"])
def test_another_profile_in_the_middle(begin, work, upstream, second, line):
    work("alias", "set", "two", "second/m2").check()
    details = [{"type": "reasoning.text", "text": "Hm.", "signature": "s", "index": 0}]
    upstream.script(Reply.sse(chunk(reasoning_details=details), *text_stream("A.")))
    second.script(answer("B."))
    talk = begin(env={"SECOND_KEY": SECOND_KEY}).say("One").say(line, then="second> ")
    talk.say("Two", then="second> ")
    assert second.last.json()["messages"] == [
        {"role": "user", "content": "One"},
        {"role": "assistant", "content": "A."},
        {"role": "user", "content": "Two"},
    ]
    assert second.last.headers["authorization"] == f"Bearer {SECOND_KEY}"
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("asked", [True, False])
def test_a_provider_that_does_not_take_the_files(begin, work, upstream, second, asked):
    work.cli.write_config(work.config + "quirks = { media = [] }\n")
    (work.cli.cwd / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(8))
    upstream.script(answer("A."), answer("B."))
    talk = begin().say("/file a.png", then="work [1 file]> ")
    talk = talk.say("One") if asked else talk
    talk.say("/use second", then="work> " if asked else "work [1 file]> ").shows("does not take: image")
    talk.say("/clear").say("/use second", then="second> ")
    assert second.requests == []


def test_an_alias_without_a_profile_stays_with_the_one_that_is_used(begin, upstream, second, work):
    work("alias", "set", "quick", "small").check()
    second.script(answer("B."))
    talk = begin("-p", "second", prompt="second> ", env={"SECOND_KEY": SECOND_KEY}).say("/model quick").say("Hi")
    assert (second.last.json()["model"], talk.leave()) == ("small", 0)


@pytest.mark.parametrize("line", ["/use nowhere", "/model nowhere/x"])
def test_a_profile_that_is_not_there_changes_nothing(begin, upstream, sent, line):
    upstream.script(answer("A."))
    talk = begin().say(line)
    if line.startswith("/use"):
        talk.shows("error:").say("Hi")
        assert sent()[0]["model"] == "test-model"


def test_completion(begin, work, upstream):
    upstream.route("/v1/models", Reply(body={"data": [{"id": "test-model"}, {"id": "unusual-name"}]}))
    work("models").check()
    (work.cli.cwd / "notes.txt").write_text("x")
    talk = begin().send("/sys\t").shows("/system").key("ctrl-c").ready()
    talk.send("/model unu\t").shows("/model unusual-name").key("ctrl-c").ready()
    talk.send("/file no\t").shows("/file notes.txt").key("ctrl-c").ready()
    talk.send("/use dem\t").shows("/use demo")


def test_tools_stay_at_hand(begin, work, upstream, sent):
    (work.cli.cwd / "t.py").write_text('def add(a: int, b: int) -> int:\n    """Add."""\n    return a + b\n')
    call = Reply.sse(chunk(tool_calls=[tool_call("add", '{"a": 1, "b": 2}', index=0)]), chunk(finish="tool_calls"))
    upstream.script(call, answer("Three."), answer("Bye."))
    begin("--tool", "t.py", "--yes-tools").say("1+2?").shows("Three.").say("Thanks")
    roles = [message["role"] for message in sent()[2]["messages"]]
    assert roles == ["user", "assistant", "tool", "assistant", "user"]


def test_ctrl_g_opens_the_line_in_the_editor(begin, work, upstream, said):
    upstream.script(answer("A."))
    editor = work.cli.root / "editor.py"
    editor.write_text("import sys; p = sys.argv[1]; t = open(p).read(); open(p, 'w').write(t.upper())")
    talk = begin(env={"EDITOR": f"{sys.executable} {editor}"}).send("one").key("ctrl-g").shows("work> ONE")
    talk.say("!")
    assert said(0)[0][1].split() == ["ONE!"]


def test_a_retry_that_is_stopped_before_anything_came_keeps_the_answer(begin, upstream, said):
    upstream.script(answer("A."), Reply.hang(), answer("C."))
    talk = begin().say("One").send("/retry\r")
    upstream.wait_requests(2)
    talk.shows("waiting for").key("ctrl-c").ready().shows("stopped; nothing had come").say("Two")
    assert said(2) == [("user", "One"), ("assistant", "A."), ("user", "Two")]
