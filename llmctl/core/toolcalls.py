"""Tool calls assembled from their fragments, in all the ways providers break them up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llmctl.core.events import ToolCall, ToolCallDelta

_STANDARD = {"index", "id", "type", "function", "custom"}


@dataclass
class _Call:
    id: str = ""
    name: str = ""
    kind: str = "function"
    pieces: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)


class ToolCallAssembler:
    """The tool calls of one choice.

    Copes with: no index (whole calls one by one, or fragments of the latest), the same index for
    different calls, ids that are missing, null, "", repeated or shared by calls, names repeated
    or "", arguments as an object, at once or in pieces, calls that interleave.
    """

    def __init__(self, choice: int) -> None:
        self._choice = choice
        self._calls: list[_Call] = []
        self._by_index: dict[int, int] = {}

    def __bool__(self) -> bool:
        return bool(self._calls)

    def feed(self, fragments: Any) -> list[ToolCallDelta]:
        """Take a delta's `tool_calls` (anything that isn't a list of objects is passed over)."""
        if not isinstance(fragments, list):
            return []
        return [self._fragment(item) for item in fragments if isinstance(item, Mapping)]

    def feed_function(self, function: Any) -> list[ToolCallDelta]:
        """Take the older `function_call` of a delta."""
        if not isinstance(function, Mapping):
            return []
        return [self._fragment({"index": 0, "function": function})]

    def calls(self) -> list[ToolCall]:
        """The whole calls, in the order in which they began. Missing ids become call_0, call_1, …"""
        return [
            ToolCall(
                call=number,
                id=self._id(number),
                name=call.name,
                arguments="".join(call.pieces) or ("" if call.kind == "custom" else "{}"),
                index=self._choice,
                kind=call.kind,
                extra=call.extra,
            )
            for number, call in enumerate(self._calls)
        ]

    def _fragment(self, item: Mapping[str, Any]) -> ToolCallDelta:
        kind = "custom" if isinstance(item.get("custom"), Mapping) else "function"
        body = item.get(kind)
        body = body if isinstance(body, Mapping) else {}
        call_id, name = _text(item.get("id")), _text(body.get("name"))
        piece = _arguments(body.get("input" if kind == "custom" else "arguments"))
        number = self._number(item.get("index"), call_id, name, piece)
        call = self._calls[number]
        call.kind = kind if body else call.kind
        call.id = call.id or call_id
        new_name = "" if call.name else name
        call.name = call.name or name
        call.pieces.append(piece)
        call.extra.update({key: value for key, value in item.items() if key not in _STANDARD})
        return ToolCallDelta(number, self._id(number), new_name, piece, self._choice)

    def _id(self, number: int) -> str:
        """The provider's id, else call_0, call_1, … as far as these are free."""
        given = {call.id for call in self._calls}
        made = f"call_{number}"
        while not self._calls[number].id and made in given:
            made += "_"
        return self._calls[number].id or made

    def _number(self, index: Any, call_id: str, name: str, piece: str) -> int:
        """Which call a fragment belongs to."""
        if isinstance(index, int) and not isinstance(index, bool):
            known = self._by_index.get(index)
            if known is None or self._is_another(known, call_id, name):
                return self._begin(index)
            return known
        for number, call in reversed(list(enumerate(self._calls))):
            if call_id and call.id == call_id:
                return self._begin(None) if _is_over(call, name, piece) else number
        if not self._calls or call_id or name:
            return self._begin(None)
        return len(self._calls) - 1

    def _is_another(self, known: int, call_id: str, name: str) -> bool:
        """A second call under an index in use: it brings a name, and an id of its own where ids are sent."""
        call = self._calls[known]
        if not name or not call.name:
            return False
        if call_id or call.id:
            return call_id != call.id and (name != call.name or _complete(call))
        return name != call.name and _complete(call)

    def _begin(self, index: int | None) -> int:
        self._calls.append(_Call())
        if index is not None:
            self._by_index[index] = len(self._calls) - 1
        return len(self._calls) - 1


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _arguments(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _is_over(call: _Call, name: str, piece: str) -> bool:
    """Whether a fragment with the call's own id begins another: it has all a call has, and this one is whole."""
    if not (name and call.name and piece):
        return False
    return name != call.name or (any(call.pieces) and _complete(call))


def _complete(call: _Call) -> bool:
    try:
        json.loads("".join(call.pieces) or "{}")
    except (ValueError, RecursionError):
        return False
    return True
