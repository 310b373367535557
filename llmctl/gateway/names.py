"""A configuration as the gateway uses it: read as a whole or not at all, and replaced as a whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llmctl.config.aliases import read_aliases
from llmctl.config.configfile import Config, load_config
from llmctl.config.resolve import named_target
from llmctl.config.routes import cycle_message, find_cycle, read_routes
from llmctl.config.serve import ServeSettings, read_serve
from llmctl.errors import ConfigError, NotFound, UsageError
from llmctl.gateway.plan import Planner
from llmctl.gateway.upstream import Upstream


@dataclass(frozen=True)
class Names:
    """What one config says. `tables` are the profiles as written, to see which have changed."""

    config: Config
    settings: ServeSettings
    planner: Planner
    tables: Mapping[str, Any] = field(repr=False)


def read_names(
    path: Path, env: Mapping[str, str], only: str | None, tell: Callable[[str], None], before: Names | None = None
) -> Names:
    """Read the config. Profiles that haven't changed keep their connections. Raises ConfigError.

    At the start a profile that can't be used is told, and left out; anything else that is wrong is an error.
    """
    config = load_config(path)
    settings = read_serve(config)
    tables = {name: config.data["profiles"][name] for name in config.names}
    upstreams: dict[str, Upstream] = {}
    for name in [*tables, *_always(env, tables)]:
        kept = before.planner.upstreams.get(name) if before else None
        if kept is not None and before is not None and before.tables.get(name) == tables.get(name):
            upstreams[name] = kept
            continue
        try:
            upstreams[name] = Upstream(named_target(config, name, env))
        except ConfigError as error:
            if name == only or kept is not None:  # one that serves must not go because of a slip
                raise
            tell(f"the profile {name} is left out: {error.message}")
    if only is not None and only not in upstreams:
        config.profile(only)  # says what is near
    aliases = read_aliases(config)
    planner = Planner(upstreams, aliases, read_routes(config), only)
    _check_routes(planner, aliases)
    return Names(config, settings, planner, tables)


def _always(env: Mapping[str, str], tables: Mapping[str, Any]) -> list[str]:
    named = [] if "env" in tables or not (env.get("OPENAI_API_KEY") or env.get("OPENAI_BASE_URL")) else ["env"]
    return [*named, "demo"]


def _check_routes(planner: Planner, aliases: Mapping[str, str]) -> None:
    """Raise ConfigError for a route whose targets are nobody's, or that leads back to itself."""
    if cycle := find_cycle(planner.routes, aliases):
        raise ConfigError(cycle_message(cycle), hint="one of them must name a target")
    for name in planner.routes:
        try:
            planner.plan(name, "chat", {})
        except (NotFound, UsageError) as error:
            raise ConfigError(error.message, hint=error.hint) from error
