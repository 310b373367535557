"""`llmctl logs show`."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmctl.cli.history import store_to_read
from llmctl.cli.logs.chosen import chosen
from llmctl.cli.logs.costs import Costs
from llmctl.cli.logs.list import describe
from llmctl.cli.logs.transcript import Part, Shown, as_markdown, load, transcript
from llmctl.cli.logs.words import STATES, iso, out_json, out_text
from llmctl.cli.options import command
from llmctl.cli.pager import paged
from llmctl.cli.streams import Streams, harmless
from llmctl.errors import UsageError

if TYPE_CHECKING:
    from llmctl.store.ledger import Request
    from llmctl.store.messages import Message

EXAMPLES = """
llmctl logs show
llmctl logs show 3fa81c --reasoning
llmctl logs show --answer | wc -w
llmctl logs show 3fa81c --json | jq -r '.messages[-1].text'
"""


@dataclass(frozen=True)
class ShowOptions:
    """Options of `llmctl logs show`."""

    conversation: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="The beginning of its id; without one, the last.")
    ] = None
    everything: Annotated[bool, typer.Option("--all", help="All variants, not only the branch in view.")] = False
    answer: Annotated[bool, typer.Option("--answer", help="Only the text of the last answer.")] = False
    reasoning: Annotated[bool, typer.Option("--reasoning", help="Also what the models reasoned.")] = False
    plain: Annotated[bool, typer.Option("--plain", help="No Markdown rendering on a terminal.")] = False
    json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False


def run(options: ShowOptions, streams: Streams) -> None:
    """Print a conversation, on a terminal rendered, into a pipe as Markdown.

    Under each answer's heading stands what is known of it: when, tokens, cost, speed, and whether it
    was stopped or broke off.
    """
    if options.json and options.answer:
        raise UsageError("--json and --answer exclude each other")
    with store_to_read(streams) as store, store.snapshot():
        conversation = chosen(store, options.conversation)
        if options.answer:
            _answer(store.messages.path(conversation.head), streams)
            return
        spent = Costs(store, streams).look_up(store.ledger.of_conversation(conversation.id))
        shown = load(store, conversation, spent, options.everything)
        if options.json:
            out_json(streams, _described(shown))
            return
    if not streams.terminal or options.plain or not streams.coloured_output:
        with paged(streams):
            out_text(streams, as_markdown(shown, options.reasoning).rstrip("\n"))
        return
    with paged(streams):
        render_parts(transcript(shown, options.reasoning), streams)


def render_parts(parts: Iterable[Part], streams: Streams) -> None:
    """On a terminal that shows colours, with a blank line between two parts."""
    from llmctl.cli.chat.markdown import WIDEST, render

    columns = min(shutil.get_terminal_size().columns, WIDEST)
    for at, part in enumerate(parts):
        text = harmless(part.text).rstrip()
        lines = render(text, columns, streams.settings.theme) if part.markdown else [text]
        streams.out("\n".join([*([""] if at else []), *lines]))


def _answer(path: list[Message], streams: Streams) -> None:
    answers = [message for message in path if message.role == "assistant" and message.text]
    if not answers:
        raise UsageError("this conversation has no answer yet")
    last = answers[-1]
    out_text(streams, last.text.removesuffix("\n"))
    if last.partial:
        streams.warn(f"this answer is not whole: {STATES.get(last.state, last.state)}")


def _described(shown: Shown) -> dict[str, Any]:
    conversation = shown.conversation
    about = describe(conversation, shown.spent)
    about.pop("messages")  # a number there
    return {
        **about,
        "system": conversation.system,
        "params": dict(conversation.params),
        "head": conversation.head,
        "messages": [describe_message(message, shown.requests.get(message.id)) for message in shown.messages],
    }


def describe_message(message: Message, request: Request | None) -> dict[str, Any]:
    """A message as JSON, with what its request took. What is unknown is null."""
    files = [
        {"name": file.name, "mime": file.mime, "size": file.size, "sha256": file.hash} for file in message.files
    ]
    counts = ("prompt_tokens", "completion_tokens", "cached_tokens", "cache_write_tokens", "reasoning_tokens")
    return {
        "id": message.id,
        "parent": message.parent,
        "role": message.role,
        "text": message.text,
        "state": message.state,
        "profile": message.profile,
        "model": message.model,
        "created": iso(message.created),
        "files": files,
        "extra": dict(message.extra),
        "usage": {name: getattr(request, name) for name in counts} if request else None,
        "cost": request.cost if request else None,
        "cost_by": request.cost_by if request else None,
        "timing": {
            "first_token_ms": request.first_token_ms,
            "total_ms": request.total_ms,
            "tokens_per_second": request.tokens_per_second,
        }
        if request
        else None,
    }


app = command(ShowOptions, run, EXAMPLES)
