"""Checking `tools`, and deciding which one the demo provider calls."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

from llmctl.demo.checks import array, mapping, one_of, string
from llmctl.demo.messages import is_tool_result, last_of, text_of
from llmctl.demo.problems import Problem, invalid_value, missing

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
Kind = Literal["function", "custom", "legacy"]


@dataclass(frozen=True)
class Call:
    """One call of a tool. `payload` is the arguments as JSON, or a custom tool's input."""

    kind: Kind
    name: str
    payload: str


def check_tools(param: str, value: Any) -> None:
    """A non-empty array of function and custom tools."""
    array(param, value)
    for position, tool in enumerate(value):
        here = f"{param}[{position}]"
        mapping(here, tool)
        if "type" not in tool:
            raise missing(f"{here}.type")
        one_of("function", "custom")(f"{here}.type", tool["type"])
        check_function(f"{here}.{tool['type']}", tool.get(tool["type"]))


def check_functions(param: str, value: Any) -> None:
    """The deprecated `functions`."""
    array(param, value)
    for position, function in enumerate(value):
        check_function(f"{param}[{position}]", function)


def check_function(param: str, value: Any) -> None:
    """A tool's own object: a name, and perhaps a schema."""
    if value is None:
        raise missing(param)
    mapping(param, value)
    if value.get("name") is None:
        raise missing(f"{param}.name")
    check_name(f"{param}.name", value["name"])
    if value.get("parameters") is not None:
        mapping(f"{param}.parameters", value["parameters"])


def check_name(param: str, value: Any) -> None:
    """A name that OpenAI allows for functions and schemas."""
    string(param, value)
    if not _NAME.fullmatch(value):
        raise invalid_value(param, "expected 1 to 64 letters, digits, underscores and dashes.")


def check_tool_choice(param: str, value: Any) -> None:
    """A word, or an object that names a tool (or the allowed ones)."""
    if isinstance(value, str):
        one_of("none", "auto", "required")(param, value)
        return
    mapping(param, value)
    one_of("function", "custom", "allowed_tools")(f"{param}.type", value.get("type"))
    mapping(f"{param}.{value['type']}", value.get(value["type"]))
    if value["type"] == "allowed_tools":
        _check_allowed(f"{param}.allowed_tools", value["allowed_tools"])


def _check_allowed(param: str, allowed: dict[str, Any]) -> None:
    one_of("auto", "required")(f"{param}.mode", allowed.get("mode", "auto"))
    array(f"{param}.tools", allowed.get("tools"))
    for position, tool in enumerate(allowed["tools"]):
        here = f"{param}.tools[{position}]"
        mapping(here, tool)
        one_of("function", "custom")(f"{here}.type", tool.get("type"))
        mapping(f"{here}.{tool['type']}", tool.get(tool["type"]))


def check_function_call(param: str, value: Any) -> None:
    """The deprecated `function_call`."""
    if isinstance(value, str):
        one_of("none", "auto")(param, value)
        return
    mapping(param, value)
    string(f"{param}.name", value.get("name"))


def chosen_call(body: dict[str, Any]) -> Call | None:
    """The call the answer consists of, or None for an answer in words.

    Always the first tool, or the one that is asked for by name, with arguments made up from its
    schema. After a tool's result the demo answers in words, so that loops over tools end.
    """
    if is_tool_result(body["messages"][-1]):
        return None
    prompt = text_of(last_of(body["messages"], "user"))
    if body.get("tools"):
        tool = _chosen_tool(body["tools"], body.get("tool_choice") or "auto")
        return _call(tool["type"], tool[tool["type"]], prompt) if tool else None
    if body.get("functions"):
        function = _chosen_function(body["functions"], body.get("function_call") or "auto")
        return _call("legacy", function, prompt) if function else None
    return None


def _chosen_tool(tools: list[dict[str, Any]], choice: Any) -> dict[str, Any] | None:
    if choice == "none":
        return None
    if isinstance(choice, str):
        return tools[0]
    wanted = choice["allowed_tools"]["tools"][0] if choice["type"] == "allowed_tools" else choice
    kind = wanted["type"]
    name = wanted[kind].get("name")
    for tool in tools:
        if tool["type"] == kind and tool[kind]["name"] == name:
            return tool
    raise _not_found("tool_choice", name, "tools")


def _chosen_function(functions: list[dict[str, Any]], choice: Any) -> dict[str, Any] | None:
    if choice == "none":
        return None
    if isinstance(choice, str):
        return functions[0]
    for function in functions:
        if function["name"] == choice["name"]:
            return function
    raise _not_found("function_call", choice["name"], "functions")


def _not_found(param: str, name: Any, where: str) -> Problem:
    return Problem(f"Invalid value for '{param}': '{name}' is not one of the '{where}'.", param=param)


def _call(kind: Kind, tool: dict[str, Any], prompt: str) -> Call:
    if kind == "custom":
        return Call(kind, tool["name"], prompt or "demo input")
    from llmctl.demo.schema_instance import NoInstance, instance  # a third of the start-up, for few requests

    try:
        arguments = instance(tool.get("parameters") or {"type": "object"})
    except NoInstance as error:
        message = f"Invalid schema for function '{tool['name']}': {error}"
        raise Problem(message, param="tools", code="invalid_function_parameters") from error
    return Call(kind, tool["name"], json.dumps(arguments, ensure_ascii=False))
