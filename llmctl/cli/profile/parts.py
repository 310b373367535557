"""The parts of an address: placeholders in a provider's base URL, from options, variables, or asked for."""

from __future__ import annotations

from collections.abc import Mapping

import typer

from llmctl.cli.streams import Streams
from llmctl.config.catalogue import Provider
from llmctl.errors import UsageError


def parse_parts(pairs: list[str] | None) -> dict[str, str]:
    """["resource=acme"] -> {"resource": "acme"}. Raises UsageError."""
    parts = {}
    for pair in pairs or ():
        name, equals, value = pair.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise UsageError(f"--set {pair!r} is not NAME=VALUE")
        parts[name.strip()] = value.strip()
    return parts


def complete_parts(provider: Provider, given: Mapping[str, str], streams: Streams) -> dict[str, str]:
    """Every placeholder's value: as given, from its variables, by default, or asked for on a terminal.

    Raises UsageError that names all that are missing.
    """
    unknown = [name for name in given if name not in provider.placeholders()]
    if unknown:
        known = ", ".join(provider.placeholders()) or "none"
        raise UsageError(f"{provider.title} has no part {unknown[0]!r}", hint=f"its parts: {known}")
    parts = dict(given)
    for name in provider.placeholders():
        if name not in parts:
            variable = next((v for v in provider.parts.get(name, ()) if streams.env.get(v)), None)
            if variable:
                parts[name] = streams.env[variable]
                streams.say(f"{name} = {parts[name]} (from {variable})")
            elif name in provider.part_defaults:
                parts[name] = provider.part_defaults[name]
                streams.say(f"{name} = {parts[name]} (the default; another with --set {name}=…)")
    missing = [name for name in provider.placeholders() if name not in parts]
    if missing and not streams.input_terminal:
        wanted = " ".join(f"--set {name}=…" for name in missing)
        raise UsageError(f"{provider.title} needs {' and '.join(missing)} for its address", hint=f"add {wanted}")
    for name in missing:
        parts[name] = typer.prompt(name, err=True)
    return parts
