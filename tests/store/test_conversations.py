"""Conversations: their ids, their order, their titles, and how they go."""

from __future__ import annotations

import pytest

from llmctl.errors import UsageError
from llmctl.store.conversations import LONGEST_TITLE, auto_title
from llmctl.store.ledger import Request
from llmctl.store.messages import Message


def begin(store, number, **more):
    """A conversation with a chosen id."""
    made = store.conversations.begin(**more)
    store.database.run("UPDATE conversations SET id = ? WHERE id = ?", (number, made))
    return number


def test_a_conversation_keeps_what_it_was_begun_with(store):
    number = store.conversations.begin(
        "work", "m", title="T", system="Be brief.", params={"temperature": 0.5}, pinned=True
    )
    kept = store.conversations.get(number)
    assert (kept.profile, kept.model, kept.title, kept.system) == ("work", "m", "T", "Be brief.")
    assert (kept.params, kept.pinned, kept.titled, kept.head, kept.messages) == (
        {"temperature": 0.5},
        True,
        False,
        None,
        0,
    )
    store.conversations.change(number, title="Mine", titled=True, params={})
    kept = store.conversations.get(number)
    assert (kept.title, kept.titled, kept.params, kept.system) == ("Mine", True, {}, "Be brief.")


def test_a_conversation_is_found_by_the_beginning_of_its_id(store):
    begin(store, "aaaa000000000001")
    begin(store, "aaab000000000001")
    assert store.conversations.find("aaab").id == "aaab000000000001"
    assert store.conversations.find(" AAAA ").id == "aaaa000000000001"
    assert store.conversations.find("aaaa000000000001").id == "aaaa000000000001"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("aaa", "several conversations begin with aaa: aaa"),
        ("bbb", "there is no conversation bbb"),
        ("xyz", "'xyz' is no id of a conversation"),
        ("", "'' is no id of a conversation"),
        ("aaa%", "is no id of a conversation"),
        ("a" * 17, "is no id of a conversation"),
    ],
)
def test_an_id_that_names_none_or_several_is_refused(store, asked, message):
    begin(store, "aaaa000000000001")
    begin(store, "aaab000000000001")
    with pytest.raises(UsageError, match=message) as failure:
        store.conversations.find(asked)
    assert failure.value.hint


def test_short_ids_are_unique_and_of_at_least_six_characters(store):
    ids = ["aaaaaaaaaaaaaaa1", "aaaaaaaaaaaaaaa2", "aaaaaaab00000000", "b000000000000000"]
    for number in ids:
        begin(store, number)
    short = store.conversations.short_ids()
    assert short == {ids[0]: ids[0], ids[1]: ids[1], ids[2]: "aaaaaaab", ids[3]: "b00000"}
    assert {store.conversations.find(word).id for word in short.values()} == set(ids)


def test_short_ids_of_one_and_of_none(store):
    assert store.conversations.short_ids() == {}
    begin(store, "aaaaaaaaaaaaaaa1")
    assert store.conversations.short_ids() == {"aaaaaaaaaaaaaaa1": "aaaaaa"}


def test_the_newest_comes_first_and_pinned_ones_before(store):
    old = store.conversations.begin(created=1.0, updated=1.0, pinned=True)
    middle = store.conversations.begin(created=2.0, updated=2.0)
    new = store.conversations.begin(created=3.0, updated=3.0)
    assert [talk.id for talk in store.conversations.newest()] == [old, new, middle]
    assert [talk.id for talk in store.conversations.newest(1, 1)] == [new]
    assert store.conversations.last().id == new
    store.messages.add(middle, None, Message("user", "again"))
    assert store.conversations.last().id == middle


def test_what_was_put_away_is_found_again_only_by_restoring_it(store):
    number = store.conversations.begin(title="T")
    store.conversations.hide(number)
    assert (store.conversations.last(), store.conversations.newest(), store.conversations.matching()) == (
        None,
        [],
        [],
    )
    with pytest.raises(UsageError, match="there is no conversation"):
        store.conversations.find(number)
    assert store.conversations.hidden_before(1.0) == []
    assert store.conversations.hidden_before(1e12) == [number]
    store.conversations.restore(number)
    assert store.conversations.last().id == number
    assert store.conversations.hidden_before(1e12) == []


def test_removing_for_good_leaves_the_costs(store):
    number = store.conversations.begin()
    message = store.messages.add(number, None, Message("user", "x"))
    request = Request(1.0, "chat", "work", "generic", "", "m", cost=0.5, conversation=number, message=message)
    store.ledger.add(request)
    store.conversations.remove(number)
    assert store.conversations.get(number) is None
    assert store.ledger.spent("work", 0.0) == (0.5, 0)
    assert [(row["conversation"], row["message"]) for row in store.database.rows("SELECT * FROM requests")] == [
        (None, None)
    ]


def test_old_ones_are_told_without_the_pinned(store):
    old = store.conversations.begin(created=1.0, updated=1.0)
    pinned = store.conversations.begin(created=2.0, updated=2.0, pinned=True)
    store.conversations.begin(created=9.0, updated=9.0)
    assert [talk.id for talk in store.conversations.older_than(5.0)] == [old]
    assert [talk.id for talk in store.conversations.older_than(5.0, pinned=True)] == [old, pinned]


def test_conversations_are_matched_by_who_answered_in_them(store):
    one = store.conversations.begin("work", "m", updated=5.0)
    two = store.conversations.begin("home", "n", updated=6.0)
    store.messages.add(two, None, Message("assistant", "A", profile="work", model="m", created=6.0))
    assert [talk.id for talk in store.conversations.matching(profile="work")] == [two, one]
    assert [talk.id for talk in store.conversations.matching(model="n")] == [two]
    assert [talk.id for talk in store.conversations.matching(since=5.5)] == [two]
    assert [talk.id for talk in store.conversations.matching(limit=1, model="m")] == [two]


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("Why is the sky blue?", "Why is the sky blue?"),
        ("\n\n## A heading\n\nmore", "A heading"),
        ("```\ncode here\n```", "code here"),
        ("---\n> quoted", "quoted"),
        ("a   b\tc", "a b c"),
        ("", ""),
        ("?!", ""),
        ("word " * 30, "word word word word word word word word word word word…"),
        ("x" * 100, "x" * (LONGEST_TITLE - 1) + "…"),
        ("日本語" * 30, ("日本語" * 30)[: LONGEST_TITLE - 1] + "…"),
    ],
)
def test_titles_come_from_the_first_line_with_words(question, title):
    assert auto_title(question) == title
    assert len(title) <= LONGEST_TITLE
