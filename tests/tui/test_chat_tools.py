"""Tools in the chat: the person is asked before one runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmctl.tui.screens.dialog import ToolDialog
from support.replies import Reply
from support.wire import chunk, tool_call, usage, usage_chunk
from tui.conftest import Chats, Person, answer

TOOL = '''
def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"
'''
CALL = Reply.sse(
    chunk("Let me look.", role="assistant"),
    chunk(tool_calls=[tool_call("weather", '{"city": "Rome"}', index=0)]),
    chunk(finish="tool_calls"),
    usage_chunk(usage()),
)


@pytest.fixture
def tool(chats: Chats) -> list[Path]:
    path = chats.files / "tools.py"
    path.write_text(TOOL, encoding="utf-8")
    return [path]


def test_yes_runs_it(chats: Chats, tool: list[Path]) -> None:
    chats.upstream.script(CALL, answer("It is sunny."))

    async def body(person: Person) -> None:
        await person.sends("Weather in Rome?")
        await person.opened(ToolDialog)
        assert "Run weather?" in person.screen
        assert '"city": "Rome"' in person.screen
        await person.does("y")
        assert person.texts[-1][1] == "Let me look.\nIt is sunny."
        assert len(person.entries) == 2

    chats.run(body, tool=tool)
    assert chats.asked[0]["tools"][0]["function"]["name"] == "weather"
    assert chats.asked[1]["messages"][-1]["content"] == "sunny in Rome"
    assert [message.role for message in chats.kept()] == ["user", "assistant", "tool", "assistant"]


@pytest.mark.parametrize("key", ["n", "escape"])
def test_no_tells_the_model(chats: Chats, tool: list[Path], key: str) -> None:
    chats.upstream.script(CALL, answer("Then not."))

    async def body(person: Person) -> None:
        await person.sends("Weather?")
        await person.opened(ToolDialog)
        await person.does(key)
        assert person.last.endswith("Then not.")

    chats.run(body, tool=tool)
    assert "did not allow" in chats.asked[1]["messages"][-1]["content"]


def test_always_asks_only_once(chats: Chats, tool: list[Path]) -> None:
    chats.upstream.script(CALL, answer("Sunny."), CALL, answer("Still sunny."))

    async def body(person: Person) -> None:
        await person.sends("Weather?")
        await person.opened(ToolDialog)
        await person.does("a")
        await person.asks("And now?")
        assert person.last.endswith("Still sunny.")

    chats.run(body, tool=tool)
    assert len(chats.asked) == 4


def test_quit_stops_the_answer(chats: Chats, tool: list[Path]) -> None:
    chats.upstream.script(CALL, answer("What else?"))

    async def body(person: Person) -> None:
        await person.sends("Weather?")
        await person.opened(ToolDialog)
        await person.does("q")
        assert len(chats.asked) == 1
        await person.asks("Something else")
        assert person.last == "What else?"

    chats.run(body, tool=tool)
    sent = chats.asked[1]["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "tool", "user"]


def test_leaving_at_the_question(chats: Chats, tool: list[Path]) -> None:
    chats.upstream.script(CALL)

    async def body(person: Person) -> None:
        await person.sends("Weather?")
        await person.opened(ToolDialog)
        await person.press("ctrl+q")
        await person.until(lambda: not person.app.is_running)

    chats.run(body, tool=tool)
    assert [message.role for message in chats.kept()][:2] == ["user", "assistant"]


def test_allowed_tools_run_unasked(chats: Chats, tool: list[Path]) -> None:
    chats.upstream.script(CALL, answer("Sunny."))

    async def body(person: Person) -> None:
        await person.asks("Weather?")
        assert person.last.endswith("Sunny.")
        person.chat.transcript.focus()
        await person.press("o")
        await person.until(lambda: "sunny in Rome" in person.screen)

    chats.run(body, tool=tool, allow_tool=["weather"])
