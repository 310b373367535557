"""The loop: ask, run the tools that the model calls, send their results back, until it answers."""

from __future__ import annotations

import inspect
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmctl.core.events import Event, ToolCall, ToolResult, Usage
from llmctl.core.usage import sum_usage
from llmctl.errors import ToolLimit, UsageError

if TYPE_CHECKING:
    from llmctl.client.client import Client
    from llmctl.client.stream import ChatStream
    from llmctl.tools.tool import Tool

Gate = Callable[[ToolCall, "Tool"], "bool | Awaitable[bool]"]
DENIED = "the user did not allow this call"


@dataclass(frozen=True)
class ToolRun:
    """One call and what came of it. `arguments` is the model's own text where that is no JSON object."""

    id: str
    name: str
    arguments: dict[str, Any] | str
    result: str
    error: bool
    approved: bool
    ms: float

    def as_dict(self) -> dict[str, Any]:
        """The entry of `tool_runs` in `--json`."""
        return dict(vars(self))


class ToolLoop:
    """Iterate over it for the events of all rounds. Without tools it is one round, and one request.

    `gate` says whether a call may run. After `limit` rounds a model that still calls tools raises ToolLimit.
    Calls of tools that the caller described in `params` and that nothing here runs end the loop: they are its
    answer. Whoever leaves early should `close` it, which ends the request.

    `stream` is the last round's, `streams` those of all, `messages` the conversation with everything that
    was said, `runs` the calls.
    """

    def __init__(
        self,
        client: Client,
        messages: Sequence[Mapping[str, Any]],
        params: Mapping[str, Any],
        tools: Sequence[Tool] = (),
        *,
        gate: Gate,
        limit: int = 10,
        whole: bool = False,
    ) -> None:
        self.stream: ChatStream | None = None
        self.messages: list[dict[str, Any]] = [dict(message) for message in messages]
        self.runs: list[ToolRun] = []
        self.rounds = 0
        self.before_round: Callable[[], None] | None = None  # may raise, and so end the loop
        self.streams: list[ChatStream] = []
        self._client = client
        self._tools = {tool.name: tool for tool in tools}
        self._params, self._foreign = with_tools(params, tools)
        self._gate = gate
        self._limit = limit
        self._whole = whole
        self._events = self._rounds()

    @property
    def usage(self) -> Usage | None:
        """All rounds together; None, and each count, where a round does not tell."""
        usages = [stream.answer.usage for stream in self.streams]
        return usages[0] if len(usages) == 1 else sum_usage(usages)

    def follows(self, earlier: ToolLoop) -> None:
        """Count an earlier loop in, which belongs to the same question."""
        self.runs = earlier.runs + self.runs
        self.rounds += earlier.rounds
        self.streams = earlier.streams + self.streams

    def __aiter__(self) -> AsyncIterator[Event]:
        return self._events

    async def __aenter__(self) -> ToolLoop:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End the request that runs, if one does."""
        await self._events.aclose()

    async def _rounds(self) -> AsyncGenerator[Event, None]:
        while True:
            if self.before_round:
                self.before_round()
            self.stream = self._client.stream(self.messages, whole=self._whole, **self._params)
            self.streams.append(self.stream)
            self.rounds += 1
            try:
                async for event in self.stream:
                    yield event
            finally:
                await self.stream.close()
            answer = self.stream.answer
            self.messages.append(answer.first.as_message())
            calls = answer.tool_calls
            if not calls or not self._tools or any(call.name in self._foreign for call in calls):
                return
            if self.rounds >= self._limit:
                self._leave_unrun(calls, "not run: too many rounds of tool calls")
                raise self._too_many(answer.content)
            try:
                for call in calls:
                    yield await self._run(call)
            except BaseException:
                self._leave_unrun(calls, "interrupted")
                raise
            self._params = _released(self._params)

    async def _run(self, call: ToolCall) -> ToolResult:
        """Run one call; what goes wrong is told to the model."""
        from llmctl.tools.tool import ToolFailed

        arguments: dict[str, Any] | str = call.arguments
        approved, failed, started = False, False, time.monotonic()
        try:
            tool = self._runner(call)
            arguments = _arguments(call, tool)
            approved = await self._allowed(call, tool)
            started = time.monotonic()
            result = await tool.call(arguments) if approved else DENIED
            failed = not approved
        except ToolFailed as error:
            failed, result = True, f"Error: {error}"
        ms = round((time.monotonic() - started) * 1000, 1)
        self.runs.append(ToolRun(call.id, call.name, arguments, result, failed, approved, ms))
        self.messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
        return ToolResult(call.id, call.name, result, failed, ms)

    def _runner(self, call: ToolCall) -> Tool:
        tool = self._tools.get(call.name)
        if tool is None:
            from llmctl.core.suggest import did_you_mean
            from llmctl.tools.tool import ToolFailed

            known = did_you_mean(call.name, self._tools) or f"there are: {', '.join(self._tools)}"
            raise ToolFailed(f"there is no tool {call.name!r}; {known}")
        return tool

    async def _allowed(self, call: ToolCall, tool: Tool) -> bool:
        verdict = self._gate(call, tool)
        return bool(await verdict if inspect.isawaitable(verdict) else verdict)

    def _too_many(self, partial: str) -> ToolLimit:
        error = ToolLimit(
            f"the model still calls tools after {self._limit} round{'s' if self._limit > 1 else ''}",
            hint=f"allow more with --max-rounds {self._limit * 2}",
        )
        error.profile, error.provider = self._client.target.profile, self._client.target.provider
        error.partial = partial or None
        return error

    def _leave_unrun(self, calls: Sequence[ToolCall], why: str) -> None:
        """Answer what has no answer yet: a conversation with open calls is refused when it goes on."""
        end = max(at for at, message in enumerate(self.messages) if message.get("role") == "assistant")
        answered = len(self.messages) - end - 1
        for call in calls[answered:]:
            self.messages.append({"role": "tool", "tool_call_id": call.id, "content": why})


def with_tools(params: Mapping[str, Any], tools: Sequence[Tool]) -> tuple[dict[str, Any], set[str]]:
    """(the parameters with the tools' schemas, the described tools that nothing runs). Raises UsageError."""
    if not tools:
        return dict(params), set()
    if (params.get("n") or 1) != 1:
        raise UsageError("tools run for one answer only", hint="leave -n out")
    given = params.get("tools") or []
    if not isinstance(given, list):
        raise UsageError("the parameter tools must be a list")
    names = {_name(entry) for entry in given}
    ours = [tool.schema() for tool in tools if tool.name not in names]
    return {**params, "tools": [*given, *ours]}, names - {tool.name for tool in tools}


def _name(entry: Any) -> str:
    """The name in an entry of `tools`, a function's or a custom tool's."""
    body = (entry.get("function") or entry.get("custom")) if isinstance(entry, Mapping) else None
    return str(body.get("name", "")) if isinstance(body, Mapping) else ""


def _arguments(call: ToolCall, tool: Tool) -> dict[str, Any]:
    """The arguments, checked. Raises ToolFailed."""
    from llmctl.tools.tool import ToolFailed, as_text, check_arguments

    try:
        arguments = json.loads(call.arguments)
    except (ValueError, RecursionError) as error:
        raise ToolFailed(f"the arguments are not valid JSON ({error}); send a JSON object") from error
    if not isinstance(arguments, dict):
        raise ToolFailed("the arguments must be a JSON object")
    given: dict[str, Any] = as_text(arguments) if tool.takes_text else arguments
    check_arguments(given, tool.parameters)
    return given


def _released(params: dict[str, Any]) -> dict[str, Any]:
    """After the first round: a call that is required each time would never let the model answer."""
    choice = params.get("tool_choice")
    if choice in ("required", "any"):
        return {**params, "tool_choice": "auto"}
    if isinstance(choice, Mapping):
        allowed = choice.get("allowed_tools")
        if isinstance(allowed, Mapping):
            return {**params, "tool_choice": {**choice, "allowed_tools": {**allowed, "mode": "auto"}}}
        return {**params, "tool_choice": "auto"}
    return params
