"""What is said about an answer: the JSON object, the usage line, warnings and strictness."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmctl.cli.streams import DIM
from llmctl.core.answer import Answer
from llmctl.core.money import dollars
from llmctl.errors import Filtered, Truncated

if TYPE_CHECKING:
    from llmctl.cli.chat.ask import Ask
    from llmctl.cli.chat.structured import Form
    from llmctl.cli.session import Session
    from llmctl.client.stream import ChatStream


def last_stream(ask: Ask) -> ChatStream:
    """The stream of the answer: the last round's."""
    assert ask.stream is not None
    return ask.stream


def answer_object(ask: Ask) -> dict[str, Any]:
    """The object of `--json`. Stable: additions only. Usage and cost are those of all rounds."""
    stream, loop, session = last_stream(ask), ask.done, ask.session
    answer, timing, usage = stream.answer, stream.timing, loop.usage
    rounds = {"tool_runs": [run.as_dict() for run in loop.runs], "rounds": loop.rounds}
    tokens = answer.usage.completion_tokens if answer.usage else None
    first = answer.first.as_dict()
    several = {"choices": [choice.as_dict() for _, choice in sorted(answer.choices.items())]}
    return {
        **first,
        **(several if len(answer.choices) > 1 else {}),
        "usage": usage.counts() if usage else None,
        "cost": ask.cost,
        "id": answer.id,
        "model": answer.model or session.target.model,
        "profile": session.target.profile,
        "provider": session.target.provider,
        "timing": {
            "first_token_ms": timing.first_token_ms,
            "total_ms": timing.total_ms,
            "tokens_per_second": timing.tokens_per_second(tokens),
        },
        "request_id": stream.summary.request_id,
        "attempts": stream.summary.attempts,
        "conversation": ask.account.recorder.conversation,
        **(rounds if loop.runs else {}),
    }


def form_fields(ask: Ask, form: Form | None) -> dict[str, Any]:
    """What --json adds for --schema, --json-mode and --field (`data`), and for --extract (`extracted`)."""
    if not form or not form.wanted:
        return {}
    content = last_stream(ask).answer.content
    return {"data": form.data(content)} if form.wants_json else {"extracted": form.shaped(content)}


def say_usage(ask: Ask) -> None:
    """One line on stderr. What is unknown is called unknown, never 0."""
    stream, loop, session = last_stream(ask), ask.done, ask.session
    usage, timing, cost = loop.usage, stream.timing, ask.cost
    parts = [f"{session.target.profile}/{stream.answer.model or session.target.model}"]
    if usage:
        cached = f" ({usage.cached_tokens} cached)" if usage.cached_tokens else ""
        thought = f" ({usage.reasoning_tokens} reasoning)" if usage.reasoning_tokens else ""
        parts += [
            f"{_or_unknown(usage.prompt_tokens)} in{cached}",
            f"{_or_unknown(usage.completion_tokens)} out{thought}",
        ]
    else:
        parts.append("tokens unknown")
    parts.append("cost unknown" if cost is None else dollars(cost))
    if loop.rounds > 1:
        parts.append(f"{loop.rounds} rounds")
    if timing.first_token_ms is not None:
        parts.append(f"first token {timing.first_token_ms / 1000:.2f} s")
    last = stream.answer.usage
    speed = timing.tokens_per_second(last.completion_tokens if last else None)
    if speed:
        parts.append(f"{speed:g} tokens/s")
    session.streams.say(session.streams.paint(" · ".join(parts), DIM))


def verdict(answer: Answer, strict: bool, session: Session) -> None:
    """Truncation and filtering are never silent; with `strict` they are errors."""
    streams = session.streams
    reasons = {choice.finish_reason for choice in answer.choices.values()}
    refused = any(choice.refusal for choice in answer.choices.values())
    if "length" in reasons:
        message = "the answer was cut at the token limit (finish_reason length)"
        if strict:
            raise session.about(Truncated(message, hint="raise it with --max-tokens"))
        streams.warn(message)
    if "content_filter" in reasons or refused:
        message = (
            "the model refused" if refused else "the provider filtered the answer (finish_reason content_filter)"
        )
        if strict:
            raise session.about(Filtered(message))
        streams.warn(message)


def _or_unknown(count: int | None) -> str:
    return "?" if count is None else str(count)
