"""Answers that must be JSON: how to ask for them, and how to read them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from llmctl.core.codeblocks import code_blocks
from llmctl.core.numbers import strict_json
from llmctl.core.quirks import Quirks
from llmctl.errors import AnswerInvalid

Schema = Mapping[str, Any]


def response_format(schema: Schema | None, quirks: Quirks) -> dict[str, Any] | None:
    """The strongest form that the provider takes; None where it takes none, and words must do."""
    if quirks.structured == "none":
        return None
    if schema is None or quirks.structured == "json_object":
        return {"type": "json_object"}
    form = {"name": _name(schema), "schema": dict(schema), **({"strict": True} if is_strict(schema) else {})}
    return {"type": "json_schema", "json_schema": form}


def instruction(schema: Schema | None, quirks: Quirks) -> str | None:
    """What must be said in words: OpenAI refuses json_object unless the messages name JSON."""
    if schema is None:
        return "Answer with JSON only."
    if quirks.structured == "json_schema":
        return None
    text = json.dumps(schema, ensure_ascii=False)
    return f"Answer with JSON only, without any other text. It must be valid against this JSON Schema:\n{text}"


def is_strict(schema: Any) -> bool:
    """Whether it meets the rules of OpenAI's strict mode: every object closed, every key required."""
    if isinstance(schema, list):
        return all(is_strict(item) for item in schema)
    if not isinstance(schema, Mapping):
        return True
    properties = schema.get("properties")
    if schema.get("type") == "object" or isinstance(properties, Mapping):
        names = set(properties) if isinstance(properties, Mapping) else set()
        if schema.get("additionalProperties") is not False or set(schema.get("required", ())) != names:
            return False
    return all(is_strict(value) for key, value in schema.items() if key not in ("enum", "const", "default"))


def bad_reference(schema: Schema) -> str | None:
    """The first $ref that does not lead to a place in the schema; None where all do.

    A schema that names its parts ($id, $anchor) is left to the validator.
    """
    parts = list(_parts(schema))
    if any(key in part for part in parts for key in ("$id", "$anchor", "$dynamicAnchor")):
        return None
    references = [part["$ref"] for part in parts if isinstance(part.get("$ref"), str)]
    return next((reference for reference in references if not _leads(reference, schema)), None)


def _parts(value: Any) -> Iterator[Schema]:
    """All objects in it, itself first."""
    if isinstance(value, Mapping):
        yield value
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for item in inner:
        yield from _parts(item)


def _leads(reference: str, schema: Any) -> bool:
    """Whether a JSON Pointer in a fragment leads somewhere; "#" alone does, to the schema."""
    head, *steps = unquote(reference).split("/")
    if head != "#":
        return False
    for step in steps:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(schema, list) and key.isdigit() and int(key) < len(schema):
            schema = schema[int(key)]
        elif isinstance(schema, Mapping) and key in schema:
            schema = schema[key]
        else:
            return False
    return True


def read_json(text: str) -> Any:
    """The JSON value of an answer, bare or as its only code block. Raises AnswerInvalid."""
    blocks = list(code_blocks(text))
    for candidate in (text, *(block.code for block in blocks if len(blocks) == 1)):
        try:
            return strict_json(candidate)
        except (ValueError, RecursionError) as error:
            first = error
            if not blocks:
                break
    raise AnswerInvalid(f"the answer is not JSON: {first}")


def check(value: Any, schema: Schema) -> None:
    """Raises AnswerInvalid that names the place and what should be there."""
    from jsonschema import validators
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    kind = validators.validator_for(schema, default=validators.validator_for({}))
    validator = kind(schema, registry=Registry())  # which never fetches anything
    try:
        errors = sorted(validator.iter_errors(value), key=lambda error: list(map(str, error.absolute_path)))
    except Unresolvable as error:
        missing = f"the schema refers to {error.ref}, which is not there"
        raise AnswerInvalid(f"the answer can't be checked: {missing}") from error
    except RecursionError as error:
        raise AnswerInvalid("the answer can't be checked: the schema refers to itself without end") from error
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise AnswerInvalid(
            f"the answer does not fit the schema: {_place(errors[0])}{errors[0].message[:300]}{more}"
        )


def _place(error: Any) -> str:
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path]
    return f"{''.join(steps).lstrip('.')}: " if steps else ""


def _name(schema: Schema) -> str:
    title = schema.get("title")
    kept = (
        "".join(char for char in title if char.isascii() and (char.isalnum() or char in "_-"))
        if isinstance(title, str)
        else ""
    )
    return kept[:64] or "answer"
