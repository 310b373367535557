"""Every other /v1/*: passed through as it is. Multipart and binary bodies are streamed, never held whole."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import AsyncIterator
from typing import IO, TYPE_CHECKING

from llmctl.client.deadline import Deadline
from llmctl.errors import Interrupted, LlmctlError, NotFound, UsageError
from llmctl.gateway import relay
from llmctl.gateway.answers import Answer, failure
from llmctl.gateway.attempt import how_it_ended, without_secrets
from llmctl.gateway.call import Call, too_large
from llmctl.gateway.doors.answers import about, answer_json
from llmctl.gateway.doors.multipart import ModelFinder, boundary_of
from llmctl.gateway.doors.paths import Door
from llmctl.gateway.entry import Attempt
from llmctl.gateway.headers import to_client, to_provider
from llmctl.gateway.job import since
from llmctl.gateway.plan import Candidate

if TYPE_CHECKING:
    from llmctl.gateway.gateway import Gateway

_IN_MEMORY = 1024 * 1024
"""Bytes of an upload that are held while the name of its model hasn't come; the rest waits in a file."""


async def through(gateway: Gateway, call: Call, door: Door) -> None:
    """Find the profile: by the model in a JSON or multipart body, by x-llmctl-profile, else the default one."""
    kind = (call.header(b"content-type") or b"").lower()
    if kind.startswith(b"multipart/form-data"):
        await _upload(gateway, call, door)
        return
    if call.method == "POST" and _may_be_json(kind):
        body = await call.body(gateway.max_body)
        if gateway.player is not None and await gateway.play(call, body):
            return
        if _names_model(body):
            await answer_json(gateway, call, door, body)
            return
        await _send(gateway, call, door, await _default(gateway, call), body)
        return
    if (call.header(b"upgrade") or b"").lower() == b"websocket":
        raise UsageError("WebSocket is not relayed here", hint="ask over HTTP")
    if gateway.player is not None and await gateway.play(call, await call.body(gateway.max_body)):
        return
    has_body = call.header(b"content-length") not in (None, b"0") or call.header(b"transfer-encoding") is not None
    more = _portions(call) if has_body else None
    await _send(gateway, call, door, await _default(gateway, call), b"", more, call.header(b"content-length"))


def _may_be_json(kind: bytes) -> bool:
    return not kind or b"json" in kind or kind.startswith((b"text/plain", b"application/x-www-form-urlencoded"))


