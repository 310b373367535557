"""Conversations at the side: opened, named, pinned, deleted, found again."""

from __future__ import annotations

from llmctl.store.conversations import Conversation
from llmctl.tui.screens.dialog import LineDialog
from llmctl.tui.widgets.sidebar import Sidebar
from support.replies import Reply
from tui.conftest import Chats, Person, answer


async def two(person: Person) -> None:
    """Two conversations; the second is in view."""
    person.upstream.script(answer("about apples"), answer("about pears"))
    await person.asks("Apples")
    await person.does("ctrl+n")
    assert person.entries == []
    await person.asks("Pears")


def newest(chats: Chats) -> list[Conversation]:
    with chats.store() as store:
        return store.conversations.newest()


def test_new_ones_open_by_enter_and_by_click(chats: Chats) -> None:
    async def body(person: Person) -> None:
        await two(person)
        assert [title.strip("▸ ") for title in person.titles] == ["Pears", "Apples"]
        sidebar = person.chat.query_one(Sidebar)
        sidebar.focus()
        await person.press("down")
        await person.does("enter")
        assert person.texts == [("user", "Apples"), ("assistant", "about apples")]
        assert person.chat.prompt.has_focus_within
        assert [title.startswith("▸") for title in person.titles] == [False, True]
        await person.clicks("Pears")
        await person.idle()
        assert person.texts == [("user", "Pears"), ("assistant", "about pears")]

    chats.run(body)
    assert [sent["messages"][0]["content"] for sent in chats.asked] == ["Apples", "Pears"]


def test_opening_while_an_answer_comes_is_refused(chats: Chats) -> None:
    async def body(person: Person) -> None:
        await two(person)
        chats.upstream.script(Reply.hang())
        await person.sends("More")
        await person.until(lambda: len(chats.asked) == 3)
        person.chat.query_one(Sidebar).focus()
        await person.press("end", "enter")
        await person.until(lambda: person.notices)
        assert person.notices == ["an answer is still coming\nEsc stops it"]
        await person.press("ctrl+n")
        await person.until(lambda: len(person.notices) == 2)
        assert person.texts[0] == ("user", "Pears")
        await person.does("escape")

    chats.run(body)


def test_rename_by_key_and_command(chats: Chats) -> None:
    async def body(person: Person) -> None:
        await two(person)
        await person.asks("/rename Fruit with a [b]core[/b]")
        assert "Fruit with a [b]core" in person.titles[0]
        assert person.app.title == "Fruit with a [b]core[/b]"
        person.chat.query_one(Sidebar).focus()
        await person.press("down", "r")
        dialog = await person.opened(LineDialog)
        assert "Apples" in person.screen
        assert dialog.focused is not None
        await person.types("Apples!")
        await person.does("enter")
        assert any("Apples!" in title for title in person.titles)
        await person.press("r")
        await person.opened(LineDialog)
        await person.types("not")
        await person.does("escape")
        assert not any("not" in title for title in person.titles)

    chats.run(body)
    assert [(each.title, each.titled) for each in newest(chats)] == [
        ("Fruit with a [b]core[/b]", True),
        ("Apples!", True),
    ]


def test_a_title_of_ones_own_survives_further_questions(chats: Chats) -> None:
    async def body(person: Person) -> None:
        await two(person)
        await person.asks("/rename Mine")
        chats.upstream.script(answer("more"))
        await person.asks("And?")
        assert person.chat.talk.conversation.title == "Mine"

    chats.run(body)
    assert newest(chats)[0].title == "Mine"


def test_pin_puts_it_at_the_top(chats: Chats) -> None:
    async def body(person: Person) -> None:
        await two(person)
        person.chat.query_one(Sidebar).focus()
        await person.press("down")
        await person.does("p")
        assert [title.strip("▸ ") for title in person.titles] == ["Apples", "Pears"]
        assert "Pinned" in person.screen
        assert person.chat.query_one(Sidebar).chosen == newest(chats)[0].id
        await person.does("p")
        assert [title.strip("▸ ") for title in person.titles] == ["Pears", "Apples"]
        await person.asks("/pin")
        assert newest(chats)[0].pinned

    chats.run(body)


def test_delete_and_undo(chats: Chats) -> None:
    async def body(person: Person) -> None:
        await two(person)
        person.chat.query_one(Sidebar).focus()
        await person.press("down")
        await person.does("d")
        assert [title.strip("▸ ") for title in person.titles] == ["Pears"]
        assert person.texts[0] == ("user", "Pears")
        await person.asks("/delete")
        assert person.titles == []
        assert person.entries == []
        await person.asks("/undo")
        assert person.texts[0] == ("user", "Pears")
        await person.asks("/undo")
        assert person.texts[0] == ("user", "Apples")
        assert len(person.titles) == 2
        await person.asks("/undo")
        assert "nothing was deleted" in person.notices[-1]

    chats.run(body)


def test_the_command_line_opens_the_last_or_a_named_one(chats: Chats) -> None:
    async def last(person: Person) -> None:
        assert person.texts == [("user", "Pears"), ("assistant", "about pears")]
        chats.upstream.script(answer("and more"))
        await person.asks("More")

    async def named(person: Person) -> None:
        assert person.texts == [("user", "Apples"), ("assistant", "about apples")]

    chats.run(two)
    chats.run(last, last=True, system="Be brief", option=["temperature=1"])
    assert [message["content"] for message in chats.asked[2]["messages"]] == [
        "Be brief",
        "Pears",
        "about pears",
        "More",
    ]
    assert chats.asked[2]["temperature"] == 1
    chats.run(named, continued=next(each.id for each in newest(chats) if each.title == "Apples"))


def test_the_sidebar_is_out_of_the_way_on_a_small_screen(chats: Chats) -> None:
    async def body(person: Person) -> None:
        await two(person)
        sidebar = person.chat.query_one(Sidebar)
        assert not sidebar.display
        await person.press("f9")
        await person.until(lambda: sidebar.display and sidebar.has_focus)
        await person.press("end")
        await person.does("enter")
        assert person.texts[0] == ("user", "Apples")
        assert not sidebar.display
        await person.press("f9")
        await person.until(lambda: sidebar.display)
        await person.press("f9")
        await person.until(lambda: not sidebar.display and person.chat.prompt.has_focus_within)

    chats.run(body, size=(80, 24))
