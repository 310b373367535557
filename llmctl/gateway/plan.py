"""From the name of a model, as a client gives it, to the targets that may answer.

In this order: a route, `auto`, an alias (with wildcards), PROFILE/MODEL, a profile's name, the profile of
--profile, a model that a profile is configured with or that just one profile lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property

from llmctl.config.routes import Route
from llmctl.core.retry import RetryPolicy
from llmctl.core.suggest import nearest
from llmctl.errors import LlmctlError, NotFound, UsageError
from llmctl.gateway.upstream import Upstream

AUTO = ("auto", "auto:cheapest", "auto:fastest")
_DEEPEST = 20
"""Routes and aliases that may stand for each other; circles are refused before."""
_LONGEST_WAIT = 5.0
"""Seconds that a client is kept waiting because a provider says so; longer waits are its own."""
EMBEDDINGS, IMAGES = "embeddings", "images"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One target. `name` is PROFILE/MODEL."""

    upstream: Upstream
    model: str
    name: str


@dataclass(frozen=True)
class Plan:
    """The targets for a name, in the order of the config, and how one of them is chosen."""

    name: str
    candidates: tuple[Candidate, ...]
    strategy: str = "fallback"
    weights: tuple[float, ...] = ()
    route: Route | None = None
    shadow: Candidate | None = None
    policy: RetryPolicy = field(default_factory=RetryPolicy)

    @property
    def signature(self) -> str:
        """The targets that may answer, as a cache must tell them apart."""
        return f"{self.strategy} {' '.join(candidate.name for candidate in self.candidates)}"


