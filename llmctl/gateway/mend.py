"""Defects of providers' answers that break clients, mended: PROTOCOL 1.3 and 1.7 list them.

Null or changing ids, tool calls without an index, arguments that are objects, "stop" with tool calls,
an empty finish_reason, a delta that is null. Everything else stays.
"""

from __future__ import annotations

import secrets
from typing import Any

from llmctl.errors import NotUnderstood
from llmctl.gateway.jsontext import dumps, loads


class Mender:
    """One stream."""

    def __init__(self) -> None:
        self.id = ""
        """The id of the first event."""
        self._calls: dict[int, list[str]] = {}  # choice -> ids of its calls, in order
        self._indexed: set[int] = set()  # choices whose calls came with an index

    def wrong_reason(self, choice: int, reason: str) -> bool:
        """Whether a choice that has called tools ends with another word."""
        return reason == "stop" and (choice in self._calls or choice in self._indexed)

    def event(self, payload: bytes, event: bytes) -> bytes:
        """The event, mended; the very same bytes where nothing was wrong."""
        found = loads(payload)
        try:
            before = dumps(found)
        except NotUnderstood:  # of a number that Python can't hold; what can't be written again stays as it is
            return event
        after = self.object(found)
        return event if before == after else b"data: %b\n\n" % after

    def object(self, found: dict[str, Any]) -> bytes:
        """The chunk as JSON, mended."""
        given = found.get("id")
        if not self.id:
            self.id = given if isinstance(given, str) and given else f"chatcmpl-{secrets.token_hex(12)}"
        found["id"] = self.id
        if not isinstance(found.get("model"), str | None):
            found["model"] = None
        choices = found.get("choices")
        if choices is None and "choices" in found:
            found["choices"] = choices = []
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict):
                self._choice(choice)
        return dumps(found)

    def _choice(self, choice: dict[str, Any]) -> None:
        index = choice.get("index")
        number = index if isinstance(index, int) and not isinstance(index, bool) else 0
        choice["index"] = number
        delta = choice.get("delta")
        if delta is None and "text" not in choice and "message" not in choice:
            delta = choice["delta"] = {}
        if isinstance(delta, dict) and isinstance(delta.get("tool_calls"), list):
            for position, call in enumerate(delta["tool_calls"]):
                if isinstance(call, dict):
                    self._call(call, number, position)
        reason = choice.get("finish_reason")
        if reason == "":
            choice["finish_reason"] = None
        elif isinstance(reason, str) and self.wrong_reason(number, reason):
            choice["finish_reason"] = "tool_calls"

    def _call(self, call: dict[str, Any], choice: int, position: int) -> None:
        if isinstance(call.get("index"), int):
            self._indexed.add(choice)
        else:
            call["index"] = self._number(call, choice, position)
        mend_arguments(call)

    def _number(self, call: dict[str, Any], choice: int, position: int) -> int:
        """The index of a call that came without one: by its id, else the one that is being written."""
        known = self._calls.setdefault(choice, [])
        given = call.get("id")
        function = call.get("function")
        named = isinstance(function, dict) and function.get("name")
        if isinstance(given, str) and given:
            if given not in known:
                known.append(given)
            return known.index(given)
        if named or not known:
            known.append("")
            return len(known) - 1
        return max(len(known) - 1, min(position, len(known) - 1))


def mend_arguments(call: dict[str, Any]) -> None:
    """Arguments as an object (Ollama, some proxies) become the JSON text that clients parse."""
    function = call.get("function")
    if isinstance(function, dict) and isinstance(function.get("arguments"), dict | list):
        function["arguments"] = dumps(function["arguments"]).decode()


def mend_whole(found: dict[str, Any]) -> bool:
    """Mend a whole answer in place; whether anything was wrong."""
    before = dumps(found)
    if not isinstance(found.get("id"), str) or not found["id"]:
        found["id"] = f"chatcmpl-{secrets.token_hex(12)}"
    choices = found.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        message = choice.get("message") if isinstance(choice, dict) else None
        calls = message.get("tool_calls") if isinstance(message, dict) else None
        if isinstance(calls, list) and calls:
            for call in calls:
                if isinstance(call, dict):
                    mend_arguments(call)
            if choice.get("finish_reason") in ("stop", "", None):
                choice["finish_reason"] = "tool_calls"
    return bool(dumps(found) != before)
