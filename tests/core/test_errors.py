"""The error tree that is drawn is the one that stands."""

from __future__ import annotations

import json
import re

import pytest

from llmctl import errors
from llmctl.errors import LlmctlError

LINE = re.compile(
    r"^(?P<indent>[ │]*[├└]── )(?P<name>[A-Z]\w+)\s+(?P<exit>\d+)?\s+(?P<code>[a-z_]+)\b", re.MULTILINE
)
DRAWN = list(LINE.finditer(errors.__doc__ or ""))


def classes(base: type[LlmctlError] = LlmctlError) -> list[type[LlmctlError]]:
    return [kind for child in base.__subclasses__() for kind in (child, *classes(child))]


def own(kinds: list[type[LlmctlError]]) -> list[type[LlmctlError]]:
    return [kind for kind in kinds if kind.__module__ == errors.__name__]


ALL = own(classes())


def test_every_class_is_drawn_once_in_order():
    assert [match["name"] for match in DRAWN] == [kind.__name__ for kind in ALL]


@pytest.mark.parametrize("match", DRAWN, ids=lambda match: match["name"])
def test_code_exit_code_and_place(match):
    kind = getattr(errors, match["name"])
    top = len(match["indent"]) == 8
    assert kind.code == match["code"]
    assert (kind.__base__ is LlmctlError) is top
    assert bool(match["exit"]) is top
    if top:
        assert kind.exit_code == int(match["exit"])
    else:
        assert kind.exit_code == kind.__base__.exit_code


def test_codes_tell_the_classes_apart():
    codes = [kind.code for kind in [LlmctlError, *ALL]]
    assert len(set(codes)) == len(codes)
    assert LlmctlError.exit_code == 1


EXITS = {2: "usage", 3: "config", 4: "key", 5: "request_refused", 6: "limit", 7: "server_error", 8: "network"}
EXITS |= {9: "timeout", 10: "stream_broken", 11: "truncated", 12: "filtered", 13: "tool", 130: "interrupted"}


def test_exit_codes_that_scripts_rely_on():
    assert {kind.exit_code: kind.code for kind in ALL if kind.__base__ is LlmctlError} == EXITS


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_status_for_the_gateway(kind):
    assert 400 <= kind.http_status < 600


def test_as_dict():
    error = errors.RateLimited("slow down", hint="wait", status=429, retry_after=7.0, request_id="r")
    error.provider, error.profile, error.partial = "groq", "work", "Hel"
    assert json.loads(json.dumps(error.as_dict())) == {
        "code": "rate_limited",
        "message": "slow down",
        "hint": "wait",
        "status": 429,
        "provider": "groq",
        "profile": "work",
        "request_id": "r",
        "retry_after": 7.0,
        "partial": "Hel",
    }
    assert str(error) == "slow down"
    assert list(LlmctlError("x").as_dict()) == list(error.as_dict())
