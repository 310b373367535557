"""An answer that comes in: drawn frame by frame, followed or not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from llmctl.tui.transcript import Entry, ReasoningPart, TextPart, ToolPart, Transcript
from llmctl.tui.transcript.message import Messages
from llmctl.tui.transcript.stream import LiveEntry


class Chat(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.transcript = Transcript()
        self.unseen: list[int] = []

    def compose(self) -> ComposeResult:
        yield self.transcript

    def on_mount(self) -> None:
        self.transcript.focus()

    def on_transcript_unseen(self, message: Transcript.Unseen) -> None:
        self.unseen.append(message.count)


Body = Callable[[Chat, Transcript, Pilot[None]], Awaitable[None]]


def run(body: Body, size: tuple[int, int] = (60, 16)) -> None:
    async def main() -> None:
        app = Chat()
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await body(app, app.transcript, pilot)

    asyncio.run(main())


def screen(transcript: Transcript) -> list[str]:
    return [strip.text.rstrip() for strip in transcript.render_lines(transcript.size.region)]


async def say(transcript: Transcript, pilot: Pilot[None], text: str, reasoning: bool = False) -> None:
    """One chunk, drawn now."""
    transcript.append(text, reasoning)
    transcript.flush()
    await pilot.pause()


def answer() -> Entry:
    return Entry("a", "assistant", title="model")


def test_chunks_are_drawn_together_by_one_timer_and_none_when_idle() -> None:
    async def body(app: Chat, transcript: Transcript, pilot: Pilot[None]) -> None:
        transcript.begin(answer())
        assert transcript.streaming
        assert transcript._timer is None
        transcript.append("one ")
        timer = transcript._timer
        assert timer is not None
        assert 1 / 30 <= timer._interval < 1
        transcript.append("two")
        assert transcript._timer is timer
        assert transcript.entry("a").parts == []
        transcript.flush()
        assert transcript._timer is None
        assert transcript.entry("a").parts == [TextPart("one two")]
        await pilot.pause()
        assert "  one two" in screen(transcript)
        transcript.finish("complete", "1 s")
        assert not transcript.streaming
        transcript.finish()
        transcript.append("nobody waits for this")
        transcript.flush()
        await pilot.pause()
        assert screen(transcript)[:3] == ["  model", "  one two", "  1 s"]

    run(body)


def test_the_timer_draws() -> None:
    async def body(app: Chat, transcript: Transcript, pilot: Pilot[None]) -> None:
        transcript.begin(answer())
        transcript.append("by itself")
        while not transcript.entry("a").parts:
            await pilot.pause(0.01)
        await pilot.pause()
        assert "  by itself" in screen(transcript)

    run(body)


def test_calm_motion_draws_four_times_a_second() -> None:
    async def body(app: Chat, transcript: Transcript, pilot: Pilot[None]) -> None:
        transcript.reduced_motion = True
        transcript.begin(answer())
        transcript.append("x")
        assert transcript._timer is not None
        assert transcript._timer._interval == pytest.approx(0.25)

    run(body)


def test_waiting_streaming_and_the_end_are_shown() -> None:
    async def body(app: Chat, transcript: Transcript, pilot: Pilot[None]) -> None:
        transcript.begin(answer())
        await pilot.pause()
        assert screen(transcript)[1] == "  waiting …"
        await say(transcript, pilot, "text")
        assert transcript.entry("a").state == "streaming"
        assert screen(transcript)[1:3] == ["  text", ""]
        transcript.finish("broken", "cut off")
        await pilot.pause()
        assert screen(transcript)[2] == "  broken off · cut off"

    run(body)


def test_new_text_is_followed() -> None:
    async def body(app: Chat, transcript: Transcript, pilot: Pilot[None]) -> None:
        transcript.begin(answer())
        for number in range(60):
            await say(transcript, pilot, f"Paragraph {number}.\n\n")
            assert f"  Paragraph {number}." in screen(transcript)
        assert transcript.follow
        assert app.unseen in ([], [0])

    run(body)


def test_reading_back_is_never_yanked() -> None:
    async def body(app: Chat, transcript: Transcript, pilot: Pilot[None]) -> None:
        transcript.begin(answer())
        await say(transcript, pilot, "".join(f"Paragraph {number}.\n\n" for number in range(40)))
        await pilot.press("pageup")
        before = screen(transcript)
        for number in range(40, 80):
            await say(transcript, pilot, f"Paragraph {number}.\n\n")
            assert screen(transcript) == before
        assert transcript.unseen >= 70
        assert app.unseen[-1] == transcript.unseen
        transcript.finish()
        transcript.add(Entry("b", "note", [TextPart("more")]))
        await pilot.pause()
        assert screen(transcript) == before
        await pilot.press("end")
        await pilot.pause()
        assert transcript.follow
        assert transcript.unseen == app.unseen[-1] == 0
        assert "  more" in screen(transcript)

    run(body)


def test_reasoning_shows_its_end_and_folds_when_the_answer_begins() -> None:
    async def body(app: Chat, transcript: Transcript, pilot: Pilot[None]) -> None:
        transcript.begin(answer())
        await say(transcript, pilot, "First thought.\n" + "and words " * 20, True)
        await say(transcript, pilot, "the end", True)
        rows = screen(transcript)
        assert rows[1] == "  ▸ reasoning, …"
        assert rows[2].endswith("the end")
        assert rows[3] == ""
        await say(transcript, pilot, "Answer")
        assert screen(transcript)[1:4] == ["  ▸ reasoning, 44 words", "", "  Answer"]
        assert [type(part) for part in transcript.entry("a").parts] == [ReasoningPart, TextPart]

    run(body)


def test_opened_reasoning_streams_in_full() -> None:
    async def body(app: Chat, transcript: Transcript, pilot: Pilot[None]) -> None:
        transcript.begin(answer())
        await say(transcript, pilot, "one\n", True)
        await pilot.press("o")
        await say(transcript, pilot, "two\nthree", True)
        assert screen(transcript)[1:5] == ["  ▾ reasoning, …", "  │ one", "  │ two", "  │ three"]
        await say(transcript, pilot, "Answer")
        assert screen(transcript)[1:3] == ["  ▾ reasoning, 3 words", "  │ one"]

    run(body)


def test_tools_are_called_while_streaming() -> None:
    async def body(app: Chat, transcript: Transcript, pilot: Pilot[None]) -> None:
        transcript.begin(answer())
        transcript.append("Let me *look*.")
        transcript.tool_call(ToolPart("1", "look", "{}"))
        await pilot.pause()
        assert screen(transcript)[1:4] == ["  Let me look.", "", "  → look({})"]
        transcript.append("Found")
        transcript.tool_result("1", "this", ms=20)
        await pilot.pause()
        assert screen(transcript)[3:7] == ["  → look({})", "  ← this 0.0 s", "", "  Found"]
        await say(transcript, pilot, " it.")
        transcript.finish()
        await pilot.pause()
        assert screen(transcript)[6] == "  Found it."

    run(body)


def test_resizing_and_themes_do_not_disturb_a_stream() -> None:
    async def body(app: Chat, transcript: Transcript, pilot: Pilot[None]) -> None:
        transcript.begin(answer())
        await say(transcript, pilot, "```py\nx = 1\n")
        await pilot.resize_terminal(40, 12)
        app.theme = "textual-light"
        await pilot.pause()
        await say(transcript, pilot, "y = 2\n```\nDone")
        assert [row.strip() for row in screen(transcript)[2:6]] == ["▏ x = 1", "▏ y = 2", "", "Done"]

    run(body)


def test_an_entry_can_go_on() -> None:
    async def body(app: Chat, transcript: Transcript, pilot: Pilot[None]) -> None:
        transcript.begin(Entry("a", "assistant", [TextPart("Begun *and")], "model", state="stopped"))
        await say(transcript, pilot, " ended*.")
        transcript.finish()
        await pilot.pause()
        assert screen(transcript)[1] == "  Begun and ended."

    run(body)


def test_removing_or_replacing_the_stream_ends_it() -> None:
    async def body(app: Chat, transcript: Transcript, pilot: Pilot[None]) -> None:
        transcript.add(Entry("u", "user", [TextPart("?")]))
        transcript.begin(answer())
        transcript.append("x")
        transcript.remove_from("u")
        assert transcript._timer is None
        assert not transcript.streaming
        transcript.begin(answer())
        transcript.append("x")
        transcript.set_entries([Entry("b", "user", [TextPart("other")], "You")])
        await pilot.pause()
        assert screen(transcript)[1] == "▌ other"

    run(body)


def test_selected_text_stays_selected_while_text_comes() -> None:
    async def body(app: Chat, transcript: Transcript, pilot: Pilot[None]) -> None:
        transcript.add(Entry("u", "user", [TextPart("question")], "You"))
        transcript.begin(answer())
        await pilot.hover(transcript, offset=(3, 1))
        await pilot.click(transcript, offset=(3, 1), times=2)
        for _ in range(50):
            await say(transcript, pilot, "more\n\n")
        assert app.screen.get_selected_text() == "question"

    run(body)


chunk = st.tuples(
    st.sampled_from(
        ["text **b** ", "\n\n", "```py\n", "x\n", "```\n", "- a\n", "| a |\n|--|\n", "\r\n", "word " * 30]
    ),
    st.booleans() | st.just(False),
)


@settings(deadline=None, max_examples=50)
@given(st.lists(chunk | st.just("tool"), min_size=1, max_size=40))
def test_a_streamed_entry_ends_as_drawn_at_once(chunks: list[tuple[str, bool] | str]) -> None:
    from llmctl.tui.transcript.palette import palette_of

    messages = Messages(palette_of(App()), 40)
    entry = answer()
    live = LiveEntry(entry, messages, set())
    for piece in chunks:
        if isinstance(piece, str):
            entry.parts.append(ToolPart("1", "tool", "{}", "result"))
            live.add_part()
        else:
            live.append(*piece)
        live.lines()
    assert live.finish() == messages.lines(entry, set())
