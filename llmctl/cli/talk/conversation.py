"""A conversation: what was said, what is asked next, and what it took."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from llmctl.cli.chat.ask import Ask
from llmctl.cli.chat.render import choose_renderer
from llmctl.cli.chat.report import say_usage, verdict
from llmctl.cli.talk.keeping import Keeping
from llmctl.core.media import content
from llmctl.errors import LlmctlError
from llmctl.store.messages import BROKEN_MARK, STOPPED_MARK, portable_fields, spoken

if TYPE_CHECKING:
    from llmctl.cli.account import Account
    from llmctl.cli.chat.options import ChatOptions
    from llmctl.cli.chat.resume import Past
    from llmctl.cli.chat.toolbox import Toolbox
    from llmctl.cli.session import Session
    from llmctl.core.events import Usage
    from llmctl.core.media import Attachment

Message = dict[str, Any]


@dataclass
class Totals:
    """What the answers so far took. A count is None as soon as one answer did not tell it."""

    answers: int = 0
    prompt_tokens: int | None = 0
    completion_tokens: int | None = 0
    cost: float | None = 0.0

    def add(self, usage: Usage | None, cost: float | None) -> None:
        self.answers += 1
        self.prompt_tokens = _sum(self.prompt_tokens, usage.prompt_tokens if usage else None)
        self.completion_tokens = _sum(self.completion_tokens, usage.completion_tokens if usage else None)
        self.cost = None if self.cost is None or cost is None else self.cost + cost


@dataclass
class Conversation:
    """`messages` are without the system prompt, which may change at any time. `files` go with the next message."""

    session: Session
    options: ChatOptions
    toolbox: Toolbox
    account: Account
    params: dict[str, Any]
    system: str | None = None
    messages: list[Message] = field(default_factory=list)
    files: list[Attachment] = field(default_factory=list)
    totals: Totals = field(default_factory=Totals)
    unanswered: str = ""
    """The text of a message that was taken back as it got no answer, to be typed on."""
    kept: bool = False
    """Whether a part of the answer that failed last stays in the conversation."""
    _typed: tuple[str, list[Attachment]] = ("", [])
    _replaced: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._keeping = Keeping(self.account.recorder)

    @property
    def last_question(self) -> int | None:
        """The place of the last message of the user."""
        places = [at for at, message in enumerate(self.messages) if message["role"] == "user"]
        return places[-1] if places else None

    @property
    def last_answer(self) -> str:
        """The text of the last answer, without the mark of a partial one."""
        for message in reversed(self.messages):
            if message["role"] == "assistant" and message.get("content"):
                return spoken(message["content"]).removesuffix(STOPPED_MARK).removesuffix(BROKEN_MARK).rstrip()
        return ""

    def go_on(self, past: Past) -> None:
        """Go on with a conversation that was kept."""
        self.account.recorder.go_on(past.conversation.id, past.head)
        self.messages = past.messages(self.session.target.profile)
        self._keeping = Keeping(self.account.recorder, past.question)

    def say(self, text: str) -> None:
        """Put a message of the user, with the files that wait for it, at the end."""
        self._keeping.next()
        self._put(text)

    def _put(self, text: str) -> None:
        self._typed, self._replaced = (text, self.files), []
        self.messages.append({"role": "user", "content": content(text, self.files)})
        self.files = []

    def say_again(self, place: int, text: str | None = None) -> None:
        """Go back to the message at this place, to be asked once more; with `text`, say this in its stead."""
        gone = self.messages[place:]
        del self.messages[place:]
        if gone:
            self._keeping.again(changed=text is not None)
        else:
            self._keeping.next()
        if text is None:
            self.messages.append(gone[0])
            self._typed = ("", [])
        else:
            self._put(text)
        self._replaced = gone

    def retract(self) -> None:
        """Take the last message back: its text is to be typed on, its files wait; what it replaced returns."""
        text, files = self._typed
        self._keeping.undo()
        self.messages[-1:] = self._replaced
        self.unanswered, self.files = text, [*files, *self.files]

    def whole(self) -> list[Message]:
        """All messages as they are sent."""
        return [*([{"role": "system", "content": self.system}] if self.system else []), *self.messages]

    def ask(self) -> None:
        """Ask for the answer to the last message and show it.

        Whatever has come stays in the conversation, also when the answer is stopped (Interrupted) or breaks.
        A message that got no answer at all is taken back. Raises LlmctlError.
        """
        session = self.session
        renderer = choose_renderer(self.options, session.streams)
        ask = Ask(session, self.toolbox, renderer, self.account, self.options.no_stream)
        self._keeping.asked(
            lambda: self.account.recorder.question(session.target, *self._typed, self.system, self.params)
        )
        before = len(self.whole())
        try:
            loop = ask.run(self.whole(), self.params, self.options.rounds)
        except LlmctlError as error:
            self._keep_partial(ask, before, error)
            raise
        assert loop.stream is not None
        self.messages = loop.messages[1 if self.system else 0 :]
        renderer.finish(ask)
        self.totals.add(loop.usage, ask.cost)
        if self.options.usage:
            say_usage(ask)
        verdict(loop.stream.answer, False, session)

    def clear(self) -> None:
        """Begin anew; model, system prompt and parameters stay."""
        self.messages, self.files = [], []
        self._keeping.anew()

    def _keep_partial(self, ask: Ask, before: int, error: LlmctlError) -> None:
        """What came before the error: finished rounds of tools, and the part of the answer with its mark."""
        loop = ask.loop
        said = loop.messages[before:] if loop else []
        partial = loop.stream.answer.content if loop and loop.stream and not loop.stream.answer.complete else ""
        if partial:
            mark = STOPPED_MARK if error.exit_code == 130 else BROKEN_MARK
            said = [*said, {"role": "assistant", "content": f"{partial}\n\n{mark}"}]
        if said:
            self.messages += said
        else:
            self.retract()
        self.kept = bool(said)

    def portable(self) -> None:
        """Leave out what only the provider so far understands, before another one is asked."""
        self.messages = [
            {"role": role, "content": message.get("content"), **portable_fields(role, message)}
            for message in self.messages
            for role in [message["role"]]
        ]

    def trim(self) -> int:
        """Leave out the oldest question with its answer; how many messages that were."""
        later = [at for at, message in enumerate(self.messages) if message["role"] == "user" and at > 0]
        if not later:
            return 0
        del self.messages[: later[0]]
        return later[0]


def _sum(total: int | None, count: int | None) -> int | None:
    return None if total is None or count is None else total + count
