"""The line at the bottom: who is asked, what it took, and what keys do."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text
from textual.app import RenderResult
from textual.reactive import reactive
from textual.widget import Widget

from llmctl.cli.streams import harmless


@dataclass(frozen=True)
class Status:
    """`cost` as it is shown, "" where nothing was asked yet; `tokens` about how many the next request has.

    `place` is the id of what has the focus.
    """

    model: str = ""
    cost: str = ""
    tokens: str = ""
    doing: str = ""
    mouse: bool = True
    place: str = ""


HINTS = ("F1 help", "F2 next model", "F3 models", "^P search", "^N new")
BUSY_HINTS = ("Esc stops", "F1 help")
PLACES = {
    "transcript": ("j k choose", "c copy", "r retry", "o open", "Esc back"),
    "sidebar": ("Enter opens", "r rename", "p pin", "d delete", "Esc back"),
}
"""Id of what has the focus -> what its keys do."""


class StatusLine(Widget):
    """One line, cut to what fits: the model always, then what it does, cost, tokens, keys."""

    DEFAULT_CSS = "StatusLine { height: 1; background: $panel; color: $text-muted; padding: 0 1; }"

    status: reactive[Status] = reactive(Status())

    def render(self) -> RenderResult:
        status = self.status
        left = [text for text in (harmless(status.model), status.doing) if text]
        left += [text for text in (status.cost, status.tokens) if text]
        left += [] if status.mouse else ["mouse off"]
        hints = list(BUSY_HINTS if status.doing else PLACES.get(status.place, HINTS))
        room = self.size.width
        while len(left) > 1 and cell_len(" · ".join(left)) > room:
            left.pop()
        text = " · ".join(left)
        while hints and cell_len(text) + cell_len("  ".join(hints)) + 3 > room:
            hints.pop()
        right = "  ".join(hints)
        gap = max(room - cell_len(text) - cell_len(right), 1)
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append(status.model if text.startswith(status.model) else text[:room], style="bold")
        line.append(text[len(status.model) :] if text.startswith(status.model) else "")
        return line.append(" " * gap).append(right, style="dim") if right else line
