"""Keys as people write them."""

from __future__ import annotations

NAMES = {
    "escape": "Esc",
    "pageup": "Page Up",
    "pagedown": "Page Down",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
}


def key_name(key: str) -> str:
    """A key as people write it: Ctrl+N for ctrl+n."""
    *modifiers, last = key.split("+")
    name = NAMES.get(last, last if len(last) == 1 and not modifiers else last.capitalize())
    return "+".join([*(each.capitalize() for each in modifiers), name])
