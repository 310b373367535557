"""The prompt of the chat: the editor with its suggestions, files and queued messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

from textual import on
from textual.app import ComposeResult, SuspendNotSupported
from textual.events import DescendantBlur
from textual.message import Message
from textual.reactive import reactive
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import OptionList, TextArea

from llmctl.core.media import Attachment
from llmctl.errors import LlmctlError
from llmctl.tui.prompt import messages
from llmctl.tui.prompt.chips import Chips
from llmctl.tui.prompt.completion import Completion
from llmctl.tui.prompt.draft import Draft, SlashCommand, clipped, command_in, end_of, unescaped
from llmctl.tui.prompt.editor import Editor
from llmctl.tui.prompt.files import dropped, read_file
from llmctl.tui.prompt.history import History
from llmctl.tui.prompt.paste import cleaned, is_big, last_number, paste_file
from llmctl.tui.prompt.suggestions import Suggestions
from llmctl.tui.prompt.waiting import Waiting

IDLE_TEXT = "Ask anything · / commands · @ files"
BUSY_TEXT = "Enter queues the next message"


class Prompt(Widget):
    """What is typed is kept until it is sent, queued or obeyed."""

    DEFAULT_CSS = """
    Prompt { height: auto; layout: vertical; }
    """

    busy: reactive[bool] = reactive(False)
    """Whether an answer is being written: Enter then queues."""

    Submitted = messages.Submitted
    Queued = messages.Queued
    Command = messages.Command
    Changed = messages.Changed
    Problem = messages.Problem

    def __init__(
        self,
        *,
        commands: Sequence[SlashCommand] = (),
        history: Sequence[str] = (),
        edit: Callable[[str], str | None] | None = None,
        folder: Path | None = None,
        **kw: Any,
    ) -> None:
        super().__init__(**kw)
        self.save_delay = 0.3
        self._folder = folder or Path()
        self._edit = edit
        self._history = History(history)
        self._sent = Draft()
        self._pastes = 0
        self._timer: Timer | None = None
        self._unsaved = False
        self._editor = Editor(self)
        self._editor.placeholder = IDLE_TEXT
        self._chips = Chips()
        self._waiting = Waiting()
        self._suggestions = Suggestions(self._editor)
        self._completion = Completion(self._editor, self._suggestions, self._folder, self._attach_path)
        self._completion.commands = commands

    def compose(self) -> ComposeResult:
        yield self._suggestions
        yield self._waiting
        yield self._chips
        yield self._editor

    # What the app uses

    @property
    def draft(self) -> Draft:
        """What stands in the prompt."""
        return Draft(self._editor.text, self._editor.cursor_location, self._chips.files)

    @draft.setter
    def draft(self, draft: Draft) -> None:
        self._history.restart()
        if draft == unescaped(self._sent):  # it was refused; with one slash, it would be a command now
            draft = self._sent
        self._put(draft)

    @property
    def commands(self) -> Sequence[SlashCommand]:
        """The commands that are suggested."""
        return self._completion.commands

    @commands.setter
    def commands(self, commands: Sequence[SlashCommand]) -> None:
        self._completion.commands = commands

    @property
    def history(self) -> Sequence[str]:
        """Earlier prompts, oldest first."""
        return self._history.entries

    @history.setter
    def history(self, entries: Sequence[str]) -> None:
        self._history.entries = entries

    def remember(self, text: str) -> None:
        """Make this the newest of the earlier prompts. What is sent from here is remembered without it."""
        self._history.remember(text)

    @property
    def queued(self) -> Sequence[str]:
        """The texts that wait, next one first."""
        return tuple(draft.text for draft in self._waiting.drafts)

    def pop_queued(self) -> Draft | None:
        """Take the next one from the queue."""
        draft = self._waiting.take(0)
        return unescaped(draft) if draft else None

    def wait(self, draft: Draft) -> None:
        """Put a message at the end of the queue."""
        self._waiting.add(draft)

    def insert(self, text: str) -> None:
        """Put text at the cursor, in the place of what is selected."""
        self._editor.replace(text, *self._editor.selection, maintain_selection_offset=False)

    def clear(self) -> None:
        """Empty the prompt; the queue stays."""
        self.draft = Draft()

    def focus(self, scroll_visible: bool = True) -> Self:
        self._editor.focus(scroll_visible)
        return self

    # What the editor asks for

    def send(self) -> None:
        """Submit, queue or obey what stands here."""
        draft = self.draft
        if draft.empty:
            return
        command = command_in(draft.text)
        unsent = self._history.draft()
        self._history.remember(draft.text)
        text, cursor = unsent or ("", (0, 0))
        self._put(Draft(text, cursor, draft.files if command else ()))
        if command:
            self.post_message(self.Command(*command))
            return
        if self.busy:
            self._waiting.add(draft)
            self.post_message(self.Queued(unescaped(draft)))
        else:
            self._sent = draft
            self.post_message(self.Submitted(unescaped(draft)))

    def edited(self, typed: bool) -> None:
        """The text is another one; a change that wasn't typed opens no list."""
        if typed:
            self._completion.follow(typed=True)
        else:
            self._completion.close()
        self._say_soon()

    def pasted(self, text: str) -> str:
        """What of a paste belongs into the text: nothing, if it becomes a file or consists of files."""
        paths = dropped(text)
        if paths:
            for path in paths:
                self._attach_path(path)
            return ""
        text = cleaned(text)
        if not is_big(text) or not text.strip():
            return text
        self._pastes = max(self._pastes, last_number(self._chips.files))
        try:
            self._chips.add(paste_file(text, self._pastes))
        except LlmctlError as error:
            self._complain(error)
            return text
        self._pastes += 1
        return ""

    def browse(self, step: int) -> bool:
        """Go to an earlier or later prompt; the files stay."""
        draft = self.draft
        if step < 0 and draft.empty and self._waiting.drafts:
            return self.unqueue()
        line = self._history.step(step, (draft.text, draft.cursor))
        if line is not None:
            self._editor.put(*line)
        return line is not None

    def unqueue(self) -> bool:
        """Take the last queued message back for editing, before what stands here."""
        queued, draft = self._waiting.take(-1), self.draft
        if queued is None:
            return False
        text = f"{queued.text}\n{draft.text}" if draft.text else queued.text
        self.draft = Draft(text, end_of(queued.text), queued.files + draft.files)
        return True

    def drop_file(self) -> bool:
        """Remove the last chip."""
        return self._chips.drop(-1)

    def move_suggestion(self, step: int) -> bool:
        """Mark another suggestion."""
        return self._completion.move(step)

    def take_suggestion(self, entered: bool) -> bool:
        """Put the marked suggestion into the text."""
        return self._completion.take(entered)

    def close_suggestions(self) -> bool:
        """Hide the list."""
        return self._completion.dismiss()

    def edit_outside(self) -> None:
        """Change the text in the user's own editor."""
        if self._edit is None:
            return
        before = self._editor.text
        after: str | None = None
        problem: LlmctlError | None = None
        try:
            with self.app.suspend():
                try:
                    after = self._edit(before)
                except LlmctlError as error:  # out here, the screen would not come back
                    problem = error
        except SuspendNotSupported:
            self.post_message(self.Problem("the editor can't be opened here", "it needs the whole terminal"))
        if problem:
            self._complain(problem)
        if after is not None:
            after = cleaned(after).rstrip("\n")
            self._editor.put(after, end_of(after))

    # What happens here

    def watch_busy(self, busy: bool) -> None:
        self._editor.placeholder = BUSY_TEXT if busy else IDLE_TEXT

    @on(OptionList.OptionSelected)
    def _clicked_suggestion(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._completion.take(entered=False)
        self.focus()

    @on(OptionList.OptionHighlighted)
    @on(TextArea.Changed)
    def _keep(self, event: Message) -> None:
        """Nobody outside knows of these widgets."""
        event.stop()

    @on(TextArea.SelectionChanged)
    def _cursor_moved(self, event: TextArea.SelectionChanged) -> None:
        event.stop()
        self._completion.follow(typed=False)

    @on(Chips.Changed)
    def _files_changed(self, event: Chips.Changed) -> None:
        event.stop()
        self._say_soon()

    @on(DescendantBlur)
    def _left(self) -> None:
        self._completion.close()
        self._say_changed()

    def on_click(self) -> None:
        self.focus()

    def on_resize(self) -> None:
        self._suggestions.place()

    def _put(self, draft: Draft) -> None:
        self._chips.files = draft.files
        self._editor.put(draft.text, clipped(draft.text, draft.cursor))

    def _attach_path(self, path: str) -> Attachment | None:
        try:
            item = read_file(path, self._folder)
        except LlmctlError as error:
            self._complain(error)
            return None
        self._chips.add(item)
        return item

    def _complain(self, error: LlmctlError) -> None:
        self.post_message(self.Problem(error.message, error.hint))

    def _say_soon(self) -> None:
        """Tell of a change, once for all that come within the delay."""
        if self._unsaved or not self.is_attached:
            return
        self._unsaved = True
        if self.save_delay:
            self._timer = self.set_timer(self.save_delay, self._say_changed)
        else:
            self.call_later(self._say_changed)

    def _say_changed(self) -> None:
        if self._timer:
            self._timer.stop()
        if self._unsaved:
            self._unsaved = False
            self.post_message(self.Changed(self.draft))
