"""The text area: what its keys do, apart from what concerns the whole prompt."""

from __future__ import annotations

from typing import ClassVar, Protocol

from textual.actions import SkipAction
from textual.binding import Binding, BindingType
from textual.events import Key, Paste
from textual.geometry import Size
from textual.widgets import TextArea

from llmctl.tui.prompt.draft import Cursor
from llmctl.tui.prompt.keys import know_alt_enter

LEAST_LINES = 3


class Holder(Protocol):
    """What the editor leaves to the widget around it. A bool says whether there was something to do."""

    def send(self) -> None: ...
    def edit_outside(self) -> None: ...
    def edited(self, typed: bool) -> None: ...
    def pasted(self, text: str) -> str: ...
    def browse(self, step: int) -> bool: ...
    def unqueue(self) -> bool: ...
    def drop_file(self) -> bool: ...
    def move_suggestion(self, step: int) -> bool: ...
    def take_suggestion(self, entered: bool) -> bool: ...
    def close_suggestions(self) -> bool: ...


class Editor(TextArea):
    """Grows with its text to a third of the screen. Enter sends, if it comes alone and not after a backslash."""

    DEFAULT_CSS = """
    Editor {
        height: auto;
        overflow-x: hidden;
        padding: 0 1;
        background: transparent;
        border: round $border-blurred;
        scrollbar-size: 0 1;
        scrollbar-gutter: stable;
        &:focus { border: round $border; }
        &:ansi .text-area--placeholder { color: ansi_default; text-style: dim; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "send", "Send", show=False, id="prompt.send"),
        Binding("shift+enter,alt+enter,ctrl+j", "newline", "New line", show=False, id="prompt.newline"),
        Binding("up", "cursor_up", "Up, or earlier prompts", show=False, id="prompt.up"),
        Binding("down", "cursor_down", "Down, or later prompts", show=False, id="prompt.down"),
        Binding("alt+up", "unqueue", "Edit the last queued", show=False, id="prompt.unqueue"),
        Binding("tab", "complete", "Complete", show=False, id="prompt.complete"),
        Binding("escape", "close", "Close the list", show=False, id="prompt.close"),
        Binding("ctrl+g", "edit_outside", "Editor", show=False, id="prompt.editor"),
        Binding("alt+d", "delete_word_right", "Delete word", show=False, id="prompt.delete_word"),
    ]

    def __init__(self, holder: Holder) -> None:
        super().__init__(highlight_cursor_line=False)
        self.cursor_blink = False
        self._holder = holder
        self._putting = False

    def on_mount(self) -> None:
        know_alt_enter()

    def put(self, text: str, cursor: Cursor) -> None:
        """Replace the whole text. Undo brings the old one back."""
        self._putting = True
        try:
            self.history.checkpoint()
            self.replace(text, (0, 0), self.document.end, maintain_selection_offset=False)
            self.move_cursor(cursor)
        finally:
            self._putting = False

    def take_in(self, text: str) -> None:
        """Insert a paste, or what it comes to."""
        text = self._holder.pasted(text)
        if text:
            self.replace(text, *self.selection, maintain_selection_offset=False)

    def update_suggestion(self) -> None:
        """Called at each change of the text, at once: messages about it come when more has been typed."""
        self._holder.edited(not self._putting)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many lines as the wrapped text has, up to a third of the screen."""
        return min(super().get_content_height(container, viewport, width), max(LEAST_LINES, viewport.height // 3))

    def find_matching_bracket(self, bracket: str, search_from: Cursor) -> Cursor | None:
        """None: prose has no use for it, and the search is slow in a long text."""
        return None

    async def _on_key(self, event: Key) -> None:
        """Keys that are bound act here. By way of the app, they would come after what is typed next."""
        if event.key.endswith("\r"):  # how some terminals send Enter with a modifier
            event.prevent_default().stop()
            self.action_newline()
            return
        if event.is_printable and not event.key.startswith("alt+"):
            return
        active = self.screen.active_bindings.get(event.key)
        if active is None or active.node is not self:
            if event.key != "enter":
                event.prevent_default()
            return
        event.prevent_default()
        if await self.app.run_action(active.binding.action, self):
            event.stop()

    async def _on_paste(self, event: Paste) -> None:
        event.prevent_default().stop()
        self.take_in(event.text)

    @property
    def _cursor_line(self) -> int:
        """The line of the cursor as it is wrapped."""
        return self.wrapped_document.location_to_offset(self.cursor_location).y

    def action_send(self) -> None:
        row, column = self.cursor_location
        line = self.document[row]
        if self._holder.take_suggestion(entered=True):
            return
        if line.endswith("\\") and column == len(line):
            self.replace("\n", (row, column - 1), (row, column), maintain_selection_offset=False)
        else:
            self._holder.send()

    def action_newline(self) -> None:
        self.replace("\n", *self.selection, maintain_selection_offset=False)

    def action_cursor_up(self, select: bool = False) -> None:
        """In the list, in the text, or to earlier prompts."""
        first = self._cursor_line == 0 and not select
        if select or not (self._holder.move_suggestion(-1) or (first and self._holder.browse(-1))):
            super().action_cursor_up(select)

    def action_cursor_down(self, select: bool = False) -> None:
        """In the list, in the text, or to later prompts."""
        last = self._cursor_line >= self.wrapped_document.height - 1
        if select or not (self._holder.move_suggestion(1) or (last and self._holder.browse(1))):
            super().action_cursor_down(select)

    def action_unqueue(self) -> None:
        if not self._holder.unqueue():
            raise SkipAction

    def action_complete(self) -> None:
        if not self._holder.take_suggestion(entered=False):
            raise SkipAction

    def action_close(self) -> None:
        if not self._holder.close_suggestions():
            raise SkipAction

    def action_edit_outside(self) -> None:
        self._holder.edit_outside()

    def action_paste(self) -> None:
        self.take_in(self.app.clipboard)

    def action_delete_left(self) -> None:
        """At the very start, the last file goes."""
        at_start = self.selection.is_empty and self.cursor_at_start_of_text
        if not (at_start and self._holder.drop_file()):
            super().action_delete_left()

    def action_delete_right(self) -> None:
        """Nothing to delete: the key may mean the end, as in shells."""
        if not self.text:
            raise SkipAction
        super().action_delete_right()

    def action_cursor_page_up(self) -> None:
        """Left to what is above where the whole text is seen."""
        self._skip_if_all_is_seen()
        super().action_cursor_page_up()

    def action_cursor_page_down(self) -> None:
        self._skip_if_all_is_seen()
        super().action_cursor_page_down()

    def _skip_if_all_is_seen(self) -> None:
        if self.wrapped_document.height <= self.content_size.height:
            raise SkipAction
