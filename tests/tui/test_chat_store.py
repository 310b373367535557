"""A history that can't be kept: one warning, and the chat goes on."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from llmctl.cli.settings import Settings
from llmctl.errors import StoreFailed
from llmctl.store.store import Store, store_file
from tui.conftest import Chats, Person, answer, held


def in_a_file(chats: Chats) -> None:
    file = chats.home / "file"
    file.write_text("no folder", encoding="utf-8")
    chats.env["LLMCTL_DATA"] = str(file / "data")


def a_folder(chats: Chats) -> None:
    store_file(chats.env).mkdir(parents=True)


def damaged(chats: Chats) -> None:
    chats.data.mkdir()
    store_file(chats.env).write_bytes(b"this is no database, " * 500)


@pytest.mark.parametrize("broken", [in_a_file, a_folder, damaged])
def test_a_store_that_can_not_be_opened(chats: Chats, broken: object) -> None:
    assert callable(broken)
    broken(chats)
    chats.upstream.script(answer("1"), answer("2"), answer("3"))

    async def body(person: Person) -> None:
        await person.asks("A")
        await person.asks("B")
        await person.does("ctrl+r")
        assert [text for _, text in person.texts] == ["A", "1", "B", "3"]
        assert len(person.titles) == 1
        warnings = [notice for notice in person.notices if "in memory only" in notice]
        assert len(warnings) == 1
        assert "can't be used" in warnings[0]
        await person.does("ctrl+n")
        assert len(person.titles) == 1

    chats.run(body)
    with pytest.raises(StoreFailed):
        Store(store_file(chats.env))


def test_a_store_that_breaks_before_a_question(chats: Chats) -> None:
    (chats.files / "b.txt").write_text("in b", encoding="utf-8")
    chats.upstream.script(answer("1"), answer("2"), answer("3"))

    async def body(person: Person) -> None:
        await person.asks("/file b.txt")
        await person.asks("A")
        spoil(chats)
        await person.asks("B")
        assert [text for _, text in person.texts] == ["A", "1", "B", "2"]
        await person.asks("C")
        assert len([notice for notice in person.notices if "in memory only" in notice]) == 1
        assert person.last == "3"
        assert len(person.titles) == 1

    chats.run(body, system="Be brief")
    contents = [message["content"] for message in chats.asked[2]["messages"]]
    assert contents[0] == "Be brief"
    assert contents[2:] == ["1", "B", "2", "C"]


def test_a_store_that_breaks_while_an_answer_comes(chats: Chats) -> None:
    gate = chats.upstream.gate()
    chats.upstream.script(answer("1"), held(gate, "two"), answer("3"))

    async def body(person: Person) -> None:
        await person.asks("A")
        await person.sends("B")
        await person.reached(gate, "two")
        spoil(chats)
        gate.open()
        await person.idle()
        assert [text for _, text in person.texts] == ["A", "1", "B", "two end"]
        await person.asks("C")
        assert [text for _, text in person.texts] == ["A", "1", "B", "two end", "C", "3"]
        assert len([notice for notice in person.notices if "in memory only" in notice]) == 1

    chats.run(body)
    assert [message["content"] for message in chats.asked[2]["messages"]] == ["A", "1", "B", "two end", "C"]


def test_a_store_that_breaks_between_two_deeds(chats: Chats) -> None:
    chats.upstream.script(answer("1"), answer("2"))

    async def body(person: Person) -> None:
        await person.asks("A")
        spoil(chats)
        await person.asks("/pin")
        assert len([notice for notice in person.notices if "in memory only" in notice]) == 1
        assert [text for _, text in person.texts] == ["A", "1"]
        await person.asks("B")
        assert [text for _, text in person.texts] == ["A", "1", "B", "2"]

    chats.run(body)


def spoil(chats: Chats) -> None:
    """Make the tables of the open database useless, as a damaged disk would."""
    connection = sqlite3.connect(store_file(chats.env))
    with connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        for table in ("messages", "conversations", "requests", "drafts"):
            connection.execute(f"ALTER TABLE {table} RENAME TO gone_{table}")
    connection.close()


@pytest.mark.parametrize("how", ["config", "option"])
def test_nothing_is_kept_where_nothing_shall_be(chats: Chats, how: str) -> None:
    chats.upstream.script(answer("1"), answer("2"))
    chats.configure(head="history = false\n" if how == "config" else "")

    async def body(person: Person) -> None:
        await person.asks("A")
        await person.does("ctrl+r")
        assert person.texts == [("user", "A"), ("assistant", "2")]
        assert person.entries[1].variant == (2, 2)
        await person.asks("/rename Name")
        await person.asks("/pin")
        assert "Name" in person.titles[0]
        assert not [notice for notice in person.notices if "memory" in notice]

    chats.run(body, settings=Settings(no_log=how == "option"))
    assert not files_below(chats.data)


def files_below(folder: Path) -> list[str]:
    return [name for _, _, names in os.walk(folder) for name in names]
