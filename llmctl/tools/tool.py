"""A tool that runs, whatever is behind it."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")
"""What a function may be called, by OpenAI's rules."""


class ToolFailed(Exception):
    """A call that did not work. Its message goes back to the model, which may do better."""


@dataclass(frozen=True)
class Tool:
    """A function that the model may call. `parameters` is a JSON Schema of type object.

    `call` takes the arguments and returns the result as text, or raises ToolFailed. It may block: one call runs
    at a time. With `needs_loop` it waits on an event loop. `source` says where it comes from: a file's name,
    "command", "mcp:NAME". An `allowed` one runs without being asked for. One that `takes_text` has parameters of
    type string only, and models may send numbers and booleans for them.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    source: str
    call: Callable[[dict[str, Any]], Awaitable[str]]
    needs_loop: bool = False
    allowed: bool = False
    takes_text: bool = False

    def schema(self) -> dict[str, Any]:
        """The entry in a request's `tools`."""
        about = {"description": self.description} if self.description else {}
        return {"type": "function", "function": {"name": self.name, **about, "parameters": dict(self.parameters)}}


def as_text(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with numbers and booleans as JSON writes them: 5, true."""
    return {
        name: json.dumps(value) if isinstance(value, int | float) else value for name, value in arguments.items()
    }


def check_arguments(arguments: Mapping[str, Any], parameters: Mapping[str, Any]) -> None:
    """Raise ToolFailed, naming each mistake, unless the arguments fit the schema.

    A schema that is none, or that points elsewhere, checks nothing: the tool itself has to.
    """
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import validator_for
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    kind = validator_for(parameters, default=Draft202012Validator)
    try:
        kind.check_schema(parameters)
        # An empty registry: by default references would be fetched from the network.
        mistakes = [_mistake(error) for error in kind(parameters, registry=Registry()).iter_errors(arguments)]
    except (SchemaError, Unresolvable, RecursionError):
        return
    if mistakes:
        raise ToolFailed(f"the arguments don't fit the tool's parameters: {'; '.join(mistakes[:5])}")


def _mistake(error: Any) -> str:
    where = ".".join(str(step) for step in error.absolute_path)
    return f"{where}: {error.message}" if where else str(error.message)
