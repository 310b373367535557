"""From a checked chat request to what is answered, before it takes any wire shape."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from llmctl.demo import replies, tokens
from llmctl.demo.messages import last_of, text_of
from llmctl.demo.problems import Problem
from llmctl.demo.tools import Call, chosen_call


@dataclass(frozen=True)
class Answer:
    """One choice: words or a call, and perhaps thoughts before them."""

    text: str = ""
    call: Call | None = None
    reasoning: str = ""
    finish: str = "stop"

    @property
    def pieces(self) -> list[str]:
        """The tokens of the words, or of the call's payload."""
        return tokens.split(self.call.payload if self.call else self.text)

    @property
    def thoughts(self) -> list[str]:
        """The tokens of the reasoning."""
        return tokens.split(self.reasoning)


def answers(body: dict[str, Any]) -> list[Answer]:
    """As many choices as the request asks for."""
    choices = body.get("n") or 1
    return [_answer(body, index, choices) for index in range(choices)]


def _answer(body: dict[str, Any], index: int, choices: int) -> Answer:
    thoughts = replies.THOUGHTS if body["model"] == "demo-think" else ""
    call = chosen_call(body)
    if call:
        finish = "function_call" if call.kind == "legacy" else "tool_calls"
        answer = Answer(call=call, reasoning=thoughts, finish=finish)
    else:
        text = before_stop(_words(body, index, choices), body.get("stop"))
        answer = Answer(text=text, reasoning=thoughts)
    return _shortened(answer, _limit(body, answer))


def _words(body: dict[str, Any], index: int, choices: int) -> str:
    wanted = body.get("response_format") or {"type": "text"}
    if wanted["type"] == "json_schema":
        return _structured(wanted["json_schema"])
    if wanted["type"] == "json_object":
        said = text_of(last_of(body["messages"], "user"))
        return json.dumps({"demo": True, "message": replies.HELLO, "you_said": said}, ensure_ascii=False)
    return replies.reply(body["messages"], index, choices)


def _structured(wanted: dict[str, Any]) -> str:
    from llmctl.demo.schema_instance import NoInstance, instance  # a third of the start-up, for few requests

    try:
        return json.dumps(instance(wanted.get("schema") or {}), ensure_ascii=False)
    except NoInstance as error:
        message = f"Invalid schema for response_format '{wanted['name']}': {error}"
        raise Problem(message, param="response_format", code="invalid_json_schema") from error


def before_stop(text: str, stop: str | list[str] | None) -> str:
    """The text up to the first of the stop sequences."""
    sequences = [stop] if isinstance(stop, str) else stop or []
    ends = [text.find(sequence) for sequence in sequences if sequence]
    return text[: min((end for end in ends if end >= 0), default=len(text))]


def _limit(body: dict[str, Any], answer: Answer) -> int:
    asked = body.get("max_completion_tokens") or body.get("max_tokens")
    whole = len(answer.thoughts) + len(answer.pieces)
    if body["model"] == "demo-length":
        return min(whole // 2, asked or whole)
    return asked or whole


def _shortened(answer: Answer, limit: int) -> Answer:
    thoughts, pieces = answer.thoughts, answer.pieces
    if len(thoughts) + len(pieces) <= limit:
        return answer
    left = "".join(pieces[: max(0, limit - len(thoughts))])
    answer = replace(answer, reasoning="".join(thoughts[:limit]), finish="length")
    return replace(answer, call=replace(answer.call, payload=left)) if answer.call else replace(answer, text=left)
