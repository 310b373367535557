"""`llmctl chat -i`, typed on a pseudo-terminal."""

from __future__ import annotations

import re
import stat

import pytest

from support.talk import Talk
from support.upstream import Reply
from support.wire import chunk, error_body, text_stream, usage

NUMBERS = " ".join(f"word{n}" for n in range(30))


def answer(*pieces, **more):
    return Reply.sse(*text_stream(*pieces, **more))


@pytest.fixture
def begin(work):
    """begin(*args): a conversation whose prompt has appeared."""
    return lambda *args, prompt="work> ", **more: Talk(work.terminal("chat", "-i", *args, **more), prompt)


@pytest.fixture
def said(sent):
    """said(number): role and content of each message of that request."""
    return lambda number: [(message["role"], message["content"]) for message in sent()[number]["messages"]]


def test_each_question_is_asked_with_what_was_said_before(begin, upstream, said):
    upstream.script(answer("One."), answer("Two."))
    talk = begin("-s", "Be brief.").shows("work/test-model").say("First?").say("Second?")
    assert said(0) == [("system", "Be brief."), ("user", "First?")]
    assert said(1) == [*said(0), ("assistant", "One."), ("user", "Second?")]
    assert talk.leave() == 0


def test_no_prompt_on_a_terminal_is_a_conversation(work, upstream, said):
    upstream.script(answer("Hello."))
    talk = Talk(work.terminal("chat")).say("Hi").send("/quit\r")
    assert talk.terminal.wait() == 0
    assert said(0) == [("user", "Hi")]


def test_a_first_question_may_stand_on_the_command_line(work, begin, upstream, said):
    (work.cli.cwd / "a.txt").write_text("alpha")
    upstream.script(answer("One."), answer("Two."))
    begin("-f", "a.txt", "First?").say("Second?")
    assert said(0) == [("user", '<file name="a.txt">\nalpha\n</file>\n\nFirst?')]
    assert said(1)[1:] == [("assistant", "One."), ("user", "Second?")]


def test_the_same_question_twice_keeps_its_order(begin, upstream, said):
    upstream.script(answer("One."), answer("Two."))
    begin().say("Again?").say("Again?")
    assert said(1) == [("user", "Again?"), ("assistant", "One."), ("user", "Again?")]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("cat\x1b[D\x1b[Dh", "chat"),
        ("hi there\x17good", "hi good"),
        ("abc\x01X\x05Y\x7f", "Xabc"),
        ("one\x1b\rtwo", "one\ntwo"),
        ("über 日本 🎉\x7f", "über 日本 "),
        ("//etc/hosts", "/etc/hosts"),
        ("/etc/hosts is what?", "/etc/hosts is what?"),
        ("    indented", "    indented"),
    ],
)
def test_editing_keys(begin, upstream, said, typed, expected):
    upstream.script(answer("Fine."))
    begin().say(typed)
    assert said(0) == [("user", expected)]


def test_empty_lines_ask_nothing(begin, upstream):
    begin().say("").say("   ").say("/usage").shows("0 answers")
    assert upstream.requests == []


def test_ctrl_c_at_the_prompt_empties_the_line(begin, upstream, said):
    upstream.script(answer("Fine."))
    talk = begin().send("never mind").shows("never mind").key("ctrl-c")
    talk.shows("Ctrl-D or /quit leaves").ready().say("This")
    assert said(0) == [("user", "This")]


def test_ctrl_c_in_an_answer_ends_the_request_and_keeps_the_part(begin, upstream, said):
    gate = upstream.gate()
    upstream.script(Reply.sse(chunk("half an answer"), gate), answer("More."))
    talk = begin().send("Tell me\r")
    gate.wait_reached()
    talk.shows("half an answer").key("ctrl-c")
    upstream.wait_closed()
    talk.ready().shows("what has come stays in the conversation").say("Go on")
    assert said(1) == [
        ("user", "Tell me"),
        ("assistant", "half an answer\n\n[The user stopped this answer here.]"),
        ("user", "Go on"),
    ]


def test_ctrl_c_before_anything_came_gives_the_message_back(begin, upstream, said):
    upstream.script(Reply.hang(), answer("Fine."))
    talk = begin().send("Tell me\r")
    upstream.wait_requests(1)
    talk.shows("waiting for work/test-model").key("ctrl-c")
    upstream.wait_closed()
    talk.ready("work> Tell me").say(" more")
    assert said(1) == [("user", "Tell me more")]


