"""`llmctl logs replay`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmctl.cli.history import store_to_read
from llmctl.cli.logs.chosen import chosen
from llmctl.cli.logs.costs import Costs
from llmctl.cli.logs.words import iso, out_json
from llmctl.cli.options import TargetOptions, command
from llmctl.cli.session import Session, open_session
from llmctl.cli.streams import Streams
from llmctl.errors import UsageError

if TYPE_CHECKING:
    from llmctl.cli.chat.ask import Ask
    from llmctl.core.media import Attachment
    from llmctl.store.conversations import Conversation
    from llmctl.store.ledger import Request
    from llmctl.store.messages import Message

EXAMPLES = """
llmctl logs replay 3fa81c -p groq
llmctl logs replay 3fa81c -p local -m llama3.2 --json | jq -r .replay.content
"""


@dataclass(frozen=True, kw_only=True)
class ReplayOptions(TargetOptions):
    """Options of `llmctl logs replay`."""

    conversation: Annotated[str, typer.Argument(metavar="ID", help="The beginning of the conversation's id.")]
    json: Annotated[bool, typer.Option("--json", help="Print a JSON object: original and replay.")] = False


@dataclass(frozen=True)
class Original:
    """A conversation's last question with all that stands before it, and the answer that it got, if it got one."""

    conversation: Conversation
    said: Sequence[tuple[Message, Sequence[Attachment]]]
    answer: Message | None
    request: Request | None

    def messages(self, profile: str) -> list[dict[str, Any]]:
        """As they are sent to this profile."""
        system = self.conversation.system
        first = [{"role": "system", "content": system}] if system else []
        return [*first, *(message.wire(files, message.profile != profile) for message, files in self.said)]


def run(options: ReplayOptions, streams: Streams) -> None:
    """Ask another model a conversation's last question once more, and show both answers.

    Everything that was said before goes along, with the system prompt and the parameters. The new
    answer is kept as a variant in the same conversation, out of view (llmctl logs show ID --all).
    """
    original = _read(options.conversation, streams)
    session = open_session(options, streams)
    ask = _ask(original, session)
    from llmctl.cli.chat.report import answer_object, verdict

    if options.json:
        out_json(streams, {"original": _described(original), "replay": answer_object(ask)})
    else:
        from llmctl.cli.logs.sides import show_sides

        show_sides([*_sides(original), _side_of(ask)], streams)
    assert ask.stream
    verdict(ask.stream.answer, False, session)


def _read(prefix: str, streams: Streams) -> Original:
    """Raises UsageError and StoreFailed."""
    with store_to_read(streams) as store, store.snapshot():
        conversation = chosen(store, prefix)
        path = store.messages.path(conversation.head)
        asked = [at for at, message in enumerate(path) if message.role == "user"]
        if not asked:
            raise UsageError("nothing was asked in this conversation")
        said, rest = path[: asked[-1] + 1], [each for each in path[asked[-1] + 1 :] if each.role == "assistant"]
        requests = list(store.ledger.of_messages([each.id for each in rest]).values())
        together = _together(Costs(store, streams).look_up(requests))
        loaded = [(message, [store.messages.load(file) for file in message.files]) for message in said]
    return Original(conversation, loaded, rest[-1] if rest else None, together)


def _together(requests: Sequence[Request]) -> Request | None:
    """The rounds of one answer as one request. A count that one of them leaves out is unknown."""
    if len(requests) < 2:
        return requests[0] if requests else None
    names = ("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens", "total_ms", "cost")
    sums: dict[str, Any] = {}
    for name in names:
        values = [getattr(request, name) for request in requests]
        sums[name] = None if None in values else sum(values)
    return replace(requests[-1], **sums)


def _ask(original: Original, session: Session) -> Ask:
    """Ask, and keep the answer beside the original one, which stays in view. Raises what the client raises."""
    from llmctl.cli.account import open_account
    from llmctl.cli.chat.approval import Approval
    from llmctl.cli.chat.ask import Ask
    from llmctl.cli.chat.options import ChatOptions
    from llmctl.cli.chat.render import NoWriter, TextRenderer
    from llmctl.cli.chat.toolbox import Toolbox

    streams = session.streams
    account = open_account(session, "replay", wants_cost=True)
    account.recorder.in_view = original.answer is None
    account.recorder.go_on(original.conversation.id, original.said[-1][0].id)
    renderer = TextRenderer(streams, ChatOptions(), NoWriter())
    ask = Ask(session, Toolbox(streams, Approval(streams, False, ())), renderer, account)
    params = {name: value for name, value in original.conversation.params.items() if name != "n"}
    try:
        ask.run(original.messages(session.target.profile), params)
        renderer.wait()
    finally:
        account.recorder.close()
    return ask


def _described(original: Original) -> dict[str, Any] | None:
    """The original answer, by the names of the object of `llmctl chat --json`."""
    message = original.answer
    if message is None:
        return None
    from llmctl.cli.logs.show import describe_message

    told = describe_message(message, original.request)
    return {
        "content": message.text,
        "reasoning": message.extra.get("reasoning"),
        "refusal": message.extra.get("refusal"),
        "tool_calls": message.extra.get("tool_calls", []),
        **{name: told[name] for name in ("usage", "cost", "model", "profile", "state", "timing")},
        "conversation": original.conversation.id,
        "created": iso(message.created),
    }


def _sides(original: Original) -> list[Any]:
    from llmctl.cli.logs.sides import side

    return [side(original.answer, original.request)] if original.answer else []


def _side_of(ask: Ask) -> Any:
    from llmctl.cli.logs.sides import side
    from llmctl.store.messages import from_wire

    assert ask.stream
    target = ask.session.target
    said = from_wire(ask.stream.answer.first.as_message())
    message = replace(said, profile=target.profile, model=target.model or "", created=time.time())
    return side(message, _together(ask.requests))


app = command(ReplayOptions, run, EXAMPLES)
