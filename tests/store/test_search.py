"""Search: what is found, and that nothing which is typed can fail."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llmctl.store.messages import Message
from llmctl.store.search import END, START
from llmctl.store.store import Store

SAID = [
    "The quick brown fox jumps over the lazy dog.",
    "A naïve café in Zürich serves crème brûlée.",
    "東京の天気は晴れです。明日は雨。",
    "def __init__(self): return C++ && rust",
    "100% of NEAR(a b) AND NOT col:umn",
]


@pytest.fixture
def found(store, talk, add):
    """found(query): the numbers of SAID that are found, sorted."""
    ids = [add(None, text) for text in SAID]
    return lambda query: sorted(ids.index(hit.message) for hit in store.search.find(query))


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("fox", [0]),
        ("FOX Quick", [0]),
        ("fox zürich", []),
        ("qui", [0]),
        ("jum quick", []),
        ("quick jum", [0]),
        ('"brown fox"', [0]),
        ('"fox brown"', []),
        ('"brown fo"', []),
        ('dog "quick brown"', [0]),
        ('"quick bro', [0]),
        ("zurich cafe", [1]),
        ("creme brulee", [1]),
        ("ZÜRICH", [1]),
        ("天気", [2]),
        ("明日 天気", [2]),
        ("明日 昨日", []),
        ("東京の天気は", [2]),
        ("init", [3]),
        ("__init__", [3]),
        ("c++", [1, 3, 4]),
        ("&&", [3]),
        ("near(", [4]),
        ("NOT", [4]),
        ("col:umn", [4]),
        ("100%", [4]),
        ("", []),
        ("   ", []),
        ('""', []),
        ("%", [4]),
        ("nothing", []),
    ],
)
def test_find(found, query, numbers):
    assert found(query) == numbers


@pytest.mark.parametrize(("query", "count"), [("hello 🎈", 1), ("🎈", 1), ("hello", 2), ('hello "🎈 day"', 1)])
def test_words_of_signs_count_too(store, add, query, count):
    add(None, "Hello, world")
    add(None, "A hello for your 🎈 day")
    assert len(store.search.find(query)) == count


def test_a_hit_tells_where_it_is_and_shows_the_words(store, talk):
    message = Message("assistant", "one " * 50 + "needle" + " two" * 50, profile="work", model="m", created=5.0)
    number = store.messages.add(talk, None, message)
    (hit,) = store.search.find("need")
    assert (hit.message, hit.conversation, hit.title, hit.role) == (number, talk, "A talk", "assistant")
    assert (hit.profile, hit.model, hit.created) == ("work", "m", 5.0)
    assert f"{START}needle{END}" in hit.snippet
    assert len(hit.snippet) < 200


@pytest.mark.parametrize("text", ["雨" * 100 + "針" + "雪" * 100, "İİİ 針 x", "針"])
def test_snippets_of_scripts_without_spaces(store, add, text):
    add(None, text)
    (hit,) = store.search.find("針")
    assert f"{START}針{END}" in hit.snippet
    assert len(hit.snippet) < 130


def test_text_that_changed_is_found_under_its_new_words_only(store, add):
    number = add(None, "old words")
    store.messages.write(number, Message("user", "new words"))
    assert [hit.message for hit in store.search.find("new")] == [number]
    assert store.search.find("old") == []


def test_what_is_gone_or_put_away_is_not_found(store, talk, add):
    number = add(None, "needle 針")
    store.conversations.hide(talk)
    assert (store.search.find("needle"), store.search.find("針")) == ([], [])
    store.conversations.restore(talk)
    assert len(store.search.find("needle")) == 1
    store.messages.remove(number)
    assert (store.search.find("needle"), store.search.find("針")) == ([], [])
    store.conversations.remove(talk)
    store.database.run("INSERT INTO search (search, rank) VALUES ('integrity-check', 1)")


def test_as_many_hits_as_asked_for(store, add):
    for _ in range(5):
        add(None, "needle 針")
    assert [len(store.search.find(query, 3)) for query in ("needle", "針")] == [3, 3]


SYNTAX = st.sampled_from([*"\"'*^:()-+{}\0_a針\ud800 ", "NEAR", "AND", "OR", "NOT"])


@given(st.lists(SYNTAX).map("".join) | st.text())
@example('"')
@example("NEAR(")
@example("a\0b")
@example("\ud800")
@example("_ a")
def test_nothing_that_is_typed_is_an_error(query):
    with Store(None) as store:
        talk = store.conversations.begin()
        store.messages.add(talk, None, Message("user", "a NEAR 針 _"))
        assert len(store.search.find(query)) <= 1


@given(st.text(min_size=1), st.text())
def test_the_index_agrees_with_any_text(first, second):
    with Store(None) as store:
        talk = store.conversations.begin()
        number = store.messages.add(talk, None, Message("user", first))
        store.messages.write(number, Message("user", second))
        store.database.run("INSERT INTO search (search, rank) VALUES ('integrity-check', 1)")
