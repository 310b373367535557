"""A conversation as Markdown: a heading for each message, what is known about it, its text and files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmctl.cli.logs.words import ROLES, facts, local, money, one_line, size, spent, target

if TYPE_CHECKING:
    from llmctl.store.conversations import Conversation
    from llmctl.store.ledger import Request
    from llmctl.store.messages import Message
    from llmctl.store.store import Store


@dataclass(frozen=True)
class Part:
    """A piece of the transcript. Text that a person typed is no Markdown: its line ends count."""

    text: str
    markdown: bool = True


@dataclass(frozen=True)
class Shown:
    """What is shown of a conversation: these messages, and their requests by the messages' ids."""

    conversation: Conversation
    messages: Sequence[Message]
    requests: Mapping[int, Request]
    siblings: Mapping[int | None, Sequence[int]]
    in_view: frozenset[int]
    spent: Sequence[Request]
    """All requests of the conversation, also those of other variants."""


def load(store: Store, conversation: Conversation, spent: Sequence[Request], everything: bool = False) -> Shown:
    """The branch in view, or all branches, each variant followed by what was said after it."""
    path = store.messages.path(conversation.head)
    siblings = store.messages.siblings(conversation.id)
    messages = _ordered(store.messages.tree(conversation.id), siblings) if everything else path
    requests = {request.message: request for request in spent if request.message is not None}
    return Shown(conversation, messages, requests, siblings, frozenset(message.id for message in path), spent)


def transcript(shown: Shown, reasoning: bool = False) -> Iterator[Part]:
    """The parts, to be joined by blank lines."""
    conversation = shown.conversation
    yield Part(f"# {one_line(conversation.title) or 'Untitled'}")
    yield Part(f"*{' · '.join(_summary(shown))}*")
    if conversation.system:
        yield Part("## System")
        yield Part(conversation.system, markdown=False)
    for message in shown.messages:
        yield from _message(message, shown, reasoning)


def as_markdown(shown: Shown, reasoning: bool = False) -> str:
    """The whole transcript."""
    return "\n\n".join(part.text.rstrip() for part in transcript(shown, reasoning)) + "\n"


def fenced(text: str) -> str:
    """Text as a code block, whatever it holds."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text.rstrip()}\n{fence}"


def _summary(shown: Shown) -> list[str]:
    conversation = shown.conversation
    count = len(shown.messages)
    whole = f" of {conversation.messages}" if count < conversation.messages else ""
    parts = [conversation.id, local(conversation.created), f"{count}{whole} message{'' if count == 1 else 's'}"]
    cost, unknown = spent(shown.spent)
    if cost is not None or unknown:
        more = f" + {unknown} unknown" if cost is not None and unknown else ""
        parts.append(f"cost {money(cost)}{more}")
    return [*parts, "pinned"] if conversation.pinned else parts


def _message(message: Message, shown: Shown, reasoning: bool) -> Iterator[Part]:
    answered = message.role == "assistant"
    who = target(message.profile, message.model) if answered else ""
    yield Part(f"## {one_line(who) or ROLES.get(message.role, message.role)}")
    known = facts(message, shown.requests.get(message.id)) if answered else [local(message.created)]
    yield Part(f"*{' · '.join([*known, *_variant(message, shown)])}*")
    thoughts = message.extra.get("reasoning")
    if reasoning and isinstance(thoughts, str) and thoughts:
        yield Part("\n".join(f"> {line}".rstrip() for line in thoughts.splitlines()))
    if message.files or _others(message):
        yield Part("\n".join([*_files(message), *_others(message)]), markdown=False)
    if message.text:
        yield Part(fenced(message.text)) if message.role == "tool" else Part(message.text, markdown=answered)
    refusal = message.extra.get("refusal")
    if isinstance(refusal, str) and refusal:
        yield Part(f"Refused: {refusal}", markdown=False)
    for call in _calls(message):
        yield Part(call, markdown=False)


def _variant(message: Message, shown: Shown) -> list[str]:
    beside = shown.siblings.get(message.parent, [message.id])
    if len(beside) < 2:
        return []
    said = [f"variant {list(beside).index(message.id) + 1} of {len(beside)}"]
    return [*said, "not in view"] if message.id not in shown.in_view else said


def _files(message: Message) -> list[str]:
    return [f"[file: {one_line(file.name)}, {file.mime}, {size(file.size)}]" for file in message.files]


def _others(message: Message) -> list[str]:
    """The parts of a content in parts that are no text."""
    content = message.extra.get("content")
    parts = content if isinstance(content, list) else []
    return [f"[{part.get('type')}]" for part in parts if isinstance(part, Mapping) and part.get("type") != "text"]


def _calls(message: Message) -> list[str]:
    """The calls of tools, as a program would write them."""
    calls: Any = message.extra.get("tool_calls")
    found = []
    for call in calls if isinstance(calls, list) else []:
        body = (call.get("function") or call.get("custom")) if isinstance(call, Mapping) else None
        if isinstance(body, Mapping):
            found.append(f"→ {body.get('name')}({body.get('arguments', body.get('input', ''))})")
    return found


def _ordered(messages: Sequence[Message], siblings: Mapping[int | None, Sequence[int]]) -> list[Message]:
    """Each message, then what follows it, variant after variant."""
    by_id = {message.id: message for message in messages}
    waiting = list(reversed(siblings.get(None, [])))
    ordered = []
    while waiting:
        number = waiting.pop()
        ordered.append(by_id[number])
        waiting += reversed(siblings.get(number, []))
    return ordered
