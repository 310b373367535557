"""Ledger and keys in PostgreSQL: shared by several gateways, and nothing lost or doubled when it goes away."""

from __future__ import annotations

import signal
import sqlite3
import stat
import sys
import threading
import time
from collections import Counter

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from llmctl.errors import ConfigError, StoreFailed, UsageError
from llmctl.gateway import postgres_link
from llmctl.gateway.judging import Comparison
from llmctl.gateway.postgres import PostgresBook, spent_there
from llmctl.gateway.postgres_keys import PostgresKeys
from llmctl.store.keys import GatewayKey
from llmctl.store.ledger import Request
from support.upstream import free_port

if sys.platform == "win32":
    pytest.skip("PostgreSQL is run as Debian has it", allow_module_level=True)
pytest.importorskip("psycopg")

from support.postgres_server import PASSWORD, PostgresServer

PATIENCE = 40
PAUSE = 0.05


@pytest.fixture(scope="module")
def started():
    with PostgresServer() as server:
        yield server


@pytest.fixture
def server(started):
    """A server that runs, and holds nothing."""
    if started._process is None:
        started.start()
    started.empty()
    return started


@pytest.fixture
def open_book(tmp_path):
    """open_book(url): a book that spools into a folder of this test; `said` is what it told."""
    books = []

    def open_book(url, name="spool"):
        said = []
        books.append(PostgresBook(url, tmp_path / name, said.append, PAUSE))
        books[-1].said = said
        return books[-1]

    yield open_book
    for book in books:
        book.close()
        assert not any(PASSWORD in text for text in book.said)


def request(number, **more):
    facts = {"caller": "serve:ci", "profile": "work", "provider": "openai", "base_url": "http://x/v1"}
    facts |= {"model": "m", "entry": f"e{number}", "why": "asked for"}
    return Request(**{"time": 1000.0 + number, **facts, **more})


def until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(PAUSE)


def entries(server):
    return [entry for (entry,) in server.rows("SELECT entry FROM llmctl.requests ORDER BY id")]


def spooled(folder):
    with sqlite3.connect(folder / "spool.db") as connection:
        found = connection.execute("SELECT COUNT(*) FROM rows").fetchone()[0]
    connection.close()
    return found


# the ledger


@pytest.mark.peer
def test_rows_are_as_they_were_given(server, open_book):
    book = open_book(server.url)
    full = request(
        1, answered_by="m-1", status="server_error", http_status=500, attempts=1, prompt_tokens=5,
        completion_tokens=2**40, cached_tokens=1, cache_write_tokens=0, reasoning_tokens=3, cost=0.1 + 0.2,
        cost_by="prices", first_token_ms=1.5, total_ms=2.25, request_id="r", route="fast",
    )  # fmt: skip
    book.add_all([full, request(2)])
    book.add_comparisons([Comparison(5.5, "e1", "fast", "{}", [{"answer": "ä"}])])
    names = [name for name in full.__dataclass_fields__ if name != "id"]
    found = server.rows(f"SELECT {', '.join(names)} FROM llmctl.requests ORDER BY id")
    assert [dict(zip(names, row, strict=True)) for row in found] == [
        {name: getattr(one, name) for name in names} for one in (full, request(2))
    ]
    found = server.rows("SELECT time, entry, route, request, answers FROM llmctl.comparisons")
    assert found == [(5.5, "e1", "fast", "{}", '[{"answer": "ä"}]')]
    assert book.said == []


@pytest.mark.peer
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(
    text=st.text(st.characters(exclude_categories=[])),
    count=st.none() | st.integers(),
    cost=st.none() | st.floats(),
)
@example("half \ud800 and \0", -(2**70), float("nan"))
def test_whatever_a_provider_says_can_be_kept(started, open_book, text, count, cost):
    book = open_book(started.url)
    book.add_all([request(1, answered_by=text, why=text, prompt_tokens=count, cost=cost)])
    assert book.said == []
    book.close()


