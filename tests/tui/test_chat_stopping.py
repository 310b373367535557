"""Answers that end before their time: stopped, broken off, continued."""

from __future__ import annotations

from support.replies import Cut, Reply
from support.wire import text_stream, usage
from tui.conftest import Chats, Person, answer, held

MARK = "[The user stopped this answer here.]"


def test_escape_keeps_the_partial_and_ends_the_request(chats: Chats) -> None:
    gate = chats.upstream.gate()
    chats.upstream.script(held(gate, "Once upon"), answer("fine"))

    async def body(person: Person) -> None:
        await person.sends("A story")
        await person.reached(gate, "Once upon")
        assert "Esc stops" in person.screen
        await person.does("escape")
        assert person.entries[-1].state == "stopped"
        assert person.last == "Once upon"
        await person.until(lambda: chats.upstream.client_closed(0))
        assert chats.said()[-1] == ("assistant", "Once upon", "stopped")
        await person.asks("And then?")
        assert [text for _, text in person.texts] == ["A story", "Once upon", "And then?", "fine"]

    chats.run(body)
    assert chats.asked[1]["messages"][1] == {"role": "assistant", "content": f"Once upon\n\n{MARK}"}
    with chats.store() as store:
        [stopped, whole] = store.ledger.of_conversation(store.conversations.newest()[0].id)
        assert (stopped.status, whole.status) == ("interrupted", "ok")


def test_escape_before_anything_came(chats: Chats) -> None:
    chats.upstream.script(Reply.hang(), answer("here"))

    async def body(person: Person) -> None:
        await person.sends("Are you there?")
        await person.until(lambda: chats.asked)
        await person.does("escape")
        assert person.texts == [("user", "Are you there?"), ("note", "stopped before anything came")]
        await person.asks("Hello?")
        assert person.texts == [("user", "Hello?"), ("assistant", "here")]
        assert person.entries[0].variant == (2, 2)

    chats.run(body)
    assert [message["content"] for message in chats.asked[1]["messages"]] == ["Hello?"]


def test_a_stopped_answer_is_continued(chats: Chats) -> None:
    gate = chats.upstream.gate()
    chats.upstream.script(held(gate, "Once upon"), answer(" a time", "."), answer("Sure"))

    async def body(person: Person) -> None:
        await person.sends("A story")
        await person.reached(gate, "Once upon")
        await person.does("escape")
        person.chat.transcript.focus()
        await person.press("k")
        assert "continue" in person.screen
        await person.asks("/continue")
        assert person.texts == [("user", "A story"), ("assistant", "Once upon a time.")]
        assert person.entries[-1].state == "complete"
        await person.asks("Really?")

    chats.run(body, option=["temperature=0.5"])
    assert chats.asked[1]["messages"][1]["content"] == f"Once upon\n\n{MARK}"
    assert chats.asked[1]["messages"][2]["role"] == "user"
    assert [sent["temperature"] for sent in chats.asked] == [0.5, 0.5, 0.5]
    assert [message["content"] for message in chats.asked[2]["messages"]] == [
        "A story",
        "Once upon a time.",
        "Really?",
    ]
    assert [text for _, text, _ in chats.said()] == ["A story", "Once upon a time.", "Really?", "Sure"]


def test_a_continuation_can_be_stopped_and_continued_again(chats: Chats) -> None:
    first, second = chats.upstream.gate("first"), chats.upstream.gate("second")
    chats.upstream.script(held(first, "one"), held(second, " two"), answer(" three"), answer("four"))

    async def body(person: Person) -> None:
        await person.sends("Count")
        await person.reached(first, "one")
        await person.does("escape")
        await person.sends("/continue")
        await person.reached(second, "two")
        await person.does("escape")
        assert person.last == "one two"
        assert person.entries[-1].state == "stopped"
        await person.sends("/continue")
        await person.sends("More")
        await person.idle()
        assert person.texts == [
            ("user", "Count"),
            ("assistant", "one two three"),
            ("user", "More"),
            ("assistant", "four"),
        ]

    chats.run(body)


def test_an_answer_that_breaks_off_keeps_what_came(chats: Chats) -> None:
    chats.upstream.script(
        Reply.sse(*text_stream("Half of", finish=None), Cut(), done=False), answer(" it"), answer("whole")
    )

    async def body(person: Person) -> None:
        await person.asks("Tell")
        assert [role for role, _ in person.texts] == ["user", "assistant", "error"]
        assert person.entries[1].state == "broken"
        assert person.texts[1][1] == "Half of"
        await person.asks("/continue")
        assert person.texts == [("user", "Tell"), ("assistant", "Half of it")]
        await person.asks("Next")

    chats.run(body)
    assert [text for _, text, _ in chats.said()] == ["Tell", "Half of it", "Next", "whole"]


def test_garbage_is_an_error_and_the_question_can_be_asked_again(chats: Chats) -> None:
    chats.upstream.script(Reply.sse("{half of a"), answer("yes"))

    async def body(person: Person) -> None:
        await person.asks("Hi")
        assert [role for role, _ in person.texts] == ["user", "error"]
        await person.does("ctrl+r")
        assert person.texts == [("user", "Hi"), ("assistant", "yes")]

    chats.run(body)


def test_quitting_keeps_the_partial(chats: Chats) -> None:
    gate = chats.upstream.gate()
    chats.upstream.script(held(gate, "So far"))

    async def body(person: Person) -> None:
        await person.sends("Long")
        await person.reached(gate, "So far")
        await person.sends("the next one")
        await person.types("half a")
        await person.press("ctrl+q")
        await person.until(lambda: not person.app.is_running)

    chats.run(body)
    assert chats.upstream.wait_closed(0)
    assert chats.said() == [("user", "Long", "complete"), ("assistant", "So far", "stopped")]
    with chats.store() as store:
        draft = store.drafts.get(store.conversations.newest()[0].id)
        assert draft.text == "the next one\nhalf a"
        assert store.drafts.get("").text == ""


def test_quit_by_command_and_out_of_a_window(chats: Chats) -> None:
    async def command(person: Person) -> None:
        await person.sends("/quit")
        await person.until(lambda: not person.app.is_running)

    async def window(person: Person) -> None:
        await person.press("f3")
        await person.until(lambda: person.app.screen is not person.chat)
        await person.press("ctrl+q")
        await person.until(lambda: not person.app.is_running)

    chats.run(command)
    chats.run(window)


def test_print_on_exit_leaves_the_conversation(chats: Chats) -> None:
    chats.upstream.script(Reply.sse(*text_stream("**Bold**", usage=usage())))

    async def body(person: Person) -> None:
        await person.asks("Hi")

    app = chats.run(body, print_on_exit=True)
    assert "## You\n\nHi" in app.left_behind
    assert "**Bold**" in app.left_behind
