"""Answers of routes with a shadow or a split, recorded side by side for `llmctl compare`."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

from llmctl.errors import LlmctlError
from llmctl.gateway.answers import Answer
from llmctl.gateway.attempt import ask, settle
from llmctl.gateway.entry import Entry
from llmctl.gateway.job import Job
from llmctl.gateway.plan import Candidate
from llmctl.gateway.relay import Capture

_MOST = 4 * 1024 * 1024
"""Bytes of an answer that are recorded at the most."""


@dataclass(frozen=True)
class Comparison:
    """One request with the answers to it. `answers`: {target, part, status, answer, total_ms} each."""

    time: float
    entry: str
    route: str
    request: str
    answers: list[dict[str, Any]]


class Judged:
    """The answers to one request. They are recorded when the client has its own, and the shadow is done."""

    def __init__(self, job: Job, record: Callable[[Comparison], None], account: Callable[[Entry], None]) -> None:
        """`record` gets the comparison, `account` the shadow's attempts as an entry of their own."""
        self._job = job
        self._record = record
        self._account = account
        self._parts: list[bytes] = []
        self._size = 0
        self._answers: list[dict[str, Any]] = []
        self._shadow: asyncio.Future[None] | None = None
        self._given = False

    def capture(self, also: Capture | None) -> Capture:
        """What sees the client's answer, before `also` does."""

        def take(data: bytes) -> None:
            self._size += len(data)
            if self._size <= _MOST:
                self._parts.append(data)
            if also is not None:
                also(data)

        return take

    async def shadow(self, candidate: Candidate) -> None:
        """Ask the shadow as well. The client never waits for it, and never hears of its failures."""
        self._shadow = asyncio.get_running_loop().create_future()
        call = copy(self._job.call)  # its attempts are not the client's
        entry = call.entry = Entry(
            f"{call.entry.id}-shadow", time.time(), call.entry.door, call.entry.caller, call.entry.model,
            call.entry.route, call.entry.stream,
        )  # fmt: skip
        job = replace(self._job, call=call)
        try:
            answer = await ask(job, candidate, f"shadow of {job.plan.name}")
            body = answer.body if answer.tap is None else await _rest(answer)
            self._add(answer, "shadow", body)
        except LlmctlError as error:
            self._answers.append(
                {"target": candidate.name, "part": "shadow", "status": error.code, "answer": "", "total_ms": None}
            )
        finally:
            entry.outcome = entry.attempts[-1].status if entry.attempts else "error"
            entry.total_ms = (time.time() - entry.started) * 1000
            self._account(entry)
            self._shadow.set_result(None)
            self._shadow = None
            if self._given:
                self._write()

    def given(self, answer: Answer) -> None:
        """The client has its answer."""
        self._given = True
        self._add(answer, "answer", b"".join(self._parts))
        if self._shadow is None:
            self._write()

    def _add(self, answer: Answer, part: str, body: bytes) -> None:
        attempt = answer.attempt
        self._answers.append(
            {
                "target": f"{attempt.profile}/{attempt.model}",
                "part": part,
                "status": attempt.status,
                "answer": body.decode("utf-8", "replace"),
                "total_ms": attempt.total_ms,
            }
        )

    def _write(self) -> None:
        entry, fields = self._job.call.entry, self._job.fields
        request = {name: json.loads(bytes(raw)) for name, raw in fields.items()}
        text = json.dumps(request, ensure_ascii=False)
        self._record(Comparison(entry.started, entry.id, self._job.plan.name, text, self._answers))


async def _rest(answer: Answer) -> bytes:
    """All events of a stream that has begun."""
    tap, reply = answer.tap, answer.reply
    assert tap is not None
    events = list(answer.first)
    while not tap.done:
        data = await reply.read()
        if data:
            answer.deadline.alive()
            events += tap.feed(data)
            if tap.failure is not None:
                raise tap.failure
        elif reply.ended:
            events += tap.finish()
            break
    settle(answer)
    await reply.close()
    return b"".join(events)
