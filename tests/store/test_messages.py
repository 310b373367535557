"""Messages: the tree, the files, and what is sent."""

from __future__ import annotations

import pytest

from llmctl.core.media import Attachment
from llmctl.store.drafts import Draft
from llmctl.store.messages import (
    BROKEN,
    BROKEN_MARK,
    PARTIAL,
    STOPPED,
    STOPPED_MARK,
    Message,
    from_wire,
)

PNG = Attachment("a.png", "image/png", b"\x89PNG\r\n\x1a\nx")
TEXT = Attachment("b.txt", "text/plain", b"beta")
CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}


def texts(store, head):
    return [message.text for message in store.messages.path(head)]


def kept(store):
    """The bytes of all files."""
    return sorted(bytes(row["data"]) for row in store.database.rows("SELECT data FROM attachments"))


def test_a_path_runs_from_the_root_to_the_head(store, talk, add):
    question = add(None, "Q")
    answer = add(question, "A", "assistant")
    other = add(question, "B", "assistant")
    more = add(answer, "Q2")
    assert texts(store, more) == ["Q", "A", "Q2"]
    assert texts(store, other) == ["Q", "B"]
    assert store.messages.path(None) == store.messages.path(12345) == []
    assert store.conversations.get(talk).head == more  # the last one that was added


def test_messages_of_one_parent_are_variants(store, talk, add):
    first, second = add(None, "Q"), add(None, "Q, changed")
    answers = [add(second, "A", "assistant"), add(second, "B", "assistant")]
    assert store.messages.variants(talk, None) == [first, second]
    assert store.messages.variants(talk, second) == answers
    assert store.messages.variants(talk, first) == []
    assert store.messages.siblings(talk) == {None: [first, second], second: answers}
    assert [message.parent for message in store.messages.tree(talk)] == [None, None, second, second]


def test_the_leaf_is_the_newest_end_of_a_branch(store, add):
    question = add(None, "Q")
    one = add(question, "A", "assistant")
    two = add(question, "B", "assistant")
    last = add(one, "Q2")
    assert [store.messages.leaf(number) for number in (question, one, two, last)] == [last, last, two, last]


def test_removing_takes_what_follows_and_moves_the_head_back(store, talk, add):
    question = add(None, "Q")
    answer = add(question, "A", "assistant")
    add(add(answer, "Q2"), "A2", "assistant")
    store.messages.remove(answer)
    assert [message.text for message in store.messages.tree(talk)] == ["Q"]
    assert store.conversations.get(talk).head == question
    store.messages.remove(question)
    assert (store.messages.tree(talk), store.conversations.get(talk).head) == ([], None)
    store.messages.remove(question)  # once more is no failure


def test_a_long_branch_can_be_removed(store, talk):
    with store.transaction():
        head = first = store.messages.add(talk, None, Message("user", "0"))
        for number in range(1500):  # SQLite itself follows references 1000 levels deep
            head = store.messages.add(talk, head, Message("user", str(number)))
    assert len(store.messages.path(head)) == 1501
    store.messages.remove(first)
    assert store.messages.tree(talk) == []


def test_a_long_conversation_can_be_removed(store, talk):
    with store.transaction():
        head = None
        for number in range(1500):
            head = store.messages.add(talk, head, Message("user", str(number)))
    store.conversations.remove(talk)
    assert store.database.row("SELECT COUNT(*) FROM messages")[0] == 0


def test_an_answer_is_written_again_until_it_is_whole(store, add):
    number = add(None, "ha", "assistant", state=PARTIAL)
    store.messages.write(number, Message("assistant", "half", {"x": 1}, STOPPED, "work", "m"))
    message = store.messages.get(number)
    assert (message.text, message.state, message.profile, message.extra) == ("half", STOPPED, "work", {"x": 1})


@pytest.mark.parametrize("text", ["nul\0inside\0", "half \ud83d a pair", "日本 🎉 ü", "", "\r\n\t"])
def test_any_text_is_kept_and_found(store, talk, add, text):
    number = add(None, f"{text} needle", extra={"note": text})
    expected = text.encode("utf-8", "replace").decode()
    message = store.messages.get(number)
    assert (message.text, message.extra["note"]) == (f"{expected} needle", expected)
    assert [hit.message for hit in store.search.find("needle")] == [number]
    store.messages.write(number, Message("user", "other"))
    assert store.search.find("needle") == []
    store.database.run("INSERT INTO search (search, rank) VALUES ('integrity-check', 1)")


def test_files_come_back_in_order_with_their_names(store, add):
    number = add(None, "Q", files=[PNG, TEXT])
    refs = store.messages.get(number).files
    assert [(ref.name, ref.mime, ref.size) for ref in refs] == [
        ("a.png", "image/png", 9),
        ("b.txt", "text/plain", 4),
    ]
    assert [store.messages.load(ref) for ref in refs] == [PNG, TEXT]


