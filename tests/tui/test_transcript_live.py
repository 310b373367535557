"""Markdown drawn while it comes is in the end what it is when drawn at once."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from textual.app import App

from llmctl.tui.transcript.line import Line, harmless
from llmctl.tui.transcript.live import LiveMarkdown, LivePlain
from llmctl.tui.transcript.markdown import Renderer
from llmctl.tui.transcript.palette import palette_of

PALETTE = palette_of(App())
WIDTH = 36
PIECES = [
    "para one two\n", "more **bold** `code`\n", "**open ", "`", "\n", "\n\n", "- item\n",
    "* star\n", "  - nested\n", "   goes on\n", "1. num\n", "2) other\n", "```py\n", "x = '''1\n",
    "```\n", "~~~\n", "    indented\n", "> quote\n", ">\n", "> - in quote\n", "> ```\n",
    "| a | b |\n", "|---|---|\n", "| 1 | `2` |\n", "===\n", "---\n", "# Head\n",
    "[a]: http://x.y\n", "see [a]\n", "***\n", "<b>\n", "\t tab\n", "hard  \n", "\r\n", "\r",
    "日本語👩\u200d👩\u200d👧", " - ", " # ", "'title'\n", "\x1b[1m", "long " * 80, "x" * 90,
]  # fmt: skip
documents = st.lists(st.sampled_from(PIECES), min_size=1, max_size=60).map("".join) | st.text(max_size=200)
cuts = st.lists(st.integers(1, 40), min_size=1, max_size=20)


def renderer() -> Renderer:
    return Renderer(PALETTE, WIDTH)


def seen(lines: list[Line]) -> list[tuple[object, ...]]:
    """All that makes lines look or copy alike."""
    return [
        ([(text, style) for text, style, _ in line.segments], line.start, line.end, line.glue, line.raw, line.skip)
        for line in lines
    ]


def chunks(text: str, sizes: list[int]) -> list[str]:
    """The text cut into chunks of these sizes, again and again."""
    result, position, number = [], 0, 0
    while position < len(text):
        size = sizes[number % len(sizes)]
        result.append(text[position : position + size])
        position, number = position + size, number + 1
    return result


def texts(live: LiveMarkdown) -> list[str]:
    live.draw()
    return [line.text.rstrip() for line in live.lines]


@settings(deadline=None, max_examples=60)
@given(documents, cuts)
def test_streamed_is_what_is_drawn_at_once(text: str, sizes: list[int]) -> None:
    live = LiveMarkdown(renderer())
    for chunk in chunks(text, sizes):
        live.feed(chunk)
        live.draw()
        assert all(line.cells <= WIDTH for line in live.lines)
    assert seen(live.finish()) == seen(renderer().render(harmless(text)))


@settings(deadline=None, max_examples=30)
@given(st.lists(st.sampled_from(PIECES), min_size=40, max_size=160).map("".join), st.integers(1, 3))
def test_long_blocks_of_one_kind_end_as_drawn_at_once(text: str, kind: int) -> None:
    start = {1: "- a\n" * 30, 2: "| a | b |\n|--|--|\n" + "| 1 | 2 |\n" * 40, 3: "word " * 500}[kind]
    live = LiveMarkdown(renderer())
    for chunk in chunks(start + text, [7, 30, 2]):
        live.feed(chunk)
        live.draw()
    assert seen(live.finish()) == seen(renderer().render(harmless(start + text)))


def test_an_open_fence_is_code_at_every_moment() -> None:
    live = LiveMarkdown(renderer())
    for character in "Look:\n\n```python\n":
        live.feed(character)
        assert not any("`" in line for line in texts(live))
    code = "".join(f"value_{number} = {number}\n" for number in range(200))
    before = 0
    for character in code:
        live.feed(character)
        lines = texts(live)
        assert lines[2].startswith("▏ python")
        assert len(lines) >= max(before, 4), "a row of the code is gone"
        assert all(line.startswith("▏") for line in lines[2:])
        before = len(lines)
    complete = texts(live)
    for character in "```":
        live.feed(character)
        assert texts(live) == complete
    assert [line.text.rstrip() for line in live.finish()] == complete


def test_a_fence_shows_a_row_before_its_first_line_has_come() -> None:
    live = LiveMarkdown(renderer())
    live.feed("```py\n")
    assert len(texts(live)) == 2
    live.feed("x")
    assert texts(live)[1:] == ["▏ x"]


def test_a_longer_fence_holds_a_shorter_one() -> None:
    live = LiveMarkdown(renderer())
    live.feed("````md\n```py\nx\n```\n")
    assert texts(live)[1:] == ["▏ ```py", "▏ x", "▏ ```"]
    live.feed("````\nafter\n")
    assert texts(live)[-2:] == ["", "after"]


def test_undecided_beginnings_of_lines_are_held_back() -> None:
    live = LiveMarkdown(renderer())
    live.feed("A line\n--")
    assert texts(live) == ["A line"]
    live.feed("-\nB")
    assert texts(live) == ["A line", "", "B"]


def test_finished_blocks_keep_their_very_lines() -> None:
    live = LiveMarkdown(renderer())
    live.feed("First *paragraph*.\n\nSecond\n")
    live.draw()
    first = live.lines[0]
    live.feed("one.\n\n- a list\n")
    live.draw()
    assert live.lines[0] is first


def test_a_link_may_be_defined_at_the_end() -> None:
    live = LiveMarkdown(renderer())
    live.feed("See [it].\n\nMore.\n\n[it]: https://example.com\n")
    live.draw()
    lines = live.finish()
    assert lines[0].text == "See it."
    assert any(segment.style and segment.style.link for segment in lines[0].segments)


class Counting(Renderer):
    """Counts the characters that are parsed and drawn."""

    characters = 0

    def render(self, text: str, *others: object) -> list[Line]:  # type: ignore[override]
        self.characters += len(text)
        return super().render(text, *others)  # type: ignore[arg-type]


def drawn_per_chunk(parts: list[str]) -> float:
    counting = Counting(PALETTE, WIDTH)
    live = LiveMarkdown(counting)
    for part in parts:
        live.feed(part)
        live.draw()
    return counting.characters / len(parts)


def test_drawing_a_long_block_does_not_grow_with_its_length() -> None:
    blocks = {
        "list": (["- an item\n"], 1_200),
        "table": (["| a | b |\n", "|---|---|\n", *["| one | two |\n"] * 40], 1_600),
        "paragraph": (["some words "], 4_000),
        "word": (["x" * 40], 4_000),
    }
    for name, (parts, most) in blocks.items():
        assert drawn_per_chunk(parts * (800 // len(parts))) < most, name


def test_plain_text_grows_line_by_line() -> None:
    live = LivePlain(PALETTE.dim, 10)
    for chunk in ("one two", " three\r", "\nfo", "ur\r"):
        live.feed(chunk)
        live.draw()
    assert [line.text for line in live.finish()] == ["one two", "three", "four", ""]
