"""Who is asked: the session, its client, and how to switch to others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from llmctl.cli import modelcache
from llmctl.cli.budget import Guard
from llmctl.cli.chat.toolbox import open_toolbox
from llmctl.cli.history import pricing
from llmctl.cli.session import Session, open_session
from llmctl.client.client import Client
from llmctl.client.httpx_transport import HttpxTransport
from llmctl.config.aliases import read_aliases
from llmctl.config.resolve import named_target
from llmctl.config.tui import read_tui
from llmctl.errors import ConfigError, LlmctlError

ENVIRONMENT = ("OPENAI_API_KEY", "OPENAI_BASE_URL")
"""What makes the profile env."""

if TYPE_CHECKING:
    from llmctl.cli.chat.approval import Approval
    from llmctl.config.target import Target
    from llmctl.tui.options import TuiOptions
    from llmctl.tui.voice import ScreenStreams


@dataclass(frozen=True)
class Choice:
    """A model that can be asked; `alias` is its short name in the config."""

    profile: str
    model: str
    alias: str = ""

    @property
    def label(self) -> str:
        return f"{self.profile}/{self.model}" if self.model else self.profile


class Desk:
    """The session of the moment. `options` are those of the command line, with what was switched to."""

    def __init__(self, options: TuiOptions, streams: ScreenStreams) -> None:
        self.options = options
        self.streams = streams
        self.session = open_session(options, streams)
        self.ui = read_tui(self.session.config.data)
        self.guard = Guard(self.session, options.max_cost)
        self.toolbox = open_toolbox(options, self.session.config, streams)
        self.price = pricing(self.session.config, streams).priced
        self._client: Client | None = None
        self.session.at_reading_pace()

    @property
    def target(self) -> Target:
        return self._client.target if self._client else self.session.target

    @property
    def gate(self) -> Approval:
        """Who lets tools run."""
        return self.toolbox.gate

    @property
    def choice(self) -> Choice:
        """Who is asked now."""
        return Choice(self.target.profile, self.target.model or "")

    def client(self) -> Client:
        """The client of the session, kept until it is switched: its connections stay open."""
        if self._client is None:
            self._client = self.client_of(self.session)
        return self._client

    def client_of(self, session: Session) -> Client:
        """A client of another session, to be closed by the caller."""
        target = session.target
        return session.client(target, HttpxTransport(target.tls, target.proxy, self.streams.env))

    def session_with(self, choice: Choice) -> Session:
        """A session with another model. Raises ConfigError and KeyMissing."""
        session = open_session(self._options_for(choice), self.streams)
        session.continues(self.session)
        return session

    async def switch(self, choice: Choice) -> None:
        """Ask this model from now on. Raises LlmctlError, and then nothing has changed."""
        session = self.session_with(choice)
        await self.close()
        self.options, self.session = self._options_for(choice), session
        self.guard = Guard(session, self.options.max_cost)
        self.session.at_reading_pace()

    async def close(self) -> None:
        """Give the connections back."""
        client, self._client = self._client, None
        if client:
            await client.close()

    def profiles(self) -> list[str]:
        """All that can be asked, the demo last."""
        names = self.session.config.names
        env = self.streams.env
        environment = ["env"] if "env" not in names and any(env.get(name) for name in ENVIRONMENT) else []
        return [*names, *environment, "demo"]

    def choices(self) -> Iterator[Choice]:
        """Aliases, and each profile's model and the models of its kept list."""
        try:
            aliases = read_aliases(self.session.config)
        except ConfigError:
            aliases = {}
        for name, model in aliases.items():
            head, slash, tail = model.partition("/")
            of_profile = slash and head in self.session.config.names
            yield Choice(head, tail, name) if of_profile else Choice(self.target.profile, model, name)
        for profile in self.profiles():
            own = self.model_of(profile)
            yield Choice(profile, own)
            for model in self._listed(profile):
                if model != own:
                    yield Choice(profile, model)

    def named(self, name: str) -> Choice:
        """What a typed name means: an alias, PROFILE/MODEL, or a model of the profile in use."""
        known = {each.alias: each for each in self.choices() if each.alias}
        if name in known:
            return known[name]
        head, slash, tail = name.partition("/")
        return Choice(head, tail) if slash and head in self.profiles() else Choice(self.target.profile, name)

    def model_of(self, profile: str) -> str:
        """The profile's own model, "" without one."""
        target = self._target_of(profile)
        return (target.model if target else None) or ""

    def other(self, recent: list[Choice]) -> Choice | None:
        """Another profile to ask where this one fails: one used lately, else the first that names a model."""
        now = self.target.profile
        lately = [choice for choice in recent if choice.profile != now and choice.profile in self.profiles()]
        named = (Choice(name, self.model_of(name)) for name in self.profiles() if name != now)
        return next((choice for choice in [*lately, *named] if choice.model), None)

    async def refresh_list(self, profile: str) -> bool:
        """Ask a profile for its models and keep the list; whether that worked."""
        target = self._target_of(profile)
        if target is None:
            return False
        target = replace(target, retries=0)
        transport = HttpxTransport(target.tls, target.proxy, self.streams.env)
        try:
            async with Client(target, transport=transport) as client:  # without a word about retries
                models = await client.models()
        except LlmctlError:
            return False
        modelcache.save(self.streams.env, target, models)
        return True

    def has_list(self, profile: str) -> bool:
        """Whether a list of its models is kept."""
        return modelcache.has_list(self.streams.env, profile)

    def _listed(self, profile: str) -> list[str]:
        target = self._target_of(profile)
        return (modelcache.kept_names(self.streams.env, profile, target.base_url) if target else None) or []

    def _target_of(self, profile: str) -> Target | None:
        """None for a profile that is written wrongly, or can't be used."""
        try:
            return named_target(self.session.config, profile, self.streams.env)
        except LlmctlError:
            return None

    def _options_for(self, choice: Choice) -> TuiOptions:
        options = self.options
        if choice.profile != self.session.target.profile:
            options = replace(options, base_url=None, key=None)  # they belong to the profile so far
        return replace(options, profile=choice.profile, model=choice.model or None)
