"""The streams of a program that has the screen: what would go to stderr becomes a notice."""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO

from llmctl.cli.streams import Streams, harmless

Notice = Callable[[str, str], None]
"""Takes (text, severity): information, warning or error."""


class ScreenStreams(Streams):
    """Collects notices until `show` is set. Standard output is the screen's."""

    def __init__(self, streams: Streams) -> None:
        super().__init__(streams.env, streams.settings)
        self.show: Notice | None = None
        self._early: list[tuple[str, str]] = []

    @property
    def terminal(self) -> bool:
        """No: what is written to standard output would not reach the terminal while the screen is taken."""
        return False

    def attach(self, show: Notice) -> None:
        """From now on notices go there, those that have come so far first."""
        self.show = show
        early, self._early = self._early, []
        for text, severity in early:
            show(text, severity)

    def note(self, text: str) -> None:
        if not self.settings.quiet:
            self._tell(text, "information")

    def warn(self, text: str) -> None:
        self._tell(text, "warning")

    def say(self, text: str, end: str = "\n") -> None:
        self._tell(text, "information")

    def error(self, text: str, hint: str | None = None) -> None:
        self._tell(f"{text}\n{hint}" if hint else text, "error")

    def paint(self, text: str, colour: str, stream: TextIO | None = None) -> str:
        return text

    def _tell(self, text: str, severity: str) -> None:
        text = harmless(text).strip()
        if self.show:
            self.show(text, severity)
        elif text:
            self._early.append((text, severity))
