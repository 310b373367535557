"""Standard input, output and error, and how to write on them.

Answers go to stdout, everything else to stderr. Text is UTF-8 whatever the locale says, so that
nothing a model writes can fail to be printed. Colour only on a terminal, or with FORCE_COLOR.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from llmctl.cli.settings import Settings
from llmctl.errors import UsageError
from llmctl.platforms import prepare_console

RED, YELLOW, CYAN, BOLD, DIM = "31", "33", "36", "1", "2"


_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class OutputClosed(Exception):
    """Nobody reads our output any more (`| head`): time to end, quietly."""


class OutputFailed(UsageError):
    """The answer can't be written, for example because the disk is full."""


class Streams:
    """The three streams, the environment and the global options, handed to each command."""

    def __init__(self, env: Mapping[str, str] | None = None, settings: Settings | None = None) -> None:
        self.env = os.environ if env is None else env
        self.settings = settings or Settings()
        prepare_console()
        for stream in (sys.stdout, sys.stderr):
            reconfigure = getattr(stream, "reconfigure", None)
            if reconfigure:
                reconfigure(encoding="utf-8", errors="replace")
        self.json_errors = False

    @property
    def terminal(self) -> bool:
        """Whether answers go to a person's terminal."""
        return is_terminal(sys.stdout)

    @property
    def coloured_output(self) -> bool:
        """Whether stdout shows colours and moves its cursor."""
        return self.coloured(sys.stdout)

    @property
    def error_terminal(self) -> bool:
        return is_terminal(sys.stderr)

    @property
    def input_terminal(self) -> bool:
        return is_terminal(sys.stdin)

    def out(self, text: str, end: str = "\n") -> None:
        """Write a part of the answer. Raises OutputClosed, OutputFailed."""
        self._check_output()
        _write(sys.stdout, text + end)

    def out_bytes(self, data: bytes) -> None:
        """Write bytes of the answer as they are. Raises OutputClosed, OutputFailed."""
        self._check_output()
        self.flush()
        with _translated():
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()

    def _check_output(self) -> None:
        if sys.stdout is None:
            raise OutputFailed("the answer can't be written: standard output is closed")

    def read_input(self) -> str:
        """All of standard input as text; "" where it is closed. Raises UsageError."""
        if sys.stdin is None:
            return ""
        files = "; a picture, PDF or sound goes with: llmctl chat -f -"
        return decode_input(sys.stdin.buffer.read(), "standard input", files)

    def flush(self) -> None:
        """Hand everything over. Raises OutputClosed, OutputFailed."""
        _write(sys.stdout, "")

    def out_json(self, value: Any, indent: int | None = 2) -> None:
        """Write one JSON value; keys keep their order."""
        import json

        self.out(json.dumps(value, ensure_ascii=False, indent=indent))

    def note(self, text: str) -> None:
        """Something to know, on stderr, unless it shall be quiet."""
        if not self.settings.quiet:
            self._err(f"{self.paint('note:', CYAN)} {harmless(text)}")

    def warn(self, text: str) -> None:
        """Something that may be wrong, on stderr."""
        self._err(f"{self.paint('warning:', YELLOW)} {harmless(text)}")

    def say(self, text: str, end: str = "\n") -> None:
        """Plain text on stderr."""
        self._err(text, end)

    def error(self, text: str, hint: str | None = None) -> None:
        """What went wrong, and what to do, on stderr."""
        self._err(f"{self.paint('error:', RED)} {harmless(text)}")
        if hint:
            self._err(f"{self.paint('hint:', CYAN)} {harmless(hint)}")

    def paint(self, text: str, colour: str, stream: TextIO | None = None) -> str:
        """The text in a colour where stderr (or `stream`) shows colours."""
        return f"\x1b[{colour}m{text}\x1b[0m" if self.coloured(stream or sys.stderr) else text

    def coloured(self, stream: TextIO) -> bool:
        if self.settings.color != "auto":
            return self.settings.color == "always"
        if self.env.get("NO_COLOR"):
            return False
        if self.env.get("FORCE_COLOR", "0") != "0":
            return True
        return is_terminal(stream) and self.env.get("TERM") != "dumb"

    def _err(self, text: str, end: str = "\n") -> None:
        with contextlib.suppress(OutputClosed, OutputFailed):  # nowhere left to say it
            self.flush()
        with contextlib.suppress(OutputClosed, OutputFailed):
            _write(sys.stderr, text + end)


def harmless(text: str) -> str:
    """Text from elsewhere without the control characters that could make a terminal do things."""
    return _CONTROL.sub("", text)


def is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:
        return
    with _translated():
        stream.write(text)
        stream.flush()


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError as error:
        raise OutputClosed from error
    except OSError as error:
        raise OutputFailed(f"the answer can't be written: {error.strerror or error}") from error


def decode_input(data: bytes, where: str, more: str = "") -> str:
    """Input as text. Raises UsageError rather than send something else than what was meant."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{where} is not UTF-8 text (byte {error.start + 1})",
            hint=f"convert it first, for example with: iconv -f latin1 -t utf-8{more}",
        ) from error