def test_an_error_gives_the_typed_text_back_and_the_files_wait_again(begin, work, upstream, said):
    (work.cli.cwd / "a.txt").write_text("alpha\n" * 30)
    upstream.script(Reply(500, body=error_body("boom")), answer("Fine."))
    talk = begin().say("/file a.txt", then="work [1 file]> ")
    talk.say("What is it?", then="work [1 file]> What is it?").shows("error: boom").say("")
    assert said(0) == said(1)
    assert said(0)[0][1].endswith("alpha\n</file>\n\nWhat is it?")


@pytest.mark.parametrize("ended", [[error_body("gone", code=500)], []], ids=["error", "cut"])
def test_a_broken_stream_keeps_its_part(begin, upstream, said, ended):
    upstream.script(Reply.sse(chunk("half"), *ended, done=False), answer("Fine."))
    begin().say("Tell me").shows("error:").say("Go on")
    assert said(1)[1] == ("assistant", "half\n\n[This answer broke off here.]")


def test_what_is_typed_while_an_answer_streams_is_not_lost(begin, upstream, said):
    gate = upstream.gate()
    upstream.script(Reply.sse(chunk("slow"), gate, *text_stream(" answer")), answer("Fine."))
    talk = begin().send("One\r")
    gate.wait_reached()
    talk.shows("slow").send("Two\x1b\rlines\rThr")
    gate.open()
    talk.shows("Fine.").ready("work> Thr")
    assert said(1)[-1] == ("user", "Two\nlines")
    assert "slow answer" in talk.screen.split("\n")
    streamed = talk.terminal.raw.partition(b"slow")[2].partition(b"answer")[0]
    assert b"Two" not in streamed  # the keys don't show in the answer


def test_resizing_at_the_prompt(begin, upstream, said):
    upstream.script(answer(NUMBERS))
    talk = begin(cols=100).send("One")
    talk.shows("One").terminal.resize(12, 50)
    talk.ready("work> One").say(" more")
    assert said(0)[-1] == ("user", "One more")
    assert " ".join(talk.screen.split("\n")).count("word29") == 1


def test_resizing_in_an_answer(begin, upstream, said):
    gate = upstream.gate()
    upstream.script(Reply.sse(chunk(f"{NUMBERS}\n\n"), gate, *text_stream(NUMBERS)), answer("Fine."))
    talk = begin(cols=100).send("One\r")
    gate.wait_reached()
    talk.shows("word29").terminal.resize(12, 50)
    gate.open()
    talk.ready().say("Two").shows("Fine.")
    assert said(1)[-1] == ("user", "Two")
    last = talk.screen.split("\n\n")
    assert [line for part in last for line in part.split("\n") if len(line) > 50] == []


def test_a_paste_of_ten_thousand_lines_arrives_whole(begin, upstream, said):
    pasted = "".join(f"line {n} 日本\n" for n in range(10_000))
    upstream.script(answer("Fine."), answer("Fine."))
    talk = begin().send("Look: ").paste(pasted.replace("\n", "\r"))
    talk.shows("Look: [pasted #1: 10000 lines]").say("")
    talk.key("up").shows(re.compile(r"Look: \[pasted.*\Z")).say("")
    assert [said(0)[-1], said(1)[-1]] == [("user", f"Look: {pasted}")] * 2


def test_a_failed_paste_comes_back_as_its_word(begin, upstream, said):
    upstream.script(Reply(500, body=error_body("boom")), answer("Fine."))
    talk = begin().paste("x" * 5000).shows("[pasted #1: 5000 characters]")
    talk.say("", then="work> [pasted #1: 5000 characters]").say("")
    assert said(1) == [("user", "x" * 5000)]


def test_a_small_paste_can_be_edited(begin, upstream, said):
    upstream.script(answer("Fine."))
    begin().paste("one\rtwo").shows("two").say("!")
    assert said(0) == [("user", "one\ntwo!")]


def test_history_lasts_and_is_private(begin, work, upstream, said):
    upstream.script(answer("Fine."), answer("Fine."))
    history = work.cli.home / ".local/state/llmctl/chat-history"
    history.parent.mkdir(parents=True)
    history.touch(mode=0o644)
    begin().say("Remember this")
    assert stat.S_IMODE(history.stat().st_mode) == 0o600
    begin().key("up").shows("work> Remember this").say("")
    assert said(1) == [("user", "Remember this")]


