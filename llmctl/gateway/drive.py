"""A plan carried out: one target after the other, several at once, or the next one when the first is slow."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

from llmctl.core.retry import Wait
from llmctl.core.routing import Ask, in_turn, most_telling
from llmctl.errors import LlmctlError, RateLimited
from llmctl.gateway.answers import Answer
from llmctl.gateway.attempt import ask
from llmctl.gateway.entry import LOST
from llmctl.gateway.job import Job
from llmctl.gateway.order import in_order
from llmctl.gateway.plan import Candidate

HEDGE_DEFAULT = 2.0
"""Seconds until the second target is asked, while nothing is known of the first."""


async def carry_out(job: Job) -> Answer:
    """The answer of the plan. Raises the error that tells the client most."""
    try:
        return await _carry_out(job)
    except LlmctlError as error:
        policy = job.plan.policy
        too_long = error.retry_after is not None and error.retry_after > policy.longest_retry_after
        at_once = isinstance(error, RateLimited) and _retries_itself(job)
        error.left_to_client = (too_long or at_once) and policy.retries > 0
        raise


async def _carry_out(job: Job) -> Answer:
    candidates = in_order(job)
    strategy = job.plan.strategy
    if len(candidates) > 1 and strategy in ("race", "hedge"):
        return await _at_once(job, candidates, None if strategy == "race" else _hedge_after(job, candidates[0]))
    return await _in_turn(job, candidates)


async def _in_turn(job: Job, candidates: Sequence[Candidate]) -> Answer:
    flow = in_turn(len(candidates), job.plan.policy, random.random)
    step = next(flow)
    limited = 0
    while True:
        if isinstance(step, Wait):
            await asyncio.sleep(step.seconds)
            step = flow.send(None)
            continue
        try:
            return await ask(job, candidates[step.index], _why(job, step, candidates[step.index]))
        except LlmctlError as error:
            if isinstance(error, RateLimited) and len(candidates) == 1:
                limited += 1
                if limited > 1 or _retries_itself(job):
                    raise  # a provider that wants fewer requests would get them three times over
            step = flow.send(error)


def _retries_itself(job: Job) -> bool:
    """Whether the client says that it tries again by itself: OpenAI's and Anthropic's libraries do."""
    return len(job.plan.candidates) == 1 and job.call.header(b"x-stainless-retry-count") is not None


def _first(job: Job, candidate: Candidate) -> str:
    """Why a target is asked before any other has failed."""
    plan = job.plan
    if plan.route is None and len(plan.candidates) == 1:
        return "asked for"
    if plan.strategy != "fallback" or (plan.route and plan.route.split):
        return f"{'split' if plan.route and plan.route.split else plan.strategy} of {plan.name}"
    best = plan.candidates[0]
    if candidate is best:
        return f"first of {plan.name}"
    why = job.known.health.why((best.upstream.name, best.model, job.door))
    return f"{best.name} rests{f': {why}' if why else ''}"


def _why(job: Job, step: Ask, candidate: Candidate) -> str:
    if step.after is None:
        return _first(job, candidate)
    return f"after {step.after.profile or 'the last'} failed: {step.after.status or step.after.code}"


def _hedge_after(job: Job, first: Candidate) -> float:
    """Seconds: as the route says, else within which the first target usually begins to answer."""
    route = job.plan.route
    if route is not None and route.hedge_after is not None:
        return route.hedge_after
    state = job.known.health.state((first.upstream.name, first.model, job.door))
    usual = state.usual(0.95, job.stream)
    return HEDGE_DEFAULT if usual is None else usual / 1000


async def _at_once(job: Job, candidates: Sequence[Candidate], after: float | None) -> Answer:
    """The first answer of all targets. `after`: seconds until the next one joins; None: all start together."""
    waiting = list(candidates)
    running: set[asyncio.Task[Answer]] = set()
    errors: list[LlmctlError] = []

    def start(why: str) -> None:
        running.add(asyncio.ensure_future(ask(job, waiting.pop(0), why)))

    start(_first(job, waiting[0]))
    while after is None and waiting:
        start(_first(job, waiting[0]))
    try:
        while True:
            done, _ = await asyncio.wait(
                running, timeout=after if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            running -= done
            if not done:
                start(f"hedge: no answer after {(after or 0) * 1000:.0f} ms")
                continue
            winner = _winner(done, errors)
            if winner is not None:
                await _drop([task for task in done if task.exception() is None and task is not winner])
                return winner.result()
            if waiting:
                start(f"after another failed: {errors[-1].status or errors[-1].code}")
            elif not running:
                raise most_telling(errors)
    finally:
        for task in running:
            task.cancel()
        if running:  # a loser's request is given up before the winner's answer goes on
            await asyncio.gather(*running, return_exceptions=True)


def _winner(done: set[asyncio.Task[Answer]], errors: list[LlmctlError]) -> asyncio.Task[Answer] | None:
    """The task that has an answer, if there is one. What is no failure of a target is raised."""
    winner = None
    for task in done:
        error = task.exception()
        if error is None:
            winner = winner or task
        elif isinstance(error, LlmctlError):
            errors.append(error)
        else:
            raise error
    return winner


async def _drop(tasks: list[asyncio.Task[Answer]]) -> None:
    """Give up answers that came in the same moment as the winner's."""
    for task in tasks:
        answer = task.result()
        answer.attempt.status = LOST
        await answer.reply.close()
