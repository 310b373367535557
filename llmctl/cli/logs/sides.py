"""Two answers, side by side where the window is wide enough, else one below the other."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from llmctl.cli.logs.words import facts, one_line, target, wrapped
from llmctl.cli.streams import BOLD, DIM, Streams, harmless
from llmctl.cli.table import cell_width
from llmctl.store.ledger import Request
from llmctl.store.messages import Message

WIDE = 100
"""From so many columns on there are two."""

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_BETWEEN = " │ "


@dataclass(frozen=True)
class Side:
    """An answer: who gave it, what is known about it, and its text, which is Markdown."""

    who: str
    known: str
    text: str


def side(message: Message, request: Request | None) -> Side:
    """The side that a message is."""
    refusal, calls = message.extra.get("refusal"), message.extra.get("tool_calls")
    text = message.text or (f"Refused: {refusal}" if refusal else "(calls a tool)" if calls else "(says nothing)")
    who = one_line(target(message.profile, message.model)) or "Model"
    return Side(who, " · ".join(facts(message, request)), text)


def show_sides(sides: Sequence[Side], streams: Streams) -> None:
    """Print them, through the pager where they are long."""
    from llmctl.cli.pager import paged

    if not streams.terminal:
        streams.out(
            "\n".join(f"## {each.who}\n\n*{each.known}*\n\n{each.text.rstrip()}\n" for each in sides), end=""
        )
        return
    columns = shutil.get_terminal_size().columns
    with paged(streams):
        if columns >= WIDE and len(sides) == 2:
            width = (columns - len(_BETWEEN)) // 2
            for left, right in zip_longest(*(_lines(each, width, streams) for each in sides), fillvalue=""):
                streams.out(f"{_filled(left, width)}{_BETWEEN}{right}".rstrip())
        else:
            blocks = ["\n".join(_lines(each, columns, streams)) for each in sides]
            streams.out("\n\n".join(blocks))


def _lines(each: Side, width: int, streams: Streams) -> list[str]:
    """Heading and text in lines of at most so many columns."""
    coloured = streams.coloured_output
    who = [_painted(line, BOLD, coloured) for line in wrapped(harmless(each.who), width)]
    known = [_painted(line, DIM, coloured) for line in wrapped(harmless(each.known), width)]
    return [*who, *known, "", *_text(harmless(each.text), width, streams)]


def _text(text: str, width: int, streams: Streams) -> list[str]:
    if not streams.coloured_output:
        return wrapped(text.rstrip(), width)
    from llmctl.cli.chat.markdown import WIDEST, render

    return render(text, min(width, WIDEST), streams.settings.theme)


def _filled(line: str, width: int) -> str:
    return line + " " * max(width - cell_width(_ANSI.sub("", line)), 0)


def _painted(line: str, style: str, coloured: bool) -> str:
    return f"\x1b[{style}m{line}\x1b[0m" if coloured else line
