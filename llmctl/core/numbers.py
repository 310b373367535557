"""Numbers out of JSON that anybody may have written."""

from __future__ import annotations

import json
import math
from typing import Any


def strict_json(text: str) -> Any:
    """json.loads for what must be JSON when it is sent on: NaN, Infinity and 1e400 raise ValueError too."""
    return json.loads(text, parse_constant=_finite, parse_float=_finite)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} can't be a number of JSON")
    return value


def amount(value: Any) -> float | None:
    """A finite number of 0 or more as a float, else None. Booleans are no numbers."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def count(value: Any) -> int | None:
    """A whole number of 0 or more, also written as 3.0, else None."""
    number = amount(value)
    return int(value) if number is not None and number.is_integer() else None
