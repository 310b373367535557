"""The line that is typed: editing keys, history across runs, and pastes of any size."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmctl.cli.streams import Streams
from llmctl.config.paths import state_folder

if TYPE_CHECKING:
    from prompt_toolkit.completion import Completer
    from prompt_toolkit.history import History
    from prompt_toolkit.key_binding import KeyBindings

BIG_LINES, BIG_CHARS = 20, 4000
"""From which on a paste is shown as one word: the terminal stays quick, and the prompt readable."""

_PASTED = re.compile(r"\[pasted #(\d+): \d+ (?:lines|characters)\]")


class LineReader:
    """Reads what the user types. Enter sends; Alt+Enter breaks the line; Ctrl+G opens the editor."""

    def __init__(self, streams: Streams, completer: Completer, keep_history: bool = True) -> None:
        from prompt_toolkit import PromptSession

        self._pastes: list[str] = []
        self._session: Any = PromptSession(
            history=_history(streams, keep_history),
            completer=completer,
            complete_while_typing=False,
            key_bindings=self._bindings(),
            multiline=True,
            prompt_continuation="  ",
            enable_open_in_editor=False,
            enable_suspend=True,
            mouse_support=False,
            color_depth=None if streams.coloured(sys.stdout) else _no_colours(),
        )

    def read(self, label: str, draft: str = "") -> str:
        """The next text, with its pastes in place. Raises EOFError at Ctrl-D, KeyboardInterrupt at Ctrl-C."""
        shown = label if shutil.get_terminal_size().columns >= 40 else "> "
        text: str = self._session.prompt(shown, default=self._word_for(draft))
        return self.expanded(text)

    def ask(self, question: str) -> str:
        """The answer to a question of ours, which no history keeps; "" at Ctrl-C and Ctrl-D."""
        from prompt_toolkit import prompt

        try:
            return prompt(question)
        except (EOFError, KeyboardInterrupt):
            return ""

    def expanded(self, text: str) -> str:
        """The text with what was pasted in the place of its word."""

        def pasted(match: re.Match[str]) -> str:
            number = int(match[1]) - 1
            return self._pastes[number] if number < len(self._pastes) else match[0]

        return _PASTED.sub(pasted, text)

    def _bindings(self) -> KeyBindings:
        from prompt_toolkit.filters import completion_is_selected
        from prompt_toolkit.key_binding import KeyBindings
        from prompt_toolkit.keys import Keys

        keys = KeyBindings()

        @keys.add("c-j", filter=~completion_is_selected)  # what scripted terminals send for Enter
        @keys.add("enter", filter=~completion_is_selected)
        def send(event: Any) -> None:
            event.current_buffer.validate_and_handle()

        @keys.add("enter", filter=completion_is_selected)
        def take(event: Any) -> None:
            event.current_buffer.complete_state = None

        @keys.add("escape", "c-j")
        @keys.add("escape", "enter")
        def break_line(event: Any) -> None:
            event.current_buffer.newline(copy_margin=False)

        @keys.add("c-g")
        @keys.add("c-x", "c-e")
        def edit(event: Any) -> None:
            buffer = event.current_buffer
            buffer.text = self.expanded(buffer.text)
            buffer.open_in_editor()

        @keys.add(Keys.BracketedPaste)
        def paste(event: Any) -> None:
            event.current_buffer.insert_text(self._word_for(event.data.replace("\r\n", "\n").replace("\r", "\n")))

        return keys

    def _word_for(self, text: str) -> str:
        lines = text.rstrip("\n").count("\n") + 1
        if lines < BIG_LINES and len(text) < BIG_CHARS:
            return text
        if text in self._pastes:  # a draft that comes back
            number = self._pastes.index(text) + 1
        else:
            self._pastes.append(text)
            number = len(self._pastes)
        size = f"{lines} lines" if lines > 1 else f"{len(text)} characters"
        return f"[pasted #{number}: {size}]"


def _history(streams: Streams, keep: bool) -> History:
    """The lines of earlier runs, in a file of mode 0600; only of this one where no file can be had."""
    from prompt_toolkit.history import FileHistory, InMemoryHistory

    class Kept(FileHistory):
        """Without lines that hold the word of a paste: it means nothing to a later run."""

        def store_string(self, string: str) -> None:
            if not _PASTED.search(string):
                super().store_string(string)

    path = state_folder(streams.env) / "chat-history"
    if keep and _private(path):
        return Kept(str(path))
    return InMemoryHistory()


def _private(path: Path) -> bool:
    """Make the file, or make an old one private; whether it can be written."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
        os.chmod(path, 0o600)
        return True
    return False


def _no_colours() -> Any:
    from prompt_toolkit.output import ColorDepth

    return ColorDepth.DEPTH_1_BIT
