"""Texts with {{variables}}."""

from __future__ import annotations

import re
from collections.abc import Mapping

_VARIABLE = re.compile(r"\{\{\s*([A-Za-z_][\w-]*)\s*\}\}")


def variables(text: str) -> list[str]:
    """The names in the text, in order, each once."""
    return list(dict.fromkeys(_VARIABLE.findall(text)))


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with the values in place; what a value holds is not looked at again. Raises KeyError."""
    return _VARIABLE.sub(lambda match: values[match[1]], text)
