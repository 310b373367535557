"""The loop: what is sent round by round, and what ends it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from llmctl import Client, Quirks, Target
from llmctl.client.blocking import BlockingTransport, drive
from llmctl.core.events import Text, ToolCall, ToolResult
from llmctl.errors import Overloaded, ToolLimit, UsageError
from llmctl.tools.loop import DENIED, ToolLoop
from llmctl.tools.tool import Tool, ToolFailed
from support import wire
from support.upstream import Reply, Upstream

ADD = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
}
HI = [{"role": "user", "content": "Hi"}]
RunLoop = Callable[..., Any]


def tool(name: str, answer: Callable[[dict[str, Any]], Any], parameters: Any = ADD) -> Tool:
    async def call(arguments: dict[str, Any]) -> str:
        return str(answer(arguments))

    return Tool(name, f"Does {name}.", parameters, "test", call)


ADDER = tool("add", lambda given: given["a"] + given["b"])


def fail(arguments: dict[str, Any]) -> str:
    raise ToolFailed("out of order")


def calls(*pairs: tuple[str, str], text: str | None = None, **more: Any) -> Reply:
    """A streamed answer that calls tools: name and arguments each."""
    fragments = [
        wire.tool_call(name, arguments, id=f"call_{at + 1}", index=at)
        for at, (name, arguments) in enumerate(pairs)
    ]
    chunks = [wire.chunk(text, tool_calls=[fragment]) for fragment in fragments]
    return Reply.sse(*chunks, wire.chunk(finish="tool_calls"), wire.usage_chunk(wire.usage(10, 4, **more)))


def says(text: str, **more: Any) -> Reply:
    return Reply.sse(*wire.text_stream(text, usage=wire.usage(20, 6, **more)))


def bodies(upstream: Upstream) -> list[Any]:
    return [request.json() for request in upstream.requests]


def test_one_round_without_tools(upstream: Upstream, run_loop: RunLoop) -> None:
    upstream.script(says("Hello"))
    loop, events, _ = run_loop()
    assert "".join(event.text for event in events if isinstance(event, Text)) == "Hello"
    assert "tools" not in upstream.last.json()
    assert (loop.rounds, loop.runs, loop.stream.answer.content) == (1, [], "Hello")
    assert loop.usage == loop.stream.answer.usage
    assert loop.messages == [*HI, {"role": "assistant", "content": "Hello"}]


def test_results_go_back_and_the_answer_comes(upstream: Upstream, run_loop: RunLoop) -> None:
    upstream.script(calls(("add", '{"a": 1, "b": 2}'), ("add", '{"a": 3, "b": 4}')), says("3 and 7"))
    loop, events, _ = run_loop([ADDER])
    first, second = bodies(upstream)
    assert first["tools"] == [
        {"type": "function", "function": {"name": "add", "description": "Does add.", "parameters": ADD}}
    ]
    assert second["tools"] == first["tools"]
    assert second["messages"] == [
        *HI,
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                wire.tool_call("add", '{"a": 1, "b": 2}', id="call_1"),
                wire.tool_call("add", '{"a": 3, "b": 4}', id="call_2"),
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "3"},
        {"role": "tool", "tool_call_id": "call_2", "content": "7"},
    ]
    assert loop.messages == [*second["messages"], {"role": "assistant", "content": "3 and 7"}]
    results = [event for event in events if isinstance(event, ToolResult)]
    assert [(event.id, event.content, event.is_error) for event in results] == [
        ("call_1", "3", False),
        ("call_2", "7", False),
    ]
    run = loop.runs[0].as_dict()
    assert run.pop("ms") >= 0
    assert run == {
        "id": "call_1",
        "name": "add",
        "arguments": {"a": 1, "b": 2},
        "result": "3",
        "error": False,
        "approved": True,
    }
    assert (loop.rounds, loop.stream.answer.content) == (2, "3 and 7")


def test_whole_answers(upstream: Upstream, run_loop: RunLoop) -> None:
    call = wire.completion(None, "tool_calls", tool_calls=[wire.tool_call("add", '{"a": 1, "b": 2}')])
    upstream.script(Reply(body=call), Reply(body=wire.completion("3")))
    loop, *_ = run_loop([ADDER], whole=True)
    assert [body.get("stream") for body in bodies(upstream)] == [None, None]
    assert loop.stream.answer.content == "3"


def test_usage_is_the_sum_and_unknown_stays_unknown(upstream: Upstream, run_loop: RunLoop) -> None:
    details = {"prompt_tokens_details": {"cached_tokens": 5}}
    upstream.script(calls(("add", '{"a": 1, "b": 2}'), **details), says("3"))
    loop, *_ = run_loop([ADDER])
    counts = loop.usage.counts()
    assert (counts["prompt_tokens"], counts["completion_tokens"], counts["total_tokens"]) == (30, 10, 40)
    assert counts["cached_tokens"] is None
    upstream.script(calls(("add", '{"a": 1, "b": 2}')), Reply.sse(*wire.text_stream("3")))
    assert run_loop([ADDER])[0].usage is None


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("add", '{"a": 1', "not valid JSON"),
        ("add", "[1, 2]", "must be a JSON object"),
        ("add", '{"a": 1, "b": "two"}', "b: 'two' is not of type 'integer'"),
        ("add", '{"a": 1}', "'b' is a required property"),
        ("ad", '{"a": 1, "b": 2}', "there is no tool 'ad'; did you mean add?"),
        ("zzz", "{}", "there is no tool 'zzz'; there are: add, broken"),
        ("broken", '{"a": 1, "b": 2}', "out of order"),
    ],
)
def test_what_goes_wrong_is_told_to_the_model(
    upstream: Upstream, run_loop: RunLoop, name: str, arguments: str, expected: str
) -> None:
    upstream.script(calls((name, arguments)), says("Sorry"))
    asked = []
    loop, events, _ = run_loop(
        [ADDER, tool("broken", fail)], gate=lambda call, tool: asked.append(tool.name) or True
    )
    told = bodies(upstream)[1]["messages"][-1]
    assert told["content"].startswith("Error: ")
    assert expected in told["content"]
    assert (loop.runs[0].error, loop.stream.answer.content) == (True, "Sorry")
    assert [event.is_error for event in events if isinstance(event, ToolResult)] == [True]
    assert asked == (["broken"] if name == "broken" else [])  # nobody is asked about a call that can't run


@pytest.mark.parametrize("coroutine", [False, True])
def test_what_the_gate_refuses_does_not_run(upstream: Upstream, run_loop: RunLoop, coroutine: bool) -> None:
    async def refuse(call: ToolCall, tool: Tool) -> bool:
        return False

    ran: list[Any] = []
    upstream.script(calls(("add", '{"a": 1, "b": 2}')), says("Well"))
    loop, *_ = run_loop([tool("add", ran.append)], gate=refuse if coroutine else lambda *_: False)
    assert ran == []
    assert bodies(upstream)[1]["messages"][-1]["content"] == DENIED
    assert (loop.runs[0].approved, loop.runs[0].error) == (False, True)


def test_endless_calls_are_stopped(upstream: Upstream, run_loop: RunLoop) -> None:
    upstream.default = calls(("add", '{"a": 1, "b": 2}'), text="Hm.")
    loop, _, failure = run_loop([ADDER], limit=3)
    assert isinstance(failure, ToolLimit)
    assert (failure.exit_code, failure.profile, failure.partial) == (13, "work", "Hm.")
    assert "--max-rounds" in failure.hint
    assert (len(upstream.requests), loop.rounds, len(loop.runs)) == (3, 3, 2)
    assert [message["role"] for message in loop.messages[-2:]] == ["assistant", "tool"]


GIVEN = {"type": "function", "function": {"name": "elsewhere", "parameters": {}}}


def test_calls_of_tools_that_the_caller_described_are_the_answer(upstream: Upstream, run_loop: RunLoop) -> None:
    upstream.script(calls(("elsewhere", "{}"), ("add", '{"a": 1, "b": 2}')))
    loop, *_ = run_loop([ADDER], params={"tools": [GIVEN]})
    assert [entry["function"]["name"] for entry in upstream.last.json()["tools"]] == ["elsewhere", "add"]
    assert (loop.rounds, loop.runs) == (1, [])
    assert [call.name for call in loop.stream.answer.tool_calls] == ["elsewhere", "add"]


def test_calls_without_any_runner_are_the_answer(upstream: Upstream, run_loop: RunLoop) -> None:
    upstream.script(calls(("elsewhere", "{}")))
    loop, *_ = run_loop(params={"tools": [GIVEN]})
    assert (loop.rounds, [call.name for call in loop.stream.answer.tool_calls]) == (1, ["elsewhere"])


def test_a_callers_own_description_of_a_tool_that_runs_is_sent(upstream: Upstream, run_loop: RunLoop) -> None:
    own = {"type": "function", "function": {"name": "add", "description": "Mine.", "parameters": ADD}}
    upstream.script(calls(("add", '{"a": 1, "b": 2}')), says("3"))
    loop, *_ = run_loop([ADDER], params={"tools": [own]})
    assert bodies(upstream)[0]["tools"] == [own]
    assert loop.runs[0].result == "3"


@pytest.mark.parametrize(
    ("choice", "then"),
    [
        ("required", "auto"),
        ("any", "auto"),
        ("auto", "auto"),
        ("none", "none"),
        ({"type": "function", "function": {"name": "add"}}, "auto"),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": []}},
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}},
        ),
    ],
)
def test_a_required_call_is_required_once(upstream: Upstream, run_loop: RunLoop, choice: Any, then: Any) -> None:
    upstream.script(calls(("add", '{"a": 1, "b": 2}')), says("3"))
    run_loop([ADDER], params={"tool_choice": choice, "seed": 1})
    assert [body["tool_choice"] for body in bodies(upstream)] == [choice, then]
    assert [body["seed"] for body in bodies(upstream)] == [1, 1]


def test_several_answers_and_tools_exclude_each_other(target: Target) -> None:
    with pytest.raises(UsageError, match="one answer only"):
        ToolLoop(Client(target), HI, {"n": 2}, [ADDER], gate=lambda *_: True)
    with pytest.raises(UsageError, match="must be a list"):
        ToolLoop(Client(target), HI, {"tools": "add"}, [ADDER], gate=lambda *_: True)


def test_an_error_in_a_later_round_is_the_clients(upstream: Upstream, run_loop: RunLoop) -> None:
    upstream.script(calls(("add", '{"a": 1, "b": 2}')), Reply(503, body=wire.error_body("busy")))
    loop, _, failure = run_loop([ADDER])
    assert isinstance(failure, Overloaded)
    assert (loop.rounds, loop.runs[0].result) == (2, "3")


def test_what_must_be_echoed_is(upstream: Upstream, run_loop: RunLoop) -> None:
    """Reasoning in signed blocks, and a call's and a message's thought signatures."""
    extra = {"google": {"thought_signature": "sig-a"}}
    call = {**wire.tool_call("add", '{"a": 1, "b": 2}', index=0), "extra_content": extra}
    piece = {"type": "reasoning.text", "format": "anthropic-claude-v1", "index": 0}
    upstream.script(
        Reply.sse(
            wire.chunk(reasoning="Let", reasoning_details=[{**piece, "text": "Let"}]),
            wire.chunk(reasoning=" me", reasoning_details=[{**piece, "text": " me"}]),
            wire.chunk(reasoning_details=[{**piece, "signature": "sig-b"}]),
            wire.chunk(tool_calls=[call], extra_content={"google": {"thought_signature": "sig-c"}}),
            wire.chunk(finish="tool_calls"),
        ),
        says("3"),
    )
    run_loop([ADDER])
    message = bodies(upstream)[1]["messages"][1]
    assert message["reasoning_details"] == [{**piece, "text": "Let me", "signature": "sig-b"}]
    assert message["extra_content"] == {"google": {"thought_signature": "sig-c"}}
    assert message["tool_calls"][0]["extra_content"] == extra
    assert "reasoning" not in message  # this provider's quirks don't ask for it


def test_reasoning_goes_back_where_the_provider_wants_it(upstream: Upstream, run_loop: RunLoop) -> None:
    upstream.script(
        Reply.sse(
            wire.chunk(reasoning_content="Let me add"),
            wire.chunk(tool_calls=[wire.tool_call("add", '{"a": 1, "b": 2}', index=0)]),
            wire.chunk(finish="tool_calls"),
        ),
        says("3"),
    )
    run_loop([ADDER], quirks=Quirks(replay_reasoning="reasoning_content", null_content=False))
    message = bodies(upstream)[1]["messages"][1]
    assert (message["reasoning_content"], message["content"]) == ("Let me add", "")
    assert "reasoning" not in message


def test_leaving_early_hangs_up(upstream: Upstream, target: Target) -> None:
    gate = upstream.gate()
    upstream.script(Reply.sse(wire.chunk("Hel"), gate, wire.chunk("lo")))

    async def leave() -> None:
        async with Client(target, transport=BlockingTransport(target.tls, None, {})) as client:
            async with ToolLoop(client, HI, {}, [ADDER], gate=lambda *_: True) as loop:
                async for event in loop:
                    assert isinstance(event, Text)
                    break
            assert upstream.wait_closed()

    drive(leave())


def test_cancelling_hangs_up(upstream: Upstream, target: Target) -> None:
    gate = upstream.gate()
    upstream.script(Reply.sse(wire.chunk("Hel"), gate))

    async def cancel() -> None:
        async with Client(target) as client:
            loop = ToolLoop(client, HI, {}, [ADDER], gate=lambda *_: True)
            came = asyncio.Event()

            async def read() -> None:
                async for _ in loop:
                    came.set()

            task = asyncio.create_task(read())
            await came.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.to_thread(upstream.wait_closed)

    asyncio.run(cancel())


def test_an_interrupted_tool_leaves_a_conversation_that_can_go_on(upstream: Upstream, target: Target) -> None:
    def interrupt(arguments: dict[str, Any]) -> str:
        raise KeyboardInterrupt

    arguments = json.dumps({"a": 1, "b": 2})
    upstream.script(calls(("add", arguments), ("stop", arguments), ("add", arguments)))
    client = Client(target, transport=BlockingTransport(target.tls, None, {}))
    loop = ToolLoop(client, HI, {}, [ADDER, tool("stop", interrupt)], gate=lambda *_: True)

    async def read() -> None:
        async for _ in loop:
            pass

    with pytest.raises(KeyboardInterrupt):
        drive(read())
    told = [(message["tool_call_id"], message["content"]) for message in loop.messages[2:]]
    assert told == [("call_1", "3"), ("call_2", "interrupted"), ("call_3", "interrupted")]
