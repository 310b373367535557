"""Asking in the chat: what is shown, kept and sent."""

from __future__ import annotations

from support.replies import Reply
from support.wire import chunk, text_stream, usage
from tui.conftest import Chats, Person, answer, held


def test_question_and_answer_are_shown_kept_and_listed(chats: Chats) -> None:
    chats.upstream.script(answer("Hello", " there"))

    async def body(person: Person) -> None:
        await person.asks("Say hello to me")
        assert person.texts == [("user", "Say hello to me"), ("assistant", "Hello there")]
        footer = person.entries[1].footer
        assert "first token" in footer
        assert "2 tokens" in footer
        assert "$0.00009" in footer
        assert person.entries[1].title == "work/test-model"
        assert [title.strip("▸ ") for title in person.titles] == ["Say hello to me"]
        assert person.titles[0].startswith("▸")
        assert "Hello there" in person.screen
        assert person.app.title == "Say hello to me"

    chats.run(body)
    assert chats.said() == [("user", "Say hello to me", "complete"), ("assistant", "Hello there", "complete")]
    [sent] = chats.asked
    assert sent["model"] == "test-model"
    assert sent["messages"] == [{"role": "user", "content": "Say hello to me"}]
    with chats.store() as store:
        [request] = store.ledger.of_conversation(store.conversations.newest()[0].id)
        assert (request.caller, request.status, request.completion_tokens) == ("tui", "ok", 2)


def test_several_turns_send_everything_said(chats: Chats) -> None:
    chats.upstream.script(answer("one"), answer("two"), answer("three"))

    async def body(person: Person) -> None:
        for question in ("A", "B", "C"):
            await person.asks(question)
        assert [text for _, text in person.texts] == ["A", "one", "B", "two", "C", "three"]

    chats.run(body)
    assert [message["content"] for message in chats.asked[2]["messages"]] == ["A", "one", "B", "two", "C"]
    assert [text for _, text, _ in chats.said()] == ["A", "one", "B", "two", "C", "three"]


def test_system_prompt_and_parameters_of_the_command_line(chats: Chats) -> None:
    chats.upstream.script(answer("ok"))

    async def body(person: Person) -> None:
        await person.asks("Hi")

    chats.run(body, system="Be brief", option=["temperature=0.2", "a.b=1"])
    sent = chats.asked[0]
    assert sent["messages"][0] == {"role": "system", "content": "Be brief"}
    assert (sent["temperature"], sent["a"]) == (0.2, {"b": 1})
    with chats.store() as store:
        kept = store.conversations.newest()[0]
    assert (kept.system, kept.params) == ("Be brief", {"temperature": 0.2, "a": {"b": 1}})


def test_reasoning_is_folded_and_kept(chats: Chats) -> None:
    thought = chunk(reasoning_content="Let me think hard")
    chats.upstream.script(Reply.sse(thought, *text_stream("42", usage=usage())))

    async def body(person: Person) -> None:
        await person.asks("How many?")
        assert person.last == "42"
        assert "think hard" not in person.screen
        person.chat.transcript.focus()
        await person.press("o")
        await person.until(lambda: "Let me think hard" in person.screen)

    chats.run(body)
    assert chats.kept()[1].extra["reasoning"] == "Let me think hard"


def test_markdown_is_drawn(chats: Chats) -> None:
    chats.upstream.script(answer("# Title\n\nSome **bold**\n\n```python\nprint(1)\n```\n"))

    async def body(person: Person) -> None:
        await person.asks("Hi")
        assert "**" not in person.screen
        assert "print(1)" in person.screen
        await person.does("f1")

    chats.run(body)


def test_files_are_sent_and_kept(chats: Chats) -> None:
    chats.upstream.script(answer("I see"), answer("again"))
    (chats.files / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20))
    (chats.files / "b.txt").write_text("text in b", encoding="utf-8")

    async def body(person: Person) -> None:
        await person.asks("/file a.png")
        await person.asks("/file b.txt")
        assert [file.name for file in person.chat.prompt.draft.files] == ["a.png", "b.txt"]
        await person.asks("What is this?")
        assert [getattr(part, "name", "") for part in person.entries[0].parts] == ["a.png", "b.txt", ""]
        assert not person.chat.prompt.draft.files
        await person.asks("And now?")
        await person.asks("/file nothing.txt")
        assert any("nothing.txt is no file" in notice for notice in person.notices)

    chats.run(body)
    for sent in chats.asked:
        parts = sent["messages"][0]["content"]
        assert any(part["type"] == "image_url" for part in parts)
        assert any("text in b" in part.get("text", "") for part in parts)
    assert [ref.name for ref in chats.kept()[0].files] == ["a.png", "b.txt"]


def test_unknown_command_and_double_slash(chats: Chats) -> None:
    chats.upstream.script(answer("a path"))

    async def body(person: Person) -> None:
        await person.asks("/modle x")
        assert "there is no command /modle" in person.notices[0]
        assert "/model" in person.notices[0].split("\n")[1]
        await person.asks("//etc is what?")
        assert person.texts[0] == ("user", "/etc is what?")

    chats.run(body)
    assert chats.asked[0]["messages"] == [{"role": "user", "content": "/etc is what?"}]


def test_conversation_is_listed_and_can_be_named_while_the_first_answer_comes(chats: Chats) -> None:
    gate = chats.upstream.gate()
    chats.upstream.script(held(gate, "It"))

    async def body(person: Person) -> None:
        await person.sends("A long story")
        await person.reached(gate, "It")
        await person.until(lambda: person.titles)
        await person.sends("/system Be kind")
        await person.sends("/rename The story")
        await person.until(lambda: "The story" in person.titles[0])
        gate.open()
        await person.idle()
        assert person.chat.talk.conversation.system == "Be kind"
        assert person.chat.talk.conversation.title == "The story"
        assert person.last == "It end"

    chats.run(body)
    with chats.store() as store:
        [kept] = store.conversations.newest()
        assert (kept.title, kept.system) == ("The story", "Be kind")
