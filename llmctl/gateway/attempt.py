"""One target is asked: with each of its live keys, at either form of its address."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from llmctl.client.deadline import Deadline
from llmctl.core.faults import lacks_path, refuses_key, request_id
from llmctl.core.redact import redact
from llmctl.core.usage import read_usage
from llmctl.errors import KeyProblem, LimitReached, LlmctlError, NotUnderstood, RequestRefused
from llmctl.gateway.answers import Answer, begin, failure, is_event_stream, whole
from llmctl.gateway.call import Call
from llmctl.gateway.entry import CANCELLED, LEFT, LOST, OK, Attempt
from llmctl.gateway.headers import ID_HEADERS
from llmctl.gateway.health import Place
from llmctl.gateway.job import USAGE_DOORS, Job, since
from llmctl.gateway.lists import find_form
from llmctl.gateway.plan import Candidate
from llmctl.gateway.upstream import Reply, Upstream

_TELLING = ("chat", "completions", "embeddings")
"""Doors whose answers show that the address has the right form: nothing else answers like them."""


async def ask(job: Job, candidate: Candidate, why: str) -> Answer:
    """Ask a target; its answer, begun or whole. Raises what went wrong, with the provider's reply.

    A key that is refused or limited makes way for the profile's next one.
    """
    upstream = candidate.upstream
    job.known.budgets.check(upstream.name, lambda: job.prompt_cost(candidate))
    place = (upstream.name, candidate.model, job.door)
    health = job.known.health
    live = health.live_keys(place, upstream.keys)
    key = upstream.next_key(live) if live else health.soonest_key(place, upstream.keys)
    refused: list[int] = []
    while True:
        try:
            return await _at_either_form(job, candidate, why, place, key)
        except (KeyProblem, LimitReached) as error:
            if isinstance(error, KeyProblem):
                upstream.forget_key(key)
            refused.append(key)
            live = [number for number in health.live_keys(place, upstream.keys) if number not in refused]
            if not live:
                raise
            key = upstream.next_key(live)
            why = f"the profile's next key, after {_said(error)}"


async def _at_either_form(job: Job, candidate: Candidate, why: str, place: Place, key: int) -> Answer:
    """Ask; where the path is unknown, ask again with /v1 added to the address or taken off.

    Raises the first error where nothing is there either.
    """
    upstream = candidate.upstream
    base_url = upstream.base_url
    try:
        return await _once(job, candidate, why, place, key)
    except RequestRefused as error:
        other = await _elsewhere(job, upstream, base_url) if lacks_path(error) else None
        if other is None:
            raise
        first = error
    proven = upstream.proven
    change = "added to" if len(other) > len(base_url) else "taken off"
    why = f"after {_said(first)}: /v1 {change} the address"
    try:
        return await _once(job, candidate, why, place, key, other)
    except LlmctlError as error:
        if proven or not _is_nothing(error):
            raise
        upstream.in_vain()
        raise first from error


async def _elsewhere(job: Job, upstream: Upstream, base_url: str) -> str | None:
    """The form of the address at which to ask again, where the path is unknown at this one."""
    other = upstream.instead_of(base_url)
    if other is None or job.door in _TELLING or upstream.base_url != base_url:
        return other
    found = await find_form(upstream)  # what another door says at the wrong place can't be told from an answer
    return found if found != base_url else None


def _is_nothing(error: LlmctlError) -> bool:
    """Whether what answered is somebody else, who may well ask for another key."""
    redirect = error.status is not None and error.status < 400
    refused = isinstance(error, KeyProblem) and not refuses_key(error)
    return redirect or refused or lacks_path(error) or isinstance(error, NotUnderstood)


async def _once(job: Job, candidate: Candidate, why: str, place: Place, key: int, base_url: str = "") -> Answer:
    """One request; `base_url` is another form of the address."""
    upstream, entry = candidate.upstream, job.call.entry
    target = upstream.target
    attempt = Attempt(
        upstream.name,
        target.provider,
        base_url or upstream.base_url,
        candidate.model,
        why,
        time.time(),
        len(entry.attempts) + 1,
    )
    entry.attempts.append(attempt)
    asked = job.known.health.asked(place)
    started = time.perf_counter()
    deadline = Deadline(target.timeout)
    deadline.start_attempt(job.stream)
    try:
        answer = await _answer(job, candidate, attempt, key, deadline, started)
    except asyncio.CancelledError:
        attempt.status = how_it_ended(job.call) if job.call.gone else LOST
        attempt.total_ms = since(started)
        job.known.health.gave_up(place)
        raise
    except LlmctlError as error:
        attempt.status, attempt.http_status = error.code, error.status or attempt.http_status
        attempt.request_id = error.request_id or ""
        attempt.total_ms = since(started)
        without_secrets(error, upstream)
        if attempt.base_url == upstream.base_url or refuses_key(error):
            job.known.health.failed(place, key, error, asked)
        else:  # what else another form of the address says is not the target's word
            job.known.health.gave_up(place)
        raise
    if answer.tap is not None:
        attempt.first_token_ms = since(started)
    job.known.health.answered(place, since(started), job.stream, key)
    return answer


def how_it_ended(call: Call) -> str:
    """Who ended a request that nobody waits for: we, or the client."""
    return CANCELLED if call.entry.cancelled else LEFT


def without_secrets(error: LlmctlError, upstream: Upstream) -> None:
    """The error as a client may see it: with the profile's name, and without what only the profile may know."""
    error.profile = upstream.name
    secrets = upstream.secrets()
    error.message = redact(error.message, secrets)
    if error.reply:
        headers, body = error.reply
        shown = {name: redact(value, secrets) for name, value in headers.items()}
        if any(secret.encode() in body for secret in secrets):
            body = redact(body.decode("utf-8", "replace"), secrets).encode()
        error.reply = (shown, body)


