"""The manual page llmctl(1), as roff that man-db and mandoc take without a warning."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator

from llmctl.cli.reference.model import Command, Reference, Rows
from llmctl.cli.reference.topics import Block, Topic, read_topic

DATE = "2026-11-21"
"""Of the newest release."""

WIDTH = 72
_ESCAPES = {"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti", '"': "\\(dq"}
_LIFTED = {"Exit codes": "EXIT STATUS", "Files": "FILES", "Examples": "EXAMPLES"}
"""Sections of topics that a manual page has a place of its own for."""


def render_man(reference: Reference) -> str:
    """The whole page."""
    topics = {name: read_topic(text) for name, text in reference.topics.items()}
    lines = [
        f'.TH LLMCTL 1 {DATE} "llmctl {reference.version}" "User Commands"',
        ".nh",
        ".ad l",
        ".SH NAME",
        f"llmctl \\- {_escaped(reference.about[0].lower() + reference.about[1:].rstrip('.'))}",
        ".SH SYNOPSIS",
        *_filled(reference.usage),
        ".SH DESCRIPTION",
        *_filled(reference.about),
        ".PP",
        "Start here:",
        *_as_it_stands(reference.start),
        ".SH OPTIONS",
        "These stand before or behind the command.",
        *_rows(reference.options),
        ".SH COMMANDS",
        *(line for _, commands in reference.sections for command in commands for line in _commands(command)),
        *(line for title in _LIFTED.values() for line in _lifted(topics.values(), title)),
        *(line for topic in topics.values() for line in _topic(topic)),
    ]
    return "\n".join(lines) + "\n"


def _commands(command: Command) -> Iterator[str]:
    for leaf in command.leaves():
        yield f'.SS "{_escaped(leaf.usage)}"'
        for number, paragraph in enumerate(leaf.text):
            yield from ([".PP"] if number else [])
            yield from _filled(paragraph)
        yield from _rows((*leaf.arguments, *leaf.options))
        if leaf.examples:
            yield from (".PP", "Examples:", *_as_it_stands(leaf.examples))


def _lifted(topics: Iterable[Topic], title: str) -> Iterator[str]:
    blocks = [
        block
        for topic in topics
        for heading, inner in topic.sections
        if _LIFTED.get(heading) == title
        for block in inner
    ]
    if blocks:
        yield f'.SH "{title}"'
        yield from _blocks(blocks)


def _topic(topic: Topic) -> Iterator[str]:
    yield f'.SH "{_escaped(topic.title)}"'
    yield from _blocks(topic.blocks)
    for heading, blocks in topic.sections:
        if heading not in _LIFTED:
            yield f'.SS "{_escaped(heading)}"'
            yield from _blocks(blocks)


def _blocks(blocks: Iterable[Block]) -> Iterator[str]:
    for number, block in enumerate(blocks):
        yield from ([".PP"] if number else [])
        yield from _filled(" ".join(block.lines)) if block.prose else _as_it_stands(block.lines)


def _rows(rows: Rows) -> Iterator[str]:
    for written, about in rows:
        yield from (".TP", f"\\fB{_escaped(written)}\\fR", *_filled(about))


def _filled(text: str) -> list[str]:
    return [_escaped(line) for line in textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)]


def _as_it_stands(lines: Iterable[str]) -> Iterator[str]:
    yield ".nf"
    for line in lines:
        yield from _cut(line)
    yield ".fi"


def _cut(line: str) -> Iterator[str]:
    r"""A line too long for roff's readers, cut at spaces; `\c` joins the pieces again."""
    pieces = re.findall(r".{1,60}(?:\s+|\Z)|\S+\s*", line) or [""]
    for piece in pieces[:-1]:
        yield f"{_escaped(piece)}\\c"
    yield _escaped(pieces[-1])


def _escaped(text: str) -> str:
    """Text in which nothing is a request, and which needs no encoding."""
    escaped = "".join(
        _ESCAPES.get(letter, letter) if letter.isascii() else f"\\[u{ord(letter):04X}]" for letter in text
    )
    return f"\\&{escaped}" if escaped.startswith(".") else escaped
