"""The models that profiles list, asked for when a name needs them, and kept for a while."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from llmctl.client.deadline import Deadline
from llmctl.config.target import Timeouts
from llmctl.core.faults import refuses_key
from llmctl.core.models import Model, read_models
from llmctl.errors import LlmctlError
from llmctl.gateway.answers import failure, read_all
from llmctl.gateway.jsontext import loads
from llmctl.gateway.upstream import Upstream

_KEPT, _KEPT_FAILED = 300.0, 30.0
_PATIENCE = 2.0
"""Seconds that a client waits for lists; one that comes later is there for the next client."""
_LIMITS = Timeouts(connect=3.0, first_token=5.0, idle=5.0, total=6.0)


@dataclass(frozen=True)
class Listed:
    """What a profile lists. `contexts` are in tokens, `prices` in USD per million tokens."""

    models: tuple[str, ...] = ()
    contexts: Mapping[str, int] = field(default_factory=dict)
    prices: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    fields: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Everything that the provider says of each model."""
    until: float = 0.0
    failed: bool = False
    """It couldn't be had when it was asked for last; what is here is older."""
    refused_at: str = ""
    """The form of the address at which the provider's word was that the key is wrong."""

    @cached_property
    def names(self) -> frozenset[str]:
        """The models, to be looked up."""
        return frozenset(self.models)


class Lists:
    """One list for each profile; a profile that can't give one is asked again after half a minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lists: dict[str, Listed] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}

    @property
    def known(self) -> Mapping[str, Sequence[str]]:
        """Profile -> models, as far as anybody has asked."""
        return {name: listed.models for name, listed in self._lists.items()}

    def of(self, profile: str) -> Listed | None:
        return self._lists.get(profile)

    async def all(self, upstreams: Mapping[str, Upstream]) -> Mapping[str, Sequence[str]]:
        """All lists; those that are missing or old are asked for, at once.

        Nobody waits long, and for a profile that has just failed not at all: its old list must do.
        """
        now = self._clock()
        awaited = []
        for name, upstream in upstreams.items():
            listed = self._lists.get(name)
            if listed is None or listed.until < now:
                task = self._task(upstream)
                if listed is None or not listed.failed:
                    awaited.append(task)
        if awaited:
            await asyncio.wait(awaited, timeout=_PATIENCE)
        return self.known

    def forget(self, profile: str) -> None:
        """The profile has changed."""
        self._lists.pop(profile, None)
        self._asking.pop(profile, None)

    def _task(self, upstream: Upstream) -> asyncio.Task[None]:
        """Ask, or the question that is on its way. A client that leaves takes nobody else's list along."""
        task = self._asking.get(upstream.name)
        if task is None:
            task = self._asking[upstream.name] = asyncio.ensure_future(self._once(upstream))
        return task

    async def _once(self, upstream: Upstream) -> None:
        name = upstream.name
        try:
            listed = await _ask(upstream)
        finally:
            changed = self._asking.get(name) is not asyncio.current_task()
            if not changed:
                del self._asking[name]
        if changed:  # the list is another profile's
            return
        now = self._clock()
        if not listed.failed:
            self._lists[name] = replace(listed, until=now + _KEPT)
        else:
            old = self._lists.get(name, Listed())
            self._lists[name] = replace(old, until=now + _KEPT_FAILED, failed=True)


async def find_form(upstream: Upstream) -> str | None:
    """The form of its address at which a provider lists its models, or refuses the key: all doors are there.

    Who asks meanwhile waits for the same answer, and a client that leaves takes it from nobody.
    """
    if upstream.finding is None:
        upstream.finding = asyncio.ensure_future(_find(upstream))
    return await asyncio.shield(upstream.finding)


async def _find(upstream: Upstream) -> str | None:
    base_url = upstream.base_url
    try:
        listed = await _ask(upstream)
    finally:
        upstream.finding = None
    if listed.refused_at not in ("", base_url):
        return listed.refused_at
    if listed.failed:
        upstream.in_vain()
    return upstream.base_url if upstream.proven else None


async def _ask(upstream: Upstream) -> Listed:
    """The list; one that has failed where it can't be had."""
    base_url = upstream.base_url
    try:
        if not upstream.quirks("").model_list:
            return Listed()
        deadline = Deadline(_LIMITS)
        reply = await upstream.send("GET", "/models", b"", b"", 0, deadline)
        if reply.status in (404, 405) and (other := upstream.instead_of(base_url)):
            await reply.close()
            base_url = other
            reply = await upstream.send("GET", "/models", b"", b"", 0, deadline, base_url=other)
        if reply.status != 200:
            raise await failure(reply)
        body = await read_all(reply)
        listed = _listed(read_models(body), _fields(loads(body)))
    except LlmctlError as error:
        return Listed(failed=True, refused_at=base_url if refuses_key(error) else "")
    upstream.found_at(base_url)
    return listed


def _listed(models: Sequence[Model], fields: Mapping[str, Mapping[str, Any]]) -> Listed:
    return Listed(
        tuple(model.id for model in models),
        {model.id: model.context for model in models if model.context},
        {
            model.id: {"input": model.input_price, "output": model.output_price}
            for model in models
            if model.input_price is not None and model.output_price is not None
        },
        {model.id: fields[model.id] for model in models if model.id in fields},
    )


def _fields(payload: Any) -> dict[str, Mapping[str, Any]]:
    """The entries of a list in OpenAI's shape; other shapes say other things by the same names."""
    entries = payload.get("data") if isinstance(payload, Mapping) else None
    found = {}
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, Mapping) and isinstance(entry.get("id"), str):
            found[entry["id"]] = entry
    return found