async def _answer(
    job: Job, candidate: Candidate, attempt: Attempt, key: int, deadline: Deadline, started: float
) -> Answer:
    upstream, call = candidate.upstream, job.call
    body, headers = job.body(candidate), job.headers(candidate)
    if call.entry.overhead_ms is None:
        call.entry.overhead_ms = since(call.ready)
    reply = await upstream.send("POST", job.path, headers, body, key, deadline, base_url=attempt.base_url)
    try:
        attempt.http_status = reply.status
        if not 200 <= reply.status < 300:
            raise await failure(reply)
        attempt.request_id = _request_id(reply)
        answer = Answer(candidate, attempt, reply, deadline, started)
        mends = upstream.quirks(candidate.model).mend
        if not job.held:
            answer.held = False
        elif job.stream or (job.door in USAGE_DOORS and is_event_stream(reply)):
            await begin(answer, job, mends)
        else:
            await whole(answer, job.door, mends)
        if not upstream.proven and job.door in _TELLING:
            upstream.found_at(attempt.base_url)
        if job.held and answer.tap is None:
            settle(answer)
        return answer
    except BaseException:
        await reply.close()
        raise


def settle(answer: Answer) -> None:
    """Note in the attempt that it has answered, and what that took."""
    attempt, tap = answer.attempt, answer.tap
    attempt.status = OK
    attempt.total_ms = since(answer.started)
    raw: Any = tap.usage if tap is not None else answer.usage
    attempt.answered_by = (tap.model if tap is not None else answer.model) or ""
    if raw is not None:
        attempt.usage = read_usage(raw, answer.candidate.upstream.quirks(attempt.model))


def _request_id(reply: Reply) -> str:
    found = {name.decode(): value.decode("latin-1") for name, value in reply.headers if name in ID_HEADERS}
    return request_id(found) or "" if found else ""


def _said(error: LlmctlError) -> str:
    return f"{error.status or error.code}"
