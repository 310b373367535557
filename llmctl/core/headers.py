"""What can be sent as a header."""

from __future__ import annotations

import re

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z")


def is_header_name(name: str) -> bool:
    """Whether it is a token as HTTP has it."""
    return bool(_NAME.match(name))


def is_header_value(value: str) -> bool:
    """Whether it can be sent: printable ASCII on one line."""
    return value.isascii() and (value + "x").isprintable()
