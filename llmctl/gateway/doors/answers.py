"""POST with a JSON body that names a model: chat, completions, embeddings; and whatever else is asked that way."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from llmctl.client.wire import Headers
from llmctl.core.events import Usage
from llmctl.errors import LlmctlError, UsageError, WrongMethod
from llmctl.gateway import relay
from llmctl.gateway.answers import Answer, content_headers
from llmctl.gateway.attempt import how_it_ended, without_secrets
from llmctl.gateway.body import Fields, is_true, read_fields, value_of, wants_usage
from llmctl.gateway.call import Call
from llmctl.gateway.doors.paths import Door
from llmctl.gateway.drive import carry_out
from llmctl.gateway.headers import to_client, whose
from llmctl.gateway.job import STREAMED, Job
from llmctl.gateway.judging import Judged
from llmctl.gateway.plan import Plan
from llmctl.gateway.problems import own_request_id

if TYPE_CHECKING:
    from llmctl.gateway.gateway import Gateway


_REPEATED = ("chat", "completions", "embeddings")
"""Doors whose requests leave nothing behind, so that an answer can be given again, or two be compared."""


async def answers(gateway: Gateway, call: Call, door: Door) -> None:
    """Read the request, find who may answer, and pass the answer on."""
    if call.method != "POST":
        raise WrongMethod(call.method, f"/v1{door.path}", "POST")
    body = await call.body(gateway.max_body)
    if gateway.player is not None and await gateway.play(call, body):
        return
    await answer_json(gateway, call, door, body)


async def answer_json(gateway: Gateway, call: Call, door: Door, body: bytes) -> None:
    """Answer a JSON body that is at hand."""
    encoding = call.header(b"content-encoding")
    if encoding is not None and encoding.lower() != b"identity":
        raise UsageError(
            f"Content-Encoding: {encoding.decode('latin-1')} is not taken", hint="send the body as it is"
        )
    fields = read_fields(body)
    plan = await gateway.plan(call, _model(fields, call.header(b"x-llmctl-profile")), door.kind)
    stream = door.held and door.kind in STREAMED and is_true(fields, "stream")
    call.entry.stream = stream
    if gateway.logs_prompts:
        call.entry.request = body
    keeps_usage = stream and wants_usage(fields)
    job = Job(call, plan, door.kind, call.target, fields, stream, keeps_usage, door.held, gateway.known)
    keeper = await gateway.keeper(job) if door.kind in _REPEATED else None
    if keeper is not None and await keeper.answered():
        return
    judged = _judged(gateway, job, plan)
    answer = await carry_out(job)
    capture: relay.Capture | None = keeper.capture if keeper is not None else None
    if judged is not None:
        capture = judged.capture(capture)
    await _give(gateway, job, answer, capture)
    if keeper is not None:
        await keeper.keep(answer)
    if judged is not None:
        judged.given(answer)


def _model(fields: Fields, profile: bytes | None) -> str:
    """The name that is asked for; a header may say whose it is."""
    model = value_of(fields, "model")
    if model is None or model == "":
        raise UsageError("model is missing", hint="GET /v1/models lists what there is")
    if not isinstance(model, str):
        raise UsageError("model must be a string")
    return model if not profile else f"{profile.decode('latin-1')}/{model}"


def _judged(gateway: Gateway, job: Job, plan: Plan) -> Judged | None:
    """Whether answers of this route are recorded; the shadow is asked now, beside the others."""
    route = plan.route
    if route is None or not (plan.shadow or route.split) or job.door not in _REPEATED:
        return None
    judged = Judged(job, gateway.accounts.compare, gateway.account_shadow)
    if plan.shadow is not None and random.random() < route.shadow_share:  # noqa: S311 - a share, no secret
        gateway.background(judged.shadow(plan.shadow))
    return judged


async def _give(gateway: Gateway, job: Job, answer: Answer, capture: relay.Capture | None) -> None:
    """Pass the answer on, as the client asked for it."""
    call, tap = job.call, answer.tap
    call.extra = [*call.extra, *about(gateway, call, answer)]
    if not answer.attempt.request_id:
        call.extra.append(own_request_id(call.entry))
    keepalive = gateway.settings.keepalive
    try:
        if tap is not None:
            call.entry.stream = True
            headers = [*to_client(content_headers(answer.reply.headers, b""), False)[:-1], *relay.EVENT_STREAM]
            call.start(200, headers)
            await relay.stream(call, answer, keepalive, capture)
            if tap.told is not None:
                call.entry.outcome = tap.told.code
                _note(job, answer, tap.told)
        elif answer.held:
            call.extra += cost_header(gateway, answer)
            kind = b"application/json"
            headers = to_client(content_headers(answer.reply.headers, kind), False)
            if capture is not None:
                capture(answer.body)
            call.answer(answer.reply.status, headers, answer.body)
        else:
            await relay.through(call, answer, to_client(answer.reply.headers, True), keepalive)
    except BaseException as error:
        if isinstance(error, LlmctlError):
            _note(job, answer, error)
        else:
            answer.attempt.status = how_it_ended(call)
        await answer.reply.close()
        raise
    finally:
        _estimate(job, answer)
    if answer.reply.ended:
        await answer.reply.close()
    else:
        gateway.background(relay.let_end(answer.reply))


def _note(job: Job, answer: Answer, error: LlmctlError) -> None:
    """An answer that had begun has failed."""
    attempt = answer.attempt
    attempt.status = error.code
    without_secrets(error, answer.candidate.upstream)
    job.known.health.failed((attempt.profile, attempt.model, job.door), 0, error)


def _estimate(job: Job, answer: Answer) -> None:
    """About what an answer took whose provider doesn't say; else limits and budgets would not see it.

    What is told in the middle of a stream that never ends is not the whole of it either.
    """
    attempt, tap = answer.attempt, answer.tap
    told = attempt.usage
    if not job.held or (told is not None and (tap is None or tap.complete)):
        return
    prompt, completion = job.prompt_tokens, tap.events if tap is not None else len(answer.body) // 4
    if told is not None:
        prompt, completion = told.prompt_tokens or prompt, max(told.completion_tokens or 0, completion)
    elif job.door == "embeddings":
        completion = 0
    attempt.usage, attempt.estimate = None, Usage(prompt, completion, prompt + completion)


def about(gateway: Gateway, call: Call, answer: Answer) -> Headers:
    """The x-llmctl-* headers that are known before the body."""
    entry, attempt = call.entry, answer.attempt
    return [
        *whose(attempt.profile, attempt.model),
        (b"x-llmctl-attempts", b"%d" % len(entry.attempts)),
        (b"x-llmctl-overhead-ms", b"%.3f" % (entry.overhead_ms or 0.0)),
        *([(b"x-llmctl-cache", entry.cache.encode())] if entry.cache else []),
    ]


def cost_header(gateway: Gateway, answer: Answer) -> Headers:
    """What a whole answer cost, where that is known at once."""
    gateway.prices.price(answer.attempt)
    cost = answer.attempt.cost
    return [] if cost is None else [(b"x-llmctl-cost", b"%.9f" % cost)]