def _names_model(body: bytes) -> bool:
    """Whether it is a JSON object with a model."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and isinstance(found.get("model"), str) and bool(found["model"])


async def _default(gateway: Gateway, call: Call) -> Candidate:
    """The profile of a request that names no model."""
    named = (call.header(b"x-llmctl-profile") or b"").decode("latin-1")
    profile = named or gateway.default_profile
    upstream = gateway.planner.upstreams.get(profile or "")
    if upstream is None:
        if named:
            raise NotFound(f"there is no profile {named!r}", hint="GET /v1/models lists what there is")
        raise UsageError(
            "this request names no model, so its profile is not known",
            hint="send x-llmctl-profile: NAME, or start with llmctl serve --profile NAME",
        )
    candidate = Candidate(upstream, "", upstream.name)
    gateway.check_allowed(call, candidate.name, f"{upstream.name}/")
    if call.key is not None:
        await gateway.limits.admit(call.key)
    gateway.budgets.check(upstream.name, lambda: None)
    return candidate


async def _portions(call: Call) -> AsyncIterator[bytes]:
    more = True
    while more:
        data, more = await call.portion()
        if data:
            yield data


async def _upload(gateway: Gateway, call: Call, door: Door) -> None:
    """A multipart body: held until its model is known, then streamed."""
    if gateway.player is not None and await gateway.play(call, await call.body(gateway.max_body)):
        return
    boundary = boundary_of(call.header(b"content-type") or b"")
    length = call.header(b"content-length")
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as held:
        found, more = None, True
        if boundary is not None and not call.header(b"x-llmctl-profile"):
            found, more = await _until_model(call, held, ModelFinder(boundary), gateway.max_body)
        held.seek(0)
        if found is None:
            await _send(gateway, call, door, await _default(gateway, call), b"", _all(held, call, more), length)
            return
        head = held.read(found[1])
        name = head[found[0] :]
        plan = await gateway.plan(call, name.decode("utf-8", "replace").strip(), door.kind)
        candidate = plan.candidates[0]
        sent = candidate.model.encode()
        if length is not None:
            length = b"%d" % (int(length) + len(sent) - len(name))
        await _send(gateway, call, door, candidate, head[: found[0]] + sent, _all(held, call, more), length)


async def _until_model(
    call: Call, held: IO[bytes], finder: ModelFinder, most: int
) -> tuple[tuple[int, int] | None, bool]:
    """(where the model is named, whether more is to come). All that has come is in `held`."""
    size, more = 0, True
    while more:
        data, more = await call.portion()
        size += len(data)
        if size > most:
            raise too_large(most)
        held.write(data)
        if found := finder.feed(data):
            call.ready = time.perf_counter()
            return found, more
    return None, more


async def _all(held: IO[bytes], call: Call, more: bool) -> AsyncIterator[bytes]:
    """What is held, from where it stands, then what is still to come."""
    while data := held.read(65536):
        yield data
    if more:
        async for data in _portions(call):
            yield data


async def _timed(portions: AsyncIterator[bytes], deadline: Deadline) -> AsyncIterator[bytes]:
    """An upload. The provider's time counts from its end, however slow the client is."""
    deadline.pause()
    async for data in portions:
        deadline.resume()
        yield data
        deadline.pause()
    deadline.resume()


async def _send(
    gateway: Gateway,
    call: Call,
    door: Door,
    candidate: Candidate,
    body: bytes,
    more: AsyncIterator[bytes] | None = None,
    length: bytes | None = None,
) -> None:
    """One request to one target, its reply passed on as it comes. Nothing is tried twice: the body is gone."""
    upstream, entry = candidate.upstream, call.entry
    attempt = Attempt(
        upstream.name, upstream.target.provider, upstream.base_url, candidate.model, "asked for", time.time()
    )
    entry.attempts.append(attempt)
    place = (upstream.name, candidate.model, door.kind)
    health = gateway.known.health
    live = health.live_keys(place, upstream.keys)
    key = upstream.next_key(live) if live else health.soonest_key(place, upstream.keys)
    headers = to_provider(call.headers, upstream.own_names)
    entry.overhead_ms = since(call.ready)
    started = time.perf_counter()
    deadline = Deadline(upstream.target.timeout)
    deadline.start_attempt(False)
    asked = health.asked(place)
    reply = None
    try:
        upload = _timed(more, deadline) if more is not None else None
        reply = await upstream.send(call.method, call.target, headers, body, key, deadline, upload, length)
        attempt.http_status = reply.status
        if reply.status >= 400:
            raise await failure(reply)
        answer = Answer(candidate, attempt, reply, deadline, started, held=False)
        call.extra = [*call.extra, *about(gateway, call, answer)]
        await relay.through(call, answer, to_client(reply.headers, True), gateway.settings.keepalive)
        health.answered(place, since(started), False, key)
    except LlmctlError as error:
        attempt.status, attempt.total_ms = error.code, since(started)
        without_secrets(error, upstream)
        if isinstance(error, Interrupted | UsageError):  # the client's doing, in the middle of its upload
            health.gave_up(place)
        else:
            health.failed(place, key, error, asked)
        raise
    except BaseException:
        attempt.status, attempt.total_ms = how_it_ended(call), since(started)
        health.gave_up(place)
        raise
    finally:
        if reply is not None:
            await reply.close()
