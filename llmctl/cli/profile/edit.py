"""`llmctl profile edit`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from llmctl.cli.key.store import check_reference, forget_key
from llmctl.cli.options import command
from llmctl.cli.profile.chosen import chosen_name
from llmctl.cli.streams import Streams
from llmctl.config.configfile import edit_config, load_config
from llmctl.config.paths import config_file
from llmctl.config.profile import read_profile
from llmctl.config.resolve import profile_target
from llmctl.core.params import typed
from llmctl.core.urls import clean_base_url
from llmctl.errors import UsageError

EXAMPLES = """
llmctl profile edit groq --model openai/gpt-oss-20b
llmctl profile edit work --set timeout.first_token=300 --set headers.X-Team=search
llmctl profile edit work --set quirks.drop='["seed"]' --unset proxy
"""


@dataclass(frozen=True)
class EditOptions:
    """Options of `llmctl profile edit`."""

    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="The profile; the current one if left out.")
    ] = None
    provider: Annotated[str | None, typer.Option("--provider", metavar="ID", help="The provider it is of.")] = None
    base_url: Annotated[str | None, typer.Option("--base-url", metavar="URL", help="Address of the API.")] = None
    model: Annotated[str | None, typer.Option("-m", "--model", metavar="MODEL", help="Default model.")] = None
    embedding_model: Annotated[
        str | None, typer.Option("--embedding-model", metavar="MODEL", help="Default model of `llmctl embed`.")
    ] = None
    key: Annotated[str | None, typer.Option("--key", metavar="REF", help="Where the key is.")] = None
    setting: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any setting; a.b=1 for nested ones.")
    ] = None
    unset: Annotated[list[str] | None, typer.Option("--unset", metavar="KEY", help="Remove a setting.")] = None


def run(options: EditOptions, streams: Streams) -> None:
    """Change a profile. Comments and everything else in the config stay as they are.

    All settings are described by `llmctl help config`. Nothing is written unless the result is valid.
    """
    path = config_file(streams.env)
    name = chosen_name(options.name, load_config(path), streams)
    changes = _changes(options)
    if not changes and not options.unset:
        raise UsageError(
            "there is nothing to change", hint=f"for example: llmctl profile edit {name} --model MODEL"
        )
    touched = options.key or "key" in (options.unset or ())
    before = load_config(path).profile(name).key if touched else None
    with edit_config(path) as editor:
        for keys, value in changes:
            editor.set(("profiles", name, *keys), value)
        for key in options.unset or ():
            editor.delete(("profiles", name, *key.split(".")))
        profile = read_profile(name, editor.data.get("profiles", {}).get(name, {}))
        profile_target(profile, path.parent, streams.env).quirks("")
    if before and before != profile.key:
        forget_key(path, name, before)
    streams.say(f"changed {name}: {path}")


def _changes(options: EditOptions) -> list[tuple[tuple[str, ...], Any]]:
    """(path inside the profile, value) pairs."""
    changes: list[tuple[tuple[str, ...], Any]] = []
    if options.base_url:
        changes.append((("base_url",), clean_base_url(options.base_url, "--base-url")))
    if options.key:
        changes.append((("key",), check_reference(options.key)))
    named = ("provider", "model", "embedding_model")
    changes += [((key,), getattr(options, key)) for key in named if getattr(options, key)]
    for pair in options.setting or ():
        key, equals, value = pair.partition("=")
        steps = tuple(key.strip().split("."))
        if not equals or not all(steps):
            raise UsageError(f"--set {pair!r} is not KEY=VALUE")
        if steps == ("key",):
            check_reference(value)
        changes.append((steps, _value(steps, value)))
    return changes


def _value(steps: tuple[str, ...], text: str) -> Any:
    """Headers and names are strings even if they look like numbers."""
    if steps[0] == "headers" or steps in (("model",), ("embedding_model",), ("image_model",), ("key",)):
        return text
    value = typed(text)
    if value is None:
        raise UsageError(f"--set {'.'.join(steps)}=null: TOML has no null", hint=f"use --unset {'.'.join(steps)}")
    return value


app = command(EditOptions, run, EXAMPLES)