def test_pastes_are_not_part_of_the_history(begin, work, upstream):
    upstream.script(answer("Fine."))
    begin().paste("secret\r" * 30).shows("[pasted #1: 30 lines]").say("").say("/usage")
    history = (work.cli.home / ".local/state/llmctl/chat-history").read_text()
    assert ("secret" in history, "pasted" in history, "/usage" in history) == (False, False, True)


def test_history_can_be_switched_off(begin, work):
    work.configure(head='current = "work"\nhistory = false\n')
    begin().say("/usage")
    assert not (work.cli.home / ".local/state/llmctl/chat-history").exists()


COLOURS = re.compile(rb"\x1b\[(?:[0-9;]*;)?(?:3|4|9|10)[0-8][;m]")


@pytest.mark.parametrize(
    ("args", "env", "coloured"),
    [([], {"NO_COLOR": "1"}, False), (["--color", "never"], {}, False), ([], {}, True)],
)
def test_no_colours(begin, upstream, args, env, coloured):
    """Neither in the answer nor in the menu of completions."""
    upstream.script(answer("**Fine.** `code`"))
    talk = begin(*args, env=env).say("Hi").shows("Fine.").send("/s\t").shows("/save")
    assert bool(COLOURS.search(talk.terminal.raw)) is coloured
    assert ("**Fine.**" in talk.screen) is not coloured


def test_a_small_window(begin, upstream, said):
    upstream.script(answer(NUMBERS), answer("Fine."))
    begin(rows=12, cols=30, prompt="> ").say("Hi").say("/help").say("Two").shows("Fine.")
    assert said(1)[-1] == ("user", "Two")


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (["-i"], "a conversation needs a terminal"),
        (["-i", "--json"], "--json and --interactive exclude each other"),
    ],
)
def test_scripts_are_told_what_to_do(work, upstream, args, why):
    assert why in work("chat", *args).check(2).err


@pytest.mark.parametrize("args", [["-n", "2"], ["--json-mode"], ["--schema", "a str"], ["--field", "a"], ["-x"]])
def test_what_is_not_for_conversations(work, args):
    assert work.terminal("chat", "-i", *args).wait() == 2


def test_usage_is_a_sum_and_what_is_unknown_is_called_so(begin, upstream):
    upstream.script(answer("A.", usage=usage(5, 2)), answer("B.", usage=usage(9, 3)), answer("C."))
    talk = begin()
    for question, told in (("One", "5 in, 2 out"), ("Two", "14 in, 5 out"), ("Three", "unknown in, unknown out")):
        talk.say(question).say("/usage").shows(f" answers · {told}")


LIMITED = {"data": [{"id": "test-model", "context_length": 100}]}
QUESTION = "[t]rim the oldest questions, [s]end it anyway, [c]ancel:"


@pytest.fixture
def nearly_full(work, begin, upstream, sent):
    """A conversation of 83 of the 100 tokens that the model takes."""
    upstream.route("/v1/models", Reply(body=LIMITED))
    work("models").check()
    upstream.script(answer("x" * 200), answer("Fine."))
    return begin(cols=100).say("y" * 100)


@pytest.mark.parametrize(("choice", "count"), [("t", 1), ("s", 3)])
def test_a_conversation_that_is_too_long_is_trimmed_or_sent(nearly_full, sent, choice, count):
    nearly_full.send(f"{'z' * 60}\r").shows("takes 100").ready(QUESTION).say(choice).shows("Fine.")
    assert len(sent()[-1]["messages"]) == count


@pytest.mark.parametrize("choice", ["c\r", "\x03", "\x04"])
def test_a_conversation_that_is_too_long_need_not_be_sent(nearly_full, upstream, choice):
    nearly_full.send(f"{'z' * 60}\r").ready(QUESTION).send(choice).ready(f"work> {'z' * 60}")
    assert [request.path for request in upstream.requests] == ["/v1/models", "/v1/chat/completions"]


def test_a_message_that_alone_is_too_long_comes_back(nearly_full, upstream):
    nearly_full.paste("z" * 4000).send("\r").ready(QUESTION).send("t\r")
    nearly_full.ready("work> [pasted #1: 4000 characters]").shows("this message alone is too long")
    assert len(upstream.requests) == 2
