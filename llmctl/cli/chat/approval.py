"""Who lets a tool run: an option, the config, or the person at the terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from llmctl.cli.streams import BOLD, Streams
from llmctl.errors import Interrupted
from llmctl.platforms import asking
from llmctl.signals import interruptible

if TYPE_CHECKING:
    from llmctl.core.events import ToolCall
    from llmctl.tools.tool import Tool

QUESTION = "Run it? [y]es, [n]o, [a]lways this tool, [q]uit: "


class Approval:
    """The gate of the tool loop. Its answers "always" hold for as long as it lives."""

    def __init__(self, streams: Streams, everything: bool, allowed: Sequence[str]) -> None:
        self._streams = streams
        self._everything = everything
        self._allowed = list(allowed)
        self._warned: set[str] = set()

    def allows(self, tool: Tool) -> bool:
        """Whether a tool may run without a question."""
        return self._everything or tool.allowed or any(fnmatchcase(tool.name, name) for name in self._allowed)

    def always(self, tool: Tool) -> None:
        """From now on it may."""
        self._allowed.append(tool.name)

    async def __call__(self, call: ToolCall, tool: Tool) -> bool:
        """Whether the call may run. Raises Interrupted when the person wants to end it all."""
        if self.allows(tool):
            return True
        if self._streams.input_terminal and self._streams.error_terminal:
            return self._ask(call, tool)
        if tool.name not in self._warned:
            self._warned.add(tool.name)
            self._streams.warn(
                f"{tool.name} was not run, as nobody can be asked; "
                f"allow it with --allow-tool {tool.name}, or all with --yes-tools"
            )
        return False

    def _ask(self, call: ToolCall, tool: Tool) -> bool:
        streams = self._streams
        if streams.settings.quiet or short_arguments(call.arguments).endswith("…"):  # not shown, or not all of it
            streams.say(f"{streams.paint(tool.name, BOLD)} ({tool.source}) {pretty_arguments(call.arguments)}")
        while True:
            answer = self._read_answer()
            if answer in ("y", "yes"):
                return True
            if answer in ("n", "no"):
                return False
            if answer in ("a", "always"):
                self.always(tool)
                return True
            if answer in ("q", "quit"):
                raise Interrupted("ended at the question whether to run a tool")

    def _read_answer(self) -> str:
        """The answer in small letters; the end of the input is a no, and what was typed before is none."""
        with asking(), interruptible():
            self._streams.say(QUESTION, end="")
            line = sys.stdin.readline()
        if not line:
            self._streams.say("")
        return line.strip().lower() if line else "n"


def pretty_arguments(arguments: str) -> str:
    """The arguments to look at: JSON over several lines, nothing in it hidden from the eye."""
    try:
        text = json.dumps(json.loads(arguments), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        text = arguments
    return visible(text)


def short_arguments(arguments: str, most: int = 200) -> str:
    """The arguments on one line, cut where it is long."""
    try:
        values = json.loads(arguments)
        pairs = [f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in values.items()]
    except (ValueError, RecursionError, AttributeError):  # no JSON, or no object
        return short_text(arguments, most)
    return short_text(", ".join(pairs), most)


def short_text(text: str, most: int = 200) -> str:
    """A text on one line, cut where it is long."""
    line = visible(" ".join(text[: most * 5].split()))
    return line if len(line) <= most and len(text) <= most * 5 else f"{line[: most - 1]}…"


def visible(text: str) -> str:
    """The text with what can't be seen, or turns the direction of writing, in the form \\u202e."""
    return "".join(
        character if character.isprintable() or character == "\n" else _escaped(character) for character in text
    )


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
