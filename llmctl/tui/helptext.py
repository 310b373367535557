"""Texts of the windows: help for what has the focus, and usage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.text import Text
from textual.binding import Binding
from textual.dom import DOMNode
from textual.widget import Widget

from llmctl.cli.account import total_cost
from llmctl.cli.budget import dollars
from llmctl.store.ledger import Request
from llmctl.tui import deeds

if TYPE_CHECKING:
    from llmctl.tui.screens.chat import ChatScreen


OURS = ("chat", "prompt", "transcript", "sidebar", "app", "picker", "settings", "dialog", "compare")
"""What ids of our bindings begin with; those of Textual's own widgets are what anybody expects."""


def help_text(chat: ChatScreen, focused: Widget | None) -> Text:
    """About the focused widget and those around it, then the slash commands."""
    text = Text()
    for node in focused.ancestors_with_self if focused else [chat]:
        if about := getattr(node, "HELP", None):
            text.append(f"{about}\n\n", style="italic")
            break
    text.append("Keys\n", style="bold")
    for key, action in _keys(chat, focused):
        text.append(f"  {key:<16}", style="bold").append(f"{action}\n")
    text.append("\nSlash commands\n", style="bold")
    for deed in deeds.DEEDS.values():
        if deed.slash:
            text.append(f"  {f'/{deed.slash} {deed.takes}':<22}", style="bold").append(f"{deed.about}\n")
    return text


def _keys(chat: ChatScreen, focused: Widget | None) -> Iterable[tuple[str, str]]:
    """(key, what it does) for everything that can be pressed now."""
    seen = set()
    nodes: list[DOMNode] = list(focused.ancestors_with_self) if focused else [chat, chat.app]
    for node in nodes:
        for _, binding in node._bindings:
            ours = binding.id and binding.id.partition(".")[0] in OURS
            if ours and binding.description and (binding.key, binding.description) not in seen:
                seen.add((binding.key, binding.description))
                yield _shown(chat, binding), binding.description


def _shown(chat: ChatScreen, binding: Binding) -> str:
    return chat.app.get_key_display(binding)


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
