"""The one client over each of its transports, pointed at the scripted upstream."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme

from llmctl import Client, RetryPolicy, Target, Timeouts
from llmctl.client.blocking import BlockingTransport, drive
from llmctl.client.httpx_transport import HttpxTransport
from llmctl.client.wire import Wire
from support.leaks import TEST_KEY
from support.loops import Run
from support.upstream import Upstream

FAST = RetryPolicy(retries=2, base=0.001, longest=0.002)


@dataclass
class Runner:
    """Runs calls on a client over one transport. `env` is where that looks for proxies and certificates."""

    name: str
    env: dict[str, str] = field(default_factory=dict)

    def __call__(
        self,
        target: Target,
        call: Callable[[Client], Awaitable[Any]],
        retry: RetryPolicy = FAST,
        **more: Any,
    ) -> Any:
        """What `call` returns, awaited with an open client."""
        kind = HttpxTransport if self.name == "httpx" else BlockingTransport

        async def run() -> Any:
            transport = kind(target.tls, target.proxy, self.env)
            async with Client(target, transport=transport, retry=retry, **more) as client:
                return await call(client)

        return asyncio.run(run()) if self.name == "httpx" else drive(run())

    def chat(self, target: Target, **more: Any) -> Any:
        """The answer to a streamed "Hi"."""

        async def call(client: Client) -> Any:
            stream = client.stream("Hi", **more)
            async for _ in stream:
                pass
            return stream.answer

        return self(target, call)


@pytest.fixture(params=["httpx", "blocking"])
def runner(request: pytest.FixtureRequest) -> Runner:
    return Runner(request.param)


@pytest.fixture
def blocking() -> Runner:
    """The cheaper of the two transports, where they can't differ."""
    return Runner("blocking")


@pytest.fixture
def over_httpx() -> Runner:
    return Runner("httpx")


@pytest.fixture
def target_of() -> Callable[..., Target]:
    """target_of(upstream, …): a target with the test key."""

    def make(upstream: Upstream | str, timeout: Mapping[str, float] | None = None, **more: Any) -> Target:
        url = upstream if isinstance(upstream, str) else upstream.url
        facts = {"model": "test-model", "embedding_model": "test-embed", "key": lambda: TEST_KEY, **more}
        return Target("work", f"{url}/v1", timeout=Timeouts(**(timeout or {})), **facts)

    return make


@pytest.fixture
def target(upstream: Upstream, target_of: Callable[..., Target]) -> Target:
    return target_of(upstream)


@dataclass(frozen=True)
class Certificates:
    """An authority of our own, and the files of it that a client may be told about."""

    authority: trustme.CA
    bundle: str
    client: tuple[str, str]

    def server_context(self, ask_for_one: bool = False) -> ssl.SSLContext:
        """For a server on 127.0.0.1; `ask_for_one` makes it refuse clients without a certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert("127.0.0.1").configure_cert(context)
        if ask_for_one:
            context.verify_mode = ssl.CERT_REQUIRED
            self.authority.configure_trust(context)
        return context


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder: Path = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    client = authority.issue_cert("client@example.com")
    client.cert_chain_pems[0].write_to_path(folder / "client.pem")
    client.private_key_pem.write_to_path(folder / "client.key")
    return Certificates(
        authority, str(folder / "ca.pem"), (str(folder / "client.pem"), str(folder / "client.key"))
    )


@pytest.fixture
def secure(certificates: Certificates) -> Iterator[Upstream]:
    """An upstream that speaks https, with a certificate of our own authority."""
    with Upstream(tls=certificates.server_context()) as server:
        yield server


@pytest.fixture
def collect() -> Callable[[AsyncIterator[Any]], Awaitable[list[Any]]]:
    async def everything(source: AsyncIterator[Any]) -> list[Any]:
        return [item async for item in source]

    return everything


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """The gateway's client on one of the loops."""
    return Run(pytest.importorskip(request.param).new_event_loop)


@pytest.fixture
def wire(upstream: Upstream, run: Run) -> Wire:
    """To the scripted upstream."""
    return run.wire("127.0.0.1", upstream.port, None)
