"""What the demo provider refuses, in the shape OpenAI refuses it."""

from __future__ import annotations

from typing import Any


class Problem(Exception):
    """A request that can't be answered; becomes an error envelope with its status."""

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        status: int = 400,
        kind: str = "invalid_request_error",
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code
        self.status = status
        self.kind = kind
        self.headers = headers

    def envelope(self) -> dict[str, Any]:
        """The error body: always the same four keys."""
        return {"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}}


def missing(param: str) -> Problem:
    """A required parameter isn't there."""
    return Problem(f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter")


def invalid_type(param: str, expected: str, value: object) -> Problem:
    """A parameter has the wrong JSON type."""
    message = f"Invalid type for '{param}': expected {expected}, but got {json_type(value)} instead."
    return Problem(message, param=param, code="invalid_type")


def invalid_value(param: str, why: str) -> Problem:
    """A parameter has the right type and a value that can't be."""
    return Problem(f"Invalid value for '{param}': {why}", param=param, code="invalid_value")


def json_type(value: object) -> str:
    """What JSON calls this value, with its article."""
    names = {
        type(None): "null",
        bool: "a boolean",
        int: "an integer",
        float: "a decimal number",
        str: "a string",
        list: "an array",
        dict: "an object",
    }
    return names.get(type(value), "a file")  # which only a form can hold
