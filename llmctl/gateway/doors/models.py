"""GET /v1/models and /v1/models/{id}: every name that can be asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from llmctl.gateway.call import Call
from llmctl.gateway.plan import Candidate
from llmctl.gateway.problems import JSON

if TYPE_CHECKING:
    from llmctl.gateway.gateway import Gateway


async def models(gateway: Gateway, call: Call, path: str) -> None:
    """The list, or one model whose id may hold slashes, colons and %2F."""
    wanted = unquote(path.removeprefix("/models").strip("/"))
    lists = await gateway.lists.all(gateway.planner.listed)
    if not wanted:
        names = [name for name in gateway.planner.names(lists) if gateway.allows(call.key, name)]
        await _send(call, {"object": "list", "data": [_model(gateway, name) for name in names]})
        return
    plan = gateway.planner.plan(wanted, "chat", lists)
    targets = plan.candidates if plan else ()
    known = wanted in gateway.planner.names(lists) or any(_may_have(lists, target) for target in targets)
    if not known or not gateway.allows(call.key, wanted, *(target.name for target in targets)):
        raise gateway.planner.unknown(wanted, lists)
    await _send(call, _model(gateway, wanted))


def _may_have(lists: Mapping[str, Sequence[str]], target: Candidate) -> bool:
    """Whether a target's provider may have its model: for sure not where it has a list without it."""
    listed = lists.get(target.upstream.name)
    return not listed or target.model in listed


def _model(gateway: Gateway, name: str) -> dict[str, Any]:
    profile = name.partition("/")[0]
    owner = profile if profile in gateway.planner.upstreams else "llmctl"
    return {"id": name, "object": "model", "created": gateway.started, "owned_by": owner}


async def _send(call: Call, found: dict[str, Any]) -> None:
    call.answer(200, [JSON], json.dumps(found, ensure_ascii=False).encode("utf-8", "replace"))
