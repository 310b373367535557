"""[routes.NAME]: several targets behind one model name, and how one is chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from graphlib import CycleError, TopologicalSorter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from llmctl.core.suggest import did_you_mean
from llmctl.errors import ConfigError

if TYPE_CHECKING:
    from llmctl.config.configfile import Config

STRATEGIES = ("fallback", "race", "hedge", "round-robin", "cheapest", "fastest")


@dataclass(frozen=True)
class Route:
    """A table [routes.NAME]. Targets are PROFILE/MODEL, or any other name of a model, such as another route's."""

    name: str
    targets: tuple[str, ...]
    strategy: str = "fallback"
    weights: tuple[float, ...] = ()
    """One a target, for round-robin; () is the same for all."""
    split: bool = False
    """The weights are shares of the traffic (`split = {a = 90, b = 10}`), and the answers are recorded."""
    shadow: str | None = None
    """A target that is asked as well; its answer is recorded beside the one that the client gets."""
    shadow_share: float = 1.0
    """The part of the requests that the shadow sees, from 0 to 1."""
    hedge_after: float | None = None
    """Seconds until the next target is asked; None: the first one's usual time to its first token."""
    cache: bool | None = None
    """Whether answers are kept; None: as [serve] says."""


KEYS = tuple(f.name for f in fields(Route) if f.name != "name")


def read_routes(config: Config) -> dict[str, Route]:
    """All routes by name. Raises ConfigError."""
    tables = config.data.get("routes", {})
    if not isinstance(tables, Mapping):
        raise ConfigError(f"{config.path}: routes must be tables, as in [routes.NAME]")
    return {name: read_route(name, table) for name, table in tables.items()}


def find_cycle(routes: Mapping[str, Route], aliases: Mapping[str, str] = MappingProxyType({})) -> tuple[str, ...]:
    """The routes that name each other in a circle, the one that stands first in the config first; () for none.

    A route may do so by an alias as well.
    """
    named = {
        name: {_meant(target, routes, aliases) for target in _named(route)} & routes.keys()
        for name, route in routes.items()
    }
    try:
        TopologicalSorter(named).prepare()
    except CycleError as error:
        cycle = error.args[1][:0:-1]  # it ends as it begins, and goes from the named to the naming
        first = cycle.index(min(cycle, key=list(routes).index))
        return (*cycle[first:], *cycle[:first])
    return ()


def cycle_message(cycle: Sequence[str]) -> str:
    """What is wrong with the routes of a cycle."""
    if len(cycle) == 1:
        return f"the route {cycle[0]} names itself"
    return f"the routes {', '.join(cycle[:-1])} and {cycle[-1]} name each other"


def _named(route: Route) -> tuple[str, ...]:
    return (*route.targets, route.shadow) if route.shadow else route.targets


def _meant(name: str, routes: Mapping[str, Route], aliases: Mapping[str, str]) -> str:
    """What a name stands for; routes go before aliases."""
    seen = set()
    while name not in routes and name in aliases and name not in seen:
        seen.add(name)
        name = aliases[name]
    return name


def read_route(name: str, table: Any) -> Route:
    """Check a table. Raises ConfigError that names the route, the key and what it should be."""
    where = f"routes.{name}"
    if not isinstance(table, Mapping):
        raise ConfigError(f"{where} must be a table", hint=f"write it as [routes.{name}]")
    for key in table:
        if key not in KEYS:
            raise ConfigError(
                f"{where}: unknown key {key!r}", hint=did_you_mean(key, KEYS) or f"known: {', '.join(KEYS)}"
            )
    if "split" in table:
        if table.keys() & {"targets", "weights", "strategy"}:
            raise ConfigError(f"{where}: split says targets and weights itself", hint="leave the others out")
        targets, weights = _split(table["split"], f"{where}.split")
    else:
        targets = _targets(table.get("targets"), f"{where}.targets")
        weights = _weights(table.get("weights"), len(targets), f"{where}.weights")
    strategy = table.get("strategy", "fallback")
    if strategy not in STRATEGIES:
        hint = did_you_mean(str(strategy), STRATEGIES) or f"known: {', '.join(STRATEGIES)}"
        raise ConfigError(f"{where}: there is no strategy {strategy!r}", hint=hint)
    if weights and strategy != "round-robin" and "split" not in table:
        raise ConfigError(f"{where}.weights belong to round-robin, not to {strategy}")
    shadow = table.get("shadow")
    if shadow is not None and (not isinstance(shadow, str) or not shadow):
        raise ConfigError(f"{where}.shadow must be PROFILE/MODEL")
    cache = table.get("cache")
    if cache is not None and not isinstance(cache, bool):
        raise ConfigError(f"{where}.cache must be true or false")
    return Route(
        name,
        targets,
        strategy,
        weights,
        "split" in table,
        shadow,
        _number(table.get("shadow_share", 1.0), f"{where}.shadow_share", 1.0),
        None if "hedge_after" not in table else _number(table["hedge_after"], f"{where}.hedge_after", 3600.0),
        cache,
    )


def _targets(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(item, str) and item for item in value):
        raise ConfigError(f"{where} must be a list of PROFILE/MODEL")
    return tuple(value)


def _split(value: Any, where: str) -> tuple[tuple[str, ...], tuple[float, ...]]:
    if not isinstance(value, Mapping) or not value:
        raise ConfigError(f"{where} must be a table", hint='split = { "a/model" = 90, "b/model" = 10 }')
    return tuple(value), _weights(list(value.values()), len(value), where)


def _weights(value: Any, count: int, where: str) -> tuple[float, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) != count:
        raise ConfigError(f"{where} must be a list of {count} numbers, one for each target")
    weights = tuple(_number(weight, where, 1e9, least=0.0) for weight in value)
    if not any(weights):
        raise ConfigError(f"{where}: one of them must be above 0")
    return weights


def _number(value: Any, where: str, most: float, least: float = 0.0) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ConfigError(f"{where} must be a number from {least:g} to {most:g}, not {value!r}")
    return float(value)
