"""A widget that draws entries: only those in view are rendered, and the reader's place is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from llmctl.tui.transcript.entry import Entry, texts
from llmctl.tui.transcript.layout import Layout
from llmctl.tui.transcript.line import Line
from llmctl.tui.transcript.message import Messages
from llmctl.tui.transcript.paint import GUTTER, MARGIN, Marks, Painter
from llmctl.tui.transcript.palette import palette_of
from llmctl.tui.transcript.selected import copied, entry_selection, line_id

Actions = Callable[[Entry], Sequence[tuple[str, str]]]
WIDEST = 110
"""Cells of the longest rows: longer ones are hard to read."""
PAINTED = 600
"""Strips that stay painted."""
NEAR = 3
"""Views: a reader who moves no farther sees that many rows pass by, whatever heights had been estimated."""
ABOVE = 3
"""Rows shown above what was searched for."""


def no_actions(_: Entry) -> Sequence[tuple[str, str]]:
    return ()


class EntryView(ScrollView, can_focus=True, inherit_bindings=False):
    """Entries one below the other, to read, search and select text in."""

    DEFAULT_CSS = "EntryView { height: 1fr; overflow-x: hidden; overflow-y: scroll; scrollbar-size-vertical: 1; }"
    ALLOW_SELECT = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll_by(-1)", "Up", show=False, id="transcript.up"),
        Binding("down", "scroll_by(1)", "Down", show=False, id="transcript.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="transcript.page_up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="transcript.page_down"),
        Binding("home", "first", "Beginning", show=False, id="transcript.home"),
        Binding("end", "follow", "End", show=False, id="transcript.end"),
        Binding("k,ctrl+up", "choose(-1)", "Message before", show=False, id="transcript.previous"),
        Binding("j,ctrl+down", "choose(1)", "Next message", show=False, id="transcript.next"),
    ]

    selected: reactive[str | None] = reactive(None)
    """Key of the entry that was chosen by keyboard."""
    unseen: reactive[int] = reactive(0)
    """Rows that came below the view since the reader went back."""
    hovered: reactive[str | None] = reactive(None)
    """Key of the entry under the mouse."""

    def __init__(
        self, actions: Actions = no_actions, *, id: str | None = None, classes: str | None = None
    ) -> None:
        """`actions` tells the (name, label) pairs that apply to an entry."""
        super().__init__(id=id, classes=classes)
        self.actions = actions
        self.follow = True
        self._rows = Layout(self._render_entry)
        self._index: dict[str, int] = {}
        self._opened: dict[str, set[int]] = {}
        self._messages: Messages | None = None
        self._painter: Painter | None = None
        self._painted: dict[int, tuple[Line, Strip]] = {}
        self._unsettled = True
        self._needle: tuple[str, str] = ("", "")

    # Entries

    @property
    def entries(self) -> Sequence[Entry]:
        return tuple(slot.entry for slot in self._rows.slots)

    def entry(self, key: str) -> Entry:
        """The entry with a key; KeyError if there is none."""
        return self._rows.slots[self._index[key]].entry

    def set_entries(self, entries: Iterable[Entry]) -> None:
        """Show another conversation from its end; only what comes into view is rendered."""
        self._rows.truncate(0)
        self._index.clear()
        self._opened.clear()
        self.selected = self.hovered = None
        self._needle = ("", "")
        for entry in entries:
            self._append(entry)
        self.action_follow()

    def add(self, entry: Entry) -> None:
        """Show one entry more."""
        self._append(entry)
        self._note_growth(self._rows.slots[-1].height)
        self._unsettle()

    def rekey(self, key: str, new: str) -> None:
        """Give an entry another key; nothing is drawn."""
        if key == new:
            return
        index = self._index[new] = self._index.pop(key)
        self._rows.slots[index].entry.key = new
        if key in self._opened:
            self._opened[new] = self._opened.pop(key)
        self.selected = new if self.selected == key else self.selected
        self.hovered = new if self.hovered == key else self.hovered

    def changed(self, key: str) -> None:
        """Draw an entry again whose data are others now."""
        self._replace(self._index[key], None)

    def remove_from(self, key: str) -> None:
        """Take an entry and all below it away."""
        index = self._index[key]
        for gone in self._rows.slots[index:]:
            del self._index[gone.entry.key]
            self._opened.pop(gone.entry.key, None)
        self._rows.truncate(index)
        self._drop_selection()
        if self.selected not in self._index:
            self.selected = None
        self._unsettle()

    def _append(self, entry: Entry) -> None:
        self._index[entry.key] = len(self._rows)
        self._rows.add(entry)

    def _replace(self, index: int, lines: list[Line] | None) -> None:
        """Give an entry other rows; what is read below stays where it is."""
        self._rows.replace(index, lines)
        self._drop_selection()
        self._unsettle()

    def _drawing(self) -> Messages:
        """What draws entries; for any width while the widget has none."""
        if self._messages is None:
            self._messages = Messages(palette_of(self.app), self._rows.width)
        return self._messages

    def _render_entry(self, entry: Entry) -> list[Line]:
        return self._drawing().lines(entry, self._opened.get(entry.key, frozenset()))

    # Reading

    def show_entry(self, key: str, needle: str = "") -> None:
        """Scroll to an entry, or to the first place in it where the needle stands, which is marked from now on."""
        self._needle = (key, needle.lower())
        index = self._index[key]
        if needle:
            self._unfold_for(index, needle.lower())
        self.follow = False
        self._rows.top, self._rows.offset = index, 0
        if needle and self._messages is not None:
            lines = self._rows.lines(index)
            row = next((row for row, line in enumerate(lines) if needle.lower() in line.text.lower()), 0)
            self._rows.move(max(0, row - ABOVE))
        self._unsettle()

    def _unfold_for(self, index: int, needle: str) -> None:
        entry = self._rows.slots[index].entry
        found = {
            number
            for number, part in enumerate(entry.parts)
            if any(needle in text.lower() for text in texts(part))
        }
        self._opened.setdefault(entry.key, set()).update(found)
        self._replace(index, None)

    def action_follow(self) -> None:
        """Show the end, and what will come."""
        self.follow = True
        self.unseen = 0
        self._unsettle()

    def action_first(self) -> None:
        self._stop_following()
        self._rows.jump(0)
        self._unsettle()

    def action_scroll_by(self, rows: int) -> None:
        self._move(rows)

    def action_page(self, pages: int) -> None:
        self._move(pages * max(1, self.size.height - 2))

    def action_choose(self, step: int) -> None:
        """Choose the next entry or the one before; the last one in view is the first to be chosen."""
        if not len(self._rows) or self._messages is None:
            return
        self._settle()
        if self.selected is None:
            index = self._rows.at(max(0, self._rows.row + self.size.height - 2))[0]
        else:
            index = min(max(0, self._index[self.selected] + step), len(self._rows) - 1)
        self.selected = self._rows.slots[index].entry.key
        self._reveal(index)

    def _reveal(self, index: int) -> None:
        """Bring an entry into view, its beginning if it is too long."""
        start, view = self._rows.starts[index], self.size.height
        height = len(self._rows.lines(index))
        row = self._rows.row
        if start < row or height > view:
            self._stop_following()
            self._rows.top, self._rows.offset = index, 0
        elif start + height > row + view:
            self._rows.move(start + height - row - view)
            self.follow = index == len(self._rows) - 1
        self._unsettle()

    def _move(self, rows: int) -> None:
        """Scroll by so many rows."""
        if not len(self._rows) or self._messages is None:
            return
        self._settle()
        self._stop_following()
        self._rows.move(rows)
        self._rows.settle(self.size.height)
        self._check_end()
        self._unsettle()

    def _stop_following(self) -> None:
        self.follow = False

    def _check_end(self) -> None:
        """At the end, new text is followed."""
        self.follow = self._rows.row + self.size.height >= self._rows.starts[-1]
        if self.follow:
            self.unseen = 0

    def _note_growth(self, rows: int) -> None:
        if not self.follow and rows > 0:
            self.unseen += rows

    def scroll_to(self, x: float | None = None, y: float | None = None, **_: object) -> None:
        """Scroll without animation: heights are corrected on the way."""
        if y is not None:
            self.scroll_y = y

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """The wheel or the scroll bar moved the view."""
        super().watch_scroll_y(old_value, new_value)
        if self._messages is None or not len(self._rows):
            return
        rows = round(new_value) - round(old_value)
        if abs(rows) <= NEAR * self.size.height:
            self._move(rows)
        else:
            self._rows.jump(round(new_value))
            self._rows.settle(self.size.height)
            self._check_end()
            self._unsettle()

    # Drawing

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda _: self._restyle())

    def on_resize(self) -> None:
        if self._messages is None or self._messages.width != self._text_width:
            self._restyle()
        else:
            self._repaint()
            self._unsettle()

    def _restyle(self) -> None:
        """Take the width and the theme over."""
        if not self.size.width:
            return
        self._messages = Messages(palette_of(self.app), self._text_width)
        self._rows.redraw(self._text_width)
        self._drop_selection()
        self._repaint()
        self._unsettle()

    @property
    def _text_width(self) -> int:
        return max(1, min(WIDEST, self.size.width - GUTTER - MARGIN))

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._repaint()

    def _repaint(self) -> None:
        """Paint all again: other styles, or other marks."""
        self._painted.clear()
        self._painter = None
        self.refresh()

    def _unsettle(self) -> None:
        """Heights or the place have changed."""
        self._unsettled = True
        self.refresh()

    def _settle(self) -> None:
        """Measure what is in view; tell Textual the height of all and the place."""
        if not self._unsettled or self._messages is None:
            return
        self._unsettled = False
        if self.follow and len(self._rows):
            self._rows.to_end(self.size.height)
        self._rows.settle(self.size.height)
        height, row = self._rows.starts[-1], self._rows.row
        self.set_reactive(
            Widget.virtual_size, Size(self.size.width, height)
        )  # no layout: nothing else depends on it
        self.set_reactive(Widget.scroll_y, float(row))  # no repaint: that is under way
        self.scroll_target_y = row
        self.vertical_scrollbar.window_virtual_size = height
        self.vertical_scrollbar.position = row

    def render_lines(self, crop: Region) -> list[Strip]:
        self._settle()
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        row = self._rows.row + y
        if self._messages is None or row >= self._rows.starts[-1]:
            return Strip.blank(self.size.width, self._styles().base)
        index, row = self._rows.at(row)
        line = self._rows.lines(index)[row]
        number = line_id(index, row)
        known = self._painted.get(number)
        if known is not None and known[0] is line:
            return known[1]
        if len(self._painted) > PAINTED:
            self._painted.clear()
        strip = self._styles().strip(line, self._marks(index, row), number)
        self._painted[number] = (line, strip)
        return strip

    def _styles(self) -> Painter:
        if self._painter is None:
            palette = self._messages.palette if self._messages else palette_of(self.app)
            width = self._messages.width if self._messages else 1
            self._painter = Painter(palette, self.size.width, width, self.rich_style, self.selection_style)
        return self._painter

    def _marks(self, index: int, row: int) -> Marks:
        entry = self._rows.slots[index].entry
        marks = Marks(role=entry.role, chosen=entry.key == self.selected)
        if self._has_actions(index, row):
            marks.actions = self.actions(entry)
        selection = self.text_selection
        if selection is not None:
            marks.selection = selection.get_span(line_id(index, row))
        if self._needle[0] == entry.key:
            marks.needle = self._needle[1]
        return marks

    def _has_actions(self, index: int, row: int) -> bool:
        """In the head of the entry that is chosen or hovered; in its last row if the head is out of sight."""
        if self._rows.slots[index].entry.key not in (self.selected, self.hovered):
            return False
        above = index == self._rows.top and self._rows.offset > 0
        return row == (len(self._rows.lines(index)) - 1 if above else 0)

    # Selected text

    def text_select_all(self) -> None:
        """What a double click selects: the entry under the mouse."""
        if self.hovered is not None:
            index = self._index[self.hovered]
            self.screen.selections = {self: entry_selection(index, len(self._rows.lines(index)))}

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        return copied(self._rows, selection), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        self._repaint()

    def _drop_selection(self) -> None:
        """Rows aren't what they were."""
        if self.is_attached and self.text_selection is not None:
            self.screen.selections = {
                key: value for key, value in self.screen.selections.items() if key is not self
            }

    def watch_selected(self) -> None:
        self._repaint()

    def watch_hovered(self) -> None:
        self._repaint()
