"""`llmctl profile add`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from llmctl.cli.key.store import ask_key, check_reference, read_key_from_stdin, store_key
from llmctl.cli.options import command
from llmctl.cli.profile.parts import complete_parts, parse_parts
from llmctl.cli.streams import Streams
from llmctl.config.catalogue import Provider, find_provider, load_catalogue
from llmctl.config.configfile import check_name, edit_config, load_config
from llmctl.config.paths import config_file
from llmctl.config.profile import read_profile
from llmctl.core.suggest import did_you_mean
from llmctl.core.urls import clean_base_url
from llmctl.errors import ConfigError, UsageError

EXAMPLES = """
llmctl profile add groq
llmctl profile add work --base-url https://llm.example.com/v1 --model gpt-6-luna
llmctl profile add azure --set resource=acme --model my-deployment
pass show groq | llmctl profile add groq --key -
"""


@dataclass(frozen=True)
class AddOptions:
    """Options of `llmctl profile add`."""

    name: Annotated[str, typer.Argument(metavar="NAME", help="A provider's name, or any name with --base-url.")]
    provider: Annotated[
        str | None, typer.Option("--provider", metavar="ID", help="The provider, if NAME is not its name.")
    ] = None
    base_url: Annotated[str | None, typer.Option("--base-url", metavar="URL", help="Address of the API.")] = None
    model: Annotated[str | None, typer.Option("-m", "--model", metavar="MODEL", help="Default model.")] = None
    embedding_model: Annotated[
        str | None, typer.Option("--embedding-model", metavar="MODEL", help="Default model of `llmctl embed`.")
    ] = None
    key: Annotated[
        str | None,
        typer.Option(
            "--key", metavar="REF", help="env:NAME, cmd:COMMAND, file:PATH, keyring, none, or - for stdin."
        ),
    ] = None
    part: Annotated[
        list[str] | None, typer.Option("--set", metavar="PART=VALUE", help="A part of the provider's address.")
    ] = None
    use: Annotated[bool, typer.Option("--use", help="Switch to it as well.")] = False
    force: Annotated[bool, typer.Option("--force", help="Replace a profile of that name.")] = False


def run(options: AddOptions, streams: Streams) -> None:
    """Add a profile, of a known provider or of any address.

    For a known provider nothing but the key is needed, and not even that where its environment
    variable is set. Its address, default model and quirks come along.
    """
    name = check_name(options.name)
    provider = _provider(options)
    path = config_file(streams.env)
    config = load_config(path)
    if name in config.names and not options.force:
        raise ConfigError(f"there is a profile {name} already", hint=f"change it with: llmctl profile edit {name}")
    if provider.warning:
        streams.warn(provider.warning)
    table = _table(options, provider, streams)
    read_profile(name, table)
    key = _key(options, provider, streams)
    if key and key[0] == "typed":
        table["key"] = store_key(path, name, key[1])
    elif key:
        table["key"] = key[1]
    with edit_config(path) as editor:
        if name in editor.data.get("profiles", {}):
            if not options.force:
                raise ConfigError(f"there is a profile {name} already")
            editor.delete(("profiles", name))
        editor.add_table(("profiles", name), table)
        first = not editor.data.get("current")
        if first or options.use:
            editor.set(("current",), name)
    streams.say(f"added {name}" + (f" and switched to it: {path}" if first or options.use else f": {path}"))
    _say_next(name, table, provider, key is not None, streams)


def _provider(options: AddOptions) -> Provider:
    """By --provider, by the name, or the generic one for any address. Raises ConfigError, UsageError."""
    catalogue = load_catalogue()
    if options.provider:
        provider = find_provider(options.provider)
    elif options.name in catalogue and not (options.base_url and catalogue[options.name].dead):
        provider = catalogue[options.name]
    elif options.base_url:
        provider = catalogue["generic"]
    else:
        raise UsageError(
            f"{options.name!r} is no provider that llmctl knows",
            hint=did_you_mean(options.name, catalogue) or "give its address with --base-url",
        )
    if provider.dead:
        raise ConfigError(f"{options.provider or options.name} can't be added: {provider.dead}")
    return provider


def _table(options: AddOptions, provider: Provider, streams: Streams) -> dict[str, Any]:
    """The profile's table, without the key."""
    table: dict[str, Any] = {} if provider.id == "generic" else {"provider": provider.id}
    base_url = options.base_url or _from_environment(provider, streams)
    if not base_url and provider.placeholders():
        parts = complete_parts(provider, parse_parts(options.part), streams)
        base_url = provider.fill(parts)
        if provider.model and "{" in provider.model:
            table["model"] = provider.model.format(**parts)
    elif options.part:
        raise UsageError(f"{provider.title} has no parts to --set")
    if not base_url and not provider.base_url:
        if not streams.input_terminal:
            raise UsageError("the address of the server is needed", hint="give it with --base-url URL")
        base_url = typer.prompt("base_url", err=True)
    if base_url:
        table["base_url"] = clean_base_url(str(base_url), "--base-url")
    for key in ("model", "embedding_model"):
        if getattr(options, key):
            table[key] = getattr(options, key)
    return table


def _from_environment(provider: Provider, streams: Streams) -> str | None:
    """An address that the provider's own variable names, such as OLLAMA_HOST."""
    for variable in provider.base_env:
        value = streams.env.get(variable)
        if value:
            url = provider.server_url(value)
            streams.say(f"base_url = {url} (from {variable})")
            return url
    return None


def _key(options: AddOptions, provider: Provider, streams: Streams) -> tuple[str, str] | None:
    """("typed", the key), ("reference", where it is), or None where nothing needs to be written down."""
    if options.key == "none":
        return None
    if options.key == "-":
        return "typed", read_key_from_stdin(streams)
    if options.key:
        return "reference", check_reference(options.key)
    if provider.key_command:
        return "reference", f"cmd:{provider.key_command}"
    if _variable(provider, streams.env) or provider.auth == "none":
        return None
    typed = ask_key(provider.title) if streams.input_terminal else ""
    return ("typed", typed) if typed else None


def _variable(provider: Provider, env: Mapping[str, str]) -> str | None:
    return next((name for name in provider.key_env if env.get(name)), None)


def _say_next(name: str, table: dict[str, Any], provider: Provider, key_given: bool, streams: Streams) -> None:
    variable = _variable(provider, streams.env)
    if not key_given and variable:
        streams.say(f"its key is taken from {variable}")
    elif not key_given and provider.auth != "none":
        streams.warn(f"it has no key yet: llmctl key set {name}")
    if not table.get("model") and not provider.model:
        streams.say(
            f"it has no default model: llmctl models -p {name}, then llmctl profile edit {name} --model MODEL"
        )
    streams.say(f"see whether it works: llmctl profile test {name}")


app = command(AddOptions, run, EXAMPLES)
