"""POST /v1/moderations."""

from __future__ import annotations

from typing import Any

from llmctl.demo import faults, models
from llmctl.demo.checks import Check, array, fields, mapping, one_of, string
from llmctl.demo.encoding import identity
from llmctl.demo.exchange import Asked, Reply, json_reply
from llmctl.demo.problems import invalid_type

FLAGGED = "demo-flag"
"""The one thing to which the demo provider objects."""
_CATEGORIES = (
    "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm",
    "self-harm/instructions", "self-harm/intent", "sexual", "sexual/minors", "violence", "violence/graphic",
)  # fmt: skip


def _check_input(param: str, value: Any) -> None:
    """A string, strings, or the parts of one message."""
    if isinstance(value, str):
        return
    array(param, value)
    if all(isinstance(item, str) for item in value):
        return
    for position, item in enumerate(value):
        _check_part(f"{param}[{position}]", item)


def _check_part(param: str, part: Any) -> None:
    if not isinstance(part, dict):
        raise invalid_type(param, "an object", part)
    one_of("text", "image_url")(f"{param}.type", part.get("type"))
    if part["type"] == "text":
        string(f"{param}.text", part.get("text"))
        return
    mapping(f"{param}.image_url", part.get("image_url"))
    string(f"{param}.image_url.url", part["image_url"].get("url"))


_FIELDS: dict[str, Check] = {"input": _check_input, "model": string}


def moderations(body: dict[str, Any], asked: Asked) -> Reply:
    """One result for each text; the parts of a message have one together."""
    del asked
    fields(body, _FIELDS, required=("input",))
    model = body.get("model") or "demo"
    models.require(model, models.MODERATION, "moderations")
    faults.refuse(model)
    results = [_result(text, kinds) for text, kinds in _judged(body["input"])]
    return faults.spoil(model, json_reply({"id": identity("modr-", body), "model": model, "results": results}))


def _judged(given: str | list[Any]) -> list[tuple[str, list[str]]]:
    """(text, kinds of content) for each result."""
    if isinstance(given, str):
        return [(given, ["text"])]
    if all(isinstance(item, str) for item in given):
        return [(text, ["text"]) for text in given]
    kinds = {"text": "text", "image_url": "image"}
    text = "\n".join(part["text"] for part in given if part["type"] == "text")
    return [(text, sorted({kinds[part["type"]] for part in given}))]


def _result(text: str, kinds: list[str]) -> dict[str, Any]:
    flagged = FLAGGED in text
    guilty = "harassment" if flagged else ""
    return {
        "flagged": flagged,
        "categories": {name: name == guilty for name in _CATEGORIES},
        "category_scores": {name: 0.99 if name == guilty else 0.0001 for name in _CATEGORIES},
        "category_applied_input_types": dict.fromkeys(_CATEGORIES, kinds),
    }
