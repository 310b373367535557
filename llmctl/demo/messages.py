"""Reading and checking the `messages` of a chat request."""

from __future__ import annotations

from collections import Counter
from typing import Any

from llmctl.demo.checks import array, fields, mapping, one_of, string
from llmctl.demo.problems import Problem, invalid_type, missing

Message = dict[str, Any]

_ROLES = ("developer", "system", "user", "assistant", "tool", "function")
_PART_FIELD = {
    "text": "text",
    "refusal": "refusal",
    "image_url": "image_url",
    "input_audio": "input_audio",
    "file": "file",
}
_ATTACHED = {"image_url": "image", "input_audio": "audio clip", "file": "file"}


def check_messages(param: str, value: Any) -> None:
    """Every message well formed, and every tool call answered right after it was made."""
    array(param, value)
    for position, message in enumerate(value):
        _check_message(f"{param}[{position}]", message)
    _check_tool_results(param, value)


def _check_message(param: str, message: Any) -> None:
    mapping(param, message)
    if "role" not in message:
        raise missing(f"{param}.role")
    one_of(*_ROLES)(f"{param}.role", message["role"])
    if message.get("tool_calls") is not None:
        _check_calls(f"{param}.tool_calls", message["tool_calls"])
    _check_content(param, message)


def _check_content(param: str, message: Message) -> None:
    content = message.get("content")
    if content is None:
        if message["role"] == "function" or _may_lack_content(message):
            return
        raise invalid_type(f"{param}.content", "a string or an array of content parts", content)
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        raise invalid_type(f"{param}.content", "a string or an array of content parts", content)
    array(f"{param}.content", content)
    for position, part in enumerate(content):
        _check_part(f"{param}.content[{position}]", part)


def _may_lack_content(message: Message) -> bool:
    reasons = ("tool_calls", "function_call", "refusal", "audio")
    return message["role"] == "assistant" and any(message.get(reason) for reason in reasons)


def _check_part(param: str, part: Any) -> None:
    mapping(param, part)
    if "type" not in part:
        raise missing(f"{param}.type")
    one_of(*_PART_FIELD)(f"{param}.type", part["type"])
    field = _PART_FIELD[part["type"]]
    if field not in part:
        raise missing(f"{param}.{field}")
    check = string if part["type"] in ("text", "refusal") else mapping
    check(f"{param}.{field}", part[field])
    if field == "image_url":
        string(f"{param}.image_url.url", part[field].get("url"))


def _check_calls(param: str, calls: Any) -> None:
    array(param, calls)
    for position, call in enumerate(calls):
        here = f"{param}[{position}]"
        mapping(here, call)
        known = {"id": string, "type": one_of("function", "custom"), "function": mapping, "custom": mapping}
        fields({k: v for k, v in call.items() if k in known}, known, required=("id", "type"), within=here)


def _check_tool_results(param: str, messages: list[Message]) -> None:
    waiting: set[str] = set()
    for position, message in enumerate(messages):
        here = f"{param}[{position}]"
        if message["role"] == "tool":
            _take_result(here, message, waiting)
            continue
        _refuse_unanswered(here, waiting)
        waiting = {call["id"] for call in message.get("tool_calls") or []}
    _refuse_unanswered(f"{param}[{len(messages) - 1}]", waiting)


def _take_result(param: str, message: Message, waiting: set[str]) -> None:
    identity = message.get("tool_call_id")
    if identity is None:
        raise missing(f"{param}.tool_call_id")
    string(f"{param}.tool_call_id", identity)
    if identity not in waiting:
        text = (
            f"Invalid parameter: messages with role 'tool' must be a response to a preceding message with "
            f"'tool_calls'; '{identity}' answers none."
        )
        raise Problem(text, param=f"{param}.role")
    waiting.discard(identity)


def _refuse_unanswered(param: str, waiting: set[str]) -> None:
    if waiting:
        text = (
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            f"'tool_call_id'. These had no response: {', '.join(sorted(waiting))}"
        )
        raise Problem(text, param=param)


def text_of(message: Message) -> str:
    """All the text of one message."""
    content = message.get("content")
    if isinstance(content, list):
        return "\n".join(part.get("text") or part.get("refusal") or "" for part in content)
    return content or ""


def last_of(messages: list[Message], *roles: str) -> Message:
    """The last message with one of these roles, or an empty one."""
    return next((m for m in reversed(messages) if m["role"] in roles), {})


def attachments(message: Message) -> dict[str, int]:
    """How many images, audio clips and files a message carries."""
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    return dict(Counter(_ATTACHED[part["type"]] for part in parts if part["type"] in _ATTACHED))


def is_tool_result(message: Message) -> bool:
    """Whether a message brings what a tool said."""
    return message["role"] in ("tool", "function")
