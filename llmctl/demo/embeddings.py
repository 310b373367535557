"""POST /v1/embeddings."""

from __future__ import annotations

from typing import Any

from llmctl.demo import faults, models, tokens
from llmctl.demo.checks import Check, fields, integer, one_of, string
from llmctl.demo.exchange import Asked, Reply, json_reply
from llmctl.demo.problems import Problem
from llmctl.demo.prompts import check_texts, readable, texts
from llmctl.demo.vectors import DIMENSIONS, packed, vector


def _check_input(param: str, value: Any) -> None:
    check_texts(param, value)
    if "" in texts(value):
        raise Problem(f"Invalid '{param}': input can't be an empty string.", param=param, code="empty_string")


_FIELDS: dict[str, Check] = {
    "model": string,
    "input": _check_input,
    "dimensions": integer(1, DIMENSIONS),
    "encoding_format": one_of("float", "base64"),
    "user": string,
}


def embeddings(body: dict[str, Any], asked: Asked) -> Reply:
    """One vector for each text."""
    del asked
    fields(body, _FIELDS, required=("model", "input"))
    models.require(body["model"], models.EMBEDDING, "embeddings")
    faults.refuse(body["model"])
    inputs = texts(body["input"])
    dimensions = body.get("dimensions") or DIMENSIONS
    vectors = [vector(readable(text), dimensions) for text in inputs]
    coded = body.get("encoding_format") == "base64"
    data = [
        {"object": "embedding", "index": index, "embedding": packed(values) if coded else values}
        for index, values in enumerate(vectors)
    ]
    count = sum(tokens.count(text) if isinstance(text, str) else len(text) for text in inputs)
    counted = {"prompt_tokens": count, "total_tokens": count}
    listed = {"object": "list", "data": data, "model": body["model"], "usage": counted}
    return faults.spoil(body["model"], json_reply(listed))
