"""The names that can be completed: those of the config, of the catalogue, and of files.

Nothing here asks the network, runs a command or looks at a key.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from llmctl.cli.commands import COMMANDS, Entry
from llmctl.cli.completion.line import Line
from llmctl.config.paths import config_file
from llmctl.errors import LlmctlError

if TYPE_CHECKING:
    from llmctl.config.configfile import Config


class Candidate(NamedTuple):
    """What may stand at the cursor, and a few words about it."""

    value: str
    about: str = ""


@dataclass
class Place:
    """Where something is completed: the line before the cursor's word, that word, and the surroundings."""

    line: Line
    current: str
    env: Mapping[str, str]
    folder: Path

    @cached_property
    def config(self) -> Config:
        """Raises ConfigError."""
        from llmctl.config.configfile import load_config

        return load_config(config_file(self.env))

    def table(self, name: str) -> Mapping[str, Any]:
        """A table of the config; empty where it is something else."""
        found = self.config.data.get(name)
        return found if isinstance(found, Mapping) else {}


def conversations(place: Place) -> Iterator[Candidate]:
    """Those of the history, newest first. One that can't be read has none."""
    from llmctl.store.store import open_to_read, store_file

    with contextlib.suppress(LlmctlError), open_to_read(store_file(place.env)) as store:
        short = store.conversations.short_ids()
        for each in store.conversations.newest(30, pinned_first=False):
            yield Candidate(short[each.id], each.title)


def gateway_keys(place: Place) -> Iterator[Candidate]:
    """Those of the gateway that are not revoked. A history that can't be read has none."""
    from llmctl.store.keys import GatewayKeys
    from llmctl.store.store import open_to_read, store_file

    with contextlib.suppress(LlmctlError), open_to_read(store_file(place.env)) as store:
        for key in GatewayKeys(store.database).list():
            yield Candidate(key.name, f"key {key.id}")


def own_profiles(place: Place) -> Iterator[Candidate]:
    """Those of the config."""
    for name, table in place.table("profiles").items():
        provider = table.get("provider") if isinstance(table, Mapping) else None
        about = provider if isinstance(provider, str) and provider != name else ""
        yield Candidate(name, " ".join(["profile", *([f"of {about}"] if about else [])]))


def profiles(place: Place) -> Iterator[Candidate]:
    """Those, and the one that always exists; also where the config can't be read."""
    with contextlib.suppress(LlmctlError):
        yield from own_profiles(place)
    yield Candidate("demo", "needs no account")


def aliases(place: Place) -> Iterator[Candidate]:
    for name, model in place.table("aliases").items():
        yield Candidate(name, f"alias of {model}" if isinstance(model, str) else "")


def routes(place: Place) -> Iterator[Candidate]:
    for name in place.table("routes"):
        yield Candidate(name, "route")


def mcp_servers(place: Place) -> Iterator[Candidate]:
    for name in place.table("mcp"):
        yield Candidate(name, "MCP server")


def prompts(place: Place) -> Iterator[Candidate]:
    from llmctl.config.prompts import list_prompts

    for name in list_prompts(config_file(place.env), place.folder):
        yield Candidate(name, "prompt")


def providers(place: Place) -> Iterator[Candidate]:
    from llmctl.config.catalogue import load_catalogue

    for provider in load_catalogue().values():
        if not provider.dead:
            yield Candidate(provider.id, provider.title)


def topics(place: Place) -> Iterator[Candidate]:
    """Help topics and commands; behind a group its commands."""
    from llmctl.cli.completion.source import PACKAGE

    words = place.line.given.get("words", [])
    commands: Mapping[str, Entry] = COMMANDS
    for word in words:
        commands = commands[word].commands if word in commands else {}
    yield from (Candidate(name, entry.about) for name, entry in commands.items())
    if not words:
        for path in sorted((PACKAGE / "data" / "help").glob("*.txt")):
            yield Candidate(path.stem, "topic")


def programs(place: Place) -> Iterator[Candidate]:
    """Programs whose variables are known."""
    from llmctl.cli.variables import load_tools

    yield from (Candidate(tool.name, tool.about) for tool in load_tools().values())


def shells(place: Place) -> Iterator[Candidate]:
    """Those whose variables can be set."""
    from llmctl.cli.shells import SHELLS

    yield from map(Candidate, SHELLS)


def completed_shells(place: Place) -> Iterator[Candidate]:
    """Those that there is a script for."""
    from llmctl.cli.completion.scripts import FILES

    yield from map(Candidate, FILES)


def http_methods(place: Place) -> Iterator[Candidate]:
    """Before the path, which takes the same argument."""
    yield from () if place.line.arguments else map(Candidate, ("GET", "POST", "PUT", "PATCH", "DELETE"))


def key_references(place: Place) -> Iterator[Candidate]:
    """Ways to say where a key is."""
    yield from (Candidate("keyring", "the OS keyring"), Candidate("none", "no key"))
    yield from (Candidate(f"env:{name}", about) for name, about in key_variables(place))


def key_variables(place: Place) -> Iterator[Candidate]:
    """The names of variables that look like a key's; never what they hold."""
    for name in sorted(place.env):
        if name.endswith(("_KEY", "_TOKEN")):
            yield Candidate(name, "variable")


def profile_keys(place: Place) -> Iterator[Candidate]:
    """What may stand in a profile's table."""
    from llmctl.config.profile import KEYS

    yield from (Candidate(key, "setting") for key in KEYS)
