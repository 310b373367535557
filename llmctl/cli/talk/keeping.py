"""Where a conversation stands in the history while questions are asked, asked again, changed and taken back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmctl.store.messages import Message
    from llmctl.store.recorder import Recorder


@dataclass(frozen=True)
class _Place:
    """Rows: the last message, the last question, and what that question follows."""

    head: int | None = None
    question: int | None = None
    follows: int | None = None


class Keeping:
    """Moves a recorder along with the talk."""

    def __init__(self, recorder: Recorder, question: Message | None = None) -> None:
        """`question` is the last one of a conversation that goes on."""
        self._recorder = recorder
        place = _Place(recorder.head, question.id, question.parent) if question else _Place(recorder.head)
        self._before = self._now = place
        self._written = False

    def anew(self) -> None:
        """A new conversation."""
        self._recorder.go_on(None, None)
        self._before = self._now = _Place()

    def next(self) -> None:
        """A new question comes after everything that was said."""
        self._begin(self._recorder.head)

    def again(self, changed: bool) -> None:
        """The last question is asked once more; `changed`: another one stands in its place."""
        self._begin(self._now.follows if changed else self._now.question)
        self._written = not changed

    def asked(self, write: Callable[[], None]) -> None:
        """The question goes out; `write` writes it down, unless it is there."""
        recorder = self._recorder
        if self._written:
            return
        follows = recorder.head
        write()
        self._now, self._written = _Place(recorder.head, recorder.head, follows), True

    def undo(self) -> None:
        """The question got no answer: as before."""
        recorder = self._recorder
        if self._written and self._now.question != self._before.question:
            recorder.retract(self._before.head, self._now.question)
        elif self._written and recorder.head != self._now.question:  # thoughts came, and no answer
            recorder.retract(self._before.head)
        else:
            recorder.go_on(recorder.conversation, self._before.head)
        self._now = self._before

    def _begin(self, head: int | None) -> None:
        self._before = _Place(self._recorder.head, self._now.question, self._now.follows)
        self._recorder.go_on(self._recorder.conversation, head)
        self._written = False
