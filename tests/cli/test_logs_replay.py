"""`llmctl logs replay`: the same question to another model."""

from __future__ import annotations

import pytest

from llmctl.cli.table import cell_width
from llmctl.core.media import Attachment
from llmctl.store.ledger import Request
from llmctl.store.messages import Message
from llmctl.store.store import Store
from support.upstream import Reply
from support.wire import error_body, text_stream, usage

NOON = 1_795_262_400.0
NEW = Reply.sse(*text_stream("The new ", "**answer**.", usage=usage(30, 4)))


@pytest.fixture
def store(cli):
    with Store(cli.home / ".local/share/llmctl/llmctl.db") as opened:
        yield opened


@pytest.fixture
def talk(store):
    """Two questions to the profile "old", the second with a picture and answered; the conversation's id."""
    number = store.conversations.begin(
        "old", "old-model", title="Sky", system="Be brief.", params={"temperature": 0, "n": 2}
    )
    head = None
    for message, files in (
        (Message("user", "First?", created=NOON), ()),
        (Message("assistant", "First.", {"reasoning_details": [1]}, "complete", "old", "old-model", NOON), ()),
        (Message("user", "Second?", created=NOON), [Attachment("a.png", "image/png", b"\x89PNG")]),
        (Message("assistant", "The old answer.", {}, "complete", "old", "old-model", NOON), ()),
    ):
        head = store.messages.add(number, head, message, files)
    told = {"prompt_tokens": 20, "completion_tokens": 5, "cost": 0.5, "cost_by": "provider"}
    store.ledger.add(Request(NOON, "chat", "old", "", "", "old-model", **told, conversation=number, message=head))
    return number


@pytest.fixture
def other(work, upstream):
    """The profile "work" answers once."""
    upstream.script(NEW)
    return work


def test_the_same_is_asked_again(other, talk, sent):
    other("logs", "replay", talk, "-p", "work").check()
    (body,) = sent()
    assert [message["role"] for message in body["messages"]] == ["system", "user", "assistant", "user"]
    assert body["messages"][0]["content"] == "Be brief."
    # What only the old provider understands is left out.
    assert body["messages"][2] == {
        "role": "assistant",
        "content": "First.",
    }
    assert [part["type"] for part in body["messages"][3]["content"]] == ["image_url", "text"]
    assert (body["model"], body["temperature"], "n" in body) == ("test-model", 0, False)


def test_the_answer_is_a_variant_out_of_view(other, talk, store):
    other("logs", "replay", talk[:7], "-p", "work", "-m", "big").check()
    conversation = store.conversations.get(talk)
    path = store.messages.path(conversation.head)
    assert [message.text for message in path] == ["First?", "First.", "Second?", "The old answer."]
    assert (conversation.profile, conversation.model) == ("old", "old-model")
    new = store.messages.get(store.messages.variants(talk, path[2].id)[1])
    assert (new.text, new.profile, new.model, new.state) == ("The new **answer**.", "work", "big", "complete")
    entry = store.ledger.of_messages([new.id])[new.id]
    assert (entry.caller, entry.prompt_tokens, entry.conversation) == ("replay", 30, talk)


def test_a_replay_is_no_use_of_the_conversation(other, talk, store):
    before = store.conversations.get(talk)
    other("logs", "replay", talk, "-p", "work").check()
    after = store.conversations.get(talk)
    assert (after.head, after.updated, after.messages) == (before.head, before.updated, before.messages + 1)


@pytest.mark.parametrize(("args", "env"), [(["--no-log"], {}), ([], {"LLMCTL_NO_LOG": "1"})])
def test_nothing_is_kept_unless_it_may_be(other, talk, store, args, env):
    assert "The new" in other("logs", "replay", talk, "-p", "work", *args, env=env).check().out
    assert len(store.messages.tree(talk)) == 4
    assert len(store.ledger.of_conversation(talk)) == 1


def test_in_a_pipe_one_follows_the_other(other, talk):
    out = other("logs", "replay", talk, "-p", "work", env={"TZ": "UTC"}).check().out
    old, new = out.split("\n\n## ")
    assert old == "## old/old-model\n\n*2026-11-21 12:00 · 20 in · 5 out · $0.50*\n\nThe old answer."
    assert new.startswith("work/test-model\n\n*")
    assert "30 in · 4 out · cost unknown" in new
    assert new.endswith("*\n\nThe new **answer**.\n")


def test_json(other, talk):
    both = other("logs", "replay", talk, "-p", "work", "--json").check().json()
    old, new = both["original"], both["replay"]
    assert (old["content"], old["profile"], old["cost"], old["usage"]["prompt_tokens"]) == (
        "The old answer.", "old", 0.5, 20
    )  # fmt: skip
    assert (new["content"], new["profile"], new["cost"], new["finish_reason"]) == (
        "The new **answer**.", "work", None, "stop"
    )  # fmt: skip


@pytest.mark.parametrize(("cols", "beside"), [(120, True), (100, True), (99, False), (40, False)])
def test_side_by_side_where_there_is_room(other, talk, store, cols, beside):
    head = store.conversations.get(talk).head
    store.messages.write(
        head, Message("assistant", "天空 " * 60 + "\x1b]0;owned\x07", profile="o", model="old-model")
    )
    terminal = other.terminal(
        "logs", "replay", talk, "-p", "work", cols=cols, rows=40, env={"LLMCTL_NO_PAGER": "1"}
    )
    assert terminal.wait() == 0
    lines = [line for line in terminal.history() if line.strip()]
    row = next(line for line in lines if "The new answer." in line)
    assert ("│" in row) == beside
    if beside:
        assert any("o/old-model" in line and "work/test-model" in line for line in lines)
        assert {cell_width(line.partition("│")[0]) for line in lines} == {(cols - 3) // 2 + 1}
    assert b"\x1b]0;owned" not in terminal.raw


def test_without_colours(other, talk):
    terminal = other.terminal("logs", "replay", talk, "-p", "work", cols=120, env={"NO_COLOR": "1"})
    assert terminal.wait() == 0
    assert "│ The new **answer**." in terminal.screen()
    assert b"\x1b[1m" not in terminal.raw


def test_a_failed_replay_changes_no_view(work, upstream, talk, store):
    upstream.script(Reply(status=400, body=error_body("No.")))
    before = store.conversations.get(talk).head
    assert "No." in work("logs", "replay", talk, "-p", "work").check(5).err
    assert store.conversations.get(talk).head == before
    assert len(store.messages.tree(talk)) == 4


def test_a_question_without_an_answer_gets_one(other, talk, store):
    head = store.conversations.get(talk).head
    store.messages.remove(head)
    both = other("logs", "replay", talk, "-p", "work", "--json").check().json()
    assert (both["original"], both["replay"]["content"]) == (None, "The new **answer**.")
    assert store.messages.path(store.conversations.get(talk).head)[-1].text == "The new **answer**."


@pytest.mark.parametrize(
    ("args", "code", "why"),
    [(["abc0"], 2, "there is no conversation"), (["ID", "-p", "nobody"], 3, "no profile 'nobody'"), ([], 2, "ID")],
)
def test_mistakes(work, upstream, talk, args, code, why):
    args = [talk if word == "ID" else word for word in args]
    assert why in work("logs", "replay", *args).check(code).err
    assert upstream.requests == []


def test_nothing_was_asked(work, store):
    number = store.conversations.begin()
    assert "nothing was asked" in work("logs", "replay", number).check(2).err
