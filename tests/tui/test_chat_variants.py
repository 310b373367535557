"""Answers asked again, questions changed, branches, and two models side by side."""

from __future__ import annotations

from llmctl.tui.screens.compare import CompareScreen
from llmctl.tui.screens.picker import ModelPicker
from support.replies import Reply
from support.wire import error_body
from tui.conftest import Chats, Person, answer, held


def test_another_variant_and_the_keys_between_them(chats: Chats) -> None:
    chats.upstream.script(answer("first"), answer("second"), answer("third"))

    async def body(person: Person) -> None:
        await person.asks("Say")
        await person.does("ctrl+r")
        assert person.texts == [("user", "Say"), ("assistant", "second")]
        assert person.entries[1].variant == (2, 2)
        person.chat.transcript.focus()
        await person.does("left_square_bracket")
        assert person.last == "first"
        assert chats.said()[-1][1] == "first"
        await person.does("left_square_bracket")
        assert person.last == "first"
        await person.does("right_square_bracket")
        assert person.last == "second"
        await person.does("left_square_bracket")
        await person.asks("Go on")

    chats.run(body)
    assert [message["content"] for message in chats.asked[2]["messages"]] == ["Say", "first", "Go on"]


def test_editing_a_question_keeps_the_old_one_beside_it(chats: Chats) -> None:
    chats.upstream.script(answer("one"), answer("two"), answer("three"))

    async def body(person: Person) -> None:
        await person.asks("First")
        await person.asks("Second")
        person.chat.transcript.focus()
        await person.press("home", "k", "k", "k", "k")
        await person.does("e")
        assert person.typed == "First"
        await person.types(" changed")
        await person.does("enter")
        assert person.texts == [("user", "First changed"), ("assistant", "three")]
        assert person.entries[0].variant == (2, 2)
        person.chat.transcript.focus()
        await person.press("k", "k")
        await person.does("left_square_bracket")
        assert [text for _, text in person.texts] == ["First", "one", "Second", "two"]

    chats.run(body)
    assert [message["content"] for message in chats.asked[2]["messages"]] == ["First changed"]


def test_an_emptied_prompt_ends_editing(chats: Chats) -> None:
    chats.upstream.script(answer("one"), answer("two"))

    async def body(person: Person) -> None:
        person.chat.prompt.save_delay = 0
        await person.asks("First")
        await person.types("half typed")
        await person.asks_deed("edit")
        assert person.typed == "First"
        await person.press(*["backspace"] * 5)
        await person.saved()
        assert person.chat.editing is None
        await person.press("up")
        assert person.typed == "half typed"
        await person.does("enter")
        assert [text for _, text in person.texts] == ["First", "one", "half typed", "two"]

    chats.run(body)


def test_retry_of_an_earlier_question(chats: Chats) -> None:
    chats.upstream.script(answer("one"), answer("two"), answer("three"))

    async def body(person: Person) -> None:
        await person.asks("First")
        await person.asks("Second")
        person.chat.transcript.focus()
        await person.press("k", "k", "k", "k")
        await person.does("r")
        assert person.texts == [("user", "First"), ("assistant", "three")]
        assert person.entries[1].variant == (2, 2)

    chats.run(body)
    assert [message["content"] for message in chats.asked[2]["messages"]] == ["First"]


def test_a_branch_is_a_conversation_of_its_own(chats: Chats) -> None:
    chats.upstream.script(answer("one"), answer("two"), answer("three"))

    async def body(person: Person) -> None:
        await person.asks("First")
        await person.asks("Second")
        person.chat.transcript.focus()
        await person.press("k", "k", "k")
        await person.does("b")
        assert [text for _, text in person.texts] == ["First", "one"]
        assert len(person.titles) == 2
        assert any("First (branch)" in title for title in person.titles)
        await person.asks("Other")

    chats.run(body)
    with chats.store() as store:
        texts = [[m.text for m in store.messages.path(c.head)] for c in store.conversations.newest()]
    assert sorted(texts) == [["First", "one", "Other", "three"], ["First", "one", "Second", "two"]]


def test_side_by_side_and_the_right_one_is_taken(chats: Chats) -> None:
    gate = chats.upstream.gate()
    chats.upstream.script(answer("left one"))

    async def body(person: Person) -> None:
        await person.asks("Which?")
        await compare(person, chats, held(gate, "right"))
        await person.until(lambda: "right" in person.screen)
        assert "left one" in person.screen
        await person.press("2")
        assert isinstance(person.app.screen, CompareScreen)
        gate.open()
        await person.until(lambda: "right end" in person.screen and not person.app.screen.busy)  # type: ignore[attr-defined]
        await person.press("2")
        await person.closed()
        await person.idle()
        assert person.texts == [("user", "Which?"), ("assistant", "right end")]
        assert person.entries[1].variant == (2, 2)
        assert person.entries[1].title == "other/other-model"
        assert person.model == "work/test-model"

    chats.run(body)
    assert chats.said()[-1] == ("assistant", "right end", "complete")
    assert chats.asked[1]["model"] == "other-model"


def test_side_by_side_stops_and_closes_with_escape(chats: Chats) -> None:
    gate = chats.upstream.gate()
    chats.upstream.script(answer("left one"))

    async def body(person: Person) -> None:
        await person.asks("Which?")
        await compare(person, chats, held(gate, "right"))
        await person.until(lambda: "right" in person.screen)
        await person.press("escape")
        await person.until(lambda: not person.app.screen.busy)  # type: ignore[attr-defined]
        await person.press("escape")
        await person.closed()
        await person.idle()
        assert person.last == "left one"
        assert person.entries[1].variant == (1, 2)

    chats.run(body)
    assert chats.said()[-1][1] == "left one"


def test_side_by_side_with_an_error_and_on_leaving(chats: Chats) -> None:
    gate = chats.upstream.gate()
    chats.upstream.script(answer("left one"))

    async def body(person: Person) -> None:
        await person.asks("Which?")
        await compare(person, chats, Reply(500, body=error_body("not today")))
        await person.until(lambda: "not today" in person.screen)
        await person.press("2")
        assert isinstance(person.app.screen, CompareScreen)
        await person.press("1")
        await person.closed()
        await person.idle()
        assert person.last == "left one"
        await compare(person, chats, held(gate, "partly"))
        await person.until(lambda: "partly" in person.screen)
        await person.press("ctrl+q")
        await person.until(lambda: not person.app.is_running)

    chats.run(body)
    with chats.store() as store:
        [kept] = store.conversations.newest()
        assert [m.text for m in store.messages.tree(kept.id)] == ["Which?", "left one", "partly"]


async def compare(person: Person, chats: Chats, reply: Reply) -> None:
    """F5, and the other model."""
    chats.upstream.script(reply)
    await person.press("f5")
    await person.opened(ModelPicker)
    await person.types("other")
    await person.press("enter")
    await person.opened(CompareScreen)
