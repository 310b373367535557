"""POST /v1/chat/completions."""

from __future__ import annotations

from typing import Any

from llmctl.demo import faults, models, wire
from llmctl.demo.answers import answers
from llmctl.demo.encoding import DONE, event
from llmctl.demo.exchange import Asked, Reply, json_reply, stream_reply
from llmctl.demo.validate import check_chat


def chat(body: dict[str, Any], asked: Asked) -> Reply:
    """Check, answer, and let the fault models do their worst."""
    check_chat(body)
    models.require(body["model"], models.CHAT, "chat")
    faults.refuse(body["model"])
    choices = answers(body)
    if body.get("stream"):
        sent = wire.chunks(body, choices, asked.created)
        reply = stream_reply([*map(event, sent), DONE])
    else:
        reply = json_reply(wire.completion(body, choices, asked.created))
    return faults.spoil(body["model"], reply)
