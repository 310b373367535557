"""Who is asked: keys, the picker, commands, and what a conversation brings along."""

from __future__ import annotations

import pytest

from llmctl.tui.screens.picker import ModelPicker
from support.replies import Reply
from support.upstream import refused_url
from support.wire import error_body
from tui.conftest import Chats, Person, answer

CONFIG = '[aliases]\nbig = "other/large"\nhere = "small"\n'


def test_f2_goes_through_the_recent_ones_and_keeps_the_draft(chats: Chats) -> None:
    chats.upstream.script(answer("1"), answer("2"), answer("3"))

    async def body(person: Person) -> None:
        await person.asks("A")
        await person.asks("/model other/other-model")
        await person.asks("B")
        await person.asks("/model large")
        assert person.model == "other/large"
        await person.asks("C")
        await person.types("a draft")
        seen = []
        for _ in range(4):
            await person.does("f2")
            seen.append(person.model)
        assert seen == ["other/other-model", "work/test-model", "other/large", "other/other-model"]
        assert person.typed == "a draft"
        assert "other/other-model" in person.screen.splitlines()[-1]

    chats.run(body)
    assert [sent["model"] for sent in chats.asked] == ["test-model", "other-model", "large"]


def test_f2_with_only_one_opens_the_picker(chats: Chats) -> None:
    async def body(person: Person) -> None:
        await person.press("f2")
        await person.opened(ModelPicker)
        await person.press("escape")
        await person.closed()
        assert person.model == "work/test-model"

    chats.run(body)


def test_the_picker_finds_by_parts_of_a_name(chats: Chats) -> None:
    chats.configure(CONFIG)

    async def body(person: Person) -> None:
        await person.types("a draft")
        await person.press("f3")
        picker = await person.opened(ModelPicker)
        await person.until(lambda: "work/large" in [each.label for each in picker._shown])
        assert "● work/test-model" in person.screen
        await person.types("olar")
        assert next(each.label for each in picker._shown) == "other/large"
        await person.press("enter")
        await person.closed()
        await person.idle()
        assert person.model == "other/large"
        assert person.typed == "a draft"

    chats.run(body)
    listed = [request.path for request in chats.upstream.requests]
    assert listed == ["/v1/models", "/v1/models"]


def test_kept_lists_are_not_fetched_again(chats: Chats) -> None:
    async def body(person: Person) -> None:
        for _ in range(2):
            await person.press("f3")
            picker = await person.opened(ModelPicker)
            await person.until(lambda found=picker: "other/large" in [each.label for each in found._shown])
            await person.press("escape")
            await person.closed()

    chats.run(body)
    assert len(chats.upstream.requests) == 2


def test_a_list_that_can_not_be_fetched_is_no_reason_to_complain(chats: Chats) -> None:
    chats.configure(url=refused_url())
    chats.upstream.route("/v1/models", Reply(500, body=error_body("no list")))

    async def body(person: Person) -> None:
        await person.press("f3")
        picker = await person.opened(ModelPicker)
        await person.until(
            lambda: all(worker.is_finished for worker in person.app.workers if worker.group == "lists")
        )
        assert person.notices == []
        assert [each.label for each in picker._shown][:2] == ["work/test-model", "other/other-model"]
        await person.types("nothing-like-it")
        assert "Nothing matches" in person.screen
        await person.press("enter")
        await person.closed()
        await person.idle()
        assert person.model == "work/nothing-like-it"

    chats.run(body)


def test_arrows_and_the_mouse_choose(chats: Chats) -> None:
    async def body(person: Person) -> None:
        await person.press("f3")
        picker = await person.opened(ModelPicker)
        await person.until(lambda: "other/large" in [each.label for each in picker._shown])
        at = [each.label for each in picker._shown].index("other/large")
        await person.press(*["down"] * at, "enter")
        await person.closed()
        await person.idle()
        assert person.model == "other/large"
        await person.press("f3")
        await person.opened(ModelPicker)
        await person.clicks("work/small")
        await person.closed()
        await person.idle()
        assert person.model == "work/small"

    chats.run(body)


