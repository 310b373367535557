"""The list of conversations at the side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from llmctl.cli.streams import harmless
from llmctl.store.conversations import Conversation

UNTITLED = "untitled"


class Sidebar(OptionList):
    """Conversations, pinned ones first, each under the day it was used last."""

    DEFAULT_CSS = """
    Sidebar { width: 28; height: 1fr; border: none; padding: 0 1; background: $surface; }
    Sidebar { scrollbar-size-vertical: 1; }
    Sidebar:focus { border: none; background-tint: $foreground 3%; }
    """
    ROOM = 23
    """Cells of a title."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("delete,d", "act('delete')", "Delete", id="sidebar.delete"),
        Binding("p", "act('pin')", "Pin", id="sidebar.pin"),
        Binding("r", "act('rename')", "Rename", id="sidebar.rename"),
    ]
    HELP = "The conversations. Enter opens one, d deletes it (`/undo` brings it back), p pins it, r renames it."

    @dataclass
    class Chosen(Message):
        """A conversation is to be opened."""

        id: str

    @dataclass
    class Act(Message):
        """Something is to be done with a conversation: delete, pin or rename."""

        id: str
        name: str

    def show(self, conversations: Sequence[Conversation], current: str) -> None:
        """List these; the current one is marked. Whoever is in the list stays where they are in it."""
        wanted = self._next(conversations) if self.has_focus else current
        options: list[Option] = []
        heading = ""
        for each in conversations:
            day = "Pinned" if each.pinned else _day(each.updated)
            if day != heading:
                heading = day
                options.append(Option(Text(day), disabled=True))
            mark = "▸ " if each.id == current else "  "
            title = Text(f"{mark}{harmless(each.title or UNTITLED)}")
            title.truncate(self.ROOM + 2, overflow="ellipsis")
            options.append(Option(title, id=each.id))
        top = self.scroll_offset
        self.clear_options()
        self.add_options(options)
        if wanted and any(option.id == wanted for option in options):
            self.highlighted = self.get_option_index(wanted)
        self.scroll_to(*top, animate=False)

    def _next(self, conversations: Sequence[Conversation]) -> str:
        """Of these, the highlighted one, or what comes after it, or else before."""
        here = {each.id for each in conversations}
        at = self.highlighted or 0
        ids = [option.id or "" for option in self.options]
        return next((number for number in [*ids[at:], *reversed(ids[:at])] if number in here), "")

    @property
    def chosen(self) -> str | None:
        """The id of the highlighted conversation."""
        return self.highlighted_option.id if self.highlighted_option else None

    @on(OptionList.OptionSelected)
    def _choose(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if event.option_id:
            self.post_message(self.Chosen(event.option_id))

    def action_act(self, name: str) -> None:
        """Do something with the highlighted conversation."""
        if self.chosen:
            self.post_message(self.Act(self.chosen, name))


def _day(moment: float) -> str:
    """Today, Yesterday, a weekday, or a date."""
    day, today = datetime.fromtimestamp(moment).date(), date.today()
    ago = (today - day).days
    if ago < 2:
        return "Today" if ago <= 0 else "Yesterday"
    if ago < 7:
        return f"{day:%A}"
    return f"{day:%d %B}" if day.year == today.year else f"{day:%d %B %Y}"
