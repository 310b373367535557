"""Conversations that go on: -c and --continue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from llmctl.cli.chat.options import ChatOptions
from llmctl.cli.history import store_to_read
from llmctl.cli.streams import Streams
from llmctl.config.aliases import read_aliases
from llmctl.config.configfile import load_config
from llmctl.config.paths import config_file
from llmctl.config.profile import RESERVED
from llmctl.errors import UsageError

if TYPE_CHECKING:
    from llmctl.core.media import Attachment
    from llmctl.store.conversations import Conversation
    from llmctl.store.messages import Message
    from llmctl.store.store import Store


@dataclass(frozen=True)
class Past:
    """A kept conversation, and the branch in view with the files of each message."""

    conversation: Conversation
    said: Sequence[tuple[Message, list[Attachment]]]

    @property
    def head(self) -> int | None:
        """The message that the next one follows."""
        return self.said[-1][0].id if self.said else None

    @property
    def question(self) -> Message | None:
        """The last message of the user."""
        return next((message for message, _ in reversed(self.said) if message.role == "user"), None)

    def messages(self, profile: str) -> list[dict[str, Any]]:
        """As they are sent to this profile."""
        return [message.wire(files, message.profile != profile) for message, files in self.said]


def find_past(options: ChatOptions, streams: Streams) -> Past | None:
    """What -c or --continue names. Raises UsageError and StoreFailed."""
    named = options.continued is not None
    if named and options.last:
        raise UsageError("-c and --continue exclude each other")
    if not named and not options.last:
        return None
    with store_to_read(streams) as store, store.snapshot():
        conversations = store.conversations
        found = (
            conversations.find(options.continued or "")
            if named
            else conversations.last(answered=True) or conversations.last()
        )
        if found is None:
            raise UsageError("there is no conversation to go on with", hint='begin one: llmctl chat "PROMPT"')
        return load_past(store, found)


def load_past(store: Store, conversation: Conversation) -> Past:
    """The branch in view, without a question at its end that got no answer: the next one stands in its place."""
    path = store.messages.path(conversation.head)
    while path and not _answered(path):
        path.pop()
    return Past(conversation, [(each, [store.messages.load(ref) for ref in each.files]) for each in path])


def _answered(path: Sequence[Message]) -> bool:
    """Whether a question may follow: calls of tools that have no result are refused by every provider."""
    calls: set[Any] = set()
    results: set[Any] = set()
    for message in reversed(path):
        if message.role != "tool":
            calls = {call.get("id") for call in message.extra.get("tool_calls") or ()}
            return message.role == "assistant" and calls == results
        results.add(message.extra.get("tool_call_id"))
    return False


def as_before(options: ChatOptions, past: Past, streams: Streams) -> ChatOptions:
    """The options with the conversation's profile and model, where they name none."""
    profile, model = past.conversation.profile, past.conversation.model
    config = load_config(config_file(streams.env))
    known = (*config.names, *RESERVED)
    asked = read_aliases(config).get(options.model, options.model) if options.model else ""
    if options.profile or not profile or ("/" in asked and asked.partition("/")[0] in known):
        return options
    if profile not in known:
        streams.note(f"the profile {profile} that this conversation was with is gone; asking the current one")
        return options
    if not options.model and model:  # both at once: a model may be called like an alias
        return replace(options, model=f"{profile}/{model}")
    return replace(options, profile=profile)
