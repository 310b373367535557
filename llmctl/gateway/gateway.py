"""The gateway while it runs: its configuration, what it has learned, and who hears of each request."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from itertools import compress
from random import getrandbits
from typing import TYPE_CHECKING, Any

import msgspec

from llmctl.config.serve import ServeSettings
from llmctl.errors import Forbidden, LlmctlError, NotFound, Overloaded
from llmctl.gateway.accounts import Accounts
from llmctl.gateway.auth import Keyring, check_browser, cors_headers
from llmctl.gateway.budgets import Budgets
from llmctl.gateway.cache import Cache, cache_wish
from llmctl.gateway.call import Call
from llmctl.gateway.doors.paths import KINDS
from llmctl.gateway.entry import Attempt, Entry
from llmctl.gateway.health import Health, Place
from llmctl.gateway.job import Job, Known, since
from llmctl.gateway.keeper import Keeper
from llmctl.gateway.limits import Limits, Slots
from llmctl.gateway.lists import Lists
from llmctl.gateway.log import RequestLog
from llmctl.gateway.metrics import Metrics
from llmctl.gateway.monitor import Monitor
from llmctl.gateway.names import Names
from llmctl.gateway.plan import Plan, Planner
from llmctl.gateway.prices import Prices
from llmctl.gateway.shared import Shared
from llmctl.gateway.shown import Shown
from llmctl.gateway.turns import Turns
from llmctl.store.keys import PREFIX

if TYPE_CHECKING:
    from llmctl.gateway.cassettes import Player, Recorder
    from llmctl.gateway.telemetry import Telemetry
    from llmctl.store.keys import GatewayKey

_LONGEST_NAME = 512
_KEY_PREFIX = PREFIX.encode()


class Gateway:
    """One process of `llmctl serve`. Its parts are public; `begin` and `finish` frame each request."""

    def __init__(
        self,
        names: Names,
        shared: Shared,
        accounts: Accounts,
        limits: Limits,
        budgets: Budgets,
    ) -> None:
        self.started = int(time.time())
        self.shared = shared
        self.accounts = accounts
        self.limits = limits
        self.budgets = budgets
        self.keyring = Keyring()
        self.lists = Lists()
        self.prices = Prices()
        self.cache: Cache | None = None
        self.recorder: Recorder | None = None
        self.player: Player | None = None
        self.forwards_unmatched = False
        self.telemetry: Telemetry | None = None
        self.draining = False
        self.workers = 1
        self.tell: Callable[[str], None] = lambda _line: None
        """A line for whoever runs the gateway."""
        self.port = names.settings.port
        self.needs_key = False
        self.health = Health(on_cooling=self._cooling, is_known=self._is_known)
        self.known = Known(self.health, Turns(), self.prices, budgets, {})
        self.monitor = Monitor(self.health.report)
        self.metrics = Metrics(self.monitor, lambda: (accounts.lost, accounts.waiting))
        self.log = RequestLog(names.settings.log)
        self.finished: deque[tuple[Entry, GatewayKey | None]] = deque()
        self._background: set[asyncio.Task[None]] = set()
        self.names = names
        self.slots = Slots(names.settings.max_concurrent, names.settings.max_concurrent_per_client)
        self.use(names)

    def use(self, names: Names) -> None:
        """Another configuration, from now on; requests that run keep theirs."""
        if names.settings != self.names.settings:
            self.slots = Slots(names.settings.max_concurrent, names.settings.max_concurrent_per_client)
        for name, upstream in self.names.planner.upstreams.items():
            if names.planner.upstreams.get(name) is not upstream:
                self.lists.forget(name)
                if names is not self.names:
                    upstream.close()
        self.names = names
        self.monitor.shown = Shown(self._knows)
        self.prices.use(names.config)
        self.budgets.use(names.config, list(names.planner.upstreams))
        self.log.level = names.settings.log
        self.max_body = int(names.settings.max_body_mb * 1024 * 1024)

    @property
    def settings(self) -> ServeSettings:
        return self.names.settings

    @property
    def planner(self) -> Planner:
        return self.names.planner

    @property
    def logs_prompts(self) -> bool:
        return self.settings.log == "prompts"

    @property
    def default_profile(self) -> str | None:
        """The profile for requests that name no model: --profile, the current one, or the only one."""
        planner, current = self.planner, self.names.config.current
        own = [name for name in planner.upstreams if name != "demo"] or ["demo"]
        return (
            planner.only
            or (current if current in planner.upstreams else None)
            or (own[0] if len(own) == 1 else None)
        )

    @property
    def shares(self) -> bool:
        """Whether there are other processes to share with."""
        return self.workers > 1 or self.settings.redis_url is not None

    # a request's frame

    def admit_browser(self, call: Call) -> None:
        """Close the ways in which pages of other origins could use a browser. Raises Forbidden."""
        origin = check_browser(call.headers, self.settings, self.port)
        if origin is not None:
            call.extra = cors_headers(origin)

    def admit(self, call: Call) -> None:
        """Let a request in, or raise why not: Forbidden, KeyMissing, KeyRejected."""
        self.admit_browser(call)
        if call.method == "OPTIONS" and call.extra:
            return  # a browser's question whether it may ask carries no key
        if self.needs_key or _shows_key(call):
            call.key = self.keyring.authenticate(call.headers)
            call.entry.caller = call.key.name

    def begin(self, call: Call) -> None:
        """Count the request in, on a slot of its client's. Raises Overloaded, RateLimited."""
        if self.draining:
            raise Overloaded("the gateway is stopping", retry_after=1.0)
        client = call.key.name if call.key else call.client
        slots = call.slots = self.slots
        slots.enter(client)
        call.slot = client
        entry = call.entry
        entry.id = f"{getrandbits(64):016x}"  # to be told apart, not to be secret
        trace = call.header(b"traceparent") if self.telemetry else None
        if trace:
            entry.traceparent = trace.decode("latin-1")
        call.extra.append((b"x-llmctl-id", entry.id.encode()))
        self.monitor.begin(entry)
        call.watch()

    def finish(self, call: Call) -> None:
        """The request is over."""
        if call.slots is not None and call.slot is not None:
            call.slots.leave(call.slot)
        call.unwatch()
        entry = call.entry
        entry.total_ms = since(call.clock)
        entry.outcome = entry.outcome or ("ok" if 0 < entry.status < 400 else "error")
        costs = [self._count(attempt) for attempt in entry.attempts]
        if call.key is not None and call.key.limited and entry.cache != "hit":
            self._charge(entry, call.key, [cost for cost in costs if cost is not None])
        self.monitor.inflight.pop(entry.id, None)
        self.finished.append((entry, call.key))

    def _count(self, attempt: Attempt) -> float | None:
        """Price an attempt and count it against its profile's budget; what it cost, perhaps only about."""
        self.prices.price(attempt)
        cost = self.prices.estimate(attempt) if attempt.cost is None else attempt.cost
        self.budgets.count(attempt.profile, cost)
        return cost

    def _charge(self, entry: Entry, key: GatewayKey, known: Sequence[float]) -> None:
        """Count what a request took against its key's limits, at once; its cost as far as that is known."""
        entry.charged = bool(known)
        self.background(self.limits.spend(key, _tokens(entry), sum(known) if known else None))

    def may_look(self, key: GatewayKey | None) -> bool:
        """Whether a client may see everybody's traffic, and end it."""
        return key.admin if key is not None else not self.needs_key

    # what doors ask

    async def plan(self, call: Call, name: str, door: str) -> Plan:
        """Who may answer for a name. Raises NotFound with the nearest names, Forbidden, RateLimited."""
        planner, entry = self.planner, call.entry
        if len(name) > _LONGEST_NAME:
            raise NotFound(f"there is no model with a name of {len(name)} characters")
        entry.model = name
        plan = planner.plan(name, door, self.lists.known)
        if plan is None:
            plan = planner.plan(name, door, await self._listed())
        if plan is None:
            raise planner.unknown(name, self.lists.known)
        if plan.route is not None:
            entry.route = plan.route.name
        if call.key is not None:
            plan = self._allowed(call, plan)
            await self.limits.admit(call.key)
        return plan

    async def _listed(self) -> Mapping[str, Sequence[str]]:
        lists = await self.lists.all(self.planner.listed)
        for name in lists:
            listed = self.lists.of(name)
            if listed is not None:
                self.known.contexts.update({(name, model): size for model, size in listed.contexts.items()})
                self.prices.learn(name, listed.prices)
        return lists

    def _allowed(self, call: Call, plan: Plan) -> Plan:
        """The plan with those targets that the client's key may ask: all, if it may ask the name itself."""
        assert call.key is not None
        name = call.entry.model
        if self.allows(call.key, name, plan.name):
            return plan
        kept = [self.allows(call.key, candidate.name) for candidate in plan.candidates]
        if not any(kept):
            raise Forbidden(f"the key {call.entry.caller} may not ask {name}")
        shadow = plan.shadow if plan.shadow and self.allows(call.key, plan.shadow.name) else None
        if all(kept) and shadow is plan.shadow:
            return plan
        return replace(
            plan,
            candidates=tuple(compress(plan.candidates, kept)),
            weights=tuple(compress(plan.weights, kept)),
            shadow=shadow,
        )

    def check_allowed(self, call: Call, *names: str) -> None:
        """Raise Forbidden where the client's key may not ask any of these."""
        if not self.allows(call.key, *names):
            raise Forbidden(f"the key {call.entry.caller} may not ask {names[0]}")

    def allows(self, key: GatewayKey | None, *names: str) -> bool:
        return key is None or self.keyring.allows(key, *names)

    async def keeper(self, job: Job) -> Keeper | None:
        """The cache around a request, where it is wanted."""
        if self.cache is None:
            return None
        wish = cache_wish(job.call.headers)
        settings, route = self.settings.cache, job.plan.route
        on = settings.on if route is None or route.cache is None else route.cache
        if not (on or wish.use or wish.store):
            return None
        return Keeper(job, self.cache, wish, settings.max_age)

    async def play(self, call: Call, body: bytes) -> bool:
        """Answer from a cassette. Where there is no recording: raise NotFound, or False to go on."""
        assert self.player is not None
        path = f"/v1{call.target}"
        found = self.player.find(call.method, path, body)
        if found is None:
            if self.forwards_unmatched:
                call.received = body
                return False
            raise self.player.unmatched(call.method, path, body)
        headers = [pair for pair in found.headers if pair[0] != b"content-length"]
        call.answer(found.status, [*headers, (b"x-llmctl-replayed", b"true")], found.answer)
        return True

    def account_shadow(self, entry: Entry) -> None:
        """A shadow has answered, or failed: it costs, but not at the client's expense."""
        for attempt in entry.attempts:
            self._count(attempt)
        self.finished.append((entry, None))

    def background(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something that no client waits for."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    # what the dashboard asks

    def ready(self) -> tuple[bool, str]:
        """Whether it takes requests; else why not."""
        if self.draining:
            return False, "stopping"
        return (True, "ok") if self.planner.upstreams else (False, "there is no profile")

    async def peers(self) -> Sequence[Mapping[str, Any]]:
        """What the other processes tell of themselves."""
        found = []
        for state in (await self.shared.peers()).values() if self.shares else ():
            with contextlib.suppress(msgspec.DecodeError):
                found.append(msgspec.json.decode(state))
        return [each for each in found if each.get("worker") != self.worker]

    worker = ""
    """What the other processes know this one by."""

    async def cancel(self, entry_id: str) -> bool:
        """End a request, wherever it runs."""
        if self.monitor.cancel(entry_id):
            return True
        await self.shared.ask_cancel(entry_id)
        return self.shares

    def _knows(self, profile: str, model: str) -> bool:
        """Whether a model of a profile is no client's invention."""
        listed = self.lists.of(profile)
        return (profile, model) in self.planner.configured or (listed is not None and model in listed.names)

    def _is_known(self, place: Place) -> bool:
        profile, model, door = place
        return door in KINDS and self._knows(profile, model)

    def _cooling(self, place: Place, key: int | None, until: float, why: str) -> None:
        if self.shares:
            self.background(self._share_cooling("\n".join([*place, "" if key is None else str(key)]), until, why))

    async def _share_cooling(self, name: str, until: float, why: str) -> None:
        with contextlib.suppress(LlmctlError):
            if until:
                await self.shared.put_cooldown(name, until, why)
            else:
                await self.shared.clear_cooldown(name)


def _tokens(entry: Entry) -> int | None:
    """All tokens that the attempts took, as far as they are known."""
    usages = [attempt.usage or attempt.estimate for attempt in entry.attempts]
    counts = [usage.total_tokens for usage in usages if usage and usage.total_tokens is not None]
    return sum(counts) if counts else None


def _shows_key(call: Call) -> bool:
    """Whether one of our own keys is shown although none is needed: its limits and its name count."""
    for name, value in call.headers:
        if name == b"authorization" and _KEY_PREFIX in value:
            return True
        if name in (b"x-api-key", b"api-key") and value.startswith(_KEY_PREFIX):
            return True
    return False
