"""What a provider does differently, as data. Every key is documented here and nowhere else.

Layers, weakest first: defaults < provider (data/providers.toml) < model prefix < measured < the
user's own `quirks` in the profile. Tables merge key by key, lists and scalars replace.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from llmctl.errors import ConfigError

USAGE = ("ask", "always", "never")
MEDIA = ("image", "audio", "pdf")
STRUCTURED = ("json_schema", "json_object", "none")


@dataclass(frozen=True)
class Quirks:
    """The resolved quirks of one provider and model. The defaults are OpenAI's own behaviour."""

    drop: tuple[str, ...] = ()
    """Request parameters that the provider refuses. Left out of the request, and said on stderr."""

    rename: Mapping[str, str] = field(default_factory=dict)
    """Request parameter -> the provider's name for it, e.g. max_tokens -> max_completion_tokens."""

    roles: Mapping[str, str] = field(default_factory=dict)
    """Message role -> the role to send instead, e.g. developer -> system."""

    tool_choice: Mapping[str, str] = field(default_factory=dict)
    """tool_choice word -> the provider's word, e.g. required -> any. "function" stands for a named one."""

    usage: str = "ask"
    """Usage in streams: "ask" sends stream_options.include_usage, "always" comes unasked, "never" has none."""

    merge_system: bool = False
    """Only one leading system message is taken: join them all there."""

    text_content: bool = False
    """`content` must be a string: join the text parts of a list."""

    null_content: bool = True
    """`content: null` is taken in assistant messages; when false, "" is sent."""

    replay_reasoning: str = ""
    """Field in which an assistant turn's reasoning must be sent back ("" = never send it back)."""

    reasoning_tags: tuple[str, ...] = ("think",)
    """Tags at the start of the content that hold reasoning, without the angle brackets."""

    reasoning_apart: bool = False
    """usage.completion_tokens leaves the reasoning tokens out; they are added before counting."""

    cost: str = ""
    """Dotted path inside `usage` of what was billed ("" = not told)."""

    cost_units_per_usd: float = 1.0
    """How many units of `cost` make one US dollar."""

    structured: str = "json_schema"
    """The strongest response_format the provider takes: json_schema, json_object or none."""

    media: tuple[str, ...] = MEDIA
    """Files that messages may hold beside text. What is missing here is refused before it is sent."""

    embedding_batch: int = 2048
    """Most inputs in one embeddings request."""

    embedding_base64: bool = True
    """encoding_format may be sent; when false the parameter is left out."""

    embedding_body: Mapping[str, Any] = field(default_factory=dict)
    """Fields that every embeddings request must carry, e.g. input_type."""

    mend: bool = True
    """`llmctl serve` mends what breaks clients (ids, tool calls, finish reasons) where it sees it."""

    model_list: bool = True
    """GET {base_url}/models exists."""


_FIELDS = {f.name: f for f in dataclasses.fields(Quirks)}
_WORDS = {"usage": USAGE, "structured": STRUCTURED}


def merge_quirks(layers: Iterable[Mapping[str, Any]], where: str = "quirks") -> Quirks:
    """Resolve raw quirk tables, weakest first. Raises ConfigError naming the bad key and `where`."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            checked = _check(key, value, where)
            if isinstance(checked, dict):
                checked = {**merged.get(key, {}), **checked}
            merged[key] = checked
    return Quirks(**merged)


def _check(key: str, value: Any, where: str) -> Any:
    """The value in the type of its field, or a ConfigError."""
    known = _FIELDS.get(key)
    if known is None:
        from llmctl.core.suggest import did_you_mean

        raise ConfigError(
            f"{where}: unknown quirk {key!r}",
            hint=did_you_mean(key, _FIELDS) or f"known: {', '.join(_FIELDS)}",
        )
    if key == "media":
        fits = isinstance(value, list | tuple) and all(kind in MEDIA for kind in value)
        what = f"a list of {', '.join(MEDIA)}"
    elif key in _WORDS:
        fits, what = value in _WORDS[key], " or ".join(f'"{word}"' for word in _WORDS[key])
    else:
        fits, what = _fits(str(known.type), value)
    if not fits:
        raise ConfigError(f"{where}.{key} must be {what}, not {value!r}")
    return tuple(value) if isinstance(value, list) else value


def _fits(expected: str, value: Any) -> tuple[bool, str]:
    """(whether the value has the type, the type in words)."""
    if expected.startswith("tuple"):
        return isinstance(value, list | tuple) and _all_text(value), "a list of strings"
    if expected == "Mapping[str, Any]":
        return isinstance(value, dict), "a table"
    if expected.startswith("Mapping"):
        return isinstance(value, dict) and _all_text(value.values()), "a table of strings"
    if expected == "bool":
        return isinstance(value, bool), "true or false"
    if expected in ("int", "float"):
        kinds: Any = int if expected == "int" else (int, float)
        return isinstance(value, kinds) and not isinstance(value, bool) and value > 0, "a number above 0"
    return isinstance(value, str), "a string"


def _all_text(values: Iterable[Any]) -> bool:
    return all(isinstance(value, str) for value in values)
