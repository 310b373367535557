"""GET /v1/models and /v1/models/{id}: every name that can be asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from llmctl.core.models import context_of
from llmctl.gateway.call import Call
from llmctl.gateway.plan import Candidate
from llmctl.gateway.problems import JSON

if TYPE_CHECKING:
    from llmctl.gateway.gateway import Gateway

_LATEST = 253402300799
"""The last second of the year 9999."""


async def models(gateway: Gateway, call: Call, path: str) -> None:
    """The list, or one model whose id may hold slashes, colons and %2F. In Anthropic's shape for its clients."""
    anthropic = call.header(b"anthropic-version") is not None
    wanted = unquote(path.removeprefix("/models").strip("/"))
    lists = await gateway.lists.all(gateway.planner.listed)
    if not wanted:
        names = [name for name in gateway.planner.names(lists) if gateway.allows(call.key, name)]
        found = [_model(gateway, name) for name in names]
        as_asked = _page([_anthropic(each) for each in found]) if anthropic else {"object": "list", "data": found}
        await _send(call, as_asked)
        return
    plan = gateway.planner.plan(wanted, "chat", lists)
    targets = plan.candidates if plan else ()
    known = wanted in gateway.planner.names(lists) or any(_may_have(lists, target) for target in targets)
    if not known or not gateway.allows(call.key, wanted, *(target.name for target in targets)):
        raise gateway.planner.unknown(wanted, lists)
    one = _model(gateway, wanted)
    await _send(call, _anthropic(one) if anthropic else one)


def _may_have(lists: Mapping[str, Sequence[str]], target: Candidate) -> bool:
    """Whether a target's provider may have its model: for sure not where it has a list without it."""
    listed = lists.get(target.upstream.name)
    return not listed or target.model in listed


def _model(gateway: Gateway, name: str) -> dict[str, Any]:
    """What its provider says of a model, and what OpenAI says of every one."""
    profile = name.partition("/")[0]
    known = profile in gateway.planner.upstreams
    told = _told(gateway, name)
    created = told.get("created")
    return {
        **told,
        "id": name,
        "object": "model",
        "created": created if isinstance(created, int) and created > 0 else gateway.started,
        "owned_by": profile if known else "llmctl",
    }


def _told(gateway: Gateway, name: str) -> Mapping[str, Any]:
    """What is listed of the one target that a name stands for."""
    targets = gateway.planner.targets_of(name)
    listed = gateway.lists.of(targets[0][0]) if len(targets) == 1 else None
    return listed.fields.get(targets[0][1], {}) if listed else {}


def _anthropic(model: Mapping[str, Any]) -> dict[str, Any]:
    """A model as Anthropic's API lists it, with whatever else is known of it there."""
    context, most = context_of(model), model.get("max_tokens")
    created = model.get("created_at")
    named = model.get("display_name") or model.get("name")
    return {
        "type": "model",
        "id": model["id"],
        "display_name": named if isinstance(named, str) else model["id"],
        "created_at": created if isinstance(created, str) else _moment(model["created"]),
        **({"max_input_tokens": context} if context else {}),
        **({"max_tokens": most} if isinstance(most, int) else {}),
        **({"capabilities": model["capabilities"]} if isinstance(model.get("capabilities"), Mapping) else {}),
    }


def _moment(seconds: int) -> str:
    return f"{datetime.fromtimestamp(min(seconds, _LATEST), UTC):%Y-%m-%dT%H:%M:%SZ}"


def _page(models: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Everything on one page."""
    first, last = (models[0]["id"], models[-1]["id"]) if models else (None, None)
    return {"data": models, "has_more": False, "first_id": first, "last_id": last}


async def _send(call: Call, found: dict[str, Any]) -> None:
    call.answer(200, [JSON], json.dumps(found, ensure_ascii=False).encode("utf-8", "replace"))