def test_the_same_bytes_are_kept_once(store, add):
    one = add(None, "Q", files=[PNG])
    two = add(one, "Q2", files=[Attachment("copy.png", "image/png", PNG.data), PNG])
    assert kept(store) == [PNG.data]
    assert [ref.name for ref in store.messages.get(two).files] == ["copy.png", "a.png"]


def test_a_file_goes_with_its_last_message(store, add):
    one = add(None, "Q", files=[PNG, TEXT])
    two = add(one, "Q2", files=[PNG])
    store.messages.remove(two)
    assert kept(store) == [TEXT.data, PNG.data]
    store.messages.remove(one)
    assert kept(store) == []


def test_a_file_goes_with_its_last_conversation(store, talk, add):
    add(None, "Q", files=[PNG, TEXT])
    other = store.conversations.begin()
    store.messages.add(other, None, Message("user", "Q"), [PNG])
    store.conversations.remove(talk)
    assert kept(store) == [PNG.data]
    store.conversations.remove(other)
    assert kept(store) == []


def test_a_file_of_a_draft_stays_until_the_draft_goes(store, talk, add):
    number = add(None, "Q", files=[PNG])
    store.drafts.keep("", Draft("look", (0, 4), (PNG, TEXT)))
    store.messages.remove(number)
    assert store.drafts.get("") == Draft("look", (0, 4), (PNG, TEXT))
    store.drafts.keep("", Draft("look", (0, 4), (TEXT,)))
    assert kept(store) == [TEXT.data]
    store.drafts.keep("", Draft(""))
    assert (kept(store), store.drafts.get("")) == ([], Draft(""))


def test_a_conversation_that_is_removed_takes_its_draft_along(store, talk, add):
    add(None, "Q")
    store.drafts.keep(talk, Draft("more", (0, 1), (PNG,)))
    store.conversations.remove(talk)
    assert (store.drafts.get(talk), kept(store)) == (Draft(""), [])


def test_questions_are_told_once_each_oldest_first(store, add):
    for text in ("one", "two", "one", ""):
        add(None, text)
    add(None, "no question", "assistant")
    assert store.messages.questions() == ["two", "one"]
    assert store.messages.questions(1) == ["one"]


@pytest.mark.parametrize(
    ("state", "content"),
    [
        ("complete", "half"),
        (STOPPED, f"half\n\n{STOPPED_MARK}"),
        (BROKEN, f"half\n\n{BROKEN_MARK}"),
        (PARTIAL, f"half\n\n{BROKEN_MARK}"),
    ],
)
def test_an_answer_that_never_ended_says_so(state, content):
    assert Message("assistant", "half", state=state).wire() == {"role": "assistant", "content": content}


def test_calls_and_results_are_sent_as_they_came(store, talk):
    said = [
        {"role": "user", "content": "Add."},
        {"role": "assistant", "content": None, "tool_calls": [{**CALL, "signature": "s"}], "reasoning": "Hm."},
        {"role": "tool", "tool_call_id": "c1", "content": "3"},
        {"role": "assistant", "content": None, "refusal": "No."},
    ]
    head = None
    for message in said:
        head = store.messages.add(talk, head, from_wire(message))
    assert store.messages.wire(store.messages.path(head)) == said


def test_another_provider_gets_only_what_all_understand():
    message = from_wire(
        {
            "role": "assistant",
            "content": "Let me see.",
            "tool_calls": [{**CALL, "extra_content": {"google": {"thought_signature": "x"}}, "index": 0}],
            "reasoning": "Hm.",
            "reasoning_details": [{"id": 1}],
        }
    )
    assert message.wire(portable=True) == {"role": "assistant", "content": "Let me see.", "tool_calls": [CALL]}


def test_the_path_is_portable_for_another_profile_only(store, talk):
    message = Message("assistant", "A", {"signature": "s"}, profile="work")
    path = store.messages.path(store.messages.add(talk, None, message))
    assert store.messages.wire(path) == store.messages.wire(path, "work")
    assert store.messages.wire(path, "work") == [{"role": "assistant", "content": "A", "signature": "s"}]
    assert store.messages.wire(path, "other") == [{"role": "assistant", "content": "A"}]


PARTS = [
    {"type": "text", "text": "Look:"},
    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
    {"type": "text", "text": "What is it?"},
]


def test_content_in_parts_stays_and_its_text_is_known():
    message = from_wire({"role": "user", "content": PARTS})
    assert message.text == "Look:\n\nWhat is it?"
    assert message.wire() == message.wire(portable=True) == {"role": "user", "content": PARTS}


def test_parts_of_another_provider_s_answer_become_text():
    parts = [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Blue."}]
    message = from_wire({"role": "assistant", "content": parts})
    assert message.wire() == {"role": "assistant", "content": parts}
    assert message.wire(portable=True) == {"role": "assistant", "content": "Blue."}


def test_files_are_sent_with_their_text():
    body = Message("user", "What is it?").wire([PNG, TEXT])["content"]
    assert [part["type"] for part in body] == ["image_url", "text"]
    assert body[1]["text"] == '<file name="b.txt">\nbeta\n</file>\n\nWhat is it?'