class Planner:
    """The names of one configuration. `lists` are the models that profiles list, as far as they are known."""

    def __init__(
        self,
        upstreams: Mapping[str, Upstream],
        aliases: Mapping[str, str],
        routes: Mapping[str, Route],
        only: str | None = None,
    ) -> None:
        self.upstreams = upstreams
        self.routes = routes
        self.only = only
        self._aliases = {name: model for name, model in aliases.items() if "*" not in name}
        self._patterns = {name: model for name, model in aliases.items() if "*" in name}
        self._plans: dict[tuple[str, str], Plan] = {}

    def plan(self, name: str, door: str, lists: Mapping[str, Sequence[str]]) -> Plan | None:
        """The plan for a name; None where only the lists of models could tell.

        Raises NotFound for what can't be a target, UsageError for a name that two profiles list.
        """
        kept = self._plans.get((name, door))
        if kept is not None:
            return kept
        plan = self._find(name, door) or self._listed(name, lists)
        if plan is not None:
            if len(self._plans) > 1000:
                self._plans.clear()
            self._plans[name, door] = plan
        return plan

    def unknown(self, name: str, lists: Mapping[str, Sequence[str]]) -> NotFound:
        """The error for a name that nobody knows."""
        close = nearest(name, self.names(lists))
        hint = f"did you mean {' or '.join(close)}?" if close else "GET /v1/models lists what there is"
        error = NotFound(f"there is no model {name!r}", hint=hint)
        error.codes = ("model_not_found",)
        return error

    @property
    def listed(self) -> dict[str, Upstream]:
        """The profiles whose models are listed: all but the demo, where it isn't alone."""
        shown = {name: upstream for name, upstream in self.upstreams.items() if name != "demo"}
        return shown or dict(self.upstreams)

    def names(self, lists: Mapping[str, Sequence[str]]) -> list[str]:
        """Every name that can be asked for: routes, aliases, PROFILE/MODEL."""
        own = [
            f"{name}/{model}"
            for name, upstream in self.listed.items()
            for model in dict.fromkeys([*_configured(upstream), *lists.get(name, ())])
        ]
        return list(dict.fromkeys([*self.routes, *self._aliases, *own]))

    @cached_property
    def configured(self) -> frozenset[tuple[str, str]]:
        """(profile, model) of all targets that the configuration names."""
        found = {(name, model) for name, upstream in self.upstreams.items() for model in _configured(upstream)}
        for name in (*self.routes, *self._aliases):
            for door in ("chat", EMBEDDINGS, IMAGES):
                found.update(self.targets_of(name, door))
        return frozenset(found)

    def targets_of(self, name: str, door: str = "chat") -> Sequence[tuple[str, str]]:
        """(profile, model) of all targets that a name stands for; none where the configuration doesn't say."""
        try:
            plan = self._find(name, door)
        except LlmctlError:
            return ()
        if plan is None:
            return ()
        all_of_it = (*plan.candidates, plan.shadow) if plan.shadow else plan.candidates
        return [(each.upstream.name, each.model) for each in all_of_it]

    def _find(self, name: str, door: str, depth: int = 0) -> Plan | None:
        if name in self.routes and depth < _DEEPEST:
            return self._route(self.routes[name], door, depth)
        if name in AUTO:
            return self._auto(name, door)
        stands_for = self._alias(name)
        if stands_for is not None and stands_for != name and depth < _DEEPEST:
            return self._find(stands_for, door, depth + 1)
        head, slash, model = name.partition("/")
        if slash and model and head in self.upstreams:
            return self._single(name, head, model)
        if name in self.upstreams and (default := _default(self.upstreams[name], door)):
            return self._single(name, name, default)
        holders = [each for each, upstream in self.upstreams.items() if name in _configured(upstream)]
        if self.only is not None and (self.only in holders or not holders):
            return self._single(name, self.only, name)
        return self._one_of(name, holders)

    def _alias(self, name: str) -> str | None:
        """What an alias stands for; a `*` on the right is what the `*` on the left has matched."""
        if name in self._aliases:
            return self._aliases[name]
        for pattern, model in sorted(self._patterns.items(), key=lambda item: -len(item[0])):
            if fnmatchcase(name, pattern):
                start, _, end = pattern.partition("*")
                middle = name[len(start) : len(name) - len(end.rpartition("*")[2])]
                return model.replace("*", middle, 1)
        return None

    def _single(self, name: str, profile: str, model: str) -> Plan:
        candidate = self._candidate(profile, model)
        return Plan(name, (candidate,), policy=_policy([candidate]))

    def _candidate(self, profile: str, model: str) -> Candidate:
        return Candidate(self.upstreams[profile], model, f"{profile}/{model}")

    def _route(self, route: Route, door: str, depth: int) -> Plan:
        candidates, weights = [], []
        given = route.weights or (1.0,) * len(route.targets)
        for target, weight in zip(route.targets, given, strict=True):
            for candidate in self._targets(route, target, door, depth):
                candidates.append(candidate)
                weights.append(weight)
        shadow = self._targets(route, route.shadow, door, depth)[0] if route.shadow else None
        return Plan(
            route.name, tuple(candidates), route.strategy, tuple(weights), route, shadow, _policy(candidates)
        )

    def _targets(self, route: Route, target: str, door: str, depth: int) -> tuple[Candidate, ...]:
        found = self._find(target, door, depth + 1)
        if found is None:
            raise NotFound(
                f"the route {route.name} names {target!r}, which is no PROFILE/MODEL, alias or route",
                hint=f"mend [routes.{route.name}] in the config",
            )
        return found.candidates

    def _auto(self, name: str, door: str) -> Plan | None:
        candidates = [
            self._candidate(profile, model)
            for profile, upstream in self.upstreams.items()
            if (model := _default(upstream, door)) and (profile != "demo" or len(self.upstreams) == 1)
        ]
        strategy = "fastest" if name == "auto:fastest" else "cheapest"
        return Plan(name, tuple(candidates), strategy, policy=_policy(candidates)) if candidates else None

    def _listed(self, name: str, lists: Mapping[str, Sequence[str]]) -> Plan | None:
        return self._one_of(name, [profile for profile in self.upstreams if name in lists.get(profile, ())])

    def _one_of(self, name: str, holders: Sequence[str]) -> Plan | None:
        """The plan for a name that just one profile has. Raises UsageError for several."""
        if len(holders) > 1:
            both = " or ".join(f"{profile}/{name}" for profile in holders[:4])
            raise UsageError(f"several profiles have a model {name!r}", hint=f"name one of them: {both}")
        return self._single(name, holders[0], name) if holders else None


def _configured(upstream: Upstream) -> list[str]:
    target = upstream.target
    return [model for model in (target.model, target.embedding_model, target.image_model) if model]


def _default(upstream: Upstream, door: str) -> str | None:
    """The model of a profile that fits a door."""
    target = upstream.target
    if door == EMBEDDINGS:
        return target.embedding_model
    return (target.image_model or target.model) if door == IMAGES else target.model


def _policy(candidates: Iterable[Candidate]) -> RetryPolicy:
    retries = max((each.upstream.target.retries for each in candidates), default=2)
    return RetryPolicy(retries=retries, longest_retry_after=_LONGEST_WAIT)
