"""The list of suggestions, drawn over what is above or below the editor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from textual.content import Content
from textual.widget import Widget
from textual.widgets import OptionList
from textual.widgets.option_list import Option

MOST_ROWS = 8
FRAME = 2


@dataclass(frozen=True)
class Suggestion:
    """What can be chosen, how it is shown, and a few words about it."""

    value: str
    label: str
    about: str = ""


class Suggestions(OptionList, can_focus=False):
    """The keys stay with the editor, which moves the mark; a click chooses."""

    DEFAULT_CSS = """
    Suggestions {
        overlay: screen;
        constrain: inside none;
        display: none;
        width: auto;
        max-width: 100%;
        max-height: 100vh;
        padding: 0;
        background: $panel;
        border: round $border;
        text-wrap: nowrap;
        text-overflow: ellipsis;
        scrollbar-size-vertical: 1;
        & > .option-list--option { padding: 0 1; }
        & > .option-list--option-highlighted {
            color: $block-cursor-foreground;
            background: $block-cursor-background;
            text-style: none;
        }
    }
    """

    def __init__(self, editor: Widget) -> None:
        super().__init__(markup=False)
        self._editor = editor
        self.found: Sequence[Suggestion] = ()

    @property
    def chosen(self) -> Suggestion | None:
        """The marked one, while the list is open."""
        return self.found[self.highlighted] if self.display and self.highlighted is not None else None

    def offer(self, found: Sequence[Suggestion]) -> None:
        """Show these, the first one marked; hide the list if there are none."""
        if not found and not self.found:
            return
        self.found = found
        self.display = bool(found)
        column = max((cell_len(item.label) for item in found if item.about), default=0)
        column = min(column, self.app.size.width // 2)
        self.set_options(Option(self._line(item, column)) for item in found)
        self.highlighted = 0 if found else None
        self.place()

    def move(self, step: int) -> None:
        """Mark another one; behind the last comes the first."""
        self.highlighted = ((self.highlighted or 0) + step) % len(self.found)

    def place(self) -> None:
        """Take the larger space above or below the editor, so that what is typed stays in sight."""
        if not self.found or not isinstance(self.parent, Widget):
            return
        holder, editor = self.parent.region, self._editor.region
        above, below = editor.y, self.screen.size.height - editor.bottom
        upwards = above >= below
        rows = min(len(self.found), MOST_ROWS, max(1, (above if upwards else below) - FRAME))
        self.styles.height = rows + FRAME
        at = editor.y if holder.y < rows + FRAME else holder.y
        self.styles.offset = (0, (at - rows - FRAME if upwards else editor.bottom) - holder.y)

    def _line(self, item: Suggestion, column: int) -> Content:
        if item.about:
            label = item.label if cell_len(item.label) > column else set_cell_size(item.label, column)
            return Content.assemble(label, (f"  {item.about}", "dim"))
        return Content(shortened(item.label, self.app.size.width - FRAME - 4))


def shortened(text: str, width: int) -> str:
    """The text, or its end, which says most in a path."""
    if cell_len(text) <= width:
        return text
    while text and cell_len(text) > width - 1:
        text = text[1:]
    return f"…{text}"
