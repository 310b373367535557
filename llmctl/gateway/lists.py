"""The models that profiles list, asked for when a name needs them, and kept for a while."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from llmctl.client.deadline import Deadline
from llmctl.config.target import Timeouts
from llmctl.core.models import read_models
from llmctl.errors import LlmctlError
from llmctl.gateway.answers import failure, read_all
from llmctl.gateway.upstream import Upstream

_KEPT, _KEPT_FAILED = 300.0, 30.0
_LIMITS = Timeouts(connect=3.0, first_token=5.0, idle=5.0, total=6.0)


@dataclass(frozen=True)
class Listed:
    """What a profile lists. `contexts` are in tokens, `prices` in USD per million tokens."""

    models: tuple[str, ...]
    contexts: Mapping[str, int]
    prices: Mapping[str, Mapping[str, float]]
    until: float


class Lists:
    """One list for each profile; a profile that can't give one has none for half a minute."""

    def __init__(self) -> None:
        self._lists: dict[str, Listed] = {}
        self._asking: dict[str, asyncio.Task[Listed]] = {}

    @property
    def known(self) -> Mapping[str, Sequence[str]]:
        """Profile -> models, as far as anybody has asked."""
        return {name: listed.models for name, listed in self._lists.items()}

    def of(self, profile: str) -> Listed | None:
        return self._lists.get(profile)

    async def all(self, upstreams: Mapping[str, Upstream]) -> Mapping[str, Sequence[str]]:
        """All lists; those that are missing or old are asked for, at once."""
        now = time.monotonic()
        needed = [
            upstream
            for name, upstream in upstreams.items()
            if (name not in self._lists or self._lists[name].until < now)
        ]
        if needed:
            await asyncio.gather(*(self._once(upstream) for upstream in needed))
        return self.known

    def forget(self, profile: str) -> None:
        """The profile has changed."""
        self._lists.pop(profile, None)

    async def _once(self, upstream: Upstream) -> None:
        """Ask, or wait for the answer that is on its way. A client that leaves takes nobody else's list along."""
        task = self._asking.get(upstream.name)
        if task is None:
            task = self._asking[upstream.name] = asyncio.ensure_future(_ask(upstream))
            task.add_done_callback(lambda _: self._asking.pop(upstream.name, None))
        self._lists[upstream.name] = await asyncio.shield(task)


async def _ask(upstream: Upstream) -> Listed:
    now = time.monotonic()
    try:
        if not upstream.quirks("").model_list:
            return Listed((), {}, {}, now + _KEPT)
        deadline = Deadline(_LIMITS)
        reply = await upstream.send("GET", "/models", b"", b"", 0, deadline)
        if reply.status in (404, 405) and (other := upstream.other_form()):
            await reply.close()
            reply = await upstream.send("GET", "/models", b"", b"", 0, deadline, base_url=other)
            if reply.status == 200:
                upstream.use(other)
        if reply.status != 200:
            raise await failure(reply)
        models = read_models(await read_all(reply))
    except LlmctlError:
        return Listed((), {}, {}, now + _KEPT_FAILED)
    return Listed(
        tuple(model.id for model in models),
        {model.id: model.context for model in models if model.context},
        {
            model.id: {"input": model.input_price, "output": model.output_price}
            for model in models
            if model.input_price is not None and model.output_price is not None
        },
        now + _KEPT,
    )
