"""The messages that are sent when the answer has ended."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from llmctl.cli.streams import harmless
from llmctl.tui.prompt.draft import Draft

MOST_SHOWN = 2


class Waiting(Static):
    """The queue, in a few dim lines."""

    DEFAULT_CSS = """
    Waiting {
        display: none;
        height: auto;
        padding: 0 1;
        text-style: dim;
        text-wrap: nowrap;
        text-overflow: ellipsis;
    }
    """

    def __init__(self) -> None:
        super().__init__(markup=False)
        self.drafts: tuple[Draft, ...] = ()

    def add(self, draft: Draft) -> None:
        """Put a message at the end."""
        self._show((*self.drafts, draft))

    def take(self, index: int) -> Draft | None:
        """Remove the first (0) or last (-1) message; None if there is none."""
        drafts = list(self.drafts)
        if not drafts:
            return None
        taken = drafts.pop(index)
        self._show(tuple(drafts))
        return taken

    def _show(self, drafts: tuple[Draft, ...]) -> None:
        """How many there are, and how the next ones begin."""
        self.drafts = drafts
        lines = [f"{len(drafts)} queued · Alt+Up edits the last"]
        lines += [f"↳ {_beginning(draft)}" for draft in drafts[:MOST_SHOWN]]
        lines += ["…"] * (len(drafts) > MOST_SHOWN)
        self.update(Content("\n".join(lines)))
        self.display = bool(drafts)


def _beginning(draft: Draft) -> str:
    lines = (line for line in draft.text.splitlines() if line.strip())
    return harmless(next(lines, ", ".join(item.name for item in draft.files)))
