"""`llmctl profile show`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer

from llmctl.cli.options import command
from llmctl.cli.pager import paged
from llmctl.cli.profile.chosen import chosen_name
from llmctl.cli.streams import Streams
from llmctl.config.configfile import load_config
from llmctl.config.keys import describe_key
from llmctl.config.paths import config_file
from llmctl.config.resolve import profile_target
from llmctl.core.quirks import Quirks
from llmctl.core.redact import show_headers
from llmctl.core.urls import shown


@dataclass(frozen=True)
class ShowOptions:
    """Options of `llmctl profile show`."""

    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="The profile; the current one if left out.")
    ] = None
    json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False


def run(options: ShowOptions, streams: Streams) -> None:
    """Show everything about a profile: its own settings, what the catalogue adds, and where its key is."""
    path = config_file(streams.env)
    config = load_config(path)
    facts = describe(chosen_name(options.name, config, streams), config, streams)
    if options.json:
        streams.out_json(facts)
        return
    with paged(streams):
        for name, value in facts.items():
            for number, line in enumerate(_lines(value)):
                streams.out(f"{name if number == 0 else '':<16}  {line}")


def describe(name: str, config: Any, streams: Streams) -> dict[str, Any]:
    """The facts, without any secret."""
    profile = config.profile(name)
    target = profile_target(profile, config.path.parent, streams.env)
    facts: dict[str, Any] = {
        "name": name,
        "file": str(config.path),
        "provider": target.provider,
        "base_url": shown(target.base_url),
        "model": target.model,
        "embedding_model": target.embedding_model,
        "key": describe_key(profile.key),
        "auth": target.auth,
        "headers": show_headers(target.headers),
        "timeout": asdict(target.timeout),
        "retries": target.retries,
        "proxy": None if profile.proxy is None else "(set)" if "@" in profile.proxy else profile.proxy,
        "verify": profile.verify,
        "quirks": _changed(target.quirks(target.model or "")),
    }
    if profile.provider:
        from llmctl.config.catalogue import find_provider

        provider = find_provider(profile.provider)
        if not profile.key:
            variables = [f"{v} ({'set' if streams.env.get(v) else 'not set'})" for v in provider.key_env]
            facts["key"] = ", ".join(variables) or "none"
        facts |= {"features": dict(provider.features), "notes": list(provider.notes), "docs": provider.docs}
    return facts


def _changed(quirks: Quirks) -> dict[str, Any]:
    """The quirks that differ from the defaults."""
    usual = asdict(Quirks())
    return {key: value for key, value in asdict(quirks).items() if value != usual[key]}


def _lines(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [f"{key} = {_word(item)}" for key, item in value.items()] or ["-"]
    if isinstance(value, list):
        return [_word(item) for item in value] or ["-"]
    return [_word(value)]


def _word(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(str(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} -> {item}" for key, item in value.items())
    return str(value)


app = command(ShowOptions, run, "llmctl profile show groq")
