"""In which order the targets of a plan are asked: by strategy, health, and what the request needs."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from llmctl.errors import RequestRefused
from llmctl.gateway.body import value_of
from llmctl.gateway.job import Job
from llmctl.gateway.plan import AUTO, Candidate

_TRIES = 3
_STRONGER = ("json_schema", "json_object", "none")


def in_order(job: Job) -> Sequence[Candidate]:
    """The candidates, best first. What rests comes last, and stays out of races unless all of them rest."""
    plan = job.plan
    candidates: Sequence[Candidate] = plan.candidates
    if len(candidates) == 1:
        return candidates
    if plan.name in AUTO:
        candidates = _able(job, candidates)
    if plan.route is not None and plan.route.split:
        candidates = _shuffled(candidates, plan.weights)
    elif plan.strategy == "round-robin":
        candidates = job.known.turns.next(plan.name, candidates, plan.weights)
    elif plan.strategy == "cheapest":
        candidates = sorted(candidates, key=lambda each: _price(job, each))
    elif plan.strategy == "fastest":
        candidates = sorted(candidates, key=lambda each: _speed(job, each))
    return _healthy(job, candidates)


def _healthy(job: Job, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    waits = {
        each.name: job.known.health.waits((each.upstream.name, each.model, job.door), each.upstream.keys)
        for each in candidates
    }
    ready = [each for each in candidates if not waits[each.name]]
    if len(ready) == len(candidates):
        return candidates
    resting = sorted((each for each in candidates if waits[each.name]), key=lambda each: waits[each.name])
    if job.plan.strategy in ("race", "hedge"):
        return ready or resting
    return [*ready, *resting]


def _shuffled(candidates: Sequence[Candidate], weights: Sequence[float]) -> list[Candidate]:
    """One by its share of the traffic; the others stand in for it."""
    first = random.choices(range(len(candidates)), weights)[0]  # noqa: S311 - shares, no secrets
    return [
        candidates[first],
        *(each for index, each in enumerate(candidates) if index != first and weights[index]),
    ]


def _price(job: Job, candidate: Candidate) -> tuple[int, float]:
    """What a usual request costs, a quarter of it answer; the unknown comes last."""
    target = candidate.upstream.target
    price = job.known.prices.of(target.profile, candidate.model, target.provider, target.base_url)
    if not price or "input" not in price:
        return 1, 0.0
    return 0, 0.75 * price["input"] + 0.25 * price.get("output", 0.0)


def _speed(job: Job, candidate: Candidate) -> tuple[int, float]:
    """How long its answers usually take to begin.

    On a route the unmeasured comes first, so that it is measured; `auto` doesn't try what nobody has named.
    """
    state = job.known.health.state((candidate.upstream.name, candidate.model, job.door))
    usual = state.usual(0.5, job.stream, least=1)
    if usual is None:
        usual = state.usual(0.5, not job.stream, least=1)
    if usual is None:  # after a few failures in vain it is no better than unknown
        return (2 if job.plan.name in AUTO or state.requests >= _TRIES else 0), state.requests
    return 1, usual


def _able(job: Job, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those that take what the request uses. Raises RequestRefused where none does."""
    needs = _Needs(job)
    able = [each for each in candidates if needs.met_by(each)]
    if not able:
        raise RequestRefused(
            f"no profile takes what the request uses: {', '.join(needs.words())}",
            hint="name a PROFILE/MODEL to ask it all the same",
        )
    return able


class _Needs:
    """What a request uses."""

    def __init__(self, job: Job) -> None:
        fields = job.fields
        self.tools = bool(value_of(fields, "tools"))
        self.structured = _structured(value_of(fields, "response_format"))
        self.media = _media(value_of(fields, "messages"))
        self.tokens = job.prompt_tokens
        self._contexts = job.known.contexts

    def words(self) -> list[str]:
        words = ["tools"] if self.tools else []
        words += [self.structured] if self.structured != "none" else []
        return [*words, *sorted(self.media), f"about {self.tokens} tokens"]

    def met_by(self, candidate: Candidate) -> bool:
        quirks = candidate.upstream.quirks(candidate.model)
        if self.tools and "tools" in quirks.drop:
            return False
        if _STRONGER.index(quirks.structured) > _STRONGER.index(self.structured):
            return False
        context = self._contexts.get((candidate.upstream.name, candidate.model))
        return self.media <= set(quirks.media) and (context is None or self.tokens <= context)


def _structured(wanted: Any) -> str:
    kind = wanted.get("type") if isinstance(wanted, Mapping) else None
    return kind if kind in _STRONGER else "none"


def _media(messages: Any) -> set[str]:
    kinds = {"image_url": "image", "input_audio": "audio", "file": "pdf"}
    found = set()
    for message in messages if isinstance(messages, list) else ():
        content = message.get("content") if isinstance(message, Mapping) else None
        for part in content if isinstance(content, list) else ():
            kind = part.get("type") if isinstance(part, Mapping) else None
            if isinstance(kind, str) and kind in kinds:
                found.add(kinds[kind])
    return found
