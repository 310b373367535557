"""Which request is answered by what. Paths count from their end, so any prefix will do."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from llmctl.demo import models
from llmctl.demo.exchange import Asked, Reply, json_reply, problem_reply
from llmctl.demo.problems import Problem

_REFUSED_KEYS = ("bad-key", "wrong")


# Each endpoint is imported when first asked for: a one-shot command needs one of them.


def _chat(body: dict[str, Any], asked: Asked) -> Reply:
    from llmctl.demo.chat import chat

    return chat(body, asked)


def _completions(body: dict[str, Any], asked: Asked) -> Reply:
    from llmctl.demo.completions import completions

    return completions(body, asked)


def _embeddings(body: dict[str, Any], asked: Asked) -> Reply:
    from llmctl.demo.embeddings import embeddings

    return embeddings(body, asked)


def _images(body: dict[str, Any], asked: Asked) -> Reply:
    from llmctl.demo.images import images

    return images(body, asked)


def _moderations(body: dict[str, Any], asked: Asked) -> Reply:
    from llmctl.demo.moderations import moderations

    return moderations(body, asked)


def _speech(body: dict[str, Any], asked: Asked) -> Reply:
    from llmctl.demo.audio import speech

    return speech(body, asked)


def _transcriptions(form: dict[str, Any], asked: Asked) -> Reply:
    from llmctl.demo.audio import transcriptions

    return transcriptions(form, asked)


def _translations(form: dict[str, Any], asked: Asked) -> Reply:
    from llmctl.demo.audio import translations

    return translations(form, asked)


def _edits(form: dict[str, Any], asked: Asked) -> Reply:
    from llmctl.demo.images import edits

    return edits(form, asked)


def _file(colour: str, width: str, height: str) -> Reply:
    from llmctl.demo.images import file

    return file(colour, width, height)


Answer = Callable[[dict[str, Any], Asked], Reply]

_POSTS: dict[str, Answer] = {
    "/chat/completions": _chat,
    "/completions": _completions,
    "/embeddings": _embeddings,
    "/images/generations": _images,
    "/audio/speech": _speech,
    "/moderations": _moderations,
}
_FORMS: dict[str, Answer] = {
    "/images/edits": _edits,
    "/audio/transcriptions": _transcriptions,
    "/audio/translations": _translations,
}
# A picture's address holds all there is to know of it, so none has to be kept.
_FILE = re.compile(r"/files/([0-9a-f]{6})-(\d{1,4})x(\d{1,4})\.png$")
_MODELS = re.compile(r"/models$")
_MODEL = re.compile(r"/models/(.+)$")
_ABOUT = {
    "service": "llmctl demo",
    "status": "ok",
    "about": "A deterministic OpenAI-compatible provider: no model, no network, any key. The API is under /v1.",
}


def respond(asked: Asked) -> Reply:
    """The reply to a request; whatever is wrong with it becomes an error envelope."""
    try:
        _check_key(asked)
        return _route(asked)
    except Problem as problem:
        return problem_reply(problem)


def _check_key(asked: Asked) -> None:
    given = asked.headers.get("authorization", "").removeprefix("Bearer ").strip()
    if given in _REFUSED_KEYS or asked.headers.get("api-key") in _REFUSED_KEYS:
        raise Problem("Incorrect API key provided.", status=401, code="invalid_api_key")


def _route(asked: Asked) -> Reply:
    path = asked.path.partition("?")[0].rstrip("/")
    for ending, answer in {**_POSTS, **_FORMS}.items():
        if path.endswith(ending):
            _allow(asked, "POST")
            return answer(_form(asked) if ending in _FORMS else _parsed(asked.body), asked)
    readable = _readable(path)
    if readable is None:
        raise Problem(f"Invalid URL ({asked.method} {path or '/'})", status=404, code="unknown_url")
    _allow(asked, "GET", "HEAD")
    return readable()


def _readable(path: str) -> Callable[[], Reply] | None:
    if path in ("", "/health", "/v1", "/v1/health"):
        return lambda: json_reply(_ABOUT)
    if _MODELS.search(path):
        return lambda: json_reply(models.listing())
    if found := _MODEL.search(path):
        name = unquote(found[1])
        return lambda: json_reply(models.single(name))
    if picture := _FILE.search(path):
        return lambda: _file(*picture.groups())
    return None


def _allow(asked: Asked, *methods: str) -> None:
    if asked.method not in methods:
        message = f"Not allowed to {asked.method} here. (HINT: Perhaps you meant to use {methods[0]}?)"
        allow = (("Allow", ", ".join(methods)),)
        raise Problem(message, status=405, code="method_not_supported", headers=allow)


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body, parse_constant=_no_number, parse_float=_finite)
    except (ValueError, RecursionError):
        message = "We could not parse the JSON body of your request. The API expects a JSON payload."
        raise Problem(message) from None
    if not isinstance(value, dict):
        raise Problem("The JSON body of your request is not an object.")
    return value


def _form(asked: Asked) -> dict[str, Any]:
    from llmctl.demo.forms import read_form

    return read_form(asked)


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError("a number too large to hold")
    return value
