"""The variables that point other programs at a profile: for `llmctl env` and `llmctl exec`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from llmctl.config.target import Target
from llmctl.core.suggest import did_you_mean
from llmctl.errors import ConfigError, UsageError

NO_KEY = "none"
"""What stands in for the key of a provider without one. Not nothing: programs insist on a key, and an
OPENAI_API_KEY that is set already must not go to this provider."""


ADDRESSES = ("OPENAI_BASE_URL", "OPENAI_API_BASE", "OPENAI_HOST", "OPENAI_BASE_PATH")
"""Where programs look for an address. One that is set already could send this provider's key elsewhere."""


@dataclass(frozen=True)
class Tool:
    """A program, and its variables: name -> a string or a table with {placeholders}."""

    name: str
    about: str
    docs: str
    variables: Mapping[str, Any]

    @property
    def key_variables(self) -> list[str]:
        """The variables that hold the key."""
        return [name for name, value in self.variables.items() if "{key}" in str(value)]


def load_tools() -> dict[str, Tool]:
    """Every known program by its name; "default" is what most of them read."""
    import tomllib

    path = Path(__file__).parent.parent / "data" / "tools.toml"
    with path.open("rb") as file:
        return {name: Tool(name, **table) for name, table in tomllib.load(file).items()}


def find_tool(name: str | None) -> Tool:
    """The program of that name. Raises UsageError with the nearest names."""
    tools = load_tools()
    found = tools.get((name or "default").lower())
    if not found:
        known = [tool for tool in tools if tool != "default"]
        raise UsageError(
            f"the variables of {name!r} are not known",
            hint=did_you_mean(name or "", known)
            or f"known: {', '.join(known)}; without a name: what most programs read",
        )
    return found


def variables_for(tool: Tool, target: Target, key: str | None, env: Mapping[str, str]) -> dict[str, str | None]:
    """Each variable's value; None where it is to be unset, other addresses that are set in `env` too.

    Raises ConfigError for what no variable can hold.
    """
    parts = urlsplit(target.base_url)
    values = {
        "base_url": target.base_url,
        "origin": f"{parts.scheme}://{parts.netloc}",
        "path": parts.path.strip("/"),
        "key": key or NO_KEY,
        "model": target.model or "",
    }
    found = {
        name: None if "{model}" in str(value) and not target.model else _value(value, values)
        for name, value in tool.variables.items()
    }
    for name, value in found.items():
        if "\0" in (value or ""):
            raise ConfigError(f"profile {target.profile}: {name} can't hold a null character")
    return found | {name: None for name in ADDRESSES if name not in found and env.get(name)}


def _value(value: Any, values: Mapping[str, str]) -> str:
    if isinstance(value, str):
        bare = not values["path"] and value.startswith("{path}/")
        return str(_filled(value.removeprefix("{path}/") if bare else value, values))
    import json

    return json.dumps(_filled(value, values), ensure_ascii=False)


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {_filled(name, values): _filled(inner, values) for name, inner in value.items()}
    if isinstance(value, str):
        import re

        return re.sub(r"\{(base_url|origin|path|key|model)\}", lambda match: values[match[1]], value)
    return value


def losses(target: Target) -> Iterator[str]:
    """What of a profile such variables can't carry, as sentences."""
    if target.auth == "api-key":
        yield "the provider wants the key in a header api-key; programs that know only Authorization will fail"
    if urlsplit(target.base_url).query:
        yield "the address has a query, which many programs lose"
    for what, there in {
        "headers": bool(target.headers),
        "proxy": target.proxy not in (None, "", "none"),
        "ca_bundle": target.tls.ca_bundle is not None,
        "client_cert": target.tls.client_cert is not None,
        "verify": not target.tls.verify,
    }.items():
        if there:
            yield f"the profile's {what} can't be told by variables"
