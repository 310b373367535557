"""POST /v1/completions, the legacy one that continues a prompt."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

from llmctl.demo import faults, models, tokens, wire
from llmctl.demo.answers import before_stop
from llmctl.demo.checks import (
    Check,
    boolean,
    fields,
    integer,
    mapping,
    needs,
    number,
    stop_sequences,
    stream_options,
    string,
)
from llmctl.demo.encoding import DONE, event
from llmctl.demo.exchange import Asked, Reply, json_reply, stream_reply
from llmctl.demo.problems import Problem
from llmctl.demo.prompts import check_texts, readable, texts

Json = dict[str, Any]
_DEFAULT_TOKENS = 16
_FIELDS: dict[str, Check] = {
    "model": string,
    "prompt": check_texts,
    "best_of": integer(1, 20),
    "echo": boolean,
    "frequency_penalty": number(-2, 2),
    "logit_bias": mapping,
    "logprobs": integer(0, 5),
    "max_tokens": integer(0),
    "n": integer(1, 8),
    "presence_penalty": number(-2, 2),
    "seed": integer(-(2**63)),
    "stop": stop_sequences,
    "stream": boolean,
    "stream_options": stream_options,
    "suffix": string,
    "temperature": number(0, 2),
    "top_p": number(0, 1),
    "user": string,
}


def completions(body: Json, asked: Asked) -> Reply:
    """Check, continue every prompt, and let the fault models do their worst."""
    _check(body)
    faults.refuse(body["model"])
    prompts = [readable(text) for text in texts(body["prompt"])]
    written = [_Written(body, prompt, turn) for prompt in prompts for turn in range(body.get("n") or 1)]
    counted = wire.usage(sum(map(tokens.count, prompts)), sum(len(one.pieces) for one in written))
    head = {
        "id": wire.answer_id("cmpl-", body),
        "object": "text_completion",
        "created": asked.created,
        "model": body["model"],
        "system_fingerprint": wire.FINGERPRINT,
    }
    if body.get("stream"):
        reply = stream_reply(_events(body, head, written, counted))
    else:
        choices = [one.whole(index) for index, one in enumerate(written)]
        reply = json_reply({**head, "choices": choices, "usage": counted})
    return faults.spoil(body["model"], reply)


def _check(body: Json) -> None:
    fields(body, _FIELDS, required=("model", "prompt"))
    needs(body, "stream_options", "stream")
    if (body.get("best_of") or body.get("n") or 1) < (body.get("n") or 1):
        raise Problem("'best_of' must be at least 'n'.", param="best_of", code="invalid_value")
    models.require(body["model"], models.CHAT, "completions")


class _Written:
    """What is written for one prompt, once."""

    def __init__(self, body: Json, prompt: str, turn: int) -> None:
        again = f" (Once more: {turn + 1}.)" if turn else ""
        text = f"{again} … is what you wrote to the demo provider of llmctl, which has no model to go on with."
        every = tokens.split(before_stop(text, body.get("stop")))
        limit = _limit(body, len(every))
        self.pieces = every[:limit]
        self.finish = "length" if len(every) > limit else "stop"
        self.echoed = tokens.split(prompt) if body.get("echo") else []
        self.top: int | None = body.get("logprobs")

    def whole(self, index: int) -> Json:
        """The choice of an answer in one piece."""
        return self._choice(index, [*self.echoed, *self.pieces], 0, self.finish)

    def parts(self, index: int) -> list[Json]:
        """The choices of a stream."""
        made, start = [], 0
        for piece in [*self.echoed, *self.pieces]:
            made.append(self._choice(index, [piece], start, None))
            start += len(piece)
        return [*made, self._choice(index, [], start, self.finish)]

    def _choice(self, index: int, pieces: list[str], start: int, finish: str | None) -> Json:
        logprobs = None if self.top is None else tokens.legacy_logprobs(pieces, self.top, start)
        return {"index": index, "text": "".join(pieces), "logprobs": logprobs, "finish_reason": finish}


def _limit(body: Json, whole: int) -> int:
    asked = body.get("max_tokens")
    limit: int = _DEFAULT_TOKENS if asked is None else asked
    return min(limit, whole // 2) if body["model"] == "demo-length" else limit


def _events(body: Json, head: Json, written: list[_Written], counted: Json) -> list[bytes]:
    wanted = bool((body.get("stream_options") or {}).get("include_usage"))
    if wanted:
        head = {**head, "usage": None}
    turns = zip_longest(*(one.parts(index) for index, one in enumerate(written)))
    made = [{**head, "choices": [choice]} for turn in turns for choice in turn if choice]
    if wanted:
        made.append({**head, "choices": [], "usage": counted})
    return [*map(event, made), DONE]
