"""What goes wrong is said where it happened, nothing is lost, and another profile can be asked."""

from __future__ import annotations

import pytest

from support.replies import Reply
from support.upstream import refused_url
from support.wire import error_body
from tui.conftest import Chats, Person, answer


@pytest.mark.parametrize("status", [429, 500])
def test_an_error_is_shown_and_f4_asks_the_other_profile(chats: Chats, status: int) -> None:
    chats.upstream.script(Reply(status, body=error_body("come back later")), answer("I can"), answer("still me"))

    async def body(person: Person) -> None:
        await person.asks("Can you?")
        assert [role for role, _ in person.texts] == ["user", "error"]
        assert "come back later" in person.last
        assert f"status {status}" in person.last
        assert person.entries[-1].title == "work"
        assert any("F4 asks other/other-model" in notice for notice in person.notices)
        await person.does("f4")
        assert person.texts == [("user", "Can you?"), ("assistant", "I can")]
        assert person.entries[-1].title == "other/other-model"
        assert person.model == "other/other-model"
        await person.asks("And now?")

    chats.run(body)
    first, second, third = chats.asked
    assert (first["model"], second["model"], third["model"]) == ("test-model", "other-model", "other-model")
    assert first["messages"] == second["messages"]
    keys = [request.headers["authorization"] for request in chats.upstream.requests]
    assert keys[0] != keys[1] == keys[2]
    assert [text for _, text, _ in chats.said()] == ["Can you?", "I can", "And now?", "still me"]


def test_f4_without_another_profile_says_so(chats: Chats) -> None:
    chats.configure(other=False)
    chats.upstream.script(Reply(500, body=error_body("no")))

    async def body(person: Person) -> None:
        await person.does("f4")
        assert "nothing has been asked yet" in person.notices[-1]
        await person.asks("Hi")
        assert any("F4 asks demo" in notice for notice in person.notices)

    chats.run(body)


def test_no_network(chats: Chats) -> None:
    chats.configure(url=refused_url())

    async def body(person: Person) -> None:
        await person.asks("Hi")
        assert [role for role, _ in person.texts] == ["user", "error"]
        assert any("F4 asks other/other-model" in notice for notice in person.notices)
        chats.upstream.script(answer("Here"))
        await person.does("f4")
        assert person.last == "Here"

    chats.run(body)


def test_a_missing_key(chats: Chats) -> None:
    del chats.env["WORK_KEY"]

    async def body(person: Person) -> None:
        await person.asks("Hi")
        assert "WORK_KEY" in person.screen
        assert "Hi" in (person.typed, person.entries[0].parts[0].text if person.entries else "")  # type: ignore[union-attr]
        chats.upstream.script(answer("Here"))
        await person.asks("/use other")
        await person.asks("Hi again")
        assert person.last == "Here"

    chats.run(body)
    assert len(chats.asked) == 1


def test_a_budget_refuses_before_sending_and_the_draft_comes_back(chats: Chats) -> None:
    (chats.files / "b.txt").write_text("more", encoding="utf-8")

    async def body(person: Person) -> None:
        await person.asks("/file b.txt")
        await person.asks("Hello there")
        assert person.typed == "Hello there"
        assert [file.name for file in person.chat.prompt.draft.files] == ["b.txt"]
        assert person.entries == []
        assert any("the limit is $0.000001" in notice for notice in person.notices)
        await person.picks("other/other")
        await person.does("enter")
        assert any("price of other-model is unknown" in notice for notice in person.notices)
        assert person.typed == "Hello there"

    chats.run(body, max_cost=0.000001)
    assert chats.asked == []
    assert chats.said() == []


def test_a_budget_that_a_longer_conversation_passes(chats: Chats) -> None:
    chats.upstream.script(answer("word " * 400))

    async def body(person: Person) -> None:
        await person.asks("Hi")
        assert person.last.startswith("word")
        await person.asks("More")
        assert person.typed == "More"
        assert [role for role, _ in person.texts] == ["user", "assistant"]
        await person.does("ctrl+r")
        assert len(chats.asked) == 2

    chats.run(body, max_cost=0.001)
    assert next(text for _, text, _ in chats.said()) == "Hi"
