"""Which chat requests are refused, as OpenAI would refuse them."""

from __future__ import annotations

from typing import Any

from llmctl.demo.checks import (
    Check,
    array,
    boolean,
    fields,
    integer,
    mapping,
    needs,
    number,
    one_of,
    stop_sequences,
    stream_options,
    string,
)
from llmctl.demo.messages import check_messages
from llmctl.demo.problems import Problem, missing
from llmctl.demo.tools import (
    check_function_call,
    check_functions,
    check_name,
    check_tool_choice,
    check_tools,
)


def check_chat(body: dict[str, Any]) -> None:
    """Raise a Problem unless this is a chat request that can be answered."""
    fields(body, CHAT_FIELDS, required=("model", "messages"))
    needs(body, "stream_options", "stream")
    needs(body, "tool_choice", "tools")
    needs(body, "parallel_tool_calls", "tools")
    needs(body, "function_call", "functions")
    needs(body, "top_logprobs", "logprobs")
    if body.get("max_tokens") is not None and body.get("max_completion_tokens") is not None:
        message = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
        raise Problem(message, param="max_tokens", code="invalid_parameter_combination")


def _check_response_format(param: str, value: Any) -> None:
    mapping(param, value)
    if value.get("type") is None:
        raise missing(f"{param}.type")
    one_of("text", "json_object", "json_schema")(f"{param}.type", value["type"])
    if value["type"] != "json_schema":
        return
    mapping(f"{param}.json_schema", value.get("json_schema"))
    if value["json_schema"].get("name") is None:
        raise missing(f"{param}.json_schema.name")
    check_name(f"{param}.json_schema.name", value["json_schema"]["name"])
    if value["json_schema"].get("schema") is not None:
        mapping(f"{param}.json_schema.schema", value["json_schema"]["schema"])


def _check_modalities(param: str, value: Any) -> None:
    array(param, value)
    if value != ["text"]:
        message = f"Unsupported value for '{param}': the demo provider answers in text only."
        raise Problem(message, param=param, code="unsupported_value")


CHAT_FIELDS: dict[str, Check] = {
    "model": string,
    "messages": check_messages,
    "audio": mapping,
    "frequency_penalty": number(-2, 2),
    "function_call": check_function_call,
    "functions": check_functions,
    "logit_bias": mapping,
    "logprobs": boolean,
    "max_completion_tokens": integer(1),
    "max_tokens": integer(1),
    "metadata": mapping,
    "modalities": _check_modalities,
    "moderation": mapping,
    "n": integer(1, 8),
    "parallel_tool_calls": boolean,
    "prediction": mapping,
    "presence_penalty": number(-2, 2),
    "prompt_cache_key": string,
    "prompt_cache_options": mapping,
    "prompt_cache_retention": one_of("in_memory", "in-memory", "24h"),
    "reasoning_effort": one_of("none", "minimal", "low", "medium", "high", "xhigh", "max"),
    "response_format": _check_response_format,
    "safety_identifier": string,
    "seed": integer(-(2**63)),
    "service_tier": one_of("auto", "default", "flex", "scale", "priority", "fast"),
    "stop": stop_sequences,
    "store": boolean,
    "stream": boolean,
    "stream_options": stream_options,
    "temperature": number(0, 2),
    "tool_choice": check_tool_choice,
    "tools": check_tools,
    "top_logprobs": integer(0, 20),
    "top_p": number(0, 1),
    "user": string,
    "verbosity": one_of("low", "medium", "high"),
    "web_search_options": mapping,
}
