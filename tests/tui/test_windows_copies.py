"""What leaves the chat: files, the clipboard."""

from __future__ import annotations

import json

from llmctl.tui.screens.dialog import LineDialog
from support.leaks import TEST_KEY
from tui.conftest import Chats, Person, answer

CODE = "Look:\n\n```python\nprint(1)\n```\n\n```sh\nls\n```\n"


def test_export_as_markdown_and_json_and_never_over_a_file(chats: Chats) -> None:
    chats.upstream.script(answer("Hello"))

    async def body(person: Person) -> None:
        await person.asks("Hi")
        await person.asks("/export a.md")
        await person.asks("/export a.json")
        (chats.files / "there.md").write_text("mine", encoding="utf-8")
        await person.asks("/export there.md")
        assert "there.md exists already" in person.notices[-1]
        await person.asks("/export no/such/folder.md")
        assert "can't write" in person.notices[-1]
        await person.sends("/export")
        await person.opened(LineDialog)
        await person.does("enter")

    chats.run(body)
    assert (chats.files / "a.md").read_text(encoding="utf-8") == (
        "# Hi\n\n## You\n\nHi\n\n## work/test-model\n\nHello\n"
    )
    kept = json.loads((chats.files / "a.json").read_text(encoding="utf-8"))
    assert kept["model"] == "test-model"
    assert [message["content"] for message in kept["messages"]] == ["Hi", "Hello"]
    assert (chats.files / "there.md").read_text(encoding="utf-8") == "mine"
    assert (chats.files / "conversation.md").exists()


def test_copies(chats: Chats) -> None:
    chats.upstream.script(answer(CODE))

    async def body(person: Person) -> None:
        await person.asks("/copy")
        assert "there is no answer yet" in person.notices[-1]
        await person.asks("Code?")
        for command, wanted in (("copy", CODE), ("copy code", "print(1)"), ("copy sh", "ls")):
            await person.asks(f"/{command}")
            assert person.app.clipboard.strip() == wanted.strip()
        await person.asks("/copy rust")
        assert "holds no rust code block" in person.notices[-1]
        await person.asks("/markdown")
        assert person.app.clipboard.startswith("# Code?\n\n## You\n\nCode?")
        person.chat.transcript.focus()
        await person.press("k", "k")
        await person.does("c")
        assert person.app.clipboard == "Code?"

    chats.run(body)


def test_a_click_copies_code(chats: Chats) -> None:
    chats.upstream.script(answer(CODE))

    async def body(person: Person) -> None:
        await person.asks("Code?")
        row = next(row for row, line in enumerate(person.screen.splitlines()) if "print(1)" in line)
        await person.pilot.hover(offset=(40, row))
        await person.clicks("copy")
        await person.idle()
        assert person.app.clipboard.strip() in ("print(1)", CODE.strip())

    chats.run(body)


def test_curl_holds_everything_but_the_key(chats: Chats) -> None:
    chats.upstream.script(answer("Hello"), answer("Again"))

    async def body(person: Person) -> None:
        await person.asks("Hi")
        await person.asks("And?")
        await person.asks("/curl")
        copied = person.app.clipboard
        assert copied.startswith("curl ")
        assert "$WORK_KEY" in copied
        assert TEST_KEY not in copied
        assert "Be brief" in copied
        assert "And?" in copied
        assert "Again" not in copied
        assert '"temperature"' in copied

    chats.run(body, system="Be brief", option=["temperature=0.3"])


def test_the_screens_clipboard_is_reached_by_the_terminal(chats: Chats) -> None:
    """Standard output is captured while the screen is taken: what is written there would be lost."""

    async def body(person: Person) -> None:
        written: list[str] = []
        driver = person.app._driver
        assert driver is not None
        driver.write = written.append  # type: ignore[method-assign]
        person.app.copy_to_clipboard("abc")
        assert any("\x1b]52;c;YWJj" in text for text in written)

    chats.run(body)
