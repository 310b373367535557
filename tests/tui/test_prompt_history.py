"""Earlier prompts, queued ones, and slash commands."""

from __future__ import annotations

import pytest

from llmctl.core.media import Attachment
from llmctl.tui.prompt import Draft, Prompt
from tui.test_prompt_desk import Desk, Typist, at_desk

NOTE = Attachment("note.txt", "text/plain", b"a note")


def test_up_and_down_walk_through_history_and_back_to_the_draft() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.put("draft", (0, 2))
        await typist.keys("up")
        assert app.prompt.draft == Draft("two\nlines", (1, 5))
        await typist.keys("up")
        assert app.prompt.draft.cursor == (0, 3)
        await typist.keys("up")
        assert typist.text == "one"
        await typist.keys("up")
        assert typist.text == "one"
        await typist.keys("down", "down")
        assert typist.text == "two\nlines"
        await typist.keys("down")
        assert app.prompt.draft == Draft("draft", (0, 2))
        await typist.keys("down")
        assert typist.text == "draft"

    at_desk(body, history=["one", "two\nlines"])


def test_up_stays_in_a_wrapped_line_before_it_goes_back() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.put("word " * 20, (0, 90))
        await typist.keys("up")
        assert typist.text.startswith("word")
        await typist.keys("up")
        assert typist.text == "one"

    at_desk(body, history=["one"])


def test_what_was_being_typed_comes_back_after_an_earlier_prompt_was_sent() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.put("half a thought", (0, 4), (NOTE,))
        await typist.keys("up", "enter")
        assert app.seen == [Prompt.Submitted(Draft("one", (0, 3), (NOTE,)))]
        assert app.prompt.draft == Draft("half a thought", (0, 4))

    at_desk(body, history=["one"])


def test_history_can_be_replaced_and_added_to() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        app.prompt.history = ["a", "b"]
        app.prompt.remember("c")
        await typist.keys("up", "up")
        assert typist.text == "b"
        assert app.prompt.history == ("a", "b", "c")

    at_desk(body)


def test_enter_queues_while_an_answer_is_written() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        app.prompt.busy = True
        await typist.types("one")
        await typist.keys("enter")
        await typist.put("two\nlines", files=(NOTE,))
        await typist.keys("enter")
        assert [type(message) for message in app.seen] == [Prompt.Queued, Prompt.Queued]
        assert app.prompt.queued == ("one", "two\nlines")
        assert app.region("Waiting").height == 3
        assert "2 queued" in str(app.query_one("Waiting").render())
        assert app.prompt.pop_queued() == Draft("one", (0, 3))
        assert app.prompt.pop_queued() == Draft("two\nlines", (0, 0), (NOTE,))
        assert app.prompt.pop_queued() is None
        await typist.pilot.pause()
        assert not app.query_one("Waiting").display

    at_desk(body)


@pytest.mark.parametrize("key", ["alt+up", "up"])
def test_the_last_queued_message_comes_back_for_editing(key: str) -> None:
    async def body(app: Desk, typist: Typist) -> None:
        app.prompt.busy = True
        for text in ("one", "two"):
            await typist.put(text, files=(NOTE,))
            await typist.keys("enter")
        await typist.keys(key)
        assert app.prompt.draft == Draft("two", (0, 3), (NOTE,))
        assert app.prompt.queued == ("one",)

    at_desk(body, history=["earlier"])


def test_a_queued_message_comes_back_before_what_was_typed_since() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        app.prompt.busy = True
        await typist.types("one")
        await typist.keys("enter")
        await typist.types("more")
        await typist.keys("alt+up")
        assert app.prompt.draft == Draft("one\nmore", (0, 3))
        await typist.keys("alt+up")
        assert typist.text == "one\nmore"

    at_desk(body)


@pytest.mark.parametrize("busy", [False, True])
@pytest.mark.parametrize(
    ("text", "name", "rest"),
    [("/model x y", "model", "x y"), ("/nosuch", "nosuch", ""), ("/system a\nb", "system", "a\nb")],
)
def test_slash_commands_are_obeyed_at_once(text: str, name: str, rest: str, busy: bool) -> None:
    async def body(app: Desk, typist: Typist) -> None:
        app.prompt.busy = busy
        await typist.put(text, files=(NOTE,))
        await typist.keys("enter")
        assert app.seen == [Prompt.Command(name, rest)]
        assert app.prompt.draft == Draft("", (0, 0), (NOTE,))
        assert app.prompt.history == (text,)

    at_desk(body)


def test_two_slashes_and_paths_are_sent() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        for text in ("//model x", "/usr/bin"):
            await typist.put(text)
            await typist.keys("enter")
        assert [message.draft.text for message in app.seen] == ["/model x", "/usr/bin"]  # type: ignore[union-attr]

    at_desk(body)


def test_a_doubled_slash_comes_back_doubled() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.types("//help")
        await typist.keys("enter")
        refused = app.seen[0].draft  # type: ignore[union-attr]
        assert refused.text == "/help"
        app.prompt.draft = refused
        assert app.prompt.draft == Draft("//help", (0, 6))
        app.prompt.busy = True
        await typist.keys("enter", "alt+up")
        assert typist.text == "//help"
        await typist.keys("enter")
        queued = app.prompt.pop_queued()
        assert queued
        assert queued.text == "/help"

    at_desk(body)
