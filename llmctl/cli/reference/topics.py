"""The structure of a help topic: a title, then paragraphs and sections."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Block:
    """Lines between blank ones: prose that may be filled, or lines that stay as they are."""

    lines: tuple[str, ...]
    prose: bool


@dataclass(frozen=True)
class Topic:
    """`blocks` stand before the first heading."""

    title: str
    blocks: tuple[Block, ...]
    sections: tuple[tuple[str, tuple[Block, ...]], ...]


def read_topic(text: str) -> Topic:
    """A heading is a line at the margin with indented lines right below it."""
    title, *parts = [part for part in text.strip("\n").split("\n\n") if part.strip()]
    before: list[Block] = []
    sections: list[tuple[str, list[Block]]] = []
    for part in parts:
        lines = part.strip("\n").split("\n")
        if _is_heading(lines):
            sections.append((lines[0].rstrip(), []))
            lines = lines[1:]
        block = Block(tuple(line.rstrip() for line in lines), not any(line.startswith(" ") for line in lines))
        (sections[-1][1] if sections else before).append(block)
    return Topic(title, tuple(before), tuple((heading, tuple(blocks)) for heading, blocks in sections))


def _is_heading(lines: list[str]) -> bool:
    """Not a line of a table, whose columns two spaces part."""
    return len(lines) > 1 and not lines[0].startswith(" ") and lines[1].startswith("  ") and "  " not in lines[0]
