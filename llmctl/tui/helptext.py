"""Texts of the windows: help for what has the focus, and usage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text
from textual.binding import Binding
from textual.dom import DOMNode
from textual.widget import Widget

from llmctl.cli.account import total_cost
from llmctl.core.money import dollars
from llmctl.store.ledger import Request
from llmctl.tui import deeds
from llmctl.tui.keynames import key_name

if TYPE_CHECKING:
    from llmctl.tui.screens.chat import ChatScreen


WIDEST_KEY, NARROW_KEY, ROOMY = 30, 12, 60
"""Cells of the column of keys, and the columns of a screen from which it may be wide."""
OURS = ("chat", "prompt", "transcript", "sidebar", "app", "picker", "settings", "dialog", "compare")
"""What ids of our bindings begin with; those of Textual's own widgets are what anybody expects."""


def help_text(chat: ChatScreen, focused: Widget | None) -> Group:
    """About the focused widget and those around it, then the slash commands."""
    about = [getattr(node, "HELP", "") for node in (focused.ancestors_with_self if focused else [chat])]
    commands = [(f"/{deed.slash} {deed.takes}", deed.about) for deed in deeds.DEEDS.values() if deed.slash]
    widest = WIDEST_KEY if chat.size.width >= ROOMY else NARROW_KEY
    return Group(
        Text(f"{next(filter(None, about), '')}\n", style="italic"),
        Text("Keys", style="bold"),
        _columns(_keys(chat, focused), widest),
        Text("\nSlash commands", style="bold"),
        _columns(commands, widest),
    )


def _columns(rows: Iterable[tuple[str, str]], widest: int) -> Table:
    """Two columns, the left one of at most so many cells; each wraps within itself."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="bold", max_width=widest, overflow="fold")
    table.add_column(ratio=1)
    for key, about in rows:
        table.add_row(Text(key), Text(about))
    return table


def _keys(chat: ChatScreen, focused: Widget | None) -> Iterable[tuple[str, str]]:
    """(keys, what they do) for everything that can be pressed now."""
    found: dict[str, list[str]] = {}
    nodes: list[DOMNode] = list(focused.ancestors_with_self) if focused else [chat, chat.app]
    for node in nodes:
        for _, binding in node._bindings:
            if binding.id and binding.id.partition(".")[0] in OURS and binding.description:
                keys = found.setdefault(binding.description, [])
                keys += [key for key in _shown(chat, binding) if key not in keys]
    return [(", ".join(keys), about) for about, keys in found.items()]


def _shown(chat: ChatScreen, binding: Binding) -> list[str]:
    """The keys of a binding, as [tui.keys] may have changed them."""
    return [key_name(chat.app.key_of(binding.id or "", binding.key))]


def usage_text(requests: Sequence[Request]) -> str:
    """Sums by model; what is unknown is called unknown."""
    lines = []
    for name in dict.fromkeys(f"{each.profile}/{each.model}" for each in requests):
        mine = [each for each in requests if f"{each.profile}/{each.model}" == name]
        failed = sum(each.status != "ok" for each in mine)
        answered = [each for each in mine if each.status == "ok"]
        cost = total_cost(answered)
        lines += [
            name,
            f"  {len(mine)} requests{f', {failed} failed' if failed else ''}",
            f"  {_sum(each.prompt_tokens for each in answered)} tokens in, "
            f"{_sum(each.completion_tokens for each in answered)} out",
            f"  cost {'unknown' if cost is None else dollars(cost)}",
            "",
        ]
    return "\n".join(lines) or "Nothing has been asked yet."


def _sum(counts: Iterable[int | None]) -> str:
    known = list(counts)
    return "unknown" if None in known else f"{sum(count or 0 for count in known):,}"
