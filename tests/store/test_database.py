"""The file: made private, brought up to date, shared by processes, and clear words when it can't be used."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys

import pytest

from llmctl.errors import StoreFailed
from llmctl.store.messages import Message
from llmctl.store.schema import MIGRATIONS, VERSION
from llmctl.store.store import Store, open_to_read

ROWS = """
INSERT INTO conversations (id, title, created, updated) VALUES ('ab12', 'Old talk', 1.0, 2.0);
INSERT INTO messages (id, conversation, parent, role, text, state, created)
  VALUES (1, 'ab12', NULL, 'user', 'What is a fjord?', 'complete', 1.0),
         (2, 'ab12', 1, 'assistant', 'A drowned valley.', 'complete', 2.0);
UPDATE conversations SET head = 2;
INSERT INTO attachments VALUES ('ff', 'text/plain', x'616263');
INSERT INTO message_attachments VALUES (1, 0, 'ff', 'a.txt');
INSERT INTO requests (time, caller, profile, provider, base_url, model, status, prompt_tokens, cost)
  VALUES (1.0, 'chat', 'work', 'generic', 'http://x/v1', 'm', 'ok', 7, 0.5);
"""


def make(path, version, rows=ROWS):
    """A file as the llmctl of that version left it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path)
    for migration in MIGRATIONS[:version]:
        connection.executescript(migration)
    connection.execute(f"PRAGMA user_version = {version}")
    connection.executescript(rows if version else "")
    connection.close()


def version_of(path):
    connection = sqlite3.connect(path)
    try:
        return connection.execute("PRAGMA user_version").fetchone()[0]
    finally:
        connection.close()


@pytest.mark.parametrize("version", range(1, VERSION + 1))
def test_a_file_of_each_version_is_brought_up_to_date_with_its_rows(path, version):
    make(path, version)
    with Store(path) as store:
        (talk,) = store.conversations.newest()
        assert (talk.id, talk.title, talk.messages) == ("ab12", "Old talk", 2)
        question, answer = store.messages.path(talk.head)
        assert (question.text, answer.text) == ("What is a fjord?", "A drowned valley.")
        assert store.messages.load(question.files[0]).data == b"abc"
        assert [(total.prompt_tokens, total.cost) for total in store.ledger.totals("profile")] == [(7, 0.5)]
        assert [hit.message for hit in store.search.find("drowned")] == [2]
        assert store.database.row("PRAGMA integrity_check")[0] == "ok"
        store.database.run("INSERT INTO search (search, rank) VALUES ('integrity-check', 1)")
    assert version_of(path) == VERSION


def test_a_new_file_has_the_tables_of_the_migrations(path, store):
    other = path.with_name("other.db")
    make(other, VERSION, "")
    wanted = sqlite3.connect(other).execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall()
    found = store.database.rows("SELECT name, sql FROM sqlite_schema ORDER BY name")
    assert [tuple(row) for row in found] == wanted


def test_a_migration_that_fails_leaves_the_file_as_it_was(path):
    make(path, 1, ROWS + "CREATE TABLE search (x);")
    with pytest.raises(StoreFailed):
        Store(path)
    assert version_of(path) == 1


def test_a_file_of_a_newer_version_is_refused_and_left_alone(path):
    make(path, VERSION)
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    for opening in (Store, open_to_read):
        with pytest.raises(StoreFailed, match="was written by a newer llmctl") as failure:
            opening(path)
        assert failure.value.hint == "update llmctl"
    assert version_of(path) == VERSION + 1


def test_a_damaged_file_is_refused_with_a_way_out(path):
    path.parent.mkdir(parents=True)
    path.write_bytes(b"this is no database at all" * 100)
    with pytest.raises(StoreFailed, match="the file is damaged") as failure:
        Store(path)
    assert failure.value.hint == f"move it away, and a new one begins: mv {path} {path}.damaged"
    assert path.read_bytes() == b"this is no database at all" * 100


@pytest.mark.parametrize("name", ["a b", "what?#x", "%41", "日本", "file:x"])
def test_a_folder_may_have_any_name(tmp_path, name):
    path = tmp_path / name / "llmctl.db"
    with Store(path) as store:
        store.conversations.begin(title="Kept")
    for readonly in (False, True):
        with Store(path, readonly) as store:
            assert store.conversations.last().title == "Kept"
    assert [found.name for found in tmp_path.iterdir()] == [name]


