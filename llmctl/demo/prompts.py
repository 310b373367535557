"""The four shapes in which /completions and /embeddings take text."""

from __future__ import annotations

from typing import Any

from llmctl.demo.checks import array
from llmctl.demo.problems import Problem, invalid_type

Text = str | list[int]  # a text, or its tokens


def check_texts(param: str, value: Any) -> None:
    """A string, strings, token numbers, or arrays of token numbers."""
    if isinstance(value, str):
        return
    array(param, value)
    if len(value) > 2048 and not _is_tokens(value):
        raise Problem(f"Invalid '{param}': array too long.", param=param, code="array_above_max_length")
    if _is_tokens(value) or all(isinstance(item, str) for item in value):
        return
    if all(isinstance(item, list) and item and _is_tokens(item) for item in value):
        return
    raise invalid_type(param, "a string, or an array of strings, token numbers or arrays of them", value)


def _is_tokens(value: list[Any]) -> bool:
    return all(isinstance(item, int) and not isinstance(item, bool) and item >= 0 for item in value)


def texts(value: str | list[Any]) -> list[Text]:
    """A checked value as a list of texts."""
    return [value] if isinstance(value, str) or _is_tokens(value) else list(value)


def readable(text: Text) -> str:
    """A text as it is, tokens by their numbers."""
    return text if isinstance(text, str) else " ".join(str(token) for token in text)
