"""The command line with one profile, "work", at the scripted upstream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from support.cli import Cli, Result
from support.leaks import TEST_KEY
from support.process import Process
from support.terminal import Terminal
from support.upstream import Upstream

ENV = {"WORK_KEY": TEST_KEY}


class Work:
    """Runs commands with WORK_KEY set. `config` is what config.toml says."""

    def __init__(self, cli: Cli, upstream: Upstream) -> None:
        self.cli = cli
        self.upstream = upstream
        self.configure()

    def configure(self, more: str = "", url: str | None = None, head: str = 'current = "work"\n') -> None:
        """Write the config; `more` goes into the profile's table."""
        self.cli.write_config(
            f'{head}[profiles.work]\nbase_url = "{url or self.upstream.url}/v1"\nkey = "env:WORK_KEY"\n'
            f'model = "test-model"\nretries = 0\n{more}\n'
        )

    @property
    def config(self) -> str:
        return self.cli.config.read_text(encoding="utf-8")

    def __call__(self, *args: str, env: dict[str, str | None] | None = None, **more: Any) -> Result:
        return self.cli.run(*args, env={**ENV, **(env or {})}, **more)

    def chat(self, *args: str, **more: Any) -> Result:
        """`llmctl chat … Hi`"""
        return self("chat", *args, "Hi", **more)

    def popen(self, *args: str, env: dict[str, str | None] | None = None, **more: Any) -> Process:
        return self.cli.popen(*args, env={**ENV, **(env or {})}, **more)

    def terminal(self, *args: str, env: dict[str, str | None] | None = None, **more: Any) -> Terminal:
        return self.cli.terminal(*args, env={**ENV, **(env or {})}, **more)


@pytest.fixture
def work(cli: Cli, upstream: Upstream) -> Work:
    return Work(cli, upstream)


@pytest.fixture
def sent(upstream: Upstream) -> Callable[[], list[Any]]:
    """sent(): the JSON bodies of all requests so far."""
    return lambda: [request.json() for request in upstream.requests if request.body]
