"""What a command needs to ask a provider: the target that was chosen, and a client run to its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from llmctl.cli.options import TargetOptions
from llmctl.cli.settings import THEMES, Settings
from llmctl.cli.streams import DIM, Streams, harmless
from llmctl.config.configfile import Config, load_config
from llmctl.config.keys import reference_kind
from llmctl.config.paths import config_file, working_folder
from llmctl.config.resolve import Choices, build_target
from llmctl.config.target import Target, Timeouts
from llmctl.core.retry import Wait
from llmctl.errors import ConfigError, LlmctlError, UsageError

if TYPE_CHECKING:
    from asyncio import Runner

    from llmctl.client.client import Client
    from llmctl.client.trace import Listener
    from llmctl.client.transport import Transport

T = TypeVar("T")
E = TypeVar("E", bound=LlmctlError)


class Session:
    """A target, and how to run calls on it. Warnings about it are said once, when it is made."""

    def __init__(self, target: Target, config: Config, streams: Streams) -> None:
        self.target = target
        self.config = config
        self.streams = streams
        self.on_wait: Callable[[], None] | None = None  # called when nothing more can be read at once
        self.runner: Runner | None = None  # an event loop that outlives the calls
        self._listeners: list[Listener] = []
        if not target.tls.verify:
            streams.warn(f"profile {target.profile} does not check certificates (verify = false)")

    def continues(self, earlier: Session) -> None:
        """Take over what outlives a change of the target: the event loop, and the wire log."""
        self.runner, self._listeners = earlier.runner, earlier._listeners

    def run(
        self, call: Callable[[Client], Awaitable[T]], concurrent: bool = False, target: Target | None = None
    ) -> T:
        """Make a client (of another target, if given), await `call` with it, close it.

        Without concurrency no event loop is needed, which saves its start-up; a proxy that
        only httpx speaks needs one.
        """
        from llmctl.client.blocking import BlockingTransport, can_serve, drive
        from llmctl.core.proxies import choose_proxy

        target = target or self.target
        proxy = choose_proxy(target.base_url, target.proxy, self.streams.env)
        if concurrent or not can_serve(proxy):
            import asyncio

            from llmctl.client.httpx_transport import HttpxTransport

            overlapping = HttpxTransport(target.tls, target.proxy, self.streams.env)
            run = self.runner.run if self.runner else asyncio.run
            return run(self._closing(self.client(target, overlapping), call))
        transport = BlockingTransport(target.tls, target.proxy, self.streams.env, self.on_wait)
        return drive(self._closing(self.client(target, transport), call))

    def run_transport(self, call: Callable[[Transport], Awaitable[T]]) -> T:
        """Await `call` with a transport that has the target's proxy and authorities, and nothing else of it."""
        import asyncio

        from llmctl.client.httpx_transport import HttpxTransport

        async def closing() -> T:
            transport = HttpxTransport(self.target.tls, self.target.proxy, self.streams.env)
            try:
                return await call(transport)
            finally:
                await transport.close()

        run = self.runner.run if self.runner else asyncio.run
        return run(closing())

    def client(self, target: Target, transport: Transport) -> Client:
        """A client of this target, watched as the settings say. Retries and notes are said."""
        from llmctl.client.client import Client

        settings = self.streams.settings
        if settings.verbose or settings.debug or settings.debug_file:
            from llmctl.cli.wirelog import listeners
            from llmctl.client.trace import TracedTransport

            self._listeners = self._listeners or listeners(self.streams)
            for listener in self._listeners:
                transport = TracedTransport(transport, listener)
        return Client(target, transport=transport, on_retry=self._retry, on_note=self.streams.note)

    def _closing(self, client: Client, call: Callable[[Client], Awaitable[T]]) -> Coroutine[Any, Any, T]:
        async def closing() -> T:
            async with client:
                return await call(client)

        return closing()

    def at_reading_pace(self) -> None:
        """Let the demo provider write as a person reads; others write as they do."""
        if self.target.embedded:
            self.target = replace(self.target, headers={"x-demo-pace": "0.02"})

    def about(self, error: E) -> E:
        """The error with the profile that it is about."""
        error.profile, error.provider = self.target.profile, self.target.provider
        return error

    def _retry(self, wait: Wait) -> None:
        cause = wait.cause
        status = f"{cause.status} " if cause.status else ""
        which = f"retry {cause.attempts} of {self.target.retries} in {wait.seconds:.1f} s"
        if not self.streams.settings.quiet:
            self.streams.say(self.streams.paint(f"{which}: {status}{harmless(cause.message)}", DIM))


def open_session(options: TargetOptions, streams: Streams) -> Session:
    """Read the configuration and choose the target. Raises ConfigError."""
    config = load_config(config_file(streams.env))
    choices = Choices(options.profile, options.model, options.base_url, options.key)
    target = build_target(config, choices, streams.env, working_folder())
    if options.model:
        target = replace(target, embedding_model=target.model, image_model=target.model)
    if options.timeout is not None:
        target = replace(target, timeout=_limited(target, options.timeout))
    if options.retries is not None:
        target = replace(target, retries=options.retries)
    _warn_if_readable(config, streams)
    streams.settings = themed(streams.settings, config)
    return Session(target, config, streams)


def themed(settings: Settings, config: Config) -> Settings:
    """The settings with the config's `theme`, unless an option or variable names one. Raises ConfigError."""
    theme = config.data.get("theme", "")
    if theme and theme not in THEMES:
        raise ConfigError(f"{config.path}: theme must be one of {', '.join(THEMES)}, not {theme!r}")
    return settings if settings.theme or not theme else replace(settings, theme=theme)


def _limited(target: Target, total: float) -> Timeouts:
    """The time limits under a total: none is longer, and a longer total lengthens the wait for a token."""
    if not 0 < total < 1e9:
        raise UsageError("--timeout must be a number of seconds above 0")
    limits = target.timeout
    first = total if total > limits.total else min(limits.first_token, total)
    return replace(limits, connect=min(limits.connect, total), first_token=first, total=total)


def _warn_if_readable(config: Config, streams: Streams) -> None:
    """Keys written into a config that others can read."""
    from llmctl.platforms import is_private

    tables = config.data.get("profiles")
    keys = (
        [table.get("key") for table in tables.values() if isinstance(table, dict)]
        if isinstance(tables, dict)
        else []
    )
    if any(isinstance(key, str) and reference_kind(key) == "literal" for key in keys) and not is_private(
        config.path
    ):
        streams.warn(f"{config.path} holds a key and others can read it: chmod 600 {config.path}")
