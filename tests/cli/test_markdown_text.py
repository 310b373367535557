"""Nothing of an answer is lost when it is rendered as Markdown."""

from __future__ import annotations

import re

import pytest

from llmctl.cli.chat.markdown import render
from support.upstream import Reply
from support.wire import text_stream

_ANSI = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("3.", "3."),
        ("-", "-"),
        ("a<b and c>d", "a<b and c>d"),
        ("A List<String>, or <b>bold</b>.", "A List<String>, or <b>bold</b>."),
        ("<div>\nhello\n</div>", "<div> hello </div>"),
        ("&lt;x&gt; &amp; `<br>`", "<x> & <br>"),
    ],
)
def test_what_looks_like_markup_is_text(source, shown):
    assert _ANSI.sub("", " ".join(render(source, 80))) == shown


def test_unusual_line_ends_do_not_shift_the_blocks(work, upstream):
    text = "one\u2028\u2028\u2028two\n\n```\n**code**\n```\n\n**end**\n\nlast"
    upstream.script(Reply.sse(*text_stream(*text)))
    terminal = work.terminal("chat", "Hi")
    assert terminal.wait() == 0
    assert re.findall(r"[a-z*]+", terminal.screen()) == ["one", "two", "**code**", "end", "last"]
