"""The transcript of a chat: answers are drawn while they come, and messages can be acted on."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.timer import Timer

from llmctl.tui.transcript.entry import Entry, MediaPart, ReasoningPart, TextPart, ToolPart
from llmctl.tui.transcript.line import Line
from llmctl.tui.transcript.markdown import CODES, code_block
from llmctl.tui.transcript.stream import LiveEntry
from llmctl.tui.transcript.view import Actions, EntryView, no_actions

FPS, CALM_FPS = 30, 4
VARIANTS = ("previous_variant", "next_variant")
BUSY = 4
"""A frame lasts at least so many times as long as drawing the one before took."""


class Transcript(EntryView):
    """A conversation, the last entry of which may be coming in."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "act('copy')", "Copy", show=False, id="transcript.copy"),
        Binding("e", "act('edit')", "Edit", show=False, id="transcript.edit"),
        Binding("r", "act('retry')", "Retry", show=False, id="transcript.retry"),
        Binding("b", "act('branch')", "Branch", show=False, id="transcript.branch"),
        Binding(
            "left_square_bracket",
            "act('previous_variant')",
            "Variant before",
            show=False,
            id="transcript.previous_variant",
        ),
        Binding(
            "right_square_bracket",
            "act('next_variant')",
            "Next variant",
            show=False,
            id="transcript.next_variant",
        ),
        Binding("o,enter", "fold", "Open or close", show=False, id="transcript.fold"),
    ]

    @dataclass
    class Unseen(Message):
        """Rows below the view that the reader hasn't seen, when their number changes."""

        count: int

    @dataclass
    class Action(Message):
        """Something is to be done with an entry."""

        key: str
        name: str

    @dataclass
    class LinkClicked(Message):
        url: str

    @dataclass
    class CodeCopied(Message):
        """A block of code, exactly as the model wrote it."""

        text: str

    @dataclass
    class MediaChosen(Message):
        """A file is to be opened or saved: how is open or save."""

        key: str
        part: MediaPart
        how: str = "open"

    def __init__(
        self, actions: Actions = no_actions, *, id: str | None = None, classes: str | None = None
    ) -> None:
        """`actions` tells the (name, label) pairs that apply to an entry."""
        super().__init__(actions, id=id, classes=classes)
        self.reduced_motion = False
        self._live: LiveEntry | None = None
        self._pending: list[tuple[str, bool]] = []
        self._timer: Timer | None = None
        self._spent = 0.0

    # The entry that comes in

    @property
    def streaming(self) -> bool:
        return self._live is not None

    def set_entries(self, entries: Iterable[Entry]) -> None:
        self._stop()
        super().set_entries(entries)

    def remove_from(self, key: str) -> None:
        if self._live is not None and self._index[self._live.entry.key] >= self._index[key]:
            self._stop()
        super().remove_from(key)

    def changed(self, key: str) -> None:
        if self._live is not None and self._live.entry.key == key:
            self.flush()
            self._live.redraw_parts()
            self._draw_live()
        else:
            super().changed(key)

    def begin(self, entry: Entry) -> None:
        """Show an entry that grows from now on."""
        if self._live is not None:
            self.finish()
        if entry.state == "complete":
            entry.state = "waiting"
        self.add(entry)
        self._start_live(entry)

    def append(self, text: str, reasoning: bool = False) -> None:
        """More text of the entry that grows, drawn with the next frame."""
        if self._live is None:
            return
        self._pending.append((text, reasoning))
        if self._timer is None:
            wait = 1 / (CALM_FPS if self.reduced_motion else FPS)
            self._timer = self.set_timer(max(wait, BUSY * self._spent), self.flush)

    def tool_call(self, part: ToolPart) -> None:
        """The entry that grows calls a tool."""
        self.flush()
        if self._live is not None:
            self._live.entry.state = "streaming"
            self._live.entry.parts.append(part)
            self._live.add_part()
            self._draw_live()

    def tool_result(self, id: str, result: str, error: bool = False, ms: float | None = None) -> None:
        """What a tool that the entry called has said."""
        self.flush()
        if self._live is None:
            return
        for number, part in enumerate(self._live.entry.parts):
            if isinstance(part, ToolPart) and part.id == id:
                part.result, part.error, part.ms = result, error, ms
                self._live.redraw_part(number)
        self._draw_live()

    def finish(self, state: str = "complete", footer: str = "") -> None:
        """The entry is whole, stopped or broken."""
        self.flush()
        if self._live is None:
            return
        live, self._live = self._live, None
        live.entry.state, live.entry.footer = state, footer
        self._show_live(live.finish(), keep=False)

    def flush(self) -> None:
        """Draw what has come."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        pending, self._pending = self._pending, []
        if self._live is None or not pending:
            return
        start = time.monotonic()
        self._live.entry.state = "streaming"
        for text, reasoning in pending:
            self._live.append(text, reasoning)
        self._draw_live()
        self._spent = time.monotonic() - start

    def _start_live(self, entry: Entry) -> None:
        opened = self._opened.setdefault(entry.key, set())
        self._live = LiveEntry(entry, self._drawing(), opened)
        self._draw_live()

    def _stop(self) -> None:
        """Nothing grows any more; what hasn't been drawn is dropped."""
        self._live = None
        self._pending.clear()
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def _restyle(self) -> None:
        super()._restyle()
        if self._live is not None:
            self._start_live(self._live.entry)

    def _draw_live(self) -> None:
        if self._live is not None:
            self._show_live(self._live.lines(), keep=True)

    def _show_live(self, lines: list[Line], keep: bool) -> None:
        """Put the rows of the last entry in place of those it had; only rows that differ are painted."""
        index = len(self._rows) - 1
        old = self._rows.slots[index].lines or []
        same = _take_same(lines, old)
        self._rows.replace(index, lines, keep)
        self._note_growth(len(lines) - len(old))
        if len(lines) != len(old):
            self._unsettle()
            self._settle()  # now, so that the scroll bar is painted in the same frame
            return
        y = max(0, self._rows.starts[index] + same - self._rows.row)
        if y < self.size.height:
            self.refresh(Region(0, y, self.size.width, self.size.height - y))

    def watch_unseen(self, count: int) -> None:
        self.post_message(self.Unseen(count))

    # What the reader does with an entry

    def action_act(self, name: str) -> None:
        """Do something with the chosen entry, or with the last one that it applies to."""
        entries = self.entries if self.selected is None else [self.entry(self.selected)]
        for entry in reversed(entries):
            if self._applies(entry, name):
                self.post_message(self.Action(entry.key, name))
                return

    def action_fold(self) -> None:
        """Open the parts of the chosen entry, or of the last one that has any; close them if one is open."""
        entries = self.entries if self.selected is None else [self.entry(self.selected)]
        for entry in reversed(entries):
            parts = {
                number for number, part in enumerate(entry.parts) if isinstance(part, ReasoningPart | ToolPart)
            }
            if parts:
                opened = self._opened.setdefault(entry.key, set())
                self._open(entry, set() if opened & parts else parts)
                return

    def _open(self, entry: Entry, parts: set[int]) -> None:
        opened = self._opened.setdefault(entry.key, set())
        opened.clear()
        opened.update(parts)
        self.changed(entry.key)

    def _applies(self, entry: Entry, name: str) -> bool:
        if name in VARIANTS:
            return entry.variant[1] > 1
        return any(name == known for known, _ in self.actions(entry))

    def on_mouse_move(self, event: events.MouseMove) -> None:
        entry = self._entry_at(event.y)
        self.hovered = entry.key if entry else None

    def on_leave(self) -> None:
        self.hovered = None

    def _entry_at(self, y: int) -> Entry | None:
        row = self._rows.row + y - self.gutter.top
        if row < 0 or row >= self._rows.starts[-1]:
            return None
        return self._rows.slots[self._rows.at(row)[0]].entry

    def on_click(self, event: events.Click) -> None:
        """A label, a link or a folded line; the end of a drag over text is no click."""
        entry = self._entry_at(event.y)
        done = event.style.meta.get("do")
        if entry is None or done is None or self.text_selection is not None:
            return
        event.stop()
        match tuple(done):
            case ("act", name):
                self.post_message(self.Action(entry.key, name))
            case ("link", url):
                self.post_message(self.LinkClicked(url))
            case ("fold", number):
                self._open(entry, self._opened.get(entry.key, set()) ^ {number})
            case ("media", number, how):
                self._choose_media(entry, number, how)
            case ("code", number):
                self._copy_code(entry, number)

    def _choose_media(self, entry: Entry, number: int, how: str) -> None:
        part = entry.parts[number]
        if isinstance(part, MediaPart):
            self.post_message(self.MediaChosen(entry.key, part, how))

    def _copy_code(self, entry: Entry, number: int) -> None:
        part_number, block = divmod(number, CODES)
        part = entry.parts[part_number]
        if isinstance(part, TextPart):
            self.post_message(self.CodeCopied(code_block(part.text, block)))


def _take_same(lines: list[Line], old: list[Line]) -> int:
    """How many rows at the beginning are as before; they become the very same ones, which are painted already."""
    for index, (line, before) in enumerate(zip(lines, old, strict=False)):
        if line is not before:
            if line != before:
                return index
            lines[index] = before
    return min(len(lines), len(old))
