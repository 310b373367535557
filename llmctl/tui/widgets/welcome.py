"""What an empty conversation shows: who is asked, and how to begin."""

from __future__ import annotations

from collections.abc import Callable

from rich.text import Text
from textual.widgets import Static

from llmctl.cli.streams import harmless
from llmctl.tui.keynames import key_name

ROWS = (
    (("prompt.send", "enter", "sends"), ("chat.help", "f1", "help")),
    (("", "/", "commands"), ("chat.model", "f3", "models")),
    (("", "@", "files"), ("chat.sidebar", "f9", "conversations")),
)
"""(binding, its usual key, what it does)."""
KEY, ABOUT = 6, 10


class Welcome(Static):
    """A few lines above the prompt, until the first question."""

    def __init__(self) -> None:
        super().__init__(id="welcome", markup=False)
        self._said = Text()

    def greet(self, model: str, key_of: Callable[[str, str], str]) -> None:
        """Name the model and the keys; `key_of` tells what a binding's key is now."""
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append(harmless(model), style="bold").append(" answers. Ask anything.\n")
        for row in ROWS:
            text.append("\n")
            for binding, usual, about in row:
                key = key_name(key_of(binding, usual))
                text.append(f"{key:<{KEY - 1}} ", style="bold").append(f"{about:<{ABOUT}}")
        if text != self._said:
            self._said = text
            self.update(text)
