"""`llmctl init`: from nothing to a first profile."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from llmctl.cli.init.discover import Found, discover
from llmctl.cli.options import command
from llmctl.cli.streams import DIM, Streams
from llmctl.config.configfile import edit_config, load_config
from llmctl.config.paths import config_file

EXAMPLES = """
llmctl init
llmctl init --yes      take all that is found, without asking
"""


@dataclass(frozen=True)
class InitOptions:
    """Options of `llmctl init`."""

    yes: Annotated[bool, typer.Option("-y", "--yes", help="Make a profile of everything found.")] = False
    json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False


def run(options: InitOptions, streams: Streams) -> None:
    """Find keys in the environment and servers on their usual local ports, and make profiles of them.

    Keys stay in their variables. Nothing is sent to any provider.
    """
    path = config_file(streams.env)
    existing = load_config(path).names
    found = discover(streams.env)
    if not options.json:
        _say_found(found, existing, streams)
    asking = streams.input_terminal and not options.yes and not options.json
    chosen = [
        item
        for item in found
        if item.name not in existing and not item.problem and (options.yes or (asking and _ask(item)))
    ]
    current = _add(path, chosen) if chosen else None
    if options.json:
        added = {item.name for item in chosen}
        streams.out_json([{**asdict(item), "added": item.name in added} for item in found])
        return
    _say_next(found, chosen, existing, current, options.yes or asking, streams)


def _say_found(found: list[Found], existing: list[str], streams: Streams) -> None:
    for item in found:
        state = "already a profile" if item.name in existing else item.problem or ""
        streams.say(f"found {item.name:<12} {item.how}" + (streams.paint(f"  ({state})", DIM) if state else ""))
    if not found:
        streams.say("found no keys in the environment, and no servers on the usual local ports")


def _ask(item: Found) -> bool:
    return typer.confirm(f"add profile {item.name}?", default=True, err=True)


def _add(path: Path, chosen: list[Found]) -> str | None:
    """Write the profiles; the name of the one that became current, if there was none."""
    with edit_config(path) as editor:
        for item in chosen:
            if item.name not in editor.data.get("profiles", {}):
                editor.add_table(("profiles", item.name), _table(item))
        if editor.data.get("current"):
            return None
        editor.set(("current",), chosen[0].name)
        return chosen[0].name


def _table(item: Found) -> dict[str, Any]:
    table = {"provider": item.provider, "base_url": item.base_url, "model": None if item.provider else item.model}
    if item.provider == "generic":
        table["provider"] = None
    if item.base_url and item.model:
        table["model"] = item.model
    return {key: value for key, value in table.items() if value}


def _say_next(
    found: list[Found],
    chosen: list[Found],
    existing: list[str],
    current: str | None,
    could: bool,
    streams: Streams,
) -> None:
    if chosen:
        streams.say(f"added {', '.join(item.name for item in chosen)}")
    if current:
        streams.say(f'now using {current}; try it: llmctl chat "Hello"')
    addable = [item for item in found if item.name not in existing and not item.problem]
    if addable and not could:
        streams.say("add them with: llmctl init --yes")
    if not found:
        streams.say('try the built-in demo: llmctl chat -p demo "Hello"')
        streams.say("or add a provider:     llmctl profile add groq   (or openai, anthropic, ollama, …)")


app = command(InitOptions, run, EXAMPLES)
