"""Tools that run, called by the model behind llama.cpp's own server."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.cli import Cli
from support.llama import SENTENCE, LlamaServer

pytestmark = pytest.mark.peer

KIT = '''
def get_weather(city: str) -> str:
    """Weather in a city."""
    print("looking", city)
    return f"4 degrees in {city}"
'''
ASYNC_KIT = KIT.replace("def get_weather", "async def get_weather")


@pytest.fixture
def at(llama: LlamaServer) -> list[str]:
    return ["chat", "--base-url", f"{llama.url}/v1"]


@pytest.mark.parametrize("choice", ["auto", "required"])
@pytest.mark.parametrize("source", [KIT, ASYNC_KIT], ids=["sync", "async"])
@pytest.mark.parametrize("whole", [[], ["--no-stream"]], ids=["stream", "whole"])
def test_a_function_runs(
    cli: Cli, at: list[str], tmp_path: Path, choice: str, source: str, whole: list[str]
) -> None:
    kit = tmp_path / "kit.py"
    kit.write_text(source)
    more = ["--tool", str(kit), "--yes-tools", "-o", f"tool_choice={choice}", *whole]
    answer = cli.run(*at, *more, "--json", "Hi").check().json()
    (run,) = answer["tool_runs"]
    assert (run["name"], run["arguments"], run["result"]) == ("get_weather", {"city": "x"}, "4 degrees in x")
    assert (answer["content"], answer["rounds"], answer["finish_reason"]) == (SENTENCE, 2, "stop")
    plain = cli.run(*at, *more, "Hi").check()
    assert plain.out == f"{SENTENCE}\n"
    assert "looking x" in plain.err


def test_usage_is_that_of_all_rounds(cli: Cli, at: list[str]) -> None:
    tool = ["--tool-command", "look: echo seen {thing}", "--yes-tools"]
    events = cli.run(*at, *tool, "--jsonl", "Hi").check().jsonl()
    rounds = [event["total_tokens"] for event in events if event["type"] == "usage"]
    assert len(rounds) == 2
    assert events[-1]["usage"]["total_tokens"] == sum(rounds)
    assert [event["content"] for event in events if event["type"] == "tool_result"] == ["seen x\n"]


def test_the_limit(cli: Cli, at: list[str]) -> None:
    tool = ["--tool-command", "look: echo seen {thing}", "--yes-tools", "--max-rounds", "1"]
    assert cli.run(*at, *tool, "--json", "Hi").check(13).error()["code"] == "tool_limit"
