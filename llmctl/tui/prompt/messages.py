"""What the prompt tells the app. Handlers are named on_prompt_submitted and so on."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message

from llmctl.tui.prompt.draft import Draft


@dataclass
class Submitted(Message, namespace="prompt"):
    """The draft is to be sent. Set `draft` again if that is refused."""

    draft: Draft


@dataclass
class Queued(Message, namespace="prompt"):
    """The draft waits for the end of the answer; `pop_queued` gives it then."""

    draft: Draft


@dataclass
class Command(Message, namespace="prompt"):
    """A slash command, known or not."""

    name: str
    rest: str


@dataclass
class Changed(Message, namespace="prompt"):
    """The draft has changed, some `save_delay` ago."""

    draft: Draft


@dataclass
class Problem(Message, namespace="prompt"):
    """Something could not be attached or edited."""

    message: str
    hint: str | None = None
