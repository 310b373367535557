"""The tool loop over each transport, pointed at the scripted upstream; files with tools."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from llmctl import Client, Quirks, RetryPolicy, Target
from llmctl.client.blocking import BlockingTransport, drive
from llmctl.client.httpx_transport import HttpxTransport
from llmctl.errors import LlmctlError
from llmctl.tools.loop import ToolLoop
from llmctl.tools.python_file import load_tools
from llmctl.tools.tool import Tool
from support.leaks import TEST_KEY
from support.upstream import Upstream

settings.register_profile("tools", deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tools")

HI = [{"role": "user", "content": "Hi"}]


@pytest.fixture
def target(upstream: Upstream) -> Target:
    return Target("work", f"{upstream.url}/v1", model="test-model", key=lambda: TEST_KEY, retries=0)


@pytest.fixture(params=["blocking", "httpx"])
def run_loop(request: pytest.FixtureRequest, target: Target) -> Callable[..., Any]:
    """run_loop(tools, …): (the loop at its end, all events, the error that ended it or None)."""

    def run(
        tools: Sequence[Tool] = (), gate: Any = None, params: Any = None, quirks: Quirks | None = None, **more: Any
    ) -> Any:
        aim = replace(target, quirks=lambda _model: quirks) if quirks else target

        async def go(transport: Any) -> Any:
            async with Client(aim, transport=transport, retry=RetryPolicy(retries=0)) as client:
                loop = ToolLoop(client, HI, params or {}, tools, gate=gate or (lambda *_: True), **more)
                events: list[Any] = []
                failure = None
                try:
                    async for event in loop:
                        events.append(event)  # noqa: PERF401 - what came before an error counts too
                except LlmctlError as error:
                    failure = error
                return loop, events, failure

        if request.param == "httpx":
            return asyncio.run(go(HttpxTransport(target.tls, None, {})))
        return drive(go(BlockingTransport(target.tls, None, {})))

    return run


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Any]:
    """load(source): the tools of such a file, by name."""

    def make(source: str, name: str = "kit.py") -> dict[str, Tool]:
        path = tmp_path / name
        path.write_text(source, encoding="utf-8")
        return {tool.name: tool for tool in load_tools(path)}

    return make