@pytest.mark.peer
def test_two_books_begin_at_once_and_the_server_dies_in_the_middle(server, open_book):
    """Two gateways write; the server is stopped and started. Each row is there once, in order."""
    books = [open_book(server.url, f"spool{number}") for number in range(2)]
    rounds, each = 60, 7
    half, back = threading.Barrier(3), threading.Barrier(3)

    def write(who, book):
        for turn in range(rounds):
            if turn == rounds // 3:
                half.wait(PATIENCE)
            if turn == 2 * rounds // 3:
                back.wait(PATIENCE)
            book.add_all([request(turn * each + i, entry=f"{who}-{turn * each + i}") for i in range(each)])
            book.add_comparisons([Comparison(float(turn), f"{who}-{turn}", "r", "{}", [])])

    threads = [threading.Thread(target=write, args=pair) for pair in enumerate(books)]
    for thread in threads:
        thread.start()
    half.wait(PATIENCE)
    server.stop()
    back.wait(PATIENCE)
    server.start()
    for thread in threads:
        thread.join(PATIENCE)
    until(lambda: all(book.said[-1:] == ["the ledger is in PostgreSQL again"] for book in books))
    found = entries(server)
    assert Counter(found) == Counter(f"{who}-{i}" for who in range(2) for i in range(rounds * each))
    for who in range(2):
        mine = [entry for entry in found if entry.startswith(f"{who}-")]
        assert mine == [f"{who}-{i}" for i in range(rounds * each)]
    compared = [entry for (entry,) in server.rows("SELECT entry FROM llmctl.comparisons")]
    assert Counter(compared) == Counter(f"{who}-{turn}" for who in range(2) for turn in range(rounds))
    for book in books:
        assert len(book.said) == 2
        assert book.said[0].startswith("the ledger is kept in ")


@pytest.mark.peer
def test_rows_of_a_run_that_ended_while_the_server_was_away(server, open_book, tmp_path):
    server.stop()
    book = open_book(server.url)
    book.add_all([request(1), request(2)])
    book.add_all([request(3)])
    book.close()
    path = tmp_path / "spool" / "spool.db"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert spooled(path.parent) == 3
    assert PASSWORD.encode() not in path.read_bytes()
    server.start()
    later = open_book(server.url)
    later.add_all([request(4)])
    until(lambda: later.said)
    assert entries(server) == ["e1", "e2", "e3", "e4"]
    assert spooled(path.parent) == 0


@pytest.mark.peer
def test_a_row_is_written_once_however_often_it_is_tried(server, open_book):
    """A connection may break just after the commit; whoever tries again must not double the row."""
    book = open_book(server.url)
    rows = [request(1), request(1), request(2)]  # two attempts that look just the same are two
    for _ in range(3):
        book.add_all(rows)
    assert entries(server) == ["e1", "e1", "e2"]
    assert book.said == []


@pytest.mark.peer
def test_a_connection_that_was_cut_costs_nothing(server, open_book):
    book = open_book(server.url)
    book.add_all([request(1)])
    server.rows(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
        " WHERE application_name = 'llmctl' AND pid != pg_backend_pid()"
    )
    book.add_all([request(2)])
    until(lambda: entries(server) == ["e1", "e2"])


@pytest.mark.peer
def test_a_server_that_hangs_is_given_up(server, open_book, tmp_path, monkeypatch):
    monkeypatch.setattr(postgres_link, "_LOST_SECONDS", 0.5)
    book = open_book(server.url)
    book.add_all([request(1)])
    server.signal(signal.SIGSTOP)
    try:
        book.add_all([request(2)])
        assert spooled(tmp_path / "spool") == 1
    finally:
        server.signal(signal.SIGCONT)
    until(lambda: entries(server) == ["e1", "e2"])


