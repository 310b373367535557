"""Typing into the prompt: sending, breaking lines, drafts and the editor outside."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual import events
from textual._xterm_parser import XTermParser

from llmctl.core.media import Attachment
from llmctl.errors import UsageError
from llmctl.tui.prompt import Draft, Prompt
from tui.test_prompt_desk import Desk, Typist, at_desk

NOTE = Attachment("note.txt", "text/plain", b"a note")


def test_enter_sends_and_empties_the_prompt() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.types("hello")
        await typist.keys("enter")
        assert app.seen == [Prompt.Submitted(Draft("hello", (0, 5)))]
        assert app.prompt.draft == Draft()
        assert app.prompt.history == ("hello",)

    at_desk(body)


def test_nothing_is_sent_when_there_is_nothing() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.keys("enter", " ", "enter")
        assert app.seen == []
        assert typist.text == " "

    at_desk(body)


def test_files_alone_are_sent() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.put("", files=(NOTE,))
        await typist.keys("enter")
        assert app.seen == [Prompt.Submitted(Draft("", (0, 0), (NOTE,)))]
        assert typist.files == []

    at_desk(body)


def test_keys_that_come_in_one_burst_act_in_their_order() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.keys("a", "b", "backspace", "c", "enter", "d", "left", "e")
        assert app.seen == [Prompt.Submitted(Draft("ac", (0, 2)))]
        assert typist.text == "ed"

    at_desk(body)


@pytest.mark.parametrize("key", ["shift+enter", "alt+enter", "ctrl+j", "shift+\r", "\r"])
def test_keys_that_break_the_line(key: str) -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.types("ab")
        app.post_message(events.Key(key, "\r" if "\r" in key else None))
        await typist.types("c")
        assert typist.text == "ab\nc"
        assert app.seen == []

    at_desk(body)


def test_alt_enter_of_a_plain_terminal_breaks_the_line() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        [key] = XTermParser().feed("\x1b\r")
        app.post_message(key)
        await typist.pilot.pause()
        assert typist.text == "\n"

    at_desk(body)


def test_a_backslash_before_enter_breaks_the_line() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.types("one\\")
        await typist.keys("enter")
        await typist.types("two")
        assert typist.text == "one\ntwo"
        await typist.put("a\\b", (0, 2))
        await typist.keys("enter")
        assert app.seen == [Prompt.Submitted(Draft("a\\b", (0, 2)))]

    at_desk(body)


def test_enter_breaks_the_line_when_sending_has_another_key() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        app.set_keymap({"prompt.send": "ctrl+s"})
        await typist.types("a")
        await typist.keys("enter")
        await typist.types("b")
        assert typist.text == "a\nb"
        await typist.keys("ctrl+s")
        assert app.seen == [Prompt.Submitted(Draft("a\nb", (1, 1)))]

    at_desk(body)


def test_all_own_keys_can_be_remapped() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        own = type(app.editor).__dict__["BINDINGS"]
        assert own
        assert all(binding.id.startswith("prompt.") for binding in own)

    at_desk(body)


@pytest.mark.parametrize(("size", "most"), [((80, 24), 8), ((80, 60), 20), ((40, 15), 5), ((40, 8), 3)])
def test_the_editor_grows_to_a_third_of_the_screen(size: tuple[int, int], most: int) -> None:
    async def body(app: Desk, typist: Typist) -> None:
        assert app.editor.content_size.height == 1
        await typist.put("a\nb")
        assert app.editor.content_size.height == 2
        await typist.put("x" * (size[0] + 10))
        assert app.editor.content_size.height == 2
        await typist.put("line\n" * 50, (50, 0))
        assert app.editor.content_size.height == most
        assert app.editor.scroll_offset.y == 51 - most
        await typist.put("")
        assert app.editor.content_size.height == 1

    at_desk(body, size)


def test_a_growing_editor_shows_its_first_line() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.types("a")
        await typist.keys("ctrl+j", "b", "ctrl+j", "c")
        assert app.editor.content_size.height == 3
        assert app.editor.scroll_offset.y == 0

    at_desk(body)


def test_the_cursor_stays_in_sight_when_the_screen_shrinks() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.put("line\n" * 50, (19, 0))
        await typist.pilot.resize_terminal(80, 15)
        await typist.pilot.pause()
        assert app.editor.content_size.height == 5
        assert app.editor.content_region.contains_point(app.editor.cursor_screen_offset)

    at_desk(body, (80, 60))


def test_a_draft_is_set_with_its_cursor_clipped_and_can_be_set_again() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.put("a\nbc", (9, 9), (NOTE,))
        assert app.prompt.draft == Draft("a\nbc", (1, 2), (NOTE,))
        await typist.keys("enter")
        refused = app.seen[0].draft  # type: ignore[union-attr]
        app.prompt.draft = refused
        assert app.prompt.draft == Draft("a\nbc", (1, 2), (NOTE,))

    at_desk(body)


def test_a_draft_can_be_set_before_the_prompt_is_shown() -> None:
    class Restored(Desk):
        def compose(self):  # type: ignore[no-untyped-def]
            for widget in super().compose():
                if isinstance(widget, Prompt):
                    widget.draft = Draft("x" * 100, (0, 90), (NOTE,))
                yield widget

    async def body(app: Desk, typist: Typist) -> None:
        assert app.prompt.draft == Draft("x" * 100, (0, 90), (NOTE,))
        assert app.editor.content_size.height == 2
        assert app.region("Chips").height == 1

    at_desk(body, kind=Restored)


def test_text_is_inserted_at_the_cursor_and_cleared() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.put("ad", (0, 1), (NOTE,))
        app.prompt.insert("bc")
        assert app.prompt.draft == Draft("abcd", (0, 3), (NOTE,))
        app.prompt.clear()
        assert app.prompt.draft == Draft()

    at_desk(body)


def test_changes_are_told_once_for_many() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.types("abc")
        assert app.saved[-1] == Draft("abc", (0, 3))
        count = len(app.saved)
        await typist.keys("left")
        assert len(app.saved) == count

    at_desk(body)


def test_changes_are_told_at_once_when_the_focus_leaves() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        app.prompt.save_delay = 3600
        await typist.types("abc")
        assert app.saved == []
        app.set_focus(None)
        await typist.pilot.pause()
        assert app.saved == [Draft("abc", (0, 3))]

    at_desk(body)


def test_undo_brings_back_what_was_sent() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.types("hello")
        await typist.keys("enter", "ctrl+z")
        assert typist.text == "hello"

    at_desk(body)


def test_keys_of_shells() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.put("one two three", (0, 13))
        for key, left in (("ctrl+w", "one two "), ("ctrl+left", "one two "), ("ctrl+k", "one "), ("ctrl+u", "")):
            await typist.keys(key)
            assert typist.text == left, key
        await typist.put("one two", (0, 7))
        await typist.keys("ctrl+a", "x", "ctrl+e", "y")
        assert typist.text == "xone twoy"
        await typist.keys("ctrl+a")
        app.post_message(events.Key("alt+d", "d"))
        await typist.pilot.pause()
        assert typist.text == " twoy"
        app.post_message(events.Key("alt+x", "x"))
        await typist.pilot.pause()
        assert typist.text == " twoy"

    at_desk(body)


def test_keys_that_are_left_to_the_app() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.types("a")
        await typist.keys("escape", "ctrl+c", "ctrl+d")
        assert app.seen == ["escape", "ctrl+c"]
        await typist.keys("backspace", "ctrl+d")
        assert app.seen == ["escape", "ctrl+c", "ctrl+d"]

    at_desk(body)


def test_selected_text_is_copied() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.types("ab")
        await typist.keys("shift+left", "ctrl+c")
        assert app.clipboard == "b"
        assert app.seen == []

    at_desk(body)


class Outside(Desk):
    """Lets go of a terminal that it doesn't have."""

    @contextlib.contextmanager
    def suspend(self) -> Iterator[None]:
        self.seen.append("suspended")
        yield
        self.seen.append("resumed")


