"""The command line on a person's terminal."""

from __future__ import annotations

import re

import pytest

from support.upstream import Reply
from support.wire import chunk, error_body, text_stream

MARKDOWN = """# Heading

Some **bold** and `code` text.

- one
- two

| name | size |
|---|---|
| a | 1 |
| b | 22 |

```python
def f(x):
    return x
```

The end."""


def pieces(text, size=3):
    return [text[at : at + size] for at in range(0, len(text), size)]


def test_markdown_is_rendered(work, upstream):
    upstream.script(Reply.sse(*text_stream(*pieces(MARKDOWN))))
    terminal = work.terminal("chat", "Hi", rows=40)
    assert terminal.wait() == 0
    lines = terminal.screen().split("\n")
    text = "\n".join(lines)
    assert lines[0] == "Heading"
    assert "Some bold and code text." in lines
    assert [line for line in lines if re.fullmatch(r" • (one|two)", line)] == [" • one", " • two"]
    assert re.search(r"^ *name +size *$\n.*[─━].*\n^ *a +1 *$\n^ *b +22 *$", text, re.MULTILINE)
    assert re.search(r"^ ?def f\(x\):$\n^ ?    return x$", text, re.MULTILINE)
    assert lines[-1] == "The end."
    assert "**" not in text
    assert "```" not in text
    assert "\n\n\n" not in text


def test_the_picture_does_not_depend_on_how_the_text_is_cut(work, upstream):
    upstream.script(*(Reply.sse(*text_stream(*pieces(MARKDOWN, size))) for size in (1, 7, 1000)))
    screens = []
    for _ in range(3):
        terminal = work.terminal("chat", "Hi", rows=40)
        assert terminal.wait() == 0
        screens.append(terminal.screen())
    assert screens[0] == screens[1] == screens[2]


def test_no_line_is_lost_when_the_answer_is_longer_than_the_window(work, upstream):
    blocks = [f"Paragraph {n}." for n in range(30)]
    code = "```\n" + "".join(f"code {n}\n" for n in range(40)) + "```"
    items = "\n".join(f"- item {n}" for n in range(40))
    text = "\n\n".join([*blocks, code, items, "The end."])
    upstream.script(Reply.sse(*text_stream(*pieces(text, 5))))
    terminal = work.terminal("chat", "Hi", rows=12)
    assert terminal.wait() == 0
    seen = [line.strip() for line in terminal.history() if line.strip()]
    expected = [*blocks, *(f"code {n}" for n in range(40)), *(f"• item {n}" for n in range(40)), "The end."]
    assert seen == expected


@pytest.mark.parametrize("cols", [20, 40])
def test_a_narrow_window(work, upstream, cols):
    words = [f"word{n}" for n in range(60)]
    text = f"{' '.join(words)}\n\n- {' '.join(words)}\n\n日本"
    upstream.script(Reply.sse(*text_stream(*pieces(text, 4))))
    terminal = work.terminal("chat", "Hi", rows=12, cols=cols)
    assert terminal.wait() == 0
    lines = terminal.history()
    shown = " ".join(lines).replace("•", "").split()
    assert shown[:-1] == [*words, *words]
    assert all(len(line) <= cols for line in lines)


@pytest.mark.parametrize("args", [["--plain"], ["-n", "2"]])
def test_plain_text_where_nothing_is_rendered(work, upstream, args):
    upstream.script(Reply.sse(*text_stream("**bold**\n", "# no heading")))
    terminal = work.terminal("chat", *args, "Hi")
    assert terminal.wait() == 0
    assert terminal.screen() == "**bold**\n# no heading"


def test_no_colours_means_no_escapes(work, upstream):
    upstream.script(Reply.sse(*text_stream(MARKDOWN)))
    terminal = work.terminal("chat", "Hi", env={"NO_COLOR": "1"})
    assert terminal.wait() == 0
    assert b"\x1b" not in terminal.raw
    assert "Some **bold** and `code` text." in terminal.history()


def test_a_waiting_line_is_shown_and_goes_away(work, upstream):
    gate = upstream.gate()
    upstream.script(Reply.sse(chunk("", role="assistant"), gate, *text_stream("fine")))
    terminal = work.terminal("chat", "Hi")
    terminal.wait_for("waiting for work/test-model")
    gate.open()
    assert terminal.wait() == 0
    assert terminal.screen() == "fine"


