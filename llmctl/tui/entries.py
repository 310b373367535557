"""From kept messages to what the transcript shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from llmctl.cli.account import total_cost
from llmctl.cli.talk.context import estimate
from llmctl.core.money import dollars
from llmctl.store.ledger import UNPRICED, Request
from llmctl.store.messages import COMPLETE, PARTIAL, Message
from llmctl.tui.transcript import Entry, MediaPart, Part, ReasoningPart, TextPart, ToolPart


@dataclass(frozen=True)
class Branch:
    """The branch in view: its messages, each one's request, and parent -> variants."""

    path: Sequence[Message] = ()
    requests: Mapping[int, Request] = field(default_factory=dict)
    siblings: Mapping[int | None, Sequence[int]] = field(default_factory=dict)

    def variant(self, message: Message) -> tuple[int, int]:
        """(number, how many), from 1."""
        beside = list(self.siblings.get(message.parent, ())) or [message.id]
        return (beside.index(message.id) + 1 if message.id in beside else 1), len(beside)


def entries(branch: Branch) -> list[Entry]:
    """One entry for each question, and one for each answer with its rounds of tools."""
    return [
        _question(group[0], branch) if group[0].role == "user" else answer_entry(group, branch)
        for group in groups(branch.path)
    ]


def groups(path: Sequence[Message]) -> Iterator[list[Message]]:
    """Questions alone, answers with everything up to the next question."""
    group: list[Message] = []
    for message in path:
        if group and (message.role == "user" or group[0].role == "user"):
            yield group
            group = []
        group.append(message)
    if group:
        yield group


def _question(message: Message, branch: Branch) -> Entry:
    parts: list[Part] = [MediaPart(ref.name, ref.mime, ref.size, ref.hash) for ref in message.files]
    parts += [TextPart(message.text)] if message.text else []
    return Entry(str(message.id), "user", parts, "You", variant=branch.variant(message))


def answer_entry(group: Sequence[Message], branch: Branch) -> Entry:
    """An answer as it is kept. Its key is the id of its first message."""
    first, last = group[0], group[-1]
    parts: list[Part] = []
    for message in group:
        parts += _parts(message, parts)
    requests = [branch.requests[message.id] for message in group if message.id in branch.requests]
    state = {COMPLETE: "complete", PARTIAL: "broken"}.get(last.state, last.state)
    title = f"{first.profile}/{first.model}" if first.model else first.profile
    return Entry(str(first.id), "assistant", parts, title, state, footer(requests), branch.variant(first))


def _parts(message: Message, before: list[Part]) -> list[Part]:
    """A message's parts; a tool's result goes to its call."""
    if message.role == "tool":
        for part in before:
            if isinstance(part, ToolPart) and part.id == message.extra.get("tool_call_id") and part.result is None:
                part.result = message.text
        return []
    thought = message.extra.get("reasoning")
    parts: list[Part] = [ReasoningPart(thought)] if isinstance(thought, str) and thought else []
    said = message.text or message.extra.get("refusal") or ""
    parts += [TextPart(str(said))] if said else []
    return [*parts, *(tool_part(call) for call in message.extra.get("tool_calls") or ())]


def tool_part(call: Mapping[str, Any]) -> ToolPart:
    """A call as a message holds it."""
    body = call.get("function") or call.get("custom") or {}
    return ToolPart(
        str(call.get("id", "")), str(body.get("name", "")), str(body.get("arguments", body.get("input", "")))
    )


def footer(requests: Sequence[Request]) -> str:
    """First token, speed, tokens and cost of an answer; what is unknown is called unknown."""
    if not requests:
        return ""
    last, parts = requests[-1], []
    if last.first_token_ms is not None:
        parts.append(f"first token {last.first_token_ms / 1000:.2f} s")
    if last.tokens_per_second and last.tokens_per_second < 10_000:
        parts.append(f"{last.tokens_per_second:.0f} tokens/s")
    tokens = [request.completion_tokens for request in requests]
    if None not in tokens:
        parts.append(f"{sum(count or 0 for count in tokens):,} tokens")
    if all(request.cost_by != UNPRICED for request in requests):
        cost = total_cost(requests)
        parts.append("cost unknown" if cost is None else dollars(cost))
    return " · ".join(parts)


def cost_of(branch: Branch) -> str:
    """What the branch cost, to be shown; "" where nothing was asked."""
    requests = list(branch.requests.values())
    cost = total_cost(requests)
    return "" if not requests else "cost unknown" if cost is None else dollars(cost)


def tokens_of(branch: Branch, limit: int | None) -> str:
    """About how many tokens the next request has, and how many the model takes, where that is known."""
    said = estimate([message.wire() for message in branch.path])
    return f"~{said:,} tokens" + (f" of {limit:,}" if limit else "") if said else ""
