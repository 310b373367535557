"""--schema against llama.cpp's own server, whose grammar holds the model to the schema."""

from __future__ import annotations

import json

import pytest

from support.cli import Cli
from support.llama import LlamaServer

pytestmark = pytest.mark.peer

PLACE = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "size": {"enum": ["small", "large"]}},
    "required": ["city", "size"],
    "additionalProperties": False,
}


@pytest.fixture
def at(llama: LlamaServer) -> list[str]:
    return ["--base-url", f"{llama.url}/v1"]


@pytest.mark.parametrize("schema", ["city str, size one[small|large]", json.dumps(PLACE)], ids=["short", "text"])
@pytest.mark.parametrize("how", [[], ["--no-stream"]], ids=["streamed", "whole"])
def test_the_answer_fits_the_schema(cli: Cli, at: list[str], schema: str, how: list[str]) -> None:
    place = cli.run("chat", *at, *how, "--schema", schema, "Where?").check().json()
    assert set(place) == {"city", "size"}
    assert place["size"] in ("small", "large")


def test_a_list_of_objects(cli: Cli, at: list[str]) -> None:
    schema = json.dumps({"type": "array", "items": PLACE, "minItems": 1, "maxItems": 2})
    result = cli.run("chat", *at, "--schema", schema, "--json", "Where?").check().json()
    assert result["data"][0]["size"] in ("small", "large")
    assert json.loads(result["content"]) == result["data"]


def test_a_field(cli: Cli, at: list[str]) -> None:
    result = cli.run("chat", *at, "--schema", "size one[small|large]", "--field", "size", "How big?").check()
    assert result.out.strip() in ("small", "large")


def test_an_answer_that_was_cut_is_not_taken(cli: Cli, at: list[str]) -> None:
    result = cli.run("chat", *at, "--schema", "city str", "--max-tokens", "2", "Where?").check(7)
    assert "the answer is not JSON" in result.err
    assert result.out == ""


def test_any_json(cli: Cli, at: list[str]) -> None:
    cli.run("chat", *at, "--json-mode", "--max-tokens", "200", "Anything?").check().json()