def test_a_list_that_arrives_leaves_the_marked_line(chats: Chats) -> None:
    gate = chats.upstream.gate()
    listed = '{"object": "list", "data": [{"id": "aaa", "object": "model"}]}'
    chats.upstream.route("/v1/models", Reply.stream([gate, listed], headers={"Content-Type": "application/json"}))

    async def body(person: Person) -> None:
        await person.press("f3")
        picker = await person.opened(ModelPicker)
        await person.press("down")
        marked = picker._shown[1].label
        gate.open()
        await person.until(lambda: "work/aaa" in [each.label for each in picker._shown])
        await person.press("enter")
        await person.closed()
        await person.idle()
        assert person.model == marked == "other/other-model"

    chats.run(body)


@pytest.mark.parametrize(
    ("command", "model"),
    [
        ("/model other/large", "other/large"),
        ("/model small", "work/small"),
        ("/model vendor/small", "work/vendor/small"),
        ("/model big", "other/large"),
        ("/model here", "work/small"),
        ("/use other", "other/other-model"),
    ],
)
def test_by_command(chats: Chats, command: str, model: str) -> None:
    chats.configure(CONFIG)

    async def body(person: Person) -> None:
        await person.asks(command)
        assert person.model == model

    chats.run(body)


def test_an_unknown_profile_changes_nothing(chats: Chats) -> None:
    async def body(person: Person) -> None:
        await person.asks("/use nobody")
        assert "nobody" in person.notices[-1]
        assert person.model == "work/test-model"

    chats.run(body)


def test_no_switch_while_an_answer_comes(chats: Chats) -> None:
    chats.upstream.script(Reply.hang())

    async def body(person: Person) -> None:
        await person.sends("Hi")
        await person.until(lambda: chats.asked)
        await person.press("f2")
        await person.until(lambda: isinstance(person.app.screen, ModelPicker) or person.notices)
        if person.app.screen is not person.chat:
            await person.press("enter")
            await person.closed()
            await person.until(lambda: person.notices)
        assert "an answer is still coming" in person.notices[-1]
        await person.does("escape")

    chats.run(body)


def test_a_conversation_brings_its_model_along(chats: Chats) -> None:
    chats.upstream.script(answer("1"), answer("2"), answer("3"))

    async def body(person: Person) -> None:
        await person.asks("A")
        await person.does("ctrl+n")
        await person.asks("/model other/large")
        await person.asks("B")
        first = next(each for each in (await listed(person)) if each.title == "A")
        await person.chat.open(first.id)
        assert person.model == "work/test-model"
        await person.asks("A2")

    async def again(person: Person) -> None:
        assert person.model == "work/test-model"
        assert [text for _, text in person.texts] == ["A", "1", "A2", "3"]

    async def elsewhere(person: Person) -> None:
        assert person.model == "other/small"
        assert person.last == "3"

    chats.run(body)
    assert [sent["model"] for sent in chats.asked] == ["test-model", "large", "test-model"]
    chats.run(again, last=True)
    chats.run(elsewhere, last=True, profile="other", model="small")


def test_a_conversation_whose_profile_is_gone(chats: Chats) -> None:
    chats.upstream.script(answer("1"), answer("2"))

    async def body(person: Person) -> None:
        await person.asks("/use other")
        await person.asks("A")

    async def later(person: Person) -> None:
        assert person.texts == [("user", "A"), ("assistant", "1")]
        assert person.model == "work/test-model"
        assert any("other/other-model can't be asked any more" in notice for notice in person.notices)
        await person.asks("B")
        assert person.last == "2"

    chats.run(body)
    chats.configure(other=False)
    chats.run(later, last=True)


async def listed(person: Person) -> list[object]:
    return await person.app.archive.run(lambda store: store.conversations.newest())  # type: ignore[return-value]
