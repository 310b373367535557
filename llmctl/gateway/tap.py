"""A stream of chat completions, or of text completions, on its way to the client.

The tap looks at each event with one small decode: it sees the first token, the end, usage and errors, and
mends only what breaks clients (PROTOCOL 1.3, 1.7). An event in which nothing is wrong keeps its bytes.
"""

from __future__ import annotations

from typing import Any

import msgspec

from llmctl.core.chat import BROKEN_OFF
from llmctl.core.faults import error_in_body
from llmctl.core.rechunk import DONE
from llmctl.errors import LlmctlError, NotUnderstood, Overloaded
from llmctl.gateway.events import PING, EventTap, fields_of
from llmctl.gateway.jsontext import loads
from llmctl.gateway.mend import Mender

_PINGS = (b"{}", b"null")
"""Events that some proxies send to keep a connection: clients look for choices in them."""


class _Delta(msgspec.Struct):
    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    refusal: Any = None
    tool_calls: Any = None
    function_call: Any = None
    audio: Any = None


class _Choice(msgspec.Struct):
    index: int = 0
    delta: _Delta | None = None
    finish_reason: str | None = None
    text: Any = None
    message: Any = None


class _Chunk(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    choices: list[_Choice] | None = None
    usage: Any = None
    x_groq: Any = None
    error: Any = None


_decode = msgspec.json.Decoder(_Chunk).decode


class Tap(EventTap):
    """One stream. `keeps_usage`: the client asked for usage. `choices`: it asked for so many."""

    closing = DONE

    def __init__(self, keeps_usage: bool, mends: bool = True, choices: int = 1) -> None:
        super().__init__()
        self._choices: set[int] = set()
        self._asked = choices
        self._keeps_usage = keeps_usage
        self._mender = Mender() if mends else None

    @property
    def complete(self) -> bool:
        """Whether every choice has said why it ended."""
        return len(self.reasons) >= max(self._asked, len(self._choices))

    def _event(self, event: bytes) -> bytes:
        """The event as it goes on; b"" for none."""
        if event.startswith(b"data:") and event.count(b"\n") == 2 and b"\r" not in event:
            name, payload = "", event[5:-2].strip()
        elif event.startswith(b":") and event.count(b"\n") == 2:
            return event if self.begun else b""
        else:
            name, payload = fields_of(event)
        if not payload:
            return b""
        if (payload in _PINGS or name == "ping") and self._mender is not None:
            return PING if self.begun else b""
        if payload == b"[DONE]":
            self.done = True
            return DONE
        return self._payload(event, payload, name)

    def _payload(self, event: bytes, payload: bytes, name: str) -> bytes:
        try:
            chunk = _decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._odd(event, payload, name)
        if chunk.error or chunk.choices is None or name == "error":
            failure = error_in_body(loads(payload), name)
            if failure is not None:
                raise failure
        return self._see(chunk, event, payload)

    def _see(self, chunk: _Chunk, event: bytes, payload: bytes) -> bytes:
        if chunk.model and not self.model:
            self.model = chunk.model
        if chunk.usage:
            self.usage = chunk.usage
        elif isinstance(chunk.x_groq, dict) and chunk.x_groq.get("usage"):
            self.usage = chunk.x_groq["usage"]
        if not chunk.choices:
            if not chunk.usage and chunk.choices is not None:
                return b"" if self._mender else event  # clients look at choices[0]
            return event if self._keeps_usage or chunk.choices is None else b""
        odd = False
        for choice in chunk.choices:
            odd |= self._see_choice(choice)
        if self._mender is None:
            return event
        if not self._mender.id and chunk.id:
            self._mender.id = chunk.id
        if odd or not chunk.id or chunk.id != self._mender.id:
            return self._mender.event(payload, event)
        return event

    def _see_choice(self, choice: _Choice) -> bool:
        """Note what it brings; whether it may need mending."""
        index, delta = choice.index, choice.delta
        self._choices.add(index)
        calls = False
        if delta is not None:
            calls = bool(delta.tool_calls)
            if not self.begun and (
                delta.content
                or delta.reasoning_content
                or delta.reasoning
                or calls
                or delta.refusal
                or delta.function_call
                or delta.audio
            ):
                self.begun = True
        elif choice.text or choice.message:
            self.begun = True
        if choice.finish_reason:
            if choice.finish_reason in BROKEN_OFF:
                raise Overloaded(f"the provider broke the answer off (finish_reason {choice.finish_reason!r})")
            self.reasons[index] = choice.finish_reason
            self.begun = True
            return calls or (self._mender is not None and self._mender.wrong_reason(index, choice.finish_reason))
        return calls or choice.finish_reason == "" or (delta is None and choice.text is None)

    def _odd(self, event: bytes, payload: bytes, name: str) -> bytes:
        """An event that the quick decoder refuses: odd but fine, mended, an error, or garbage."""
        found = loads(payload)
        failure: LlmctlError | None = error_in_body(found, name)
        if failure is not None:
            raise failure
        chunk = _chunk_of(found)
        if chunk is None and self._mender is not None and isinstance(found, dict):
            payload = self._mender.object(found)
            event = b"data: %b\n\n" % payload
            chunk = _chunk_of(found)
        if chunk is None:
            raise NotUnderstood("the provider sent an event that is no part of an answer")
        return self._see(chunk, event, payload)


def _chunk_of(found: Any) -> _Chunk | None:
    try:
        return msgspec.convert(found, _Chunk)
    except msgspec.ValidationError:
        return None
