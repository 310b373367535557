"""A conversation on a pseudo-terminal: types a line and waits for the next prompt."""

from __future__ import annotations

from typing import Any

from support.terminal import Terminal

PROMPT = b"\x1b[?2004h"
"""What a prompt sends when it begins to read: it asks for bracketed pastes."""


class Talk:
    """The running conversation. A prompt counts when it is new and holds the text that is expected."""

    def __init__(self, terminal: Terminal, prompt: str = "work> ") -> None:
        self.terminal = terminal
        self.prompt = prompt
        self._seen = 0
        self.ready()

    def ready(self, prompt: str | None = None) -> Talk:
        """Wait for a new prompt, the last line of the screen."""
        wanted = (prompt or self.prompt).rstrip()
        self.terminal.wait_until(
            lambda: self.terminal.raw.count(PROMPT) > self._seen and self.screen.split("\n")[-1] == wanted,
            f"prompt with {wanted!r}",
        )
        self._seen = self.terminal.raw.count(PROMPT)
        return self

    def send(self, text: str) -> Talk:
        """Type, without Enter."""
        self.terminal.send(text)
        return self

    def say(self, text: str, *, then: str | None = None) -> Talk:
        """Type a line and wait for the next prompt."""
        return self.send(f"{text}\r").ready(then)

    def key(self, name: str) -> Talk:
        self.terminal.send_key(name)
        return self

    def shows(self, what: Any) -> Talk:
        """Wait until this is on the screen."""
        self.terminal.wait_for(what)
        return self

    def paste(self, text: str) -> Talk:
        """As a terminal does it. A pseudo-terminal holds 4 kB, so what the program prints is read in between."""
        data = f"\x1b[200~{text}\x1b[201~"
        for at in range(0, len(data), 1000):
            self.terminal.send(data[at : at + 1000])
            self.terminal.wait_until(lambda: True, "read")
        return self

    @property
    def screen(self) -> str:
        return self.terminal.screen()

    def leave(self) -> int:
        """Ctrl-D; the exit code."""
        return self.key("ctrl-d").terminal.wait()
