"""What is typed and not sent stays with its conversation."""

from __future__ import annotations

from tui.conftest import Chats, Person, answer, held


def test_drafts_survive_a_restart_with_cursor_and_files(chats: Chats) -> None:
    chats.upstream.script(answer("1"))
    (chats.files / "b.txt").write_text("in b", encoding="utf-8")

    async def first(person: Person) -> None:
        await person.asks("A")
        await person.asks("/file b.txt")
        await person.types("for A")
        await person.press("left", "left")
        await person.does("ctrl+n")
        assert person.typed == ""
        await person.types("a new one")

    async def second(person: Person) -> None:
        assert person.typed == "a new one"
        await person.press("f9", "f9")
        with chats.store() as store:
            [kept] = store.conversations.newest()
        await person.chat.open(kept.id)
        draft = person.chat.prompt.draft
        assert (draft.text, draft.cursor) == ("for A", (0, 3))
        assert [(file.name, file.data) for file in draft.files] == [("b.txt", b"in b")]
        await person.does("ctrl+n")
        assert person.typed == "a new one"

    async def third(person: Person) -> None:
        assert person.typed == "for A"

    async def fourth(person: Person) -> None:
        assert person.typed == "a new one"

    chats.run(first)
    chats.run(second)
    chats.run(third, last=True)
    chats.run(fourth)


def test_what_was_asked_is_no_draft_any_more(chats: Chats) -> None:
    gate = chats.upstream.gate()
    chats.upstream.script(held(gate, "1"))

    async def body(person: Person) -> None:
        await person.types("A question")
        await person.chat.save_draft()
        await person.press("enter")
        await person.reached(gate, "1")
        with chats.store() as store:
            assert store.drafts.get("").text == ""
        await person.types("meanwhile")
        gate.open()
        await person.idle()
        assert person.typed == "meanwhile"
        await person.does("ctrl+n")
        assert person.typed == ""

    chats.run(body)
    with chats.store() as store:
        assert store.drafts.get("").text == ""
        assert store.drafts.get(store.conversations.newest()[0].id).text == "meanwhile"


def test_a_draft_is_kept_soon_after_typing(chats: Chats) -> None:
    async def body(person: Person) -> None:
        await person.types("not sent")
        await person.saved()
        with chats.store() as store:
            assert store.drafts.get("").text == "not sent"

    chats.run(body)


def test_questions_asked_earlier_come_back_with_up(chats: Chats) -> None:
    chats.upstream.script(answer("1"), answer("2"))

    async def first(person: Person) -> None:
        await person.asks("Asked long ago")

    async def second(person: Person) -> None:
        await person.press("up")
        assert person.typed == "Asked long ago"

    chats.run(first)
    chats.run(second)