def test_what_is_no_file_is_refused(tmp_path):
    (tmp_path / "llmctl.db").mkdir()
    (tmp_path / "file").touch()
    for odd in (tmp_path / "llmctl.db", tmp_path / "file" / "llmctl.db"):
        with pytest.raises(StoreFailed, match=r"the history .* can't be used"):
            Store(odd)


def test_a_missing_file_reads_as_empty_and_is_not_made(path):
    with open_to_read(path) as store:
        assert (store.conversations.last(), store.search.find("x")) == (None, [])
    assert not path.parent.exists()


def test_a_file_can_be_read_where_nothing_can_be_written(path):
    with Store(path) as store:
        store.conversations.begin(title="Kept")
    with Store(path, readonly=True) as store:
        assert store.conversations.last().title == "Kept"
        with pytest.raises(StoreFailed):
            store.conversations.begin()


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_only_the_owner_may_read_it(path):
    before = os.umask(0)
    try:
        with Store(path) as store:
            store.conversations.begin()
            names = sorted(file.name for file in path.parent.iterdir())
            assert names == ["llmctl.db", "llmctl.db-shm", "llmctl.db-wal"]
            assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    finally:
        os.umask(before)


def test_a_file_that_another_program_holds_is_given_up_in_time(path):
    with Store(path, patience=0.05) as store, Store(path) as other, other.transaction():
        other.conversations.begin()
        with pytest.raises(StoreFailed, match=r"another program has held it for 0\.05 s"):
            store.conversations.begin()
        assert store.conversations.last() is None  # reading goes on


def test_a_transaction_is_kept_as_a_whole_or_not_at_all(store):
    with pytest.raises(ZeroDivisionError), store.transaction():
        talk = store.conversations.begin()
        store.messages.add(talk, None, Message("user", "x"))  # a transaction in the transaction
        raise ZeroDivisionError
    assert store.conversations.last() is None
    assert store.database.rows("SELECT * FROM messages") == []


def test_what_sqlite_cannot_hold_is_no_failure(store):
    number = store.conversations.begin("\ud800", title="half \udfff", params={"stop": "\ud83d"})
    kept = store.conversations.get(number)
    assert (kept.profile, kept.title, kept.params) == ("?", "half ?", {"stop": "?"})


OPENS = """
import sys
from pathlib import Path
from llmctl.store.store import Store
sys.stdin.read()
with Store(Path(sys.argv[1])) as store:
    store.conversations.begin(title=sys.argv[2])
"""


def test_ten_processes_that_open_a_missing_file_at_once_all_succeed(path):
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", OPENS, str(path), str(number)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for number in range(10)
    ]
    for process in processes:  # all have started: now they go
        process.stdin.close()
    for process in processes:
        with process.stderr as errors:
            assert errors.read() == b""
        assert process.wait(30) == 0
    with Store(path) as store:
        assert sorted(talk.title for talk in store.conversations.newest()) == [str(n) for n in range(10)]


WRITES = """
import sys
from pathlib import Path
from llmctl.store.messages import PARTIAL, Message
from llmctl.store.store import Store
path, writer = Path(sys.argv[1]), sys.argv[2]
with Store(path) as store:
    for number in range(1000):
        with store.transaction():
            if number % 10 == 0:
                talk, head = store.conversations.begin(title=f"{writer} {number}"), None
            head = store.messages.add(talk, head, Message("user", f"question {writer} {number}"))
            text = f"begin w{writer}n{number} " + "x" * (number % 97)
            head = store.messages.add(talk, head, Message("assistant", text, state=PARTIAL))
        store.messages.write(head, Message("assistant", text + " end"))
"""


@pytest.mark.timeout(180)
def test_ten_processes_write_a_thousand_answers_each_and_none_is_lost_or_torn(path):
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITES, str(path), str(number)], stderr=subprocess.PIPE)
        for number in range(10)
    ]
    for writer in writers:
        with writer.stderr as errors:
            assert errors.read() == b""
        assert writer.wait(150) == 0
    whole = {f"begin w{writer}n{n} " + "x" * (n % 97) + " end" for writer in range(10) for n in range(1000)}
    with Store(path) as store:
        rows = store.database.rows("SELECT text, state FROM messages WHERE role = 'assistant'")
        assert len(rows) == 10_000
        assert {row["state"] for row in rows} == {"complete"}
        assert {row["text"] for row in rows} == whole
        assert {talk.messages for talk in store.conversations.newest()} == {20}
        assert store.database.row("PRAGMA integrity_check")[0] == "ok"
        store.database.run("INSERT INTO search (search, rank) VALUES ('integrity-check', 1)")
        assert len(store.search.find("w7n777 end", 10)) == 1