@pytest.mark.peer
def test_gateways_that_begin_at_once_make_the_tables_once(server, open_book):
    books = [open_book(server.url, f"spool{number}") for number in range(6)]
    barrier = threading.Barrier(6)

    def begin(number, book):
        barrier.wait(PATIENCE)
        book.add_all([request(number)])

    threads = [threading.Thread(target=begin, args=pair) for pair in enumerate(books)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert [book.said for book in books] == [[]] * 6
    assert sorted(entries(server)) == [f"e{number}" for number in range(6)]
    assert server.rows("SELECT version FROM llmctl.version") == [(len(postgres_link.MIGRATIONS),)]


@pytest.mark.peer
def test_a_database_of_a_newer_llmctl(server, tmp_path):
    keys = PostgresKeys(server.url)
    assert keys.all() == []
    keys.close()
    import psycopg

    with psycopg.connect(server.url) as connection:
        connection.execute("UPDATE llmctl.version SET version = 99")
    with pytest.raises(StoreFailed, match="newer llmctl") as failure:
        keys.all()
    assert failure.value.hint == "update llmctl"


def test_neither_server_nor_file(tmp_path, open_book):
    """Whoever gave the rows keeps them."""
    (tmp_path / "spool").write_text("no folder")
    book = open_book(f"postgresql://u:{PASSWORD}@127.0.0.1:{free_port()}/x")
    with pytest.raises(StoreFailed, match=r"spool\.db can't be used"):
        book.add_all([request(1)])


# the keys


@pytest.mark.peer
def test_a_key_made_by_one_is_known_to_the_other(server):
    here, there = PostgresKeys(server.url), PostgresKeys(server.url)
    key, secret = here.add(
        GatewayKey(
            "ci",
            models=("groq/*",),
            requests_per_minute=60,
            tokens_per_minute=1000,
            budget_usd=5.0,
            budget_period="day",
            expires=4e9,
            admin=True,
        )
    )
    assert there.all() == there.list() == [key]
    assert (key.models, key.admin) == (("groq/*",), True)
    assert secret.startswith("sk-llmctl-")
    assert not any(secret[19:] in str(row) for row in server.rows("SELECT * FROM llmctl.gateway_keys"))
    with pytest.raises(UsageError, match="there is a key 'ci' already"):
        there.add(GatewayKey("ci"))
    revoked = there.revoke("ci")
    assert (here.list(), here.all()) == ([], [revoked])
    assert here.revoke(secret) == revoked
    again, _ = here.add(GatewayKey("ci"))
    assert there.all() == [again]
    with pytest.raises(UsageError, match="there is no key 'nobody'"):
        here.revoke("nobody")
    here.close()
    there.close()


@pytest.mark.peer
def test_what_a_key_has_spent_on_all_machines(server, open_book):
    keys = PostgresKeys(server.url)
    key, _ = keys.add(GatewayKey("ci", budget_usd=5.0, budget_period="day"))
    now = key.created + 1
    both = [
        request(1, time=now, cost=0.25),
        request(2, time=now, cost=None),
        request(3, time=now, cost=None, status="dns"),  # nothing was sent
        request(4, time=key.created - 1, cost=100.0),  # an older key's of the same name
        request(5, time=now, cost=0.5, caller="serve:other"),
    ]
    for book in (open_book(server.url, "one"), open_book(server.url, "two")):
        book.add_all(both)
    assert keys.spent(key, now) == (0.25, 1)  # the two said the same
    book.add_all([request(6, time=now, cost=0.5)])
    assert keys.spent(key, now) == (0.75, 1)
    assert spent_there(server.url, key) == 0.75
    keys.close()


@pytest.mark.peer
def test_the_command_line_uses_the_shared_keys(server, cli):
    cli.write_config(f'[serve]\ndatabase_url = "{server.url}"\n')
    made = cli.run("serve", "key", "add", "ci", "--budget", "5/day").check()
    assert made.out.startswith("sk-llmctl-")
    keys = PostgresKeys(server.url)
    assert [key.name for key in keys.all()] == ["ci"]
    listed = cli.run("serve", "key", "list").check()
    assert listed.out.startswith("ci\t")
    cli.run("serve", "key", "revoke", "ci").check()
    assert keys.list() == []
    keys.close()
    server.stop()
    failed = cli.run("serve", "key", "list")
    assert (failed.code, failed.out) == (3, "")
    assert "PostgreSQL: " in failed.err
    assert "Traceback" not in failed.err
    assert PASSWORD not in failed.err


# the URL


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://u:{PASSWORD}@host/x?nonsense={PASSWORD}",
        f"postgresql://u:pa@{PASSWORD}@host/x",
        f"postgresql://u:pa/{PASSWORD}@host/x",
        f"postgresql://u:pa%zz{PASSWORD}@host/x",
    ],
)
def test_a_url_that_is_none_is_not_repeated(url):
    with pytest.raises(ConfigError, match="database_url") as failure:
        PostgresKeys(url)
    assert PASSWORD not in f"{failure.value.message}{failure.value.hint}"
    assert failure.value.__cause__ is None


@pytest.mark.peer
def test_failures_do_not_hold_the_password(server):
    wrong = "wrong-" + PASSWORD[::-1]
    for url in (
        server.url.replace(PASSWORD, wrong),
        f"postgresql://u:{wrong}@127.0.0.1:{free_port()}/x",
        f"postgresql://u:{wrong}@127.0.0.1:port/x",
        f"postgresql://nowhere.invalid/x?password={wrong}&user=u",
    ):
        with pytest.raises(StoreFailed, match=r"^PostgreSQL: ") as failure:
            PostgresKeys(url).all()
        assert wrong not in f"{failure.value.message}{failure.value.hint}"
        assert "\n" not in failure.value.message
        assert failure.value.__cause__ is None
