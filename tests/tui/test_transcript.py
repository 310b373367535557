"""The transcript on a screen: reading, following, choosing, clicking."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest
from rich.style import Style
from textual import events
from textual.app import App, ComposeResult
from textual.color import Color
from textual.message import Message
from textual.pilot import Pilot

from llmctl.tui.transcript import Entry, MediaPart, ReasoningPart, TextPart, ToolPart, Transcript
from llmctl.tui.transcript.palette import contrast, palette_of

SIZE = (60, 20)
ANSWER = ("copy", "copy"), ("retry", "retry"), ("branch", "branch"), ("raw", "raw")
QUESTION = ("copy", "copy"), ("edit", "edit")


def actions(entry: Entry) -> Sequence[tuple[str, str]]:
    return ANSWER if entry.role == "assistant" else QUESTION


class Chat(App[None]):
    """A transcript and nothing else; remembers its messages."""

    def __init__(self) -> None:
        super().__init__()
        self.transcript = Transcript(actions)
        self.heard: list[Message] = []

    def compose(self) -> ComposeResult:
        yield self.transcript

    def on_mount(self) -> None:
        self.transcript.focus()

    def on_event_heard(self, message: Message) -> None:
        self.heard.append(message)

    on_transcript_action = on_transcript_link_clicked = on_transcript_code_copied = on_event_heard
    on_transcript_media_chosen = on_transcript_unseen = on_event_heard

    def said(self, kind: type[Message]) -> list[Message]:
        return [message for message in self.heard if isinstance(message, kind)]


Body = Callable[[Chat, Transcript, Pilot[None]], Awaitable[None]]


def run(body: Body, size: tuple[int, int] = SIZE, theme: str = "textual-dark") -> None:
    """Run the body with an app of a size, in columns and rows."""

    async def main() -> None:
        app = Chat()
        async with app.run_test(size=size) as pilot:
            app.theme = theme
            await pilot.pause()
            await body(app, app.transcript, pilot)

    asyncio.run(main())


def talk(count: int, text: str = "Line one.\n\nLine two of {}.\n\nLine three.") -> list[Entry]:
    return [
        Entry(
            f"m{number}",
            "user" if number % 2 == 0 else "assistant",
            [TextPart(text.replace("{}", str(number)))],
            f"T{number}",
        )
        for number in range(count)
    ]


def screen(transcript: Transcript) -> list[str]:
    """The rows on the screen, without spaces at their ends."""
    return [strip.text.rstrip() for strip in transcript.render_lines(transcript.size.region)]


def row_of(transcript: Transcript, text: str) -> int:
    """The first row on the screen that holds a text."""
    return next(y for y, row in enumerate(screen(transcript)) if text in row)


def style_at(transcript: Transcript, text: str) -> Style:
    """The style of the segment on the screen that holds a text."""
    for strip in transcript.render_lines(transcript.size.region):
        for segment in strip:
            if text in segment.text:
                assert segment.style is not None
                return segment.style
    raise AssertionError(f"{text} isn't on the screen")


async def click(transcript: Transcript, pilot: Pilot[None], text: str, times: int = 1) -> None:
    y = row_of(transcript, text)
    x = screen(transcript)[y].index(text)
    await pilot.click(transcript, offset=(x, y), times=times)
    await pilot.pause()


async def drag(transcript: Transcript, pilot: Pilot[None], start: tuple[int, int], end: tuple[int, int]) -> None:
    await pilot.mouse_down(transcript, offset=start)
    await pilot._post_mouse_events([events.MouseMove], transcript, offset=end, button=1)
    await pilot._post_mouse_events([events.MouseUp, events.Click], transcript, offset=end, button=1)
    await pilot.pause()


def test_a_conversation_opens_at_its_end_and_renders_only_what_is_seen() -> None:
    async def body(app: Chat, transcript: Transcript, pilot: Pilot[None]) -> None:
        rendered: list[str] = []
        render = transcript._rows._render
        transcript._rows._render = lambda entry: rendered.append(entry.key) or render(entry)  # type: ignore[func-returns-value]
        transcript.set_entries(talk(1_000))
        await pilot.pause()
        assert len(rendered) <= 6
        assert screen(transcript)[-2] == "  Line three."
        assert len(transcript.entries) == 1_000
        assert transcript.entry("m7").title == "T7"
        with pytest.raises(KeyError):
            transcript.entry("none")

    run(body)


def test_messages_of_the_user_have_a_bar_and_plain_text() -> None:
    async def body(app: Chat, transcript: Transcript, pilot: Pilot[None]) -> None:
        you = Entry("u", "user", [TextPart("  *not* markdown\n\n\tx")], "You")
        transcript.set_entries([you, Entry("a", "assistant", [TextPart("*is*")], "model", footer="3 s")])
        await pilot.pause()
        assert screen(transcript)[:9] == [
            "▌ You",
            "▌   *not* markdown",
            "▌",
            "▌     x",
            "",
            "  model",
            "  is",
            "  3 s",
            "",
        ]

    run(body)


def test_states_and_variants_are_in_the_foot() -> None:
    async def body(app: Chat, transcript: Transcript, pilot: Pilot[None]) -> None:
        entry = Entry("a", "assistant", [TextPart("hm")], "m", state="stopped", footer="1 s", variant=(2, 3))
        transcript.set_entries([entry])
        await pilot.pause()
        assert screen(transcript)[2] == "  ‹ 2/3 › · stopped · 1 s"
        await click(transcript, pilot, "‹")
        await click(transcript, pilot, "›")
        await pilot.press("[", "]")
        names = [message.name for message in app.said(Transcript.Action)]
        assert names == ["previous_variant", "next_variant"] * 2

    run(body)


def test_keys_scroll_and_reading_back_keeps_the_rows() -> None:
    async def body(app: Chat, transcript: Transcript, pilot: Pilot[None]) -> None:
        transcript.set_entries(
            talk(300, "[{}](https://example.com/an/address/that/is/long/and/never/shown)\n\n" * 5)
        )
        await pilot.pause()
        seen = screen(transcript)
        for number in range(1, 30):
            await pilot.press("up")
            rows = screen(transcript)
            assert rows[number if number < 20 else 20 :] == seen[: max(0, 20 - number)]
        assert not transcript.follow
        for _ in range(29):
            await pilot.press("down")
        assert screen(transcript) == seen
        assert transcript.follow
        await pilot.press("pageup", "pagedown")
        assert screen(transcript) == seen
        await pilot.press("home")
        assert screen(transcript)[0] == "▌ T0"
        await pilot.press("end")
        assert screen(transcript) == seen

    run(body)


def test_the_wheel_scrolls_over_estimated_heights() -> None:
    async def body(app: Chat, transcript: Transcript, pilot: Pilot[None]) -> None:
        transcript.set_entries(talk(50, "x\n\n" * 9))
        await pilot.pause()
        before = screen(transcript)
        await pilot._post_mouse_events([events.MouseScrollUp], transcript, offset=(5, 5))
        await pilot.pause()
        moved = round(app.scroll_sensitivity_y)
        assert screen(transcript)[moved:] == before[:-moved]
        assert not transcript.follow

    run(body)


def test_the_scroll_bar_jumps_far() -> None:
    async def body(app: Chat, transcript: Transcript, pilot: Pilot[None]) -> None:
        transcript.set_entries(talk(500))
        await pilot.pause()
        transcript.scroll_to(y=transcript.max_scroll_y // 2)
        await pilot.pause()
        assert any("of 2" in row for row in screen(transcript))
        transcript.scroll_to(y=transcript.max_scroll_y)
        await pilot.pause()
        assert transcript.follow

    run(body)


def test_resizing_keeps_the_message_at_the_top() -> None:
    async def body(app: Chat, transcript: Transcript, pilot: Pilot[None]) -> None:
        transcript.set_entries(talk(200, "words to be wrapped {} " * 30))
        await pilot.pause()
        transcript.show_entry("m77")
        await pilot.pause()
        for size in ((40, 20), (100, 30), (25, 8), SIZE):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert screen(transcript)[0].endswith("T77")
        await pilot.press("end")
        await pilot.resize_terminal(33, 9)
        await pilot.pause()
        assert transcript.follow
        assert "199" in screen(transcript)[-2]

    run(body)


def test_another_height_keeps_rows_and_selection() -> None:
    async def body(app: Chat, transcript: Transcript, pilot: Pilot[None]) -> None:
        transcript.set_entries(talk(20))
        await pilot.pause()
        lines = transcript._rows.lines(19)
        await drag(transcript, pilot, (2, row_of(transcript, "of 19")), (5, row_of(transcript, "of 19")))
        await pilot.resize_terminal(60, 12)
        await pilot.pause()
        assert transcript._rows.lines(19) is lines
        assert app.screen.get_selected_text() == "Line"
        assert screen(transcript)[-2] == "  Line three."

    run(body)


def test_padding_does_not_shift_clicks() -> None:
    async def body(app: Chat, transcript: Transcript, pilot: Pilot[None]) -> None:
        transcript.styles.padding = (3, 1)
        transcript.set_entries(talk(2, "one"))
        await pilot.pause()
        await pilot.hover(transcript, offset=(5, 3))
        await pilot.pause()
        assert transcript.hovered == "m0"

    run(body)


def test_a_search_hit_is_shown_and_marked() -> None:
    async def body(app: Chat, transcript: Transcript, pilot: Pilot[None]) -> None:
        entries = talk(100)
        entries[40].parts = [TextPart("filler\n\n" * 50 + "the Needle here"), ReasoningPart("a hidden thought")]
        transcript.set_entries(entries)
        await pilot.pause()
        transcript.show_entry("m40", "needle")
        await pilot.pause()
        assert row_of(transcript, "Needle") == 3
        assert style_at(transcript, "Needle").bgcolor != style_at(transcript, "filler").bgcolor
        transcript.show_entry("m40", "hidden")
        await pilot.pause()
        assert style_at(transcript, "hidden").bold

    run(body)


def test_add_changed_and_remove() -> None:
    async def body(app: Chat, transcript: Transcript, pilot: Pilot[None]) -> None:
        transcript.set_entries(talk(3))
        transcript.add(Entry("new", "user", [TextPart("fresh")], "You"))
        await pilot.pause()
        assert screen(transcript)[-2] == "▌ fresh"
        transcript.entry("new").parts = [TextPart("other")]
        transcript.changed("new")
        await pilot.pause()
        assert screen(transcript)[-2] == "▌ other"
        transcript.remove_from("m1")
        await pilot.pause()
        assert [entry.key for entry in transcript.entries] == ["m0"]
        assert "▌ other" not in screen(transcript)
        transcript.set_entries([])
        await pilot.pause()
        assert not any(screen(transcript))
        await pilot.press("up", "pageup", "home", "end", "j", "c", "o")

    run(body)


def test_a_change_above_does_not_move_what_is_read() -> None:
    async def body(app: Chat, transcript: Transcript, pilot: Pilot[None]) -> None:
        transcript.set_entries(talk(30))
        transcript.show_entry("m10")
        await pilot.pause()
        before = screen(transcript)
        transcript.entry("m5").parts = [TextPart("much\n" * 50)]
        transcript.changed("m5")
        await pilot.pause()
        assert screen(transcript) == before

    run(body)


def test_messages_are_chosen_by_keyboard() -> None:
    async def body(app: Chat, transcript: Transcript, pilot: Pilot[None]) -> None:
        transcript.set_entries(talk(50))
        await pilot.press("k")
        assert transcript.selected == "m49"
        assert "┃ Line three." in screen(transcript)
        for _ in range(10):
            await pilot.press("ctrl+up")
        assert transcript.selected == "m39"
        assert any(row.startswith(("▌ T39", "┃ T39")) for row in screen(transcript))
        await pilot.press("j", "ctrl+down", "e", "c", "r")
        assert transcript.selected == "m41"
        done = [(message.key, message.name) for message in app.said(Transcript.Action)]
        assert done == [("m41", "copy"), ("m41", "retry")]

    run(body)


def test_keys_apply_to_the_last_message_that_allows_it() -> None:
    async def body(app: Chat, transcript: Transcript, pilot: Pilot[None]) -> None:
        transcript.set_entries(talk(4))
        await pilot.press("e", "r", "b", "[")
        done = [(message.key, message.name) for message in app.said(Transcript.Action)]
        assert done == [("m2", "edit"), ("m3", "retry"), ("m3", "branch")]

    run(body)


def test_actions_appear_under_the_mouse_and_can_be_clicked() -> None:
    async def body(app: Chat, transcript: Transcript, pilot: Pilot[None]) -> None:
        transcript.set_entries(talk(2))
        await pilot.pause()
        assert "retry" not in "".join(screen(transcript))
        await pilot.hover(transcript, offset=(10, 8))
        await pilot.pause()
        head = screen(transcript)[row_of(transcript, "T1")]
        assert head.endswith("copy · retry · branch · raw")
        assert "edit" not in "".join(screen(transcript))
        await click(transcript, pilot, "branch")
        assert [(message.key, message.name) for message in app.said(Transcript.Action)] == [("m1", "branch")]
        await pilot.hover(transcript, offset=(10, 18))
        await pilot.pause()
        assert "retry" not in "".join(screen(transcript))

    run(body)


def test_actions_that_do_not_fit_are_left_out_and_move_to_the_foot() -> None:
    async def body(app: Chat, transcript: Transcript, pilot: Pilot[None]) -> None:
        transcript.set_entries([*talk(1), Entry("a", "assistant", [TextPart("w\n\n" * 30)], "a model")])
        transcript.selected = "a"
        await pilot.pause()
        assert screen(transcript)[-1].endswith("copy · retry")
        await pilot.press("up")
        transcript.show_entry("a")
        await pilot.pause()
        assert screen(transcript)[0] == "┃ a model   copy · retry"

    run(body, size=(26, 10))


def test_reasoning_and_tools_fold() -> None:
    parts = [
        ReasoningPart("one two three\nfour"),
        ToolPart("1", "look", '{"a": 1}', "first\nsecond", ms=1500),
        ToolPart("2", "fail", "{}", "bad", error=True),
        ToolPart("3", "busy", "{}"),
    ]
    folded = [
        "▸ reasoning, 4 words",
        "",
        '→ look({"a": 1})',
        "← first second 1.5 s",
        "→ fail({})",
        "← bad",
        "→ busy({})",
    ]

    async def body(app: Chat, transcript: Transcript, pilot: Pilot[None]) -> None:
        transcript.set_entries([Entry("a", "assistant", list(parts), "m")])
        await pilot.pause()
        assert [row[2:] for row in screen(transcript)[1:8]] == folded
        await click(transcript, pilot, "▸")
        assert [row[2:] for row in screen(transcript)[1:4]] == [
            "▾ reasoning, 4 words",
            "│ one two three",
            "│ four",
        ]
        await click(transcript, pilot, "→ look")
        assert [row[2:] for row in screen(transcript)[5:10]] == [
            "→ look",
            '│ {"a": 1}',
            "← 1.5 s",
            "│ first",
            "│ second",
        ]
        await pilot.press("o")
        assert [row[2:] for row in screen(transcript)[1:8]] == folded
        await pilot.press("enter")
        assert "│ four" in [row[2:] for row in screen(transcript)]

    run(body)


def test_media_links_and_code_can_be_clicked() -> None:
    async def body(app: Chat, transcript: Transcript, pilot: Pilot[None]) -> None:
        code = "def f():\n\treturn 1  \n"
        media = MediaPart("cat.png", "image", 34_100, "k")
        text = f"See [docs](https://e.x/a?b=1).\n\n```py\n{code}```\n"
        transcript.set_entries([Entry("a", "assistant", [media, TextPart("```\nno\n```"), TextPart(text)], "m")])
        await pilot.pause()
        assert screen(transcript)[1] == "  ▣ cat.png · image · 34 kB  [open] [save]"
        await click(transcript, pilot, "[open]")
        await click(transcript, pilot, "[save]")
        await click(transcript, pilot, "docs")
        y = row_of(transcript, "▏ py")
        await pilot.click(transcript, offset=(screen(transcript)[y].index("copy"), y))
        await pilot.pause()
        media_heard = app.said(Transcript.MediaChosen)
        assert [(m.key, m.part, m.how) for m in media_heard] == [("a", media, "open"), ("a", media, "save")]
        assert [message.url for message in app.said(Transcript.LinkClicked)] == ["https://e.x/a?b=1"]
        assert [message.text for message in app.said(Transcript.CodeCopied)] == [code]

    run(body)


def test_every_binding_has_an_id() -> None:
    bindings = [binding for klass in Transcript.mro() for binding in klass.__dict__.get("BINDINGS", [])]
    own = [binding for binding in bindings if getattr(binding, "id", None)]
    assert len({binding.id for binding in own}) == len(own)
    assert len(own) >= 15
    assert {key for key, *_ in Transcript()._bindings} <= {
        key for binding in own for key in binding.key.split(",")
    }


def test_themes_are_followed() -> None:
    async def body(app: Chat, transcript: Transcript, pilot: Pilot[None]) -> None:
        transcript.set_entries([Entry("a", "assistant", [TextPart("```py\nreturn 1\n```\ntext")], "m")])
        await pilot.pause()
        dark = style_at(transcript, "return")
        app.theme = "textual-light"
        await pilot.pause()
        light = style_at(transcript, "return")
        assert dark.color != light.color
        assert dark.bgcolor != light.bgcolor
        app.theme = "ansi-dark"
        await pilot.pause()
        for strip in transcript.render_lines(transcript.size.region):
            for _, style, _ in strip:
                for colour in (style.color, style.bgcolor):
                    assert colour is None or colour.triplet is None

    run(body)


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light", "nord", "solarized-dark", "catppuccin-latte"])
def test_styles_can_be_read_on_every_theme(theme: str) -> None:
    async def body(app: Chat, transcript: Transcript, pilot: Pilot[None]) -> None:
        palette = palette_of(app)
        back = Color.parse(app.theme_variables["background"])
        least = min(4.5, contrast(Color.parse(app.theme_variables["foreground"]), back))
        for name in ("dim", "accent", "user", "assistant", "note", "error", "heading", "code", "link", "action"):
            colour = getattr(palette, name).color
            assert contrast(Color.from_rich_color(colour), back) >= least, name

    run(body, theme=theme)


def test_without_colours_selected_text_is_reversed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def body(app: Chat, transcript: Transcript, pilot: Pilot[None]) -> None:
        transcript.set_entries([Entry("a", "assistant", [TextPart("some `code` here")], "m")])
        await pilot.pause()
        assert style_at(transcript, "code").bold
        await drag(transcript, pilot, (2, 1), (5, 1))
        assert style_at(transcript, "some").reverse

    run(body, theme="ansi-dark")


def test_text_is_selected_over_lines() -> None:
    async def body(app: Chat, transcript: Transcript, pilot: Pilot[None]) -> None:
        code = "if x:\n    return 'a long line of code that is wrapped at the edge of it'\n"
        transcript.set_entries(
            [Entry("a", "assistant", [TextPart(f"Intro **bold**.\n\n```py\n{code}```\n\nEnd.")], "m")]
        )
        await pilot.pause()
        await drag(transcript, pilot, (8, 1), (3, row_of(transcript, "End.")))
        assert app.screen.get_selected_text() == f"bold.\n\n{code}\nEn"
        assert style_at(transcript, "bold").bgcolor != style_at(transcript, "Intro").bgcolor
        assert style_at(transcript, "End"[:2]).bgcolor != style_at(transcript, "Intro").bgcolor

    run(body)


def test_text_out_of_sight_is_selected_too() -> None:
    async def body(app: Chat, transcript: Transcript, pilot: Pilot[None]) -> None:
        transcript.set_entries(talk(40, "{}"))
        await pilot.press("home")
        await pilot.mouse_down(transcript, offset=(2, 1))
        await pilot.press("end")
        await pilot._post_mouse_events([events.MouseMove], transcript, offset=(3, 18), button=1)
        await pilot.mouse_up(transcript, offset=(3, 18))
        await pilot.pause()
        assert app.screen.get_selected_text() == "\n\n".join(str(number) for number in range(40))

    run(body)


def test_a_double_click_selects_a_message() -> None:
    async def body(app: Chat, transcript: Transcript, pilot: Pilot[None]) -> None:
        transcript.set_entries(talk(3, "one\n\ntwo {}"))
        await pilot.hover(transcript, offset=(5, 7))
        await click(transcript, pilot, "two 1", times=2)
        assert app.screen.get_selected_text() == "one\n\ntwo 1"
        await click(transcript, pilot, "two 1", times=3)
        assert (app.screen.get_selected_text() or "").count("two") == 3

    run(body)


def test_a_drag_over_a_link_is_no_click() -> None:
    async def body(app: Chat, transcript: Transcript, pilot: Pilot[None]) -> None:
        transcript.set_entries([Entry("a", "assistant", [TextPart("[a long link](https://e.x)")], "m")])
        await pilot.pause()
        await drag(transcript, pilot, (2, 1), (7, 1))
        assert app.screen.get_selected_text() == "a long"
        assert not app.said(Transcript.LinkClicked)

    run(body)


def test_memory_stays_bounded() -> None:
    async def body(app: Chat, transcript: Transcript, pilot: Pilot[None]) -> None:
        transcript.set_entries(talk(60, "x\n" * 300))
        await pilot.press("home")
        for _ in range(400):
            transcript.action_page(3)
        await pilot.pause()
        kept = sum(len(slot.lines or ()) for slot in transcript._rows.slots)
        assert kept <= 6_000 + 1_000
        assert len(transcript._painted) <= 700

    run(body)


@pytest.mark.parametrize("size", [(40, 15), (10, 5), (3, 2), (1, 1), (300, 80)])
def test_any_size_of_terminal(size: tuple[int, int]) -> None:
    async def body(app: Chat, transcript: Transcript, pilot: Pilot[None]) -> None:
        media = MediaPart("日本語の名前.png", "image", 5, "k")
        table = "| a | b |\n|--|--|\n| 1 | 2 |\n\n```py\nx\n```\n\n> - 1\n"
        transcript.set_entries([Entry("a", "assistant", [media, ReasoningPart("x"), TextPart(table)], "m" * 50)])
        transcript.selected = "a"
        await pilot.press("up", "home", "end")
        assert all(
            strip.cell_length == transcript.size.width for strip in transcript.render_lines(transcript.size.region)
        )

    run(body, size=size)