def test_the_editor_of_the_user_changes_the_text() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.put("before", files=(NOTE,))
        await typist.keys("ctrl+g")
        assert app.prompt.draft == Draft("before and\nafter", (1, 5), (NOTE,))
        assert app.seen == ["suspended", "resumed"]
        await typist.keys("ctrl+z")
        assert typist.text == "before"

    at_desk(body, kind=Outside, edit=lambda text: f"{text} and\r\nafter\n")


def test_an_editor_that_changes_nothing_or_fails_leaves_the_text() -> None:
    answers = [None, UsageError("no editor was found", hint="set EDITOR")]

    def edit(text: str) -> str | None:
        answer = answers.pop(0)
        if answer:
            raise answer
        return None

    async def body(app: Desk, typist: Typist) -> None:
        await typist.put("text", (0, 2))
        await typist.keys("ctrl+g", "ctrl+g")
        assert app.prompt.draft == Draft("text", (0, 2))
        assert app.seen[-1] == Prompt.Problem("no editor was found", "set EDITOR")
        assert app.seen.count("resumed") == 2

    at_desk(body, kind=Outside, edit=edit)


def test_without_a_terminal_of_its_own_there_is_a_problem_and_no_crash(tmp_path: Path) -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.put("text")
        await typist.keys("ctrl+g")
        assert [type(message) for message in app.seen] == [Prompt.Problem]
        assert typist.text == "text"

    at_desk(body, edit=lambda text: "changed")


def test_a_large_draft_can_be_typed_into() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.put("(some words to fill a line)\n" * 7200, (3600, 5))
        await typist.types("xyz")
        assert app.prompt.draft.cursor == (3600, 8)
        assert app.editor.content_size.height == 8

    at_desk(body)


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light", "ansi-dark", "ansi-light"])
def test_themes(theme: str) -> None:
    async def body(app: Desk, typist: Typist) -> None:
        app.theme = theme
        await typist.put("@", (0, 1), (NOTE,))
        app.prompt.busy = True
        await typist.keys("enter", "@")
        await app.workers.wait_for_complete()
        await typist.pilot.pause()
        assert "@" in app.export_screenshot()

    at_desk(body)
