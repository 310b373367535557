"""Two answers to one question, side by side; the new one streams in. Both are kept as variants."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from llmctl.cli.budget import Guard
from llmctl.core.events import Event, Reasoning, Refusal, Text
from llmctl.errors import Interrupted, LlmctlError
from llmctl.tui.answering import Answering
from llmctl.tui.entries import Branch, entries
from llmctl.tui.talk import Talk
from llmctl.tui.transcript import Entry, TextPart, Transcript

if TYPE_CHECKING:
    from llmctl.store.messages import Message
    from llmctl.tui.desk import Choice
    from llmctl.tui.screens.chat import ChatScreen

NARROW = 80


class CompareScreen(ModalScreen[int | None]):
    """Gives the id of the message to go on with: of the left answer, or of the right one."""

    DEFAULT_CSS = """
    CompareScreen { background: $background; }
    CompareScreen #columns { layout: horizontal; height: 1fr; }
    CompareScreen.narrow #columns { layout: vertical; }
    CompareScreen #columns > Vertical { width: 1fr; height: 1fr; border: round $panel; }
    CompareScreen #columns > Vertical:focus-within { border: round $primary; }
    CompareScreen .hint { height: 1; background: $panel; color: $text-muted; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "keep(0)", "Go on with the left one", id="compare.left"),
        Binding("2", "keep(1)", "Go on with the right one", id="compare.right"),
        Binding("escape", "leave", "Stop, then close", id="compare.leave"),
    ]
    HELP = "Both answers are kept. 1 goes on with the left one, 2 with the right one; Esc stops, then closes."

    def __init__(self, chat: ChatScreen, question: Message, choice: Choice) -> None:
        super().__init__()
        self._chat = chat
        self._question = question
        self._choice = choice
        self._left, self._right = Transcript(), Transcript()
        self._answering: Answering | None = None
        self._stopped = False
        self.busy = True
        self._heads: list[int | None] = [chat.talk.head, None]

    def compose(self) -> ComposeResult:
        with Container(id="columns"):
            with Vertical():
                yield self._left
            with Vertical():
                yield self._right
        yield Static("1 keeps the left · 2 the right · Tab changes sides · Esc stops, closes", classes="hint")

    def on_mount(self) -> None:
        branch = self._chat.talk.branch
        at = next(place for place, message in enumerate(branch.path) if message.id == self._question.id)
        self._left.set_entries(entries(Branch(branch.path[at:], branch.requests, branch.siblings)))
        self._left.focus()
        self.on_resize()
        self.run_worker(self._work(), group="compare")

    def on_resize(self) -> None:
        self.set_class(self.size.width < NARROW, "narrow")

    async def _work(self) -> None:
        try:
            await self._ask()
        except LlmctlError as error:
            self._chat.tell(error)
        finally:
            self.busy = False

    async def _ask(self) -> None:
        chat = self._chat
        self._right.add(Entry("asked", "user", [TextPart(self._question.text)], "You"))
        self._right.begin(Entry("live", "assistant", [], self._choice.label, "waiting"))
        talk = Talk(chat.app.archive, chat.desk.price)
        talk.conversation = chat.talk.conversation
        talk.recorder.go_on(talk.id, self._question.id)
        try:
            session = chat.desk.session_with(self._choice)
            guard = Guard(session, chat.desk.options.max_cost)
            async with chat.desk.client_of(session) as client:
                self._answering = Answering(talk, client, (), lambda call, tool: False)
                if self._stopped:
                    self._answering.stop()
                error = await self._answering.run(self._show, lambda loop: guard.check(loop.messages))
        except LlmctlError as refused:
            error = refused
        self._answering = None
        state = "complete" if error is None else "stopped" if isinstance(error, Interrupted) else "broken"
        self._right.finish(state)
        if error and not isinstance(error, Interrupted):
            self._right.add(Entry("problem", "error", [TextPart(error.message)]))
        if talk.recorder.head != self._question.id:
            self._heads[1] = talk.recorder.head
            await talk.reload()
            self._right.set_entries(entries(talk.branch)[-2:])

    def _show(self, event: Event) -> None:
        match event:
            case Text(text=text, index=0) | Refusal(text=text, index=0):
                self._right.append(text)
            case Reasoning(text=text, index=0):
                self._right.append(text, reasoning=True)

    def stop(self) -> None:
        """Stop the answer that is coming."""
        self._stopped = True
        if self._answering:
            self._answering.stop()

    def action_keep(self, side: int) -> None:
        """Go on with one of them."""
        if self.busy:
            self._chat.desk.streams.note("the answer is still coming; Esc stops it")
        elif self._heads[side] is None:
            self._chat.desk.streams.note("there is no answer on this side")
        else:
            self.dismiss(self._heads[side])

    def action_leave(self) -> None:
        """Stop what comes; then leave, with the left one in view."""
        if self.busy:
            self.stop()
        else:
            self.dismiss(self._heads[0])
