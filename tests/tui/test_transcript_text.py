"""Text cut into rows, and Markdown drawn at once."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.app import App

from llmctl.tui.transcript.line import harmless, plain, rows, wrapped
from llmctl.tui.transcript.markdown import CODES, Renderer, code_block
from llmctl.tui.transcript.palette import palette_of
from llmctl.tui.transcript.table import fitted


def renderer(width: int = 40, theme: str = "textual-dark") -> Renderer:
    app: App[None] = App()
    app.theme = theme
    return Renderer(palette_of(app), width)


def shown(text: str, width: int = 40) -> list[str]:
    """The rows of a Markdown text, without spaces at their ends."""
    return [line.text.rstrip() for line in renderer(width).render(harmless(text))]


def styles(text: str, word: str) -> Style:
    """The style that a word is drawn with."""
    for line in renderer().render(text):
        for segment in line.segments:
            if word in segment.text:
                assert segment.style is not None
                return segment.style
    raise AssertionError(f"{word} isn't shown")


@settings(deadline=None, max_examples=200)
@given(st.text(st.sampled_from("ab c日本🎉\u200d👩\ufe0f\u200bé  -"), max_size=120), st.integers(2, 20))
def test_rows_hold_the_text_and_fit(text: str, width: int) -> None:
    joined, after = "", 0
    for start, end, glue in rows(text, width):
        assert cell_len(text[start:end].rstrip(" ")) <= width
        assert not joined or glue == text[after:start]
        joined += text[after:start] + text[start:end]
        after = end
    assert joined.rstrip() == text.rstrip()


def test_rows_break_at_spaces_and_long_words_anywhere() -> None:
    assert [line.text for line in plain("one two three", Style(), 8)] == ["one two", "three"]
    assert [line.text for line in plain("abcdefghij", Style(), 4)] == ["abcd", "efgh", "ij"]
    assert [line.text for line in plain("日本語テキスト", Style(), 5)] == ["日本", "語テ", "キス", "ト"]


def test_styles_stay_with_their_words() -> None:
    red, blue = Style(color="red"), Style(color="blue")
    lines = wrapped([Segment("one two", red), Segment(" three four", blue)], 9)
    assert [[(text, style) for text, style, _ in line.segments] for line in lines] == [
        [("one two", red)],
        [("three", blue)],
        [("four", blue)],
    ]


def test_no_control_character_is_left() -> None:
    text = "a\x1b[31mred\x07\x9b2J\x00\x7f\u202eevil\r\nb\rc\td\ud800"
    assert harmless(text) == "a␛[31mred␇\ufffd2J␀␡\ufffdevil\nb\nc\td\ufffd"
    assert all(character >= " " for line in shown(text) for character in line)


def test_headings_lists_quotes_rules_and_images_are_readable() -> None:
    text = "# Head\n\nSome *text*\n\n- one\n- two\n  1. deep\n\n7. seven\n8. eight\n\n> quoted\n\n---\n\n![A cat](http://x/c.png)"
    assert shown(text, 20) == [
        "Head",
        "",
        "Some text",
        "",
        "• one",
        "• two",
        "  1. deep",
        "",
        "7. seven",
        "8. eight",
        "",
        "▎ quoted",
        "",
        "─" * 20,
        "",
        "▣ A cat",
    ]


def test_a_list_is_as_loose_as_its_source() -> None:
    assert shown("- a\n\n- b\n- c") == ["• a", "", "• b", "• c"]


def test_html_is_text() -> None:
    assert shown("a <b>bold</b>\n\n<div>\nx\n</div>") == ["a <b>bold</b>", "", "<div> x </div>"]


def test_bold_italic_struck_code_and_links_have_styles() -> None:
    assert styles("a **bold** b", "bold").bold
    assert styles("a *it* b", "it").italic
    assert styles("a ~~gone~~ b", "gone").strike
    link = styles("see [here](https://example.com/a) now", "here")
    assert link.link == "https://example.com/a"
    assert link.meta["do"] == ("link", "https://example.com/a")
    assert styles("https://example.com/b", "example").link == "https://example.com/b"
    assert not styles("run main.py now", "main.py").link
    assert not styles("[x](javascript:alert)", "javascript").link
    assert not styles("[near](../file)", "near").link
    assert not styles(f"![inside](data:image/png;base64,{'A' * 500})", "inside").link
    assert styles("[esc](http://x/%1b\\[31m)", "esc").link == "http://x/%1b%5B31m"


def test_code_is_coloured_and_kept_exactly() -> None:
    code = "def f(a):\n\treturn  a   \n\n\n# 日本 " + "x" * 60 + "\n"
    lines = renderer(30).render(f"```python\n{code}```")
    assert lines[0].text.split() == ["▏", "python", "copy"]
    text = "".join(line.glue + line.copied(0, None) for line in lines[1:])
    assert text == "\n" + code.removesuffix("\n")
    assert len({segment.style for line in lines for segment in line.segments}) > 4
    assert all(line.cells <= 30 for line in lines)


def test_code_of_an_unknown_language_and_very_long_lines_are_plain() -> None:
    assert shown("```nosuch\nx = 1\n```")[1:] == ["▏ x = 1"]
    assert len(shown("```python\n" + "x" * 5000 + "\n```")) == 1 + -(-5000 // 38)


def test_blocks_of_code_are_numbered_and_found_again() -> None:
    text = "```\none\n```\n\n- item\n\n  ```py\n  two\t\n  ```\n"
    marks = [
        segment.style.meta["do"]
        for line in renderer().render(text)
        for segment in line.segments
        if segment.style and segment.style.meta
    ]
    assert marks == [("code", 0), ("code", 1)]
    assert [code_block(text, number) for number in range(3)] == ["one\n", "two\t\n", ""]
    assert CODES > 1


def test_tables_fit_and_align() -> None:
    table = "| Name | N |\n|:--|--:|\n| one | 1 |\n| " + "long words " * 6 + "| 1000 |\n"
    lines = shown(table, 30)
    assert lines[0].split() == ["Name", "│", "N"]
    assert set(lines[1]) == {"─", "┼"}
    assert lines[2].split() == ["one", "│", "1"]
    assert lines[2].endswith("   1")
    assert all(len(line) <= 30 for line in lines)
    assert fitted([3, 50, 60], 43) == [3, 20, 20]


def test_a_table_that_does_not_fit_is_shown_row_by_row() -> None:
    table = "| A | B | C | D |\n|-|-|-|-|\n| 1 | 2 | 3 | 4 |\n| 5 | 6 | 7 | 8 |\n"
    assert shown(table, 20) == ["A: 1", "B: 2", "C: 3", "D: 4", "", "A: 5", "B: 6", "C: 7", "D: 8"]


@pytest.mark.parametrize(
    "text",
    [
        "x" * 100_000,
        "漢👩‍👩‍👧" * 30_000,
        "word " * 200_000,
        "> " * 500 + "deep",
        "- " * 500 + "deep",
        "\n".join("  " * depth + "- deep" for depth in range(200)),
        "[" * 100_000,
        "*a **b " * 3_000,
        "```\n" + "x" * 300_000,
        "\n" * 200_001,
    ],
    ids=["word", "wide", "megabyte", "quotes", "items", "lists", "brackets", "stars", "fence", "empty"],
)
def test_monstrous_texts_neither_crash_nor_freeze(text: str) -> None:
    start = time.process_time()
    lines = renderer(80).render(text)
    assert time.process_time() - start < 10  # it is below one second; a square would take minutes
    assert lines
    assert all(line.cells <= 80 for line in lines[:2000])


def test_what_is_nested_too_deeply_is_shown_as_written() -> None:
    assert any("deep" in line for line in shown("> " * 100 + "deep", 300))


@pytest.mark.parametrize("theme", ["ansi-dark", "ansi-light"])
def test_ansi_themes_use_the_16_colours_of_the_terminal(theme: str) -> None:
    text = "# H\n\n`code` [a](http://b.c) **b**\n\n```python\ndef f(): return 'x'  # y\n```\n\n> q\n\n"
    text += "| a |\n|---|\n| b |"
    for line in renderer(40, theme).render(text):
        for segment in line.segments:
            style = segment.style or Style()
            assert style.bgcolor is None
            assert style.color is None or style.color.is_default or (style.color.number or 0) < 16
            assert style.color is None or style.color.triplet is None
