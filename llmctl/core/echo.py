"""What an assistant's message must carry when it is sent back, beside its text and its tool calls.

OpenRouter's `reasoning_details` (and MiniMax's): blocks of reasoning, some signed or encrypted. A block comes in
fragments of one `index`; its signature holds for the whole text only, so fragments have to be joined before
they go back. Gemini's `extra_content`: thought signatures, on a message as on tool calls.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

_GROWING = ("text", "summary")
"""The fields of a block that come in pieces; encrypted `data` never does."""


class EchoCollector:
    """Collects the fields of one choice over its deltas, or takes them from a whole message as they are."""

    def __init__(self) -> None:
        self._details: list[Any] = []
        self._extra: dict[str, Any] = {}

    def feed(self, delta: Mapping[str, Any], whole: bool) -> None:
        """Take the next delta. `whole` says that it is a message, in which nothing is in pieces."""
        details = delta.get("reasoning_details")
        for item in details if isinstance(details, list) else ():
            known = None if whole or not isinstance(item, Mapping) else self._begun(item)
            if known is None:
                self._details.append(copy.deepcopy(item))
            else:
                _grow(known, item)
        extra = delta.get("extra_content")
        if isinstance(extra, Mapping):
            self._extra = copy.deepcopy(dict(extra)) if whole else _merged(self._extra, extra)

    def fields(self) -> dict[str, Any]:
        """The fields to send back; empty when there are none."""
        found = {"reasoning_details": self._details, "extra_content": self._extra}
        return {name: value for name, value in found.items() if value}

    def _begun(self, item: Mapping[str, Any]) -> dict[str, Any] | None:
        """The block that this fragment goes on with: of its type and index, or without indexes the last one."""
        if not any(isinstance(item.get(name), str) for name in _GROWING) and "signature" not in item:
            return None
        index = item.get("index")
        for known in reversed(self._details):
            if not isinstance(known, dict):
                continue
            same = known.get("type") == item.get("type") and known.get("index") == index
            if same and (not known.get("id") or not item.get("id") or known["id"] == item["id"]):
                return known
            if index is None:
                return None
        return None


def _grow(block: dict[str, Any], fragment: Mapping[str, Any]) -> None:
    for name, value in fragment.items():
        if name in _GROWING and isinstance(value, str) and isinstance(block.get(name), str):
            block[name] += value
        elif value is not None and block.get(name) is None:
            block[name] = copy.deepcopy(value)


def _merged(before: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Both tables, the later value counting. True and false mark the delta that they stand in, not the message."""
    merged = dict(before)
    for name, value in more.items():
        if isinstance(value, Mapping):
            known = merged.get(name)
            inner = _merged(known if isinstance(known, Mapping) else {}, value)
            if inner:
                merged[name] = inner
        elif not isinstance(value, bool):
            merged[name] = copy.deepcopy(value)
    return merged