def test_reasoning_is_announced_or_shown(work, upstream):
    gate = upstream.gate()
    upstream.script(
        Reply.sse(chunk(reasoning="Hm."), gate, *text_stream("fine")),
        Reply.sse(chunk(reasoning="Hm."), *text_stream("fine")),
    )
    terminal = work.terminal("chat", "Hi")
    terminal.wait_for("thinking")
    gate.open()
    assert terminal.wait() == 0
    assert terminal.screen() == "fine"
    terminal = work.terminal("chat", "--show-reasoning", "Hi")
    assert terminal.wait() == 0
    assert [line for line in terminal.screen().split("\n") if line] == ["Hm.", "fine"]


def test_text_shows_before_the_answer_is_complete(work, upstream):
    gate = upstream.gate()
    upstream.script(Reply.sse(chunk("first words"), gate, *text_stream(" and the rest")))
    terminal = work.terminal("chat", "Hi")
    terminal.wait_for("first words")
    gate.open()
    terminal.wait_for("first words and the rest")
    assert terminal.wait() == 0


@pytest.mark.parametrize("args", [[], ["--plain"]])
def test_ctrl_c_keeps_what_came(work, upstream, args):
    gate = upstream.gate()
    upstream.script(Reply.sse(chunk("half "), chunk("an answer"), gate))
    terminal = work.terminal("chat", *args, "Hi")
    gate.wait_reached()
    terminal.wait_for("half an answer")
    terminal.send_key("ctrl-c")
    assert terminal.wait() == 130
    upstream.wait_closed()
    screen = terminal.screen()
    assert screen.startswith("half an answer")
    assert "interrupted" in screen
    assert "Traceback" not in screen


def test_ctrl_c_while_waiting(work, upstream):
    upstream.script(Reply.hang())
    terminal = work.terminal("chat", "Hi")
    terminal.wait_for("waiting for")
    upstream.wait_requests(1)
    terminal.send_key("ctrl-c")
    assert terminal.wait() == 130
    assert "waiting for" not in terminal.screen()
    upstream.wait_closed()


def test_a_prompt_may_be_typed(work, upstream, sent):
    upstream.script(Reply.sse(*text_stream("fine")))
    terminal = work.terminal("chat", "-")
    terminal.wait_for("Ctrl-D")
    terminal.send("Hello there\n")
    terminal.send_key("ctrl-d")
    terminal.wait_for("fine")
    assert terminal.wait() == 0
    assert sent()[0]["messages"][0]["content"].strip() == "Hello there"


def test_an_argument_does_not_wait_for_the_keyboard(work, upstream):
    upstream.script(Reply.sse(*text_stream("fine")))
    assert work.terminal("chat", "Hi").wait() == 0


def test_errors_are_coloured_and_on_their_own_line(work, upstream):
    upstream.script(
        Reply.sse(chunk("half"), error_body("overloaded", code=503), done=False),
    )
    terminal = work.terminal("chat", "Hi")
    assert terminal.wait() == 7
    lines = terminal.screen().split("\n")
    assert lines[:2] == ["half", "error: work: overloaded"]
    assert b"\x1b[31merror:" in terminal.raw


def test_a_broken_answer_in_markdown_is_shown_to_its_last_word(work, upstream):
    upstream.script(Reply.sse(chunk("# Title\n\nsome *half"), error_body("gone", code=500), done=False))
    terminal = work.terminal("chat", "Hi")
    assert terminal.wait() == 7
    assert [line for line in terminal.screen().split("\n") if line][:2] == ["Title", "some *half"]


def test_tables_have_a_header_for_people(work, upstream):
    upstream.script(Reply(body={"data": [{"id": "test-model", "context_length": 4096}, {"id": "日本"}]}))
    terminal = work.terminal("models")
    assert terminal.wait() == 0
    lines = terminal.screen().split("\n")
    assert re.match(r"MODEL +CONTEXT +INPUT \$/M +OUTPUT \$/M +OWNER", lines[0])
    assert re.match(r"test-model \* +4096", lines[1])


def test_control_characters_of_a_model_do_not_reach_the_terminal_raw(work, upstream):
    """An answer may not move the cursor, set the title or press keys when Markdown is rendered."""
    upstream.script(Reply.sse(*text_stream("a\x1b]0;title\x07b\x1b[2Jc")))
    terminal = work.terminal("chat", "Hi")
    assert terminal.wait() == 0
    assert b"\x1b]0;" not in terminal.raw
    assert b"\x1b[2J" not in terminal.raw
