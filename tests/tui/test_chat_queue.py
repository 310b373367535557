"""Messages that wait for the end of an answer."""

from __future__ import annotations

from textual import events

from support.replies import Reply
from support.wire import error_body
from tui.conftest import Chats, Person, answer, held


def test_two_queued_are_asked_one_after_the_other(chats: Chats) -> None:
    gate = chats.upstream.gate()
    chats.upstream.script(held(gate, "1"), answer("2"), answer("3"))

    async def body(person: Person) -> None:
        await person.sends("first")
        await person.reached(gate, "1")
        await person.sends("second")
        await person.sends("third")
        assert "2 queued" in person.screen
        assert len(chats.asked) == 1
        gate.open()
        await person.idle()
        assert [text for _, text in person.texts] == ["first", "1 end", "second", "2", "third", "3"]
        assert "queued" not in person.screen

    chats.run(body)
    assert [message["content"] for message in chats.asked[2]["messages"]] == [
        "first",
        "1 end",
        "second",
        "2",
        "third",
    ]


def test_alt_up_takes_one_back(chats: Chats) -> None:
    gate = chats.upstream.gate()
    chats.upstream.script(held(gate, "1"), answer("2"))

    async def body(person: Person) -> None:
        await person.sends("first")
        await person.reached(gate, "1")
        await person.sends("second")
        await person.sends("third")
        await person.press("alt+up")
        assert person.typed == "third"
        assert person.chat.prompt.queued == ("second",)
        gate.open()
        await person.idle()
        assert person.typed == "third"
        assert person.texts[-1] == ("assistant", "2")

    chats.run(body)


def test_stop_and_errors_leave_the_queue_in_sight(chats: Chats) -> None:
    gate = chats.upstream.gate()
    chats.upstream.script(held(gate, "1"), Reply(500, body=error_body("broken")), answer("3"), answer("2"))

    async def body(person: Person) -> None:
        await person.sends("first")
        await person.reached(gate, "1")
        await person.sends("second")
        await person.does("escape")
        assert "1 queued" in person.screen
        assert person.chat.prompt.queued == ("second",)
        await person.asks("third")
        assert person.texts[-1][0] == "error"
        assert person.chat.prompt.queued == ("second",)
        await person.does("ctrl+r")
        assert [text for _, text in person.texts] == ["first", "1", "third", "3", "second", "2"]

    chats.run(body)


def test_the_queue_does_not_follow_into_another_conversation(chats: Chats) -> None:
    gate = chats.upstream.gate()
    chats.upstream.script(held(gate, "1"))

    async def body(person: Person) -> None:
        await person.sends("first")
        await person.reached(gate, "1")
        await person.sends("second")
        await person.does("escape")
        await person.does("ctrl+n")
        assert person.typed == ""
        assert not person.chat.prompt.queued
        await person.app.chat.open(chats_first(chats))
        assert person.typed == "second"

    chats.run(body)


def chats_first(chats: Chats) -> str:
    with chats.store() as store:
        return store.conversations.newest()[0].id


def test_a_question_queued_while_a_message_is_edited_replaces_nothing(chats: Chats) -> None:
    gate = chats.upstream.gate()
    chats.upstream.script(answer("one"), held(gate, "two"), answer("three"), answer("four"))

    async def body(person: Person) -> None:
        await person.asks("first")
        await person.asks("/edit")
        assert person.typed == "first"
        await person.press("ctrl+r")
        await person.reached(gate, "two")
        await person.press("enter")
        gate.open()
        await person.idle()
        await person.asks("last")
        assert [text for role, text in person.texts if role == "user"] == ["first", "first", "last"]

    chats.run(body)


def test_two_questions_typed_faster_than_the_first_begins(chats: Chats) -> None:
    chats.upstream.script(answer("1"), answer("2"))

    async def body(person: Person) -> None:
        for key in ("A", "enter", "B", "enter"):
            person.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await person.until(lambda: person.last == "2")
        await person.idle()
        assert [text for _, text in person.texts] == ["A", "1", "B", "2"]

    chats.run(body)
