"""The README's reference: each command with what it is for and what it takes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from llmctl.cli.reference.model import Command, Reference, Rows


def render_markdown(reference: Reference) -> str:
    """Global options as a list, then a table of commands for each section."""
    lines = [
        f"`{reference.usage}`: these options stand before or behind the command.",
        "",
        *(f"- {_code(written)}: {_plain(about)}" for written, about in reference.options),
        "",
        "Every command explains its options with `--help`.",
    ]
    for heading, commands in reference.sections:
        lines += ["", f"**{heading}**", "", "| command | | options |", "|---|---|---|"]
        lines += [row for command in commands for row in _table(command)]
    return "\n".join(lines) + "\n"


def _table(command: Command) -> Iterator[str]:
    for leaf in command.leaves():
        usage = leaf.usage.replace(" [OPTIONS]", "")
        yield f"| {_code(usage)} | {_plain(leaf.about)} | {_names(leaf.options)} |"


def _names(options: Rows) -> str:
    return " ".join(_code(written) for written, _ in options)


def _code(text: str) -> str:
    """Code in a table's cell, where a bar would end the cell."""
    return f"`{text}`".replace("|", "\\|")


def _plain(text: str) -> str:
    """Prose with nothing that Markdown would take for a mark of its own, code aside."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else re.sub(r"([\\*_<>\[\]|])", r"\\\1", part) for part in parts)
