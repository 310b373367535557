"""Models that fail on purpose, for people who test their own programs.

demo-429      refuses with rate_limit_exceeded, and says when to come back
demo-500      refuses with server_error
demo-slow     lets one wait for the first piece, then for each further one
demo-cut      closes the connection in the middle of the answer
demo-garbage  puts something that isn't JSON into the stream, or answers with HTML
"""

from __future__ import annotations

from dataclasses import replace

from llmctl.demo.exchange import Reply
from llmctl.demo.problems import Problem

_GARBAGE = b'data: {"id": "chatcmpl-\n\n'
_HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n"


def refuse(model: str) -> None:
    """Raise what demo-429 and demo-500 raise."""
    if model == "demo-429":
        raise Problem(
            "Rate limit reached for demo-429, which has a limit of none. Please try again in 1s.",
            status=429,
            kind="requests",
            code="rate_limit_exceeded",
            headers=(("Retry-After", "1"), ("Retry-After-Ms", "1000")),
        )
    if model == "demo-500":
        message = "The server had an error while processing your request. It always has, with demo-500."
        raise Problem(message, status=500, kind="server_error", code="server_error")


def spoil(model: str, reply: Reply) -> Reply:
    """What becomes of a good reply under one of the other models."""
    if model == "demo-slow":
        return replace(reply, slow=True)
    if model == "demo-cut":
        # At most half of the events, so that no finish_reason gets through.
        events = reply.events and reply.events[: max(1, len(reply.events) // 2)]
        return replace(reply, events=events, cut=True)
    if model == "demo-garbage":
        return _garbled(reply)
    return reply


def _garbled(reply: Reply) -> Reply:
    if reply.events is None:
        return replace(reply, body=_HTML, kind="text/html")
    return replace(reply, events=(*reply.events[:2], _GARBAGE, *reply.events[2:]))
