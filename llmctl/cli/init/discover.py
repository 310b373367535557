"""What is there already: keys in the environment, servers on their usual local ports."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from llmctl.client.client import Client
from llmctl.config.catalogue import Provider, load_catalogue
from llmctl.config.target import Target, Timeouts
from llmctl.core.models import Model
from llmctl.errors import ConfigError, KeyProblem, LlmctlError

SECONDS = 0.6
"""How long a local server may take to list its models."""


@dataclass(frozen=True)
class Found:
    """A profile that could be made. `how` says what was found; `problem` why it can't be made yet."""

    name: str
    provider: str
    how: str
    base_url: str | None = None
    model: str | None = None
    problem: str | None = None


def discover(env: Mapping[str, str]) -> list[Found]:
    """Everything found: servers first (they cost nothing), then keys, in the catalogue's order."""
    return [*asyncio.run(_servers(env)), *_keys(env)]


def _keys(env: Mapping[str, str]) -> list[Found]:
    found = []
    for provider in load_catalogue().values():
        variable = next((name for name in provider.key_env if env.get(name, "").strip()), None)
        if provider.dead or provider.local or not variable:
            continue
        base_url, problem = _address(provider, env)
        found.append(Found(provider.id, provider.id, variable, base_url, provider.own_model, problem))
    return found


def _address(provider: Provider, env: Mapping[str, str]) -> tuple[str | None, str | None]:
    """(an address that differs from the catalogue's, what is missing for one)."""
    try:
        url = _own_address(provider, env)
    except ConfigError as error:
        return None, error.message
    if url or not provider.placeholders():
        return url, None
    parts = {
        name: env[v]
        for name in provider.placeholders()
        for v in reversed(provider.parts.get(name, ()))
        if env.get(v)
    }
    try:
        return provider.fill(parts), None
    except ConfigError:
        missing = " ".join(f"--set {n}=…" for n in provider.placeholders() if n not in parts)
        return None, f"its address has parts: llmctl profile add {provider.id} {missing}"


def _own_address(provider: Provider, env: Mapping[str, str]) -> str | None:
    """The address that the provider's own variable names. Raises ConfigError for one that can't be used."""
    variable = next((name for name in provider.base_env if env.get(name)), None)
    return provider.server_url(env[variable]) if variable else None


async def _servers(env: Mapping[str, str]) -> list[Found]:
    """Probe each usual address once, all side by side. Several providers share a port."""
    addresses: dict[str, list[Provider]] = {}
    for provider in load_catalogue().values():
        if provider.local and not provider.dead and provider.base_url:
            with contextlib.suppress(ConfigError):
                url = _own_address(provider, env) or provider.base_url
                addresses.setdefault(url, []).append(provider)
    results = await asyncio.gather(*(_server(url, providers) for url, providers in addresses.items()))
    return [found for found in results if found]


async def _server(url: str, providers: list[Provider]) -> Found | None:
    target = Target("init", url, retries=0, proxy="none", timeout=Timeouts(connect=SECONDS, total=SECONDS))
    try:
        async with Client(target) as client:
            models = await client.models()
    except KeyProblem:
        provider = providers[0]
        return Found(_name(provider, url), provider.id, f"a server at {url} that wants a key", url)
    except LlmctlError:
        return None
    provider = _which(providers, models)
    how = f"a server at {url} with {len(models)} model{'' if len(models) == 1 else 's'}"
    return Found(_name(provider, url), provider.id, how, url, models[0].id if len(models) == 1 else None)


def _which(providers: list[Provider], models: list[Model]) -> Provider:
    """Where several share a port, the owner of the models tells; else nobody is assumed."""
    owners = {(model.owned_by or "").lower().replace(".", "").replace("-", "") for model in models}
    named = next((p for p in providers if p.id in owners), None)
    if named:
        return named
    return providers[0] if len(providers) == 1 else load_catalogue()["generic"]


def _name(provider: Provider, url: str) -> str:
    return f"local-{urlsplit(url).port}" if provider.id == "generic" else provider.id
