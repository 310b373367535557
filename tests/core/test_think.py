"""Reasoning between tags, apart from the answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.splits import cut, cuts, each_one
from llmctl.core.think import ThinkSplitter


def split(pieces: list[str], tags: tuple[str, ...] = ("think",)) -> tuple[str, str]:
    splitter = ThinkSplitter(tags)
    pairs = [*(splitter.feed(piece) for piece in pieces), splitter.flush()]
    return "".join(reasoning for reasoning, _ in pairs), "".join(text for _, text in pairs)


CASES = [
    pytest.param("", "", "", id="nothing"),
    pytest.param("Hello", "", "Hello", id="no tag"),
    pytest.param("<think>why</think>Hello", "why", "Hello", id="tag"),
    pytest.param("<think>\nwhy\n</think>\n\nHello", "why\n", "Hello", id="lines of its own, and a gap"),
    pytest.param("<think>\r\nwhy\r\n</think>\r\n\r\nHello\r\n", None, "Hello\r\n", id="gap with carriage returns"),
    pytest.param("\n <think>why</think>Hello", "why", "Hello", id="white space before the tag"),
    pytest.param("<think></think>Hello", "", "Hello", id="empty"),
    pytest.param("<think>\n\n</think>\n\nHello", "", "Hello", id="blank, as Qwen sends with thinking off"),
    pytest.param("<think>why", "why", "", id="cut off while thinking"),
    pytest.param("<think>why</thi", "why</thi", "", id="cut off in the closing tag"),
    pytest.param("<thi", "", "<thi", id="cut off in the opening tag"),
    pytest.param("  ", "", "  ", id="white space alone"),
    pytest.param("<b>bold</b>", "", "<b>bold</b>", id="another tag"),
    pytest.param("<thinking>why</thinking>", "", "<thinking>why</thinking>", id="a longer tag"),
    pytest.param("Use <think>x</think>", "", "Use <think>x</think>", id="a tag in the answer"),
    pytest.param(
        "<think>a</think>b<think>c</think>", "a", "b<think>c</think>", id="a second one is the answer's own"
    ),
    pytest.param("<think>a < b </ c</think>d", "a < b </ c", "d", id="pieces of tags in the reasoning"),
    pytest.param("<think>a<think>b</think>c", "a<think>b", "c", id="nested: the first end counts"),
    pytest.param("<think>a<</think>c", "a<", "c", id="a bracket right before the end"),
    pytest.param("</think>Hello", "", "</think>Hello", id="an end without a start"),
    pytest.param("<think>why</think>", "why", "", id="reasoning and no answer"),
    pytest.param("<think>why</think>\n\n", "why", "", id="reasoning and a gap"),
    pytest.param("<THINK>why</THINK>", "", "<THINK>why</THINK>", id="capitals are no tag"),
]


@pytest.mark.parametrize(("content", "reasoning", "text"), CASES)
@pytest.mark.parametrize("pieces", [lambda content: [content], each_one], ids=["whole", "by letters"])
def test_split(content, reasoning, text, pieces):
    got = split(pieces(content))
    assert got[1] == text
    if reasoning is not None:
        assert got[0] == reasoning


@pytest.mark.parametrize(
    ("tags", "content", "expected"),
    [
        ((), "<think>a</think>b", ("", "<think>a</think>b")),
        (("reasoning",), "<reasoning>a</reasoning>b", ("a", "b")),
        (("reasoning",), "<think>a</think>b", ("", "<think>a</think>b")),
        (("think", "thinking"), "<thinking>a</think>b</thinking>c", ("a</think>b", "c")),
        (("think", "thinking"), "<think>a</think>b", ("a", "b")),
        (("a.b*",), "<a.b*>x</a.b*>y", ("x", "y")),
    ],
)
def test_tags_are_data(tags, content, expected):
    assert split([content], tags) == split(each_one(content), tags) == expected


def test_text_is_passed_on_at_once():
    splitter = ThinkSplitter(("think",))
    assert splitter.feed("H") == ("", "H")
    assert splitter.feed("<think>") == ("", "<think>")


def test_reasoning_is_passed_on_at_once_but_for_a_possible_end():
    splitter = ThinkSplitter(("think",))
    assert splitter.feed("<think>why") == ("why", "")
    assert splitter.feed(" not</th") == (" not", "")
    assert splitter.feed("en") == ("</then", "")
    assert splitter.feed("</think>so") == ("", "so")


def test_endless_white_space_is_not_held_for_ever():
    splitter = ThinkSplitter(("think",))
    assert any(splitter.feed(" " * 100) != ("", "") for _ in range(10))


WORDS = ["<think>", "</think>", "<", ">", "</", "think", "\n", "\r\n", " ", "text", "é"]
contents = st.lists(st.sampled_from(WORDS) | st.text(max_size=3), max_size=12).map("".join)
thoughts = st.tuples(st.sampled_from(["<think>", " <think>", ""]), contents).map("".join)


@given(thoughts, cuts)
def test_any_split_gives_the_same(content, places):
    assert split(cut(content, places)) == split([content])


@given(thoughts)
def test_single_letters_give_the_same(content):
    assert split(each_one(content)) == split([content])


@given(contents.filter(lambda content: not content.lstrip().startswith("<think>")), cuts)
def test_without_the_tag_nothing_changes(content, places):
    assert split(cut(content, places)) == ("", content)
