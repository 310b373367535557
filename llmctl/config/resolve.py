"""Which profile, which model, and the target they make.

Profile: -p > LLMCTL_PROFILE > nearest .llmctl.toml > `current` > OPENAI_BASE_URL / OPENAI_API_KEY.
Model: -m > LLMCTL_MODEL > .llmctl.toml > the profile's. `-m profile/model` names both, as may an alias.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from llmctl.config.aliases import read_aliases
from llmctl.config.configfile import Config, load_config
from llmctl.config.keys import checked_key, key_from_variables, reference_kind, resolve_key
from llmctl.config.paths import config_file, working_folder
from llmctl.config.profile import RESERVED, Profile
from llmctl.config.project import find_project
from llmctl.config.target import Target, Tls, no_key
from llmctl.core.quirks import Quirks, merge_quirks
from llmctl.core.urls import clean_base_url, origin
from llmctl.errors import ConfigError, KeyMissing, NoProfile, UsageError

if TYPE_CHECKING:
    from llmctl.config.catalogue import Provider

DEMO_MODEL, DEMO_EMBED, DEMO_IMAGE = "demo", "demo-embed", "demo-image"


@dataclass(frozen=True)
class Selection:
    """Which profile and model were chosen, and by what ("option", "LLMCTL_PROFILE", a file, …)."""

    profile: str
    profile_by: str
    model: str | None = None
    model_by: str = "profile"


@dataclass(frozen=True)
class Choices:
    """What the command line says: each None when it says nothing."""

    profile: str | None = None
    model: str | None = None
    base_url: str | None = None
    key: str | None = None


def resolve_target(
    profile: str | None = None, model: str | None = None, env: Mapping[str, str] | None = None
) -> Target:
    """The target for a profile's name, or for what the configuration chooses. Raises ConfigError."""
    variables = os.environ if env is None else env
    config = load_config(config_file(variables))
    return build_target(config, Choices(profile, model), variables, working_folder())


def select(config: Config, choices: Choices, env: Mapping[str, str], folder: Path) -> Selection:
    """Choose profile and model. Raises NoProfile when nothing names one."""
    project = find_project(folder)
    profiles = [
        (choices.profile, "option"),
        (env.get("LLMCTL_PROFILE"), "LLMCTL_PROFILE"),
        (project.profile, str(project.path)),
        (config.current, str(config.path)),
        ("env" if env.get("OPENAI_BASE_URL") or env.get("OPENAI_API_KEY") else None, "OPENAI_* variables"),
        ("env" if choices.base_url else None, "option"),
    ]
    aliases = read_aliases(config)
    models = [
        (choices.model, "option"),
        (env.get("LLMCTL_MODEL"), "LLMCTL_MODEL"),
        (project.model, str(project.path)),
    ]
    named = ((rank, name, by) for rank, (name, by) in enumerate(profiles) if name)
    rank, name, by = next(named, (len(profiles), "", ""))
    chosen: tuple[str, str] | None = None  # the strongest model; a weaker one may still name the profile
    for strength, (asked, model_by) in enumerate(models):
        if not asked or (strength == 2 and name and project.profile not in (None, name)):
            continue  # a project's model belongs to the project's profile
        model = aliases.get(asked, asked)
        head, _, tail = model.partition("/")
        names_both = bool(tail) and (head in config.names or head in RESERVED)
        if rank > strength and names_both:
            return Selection(head, model_by, *(chosen or (tail, model_by)))
        if names_both and asked in aliases:
            if head != name and rank < strength:
                continue  # that alias is for another profile than the one that was asked for
            model = _model_at(name, by, asked, model)
        chosen = chosen or (model, model_by)
        if name:
            break
    if not name:
        raise NoProfile(
            "no profile is chosen",
            hint="`llmctl init` finds keys and local servers; `llmctl chat -p demo` works without any",
        )
    return Selection(name, by, *chosen) if chosen else Selection(name, by)


def _model_at(profile: str, by: str, alias: str, stands_for: str) -> str:
    """The model of an alias that names its profile, beside a profile. Raises UsageError if they disagree."""
    head, _, model = stands_for.partition("/")
    if head != profile:
        where = "-p" if by == "option" else by
        hint = f"leave {where} out" if by == "option" else None
        raise UsageError(f"{where} says {profile}, and the alias {alias} stands for {stands_for}", hint=hint)
    return model


def build_target(config: Config, choices: Choices, env: Mapping[str, str], folder: Path) -> Target:
    """The target that the command line, the environment and the config choose together."""
    selection = select(config, choices, env, folder)
    target = named_target(config, selection.profile, env)
    if choices.base_url:
        target = target.at(clean_base_url(choices.base_url, "--base-url"))
    if choices.key:
        reference = None if choices.key == "none" else choices.key
        target = replace(target, key=_given_key(choices.key, target, config, env), key_reference=reference)
    if selection.model:
        target = replace(target, model=selection.model)
    return target


def named_target(config: Config, name: str, env: Mapping[str, str]) -> Target:
    """The target of a profile, of "demo" or of "env". Raises ConfigError."""
    if name == "demo":
        return demo_target()
    if name == "env" and name not in config.names:
        return _environment_target(env)
    return profile_target(config.profile(name), config.path.parent, env)


def demo_target() -> Target:
    """The embedded provider. Its address is known once it runs; "" until then."""
    return Target(
        profile="demo",
        base_url="",
        provider="demo",
        model=DEMO_MODEL,
        embedding_model=DEMO_EMBED,
        image_model=DEMO_IMAGE,
        auth="none",
        proxy="none",
    )


def profile_target(profile: Profile, folder: Path, env: Mapping[str, str]) -> Target:
    """A profile with what the catalogue knows of its provider filled in. Paths are relative to `folder`."""
    provider = None
    if profile.provider:
        from llmctl.config.catalogue import find_provider

        provider = find_provider(profile.provider)
    base_url = profile.base_url or (provider.base_url if provider else None)
    if not base_url or "{" in base_url:
        raise ConfigError(
            f"profile {profile.name} has no complete base_url",
            hint=f"llmctl profile edit {profile.name} --base-url URL",
        )
    return Target(
        profile=profile.name,
        base_url=clean_base_url(base_url, f"profiles.{profile.name}.base_url"),
        provider=profile.provider or "generic",
        model=profile.model or (provider.own_model if provider else None),
        embedding_model=profile.embedding_model or (provider.embedding_model if provider else None),
        image_model=profile.image_model,
        key=_profile_key(profile, provider, folder, env),
        key_reference=_key_reference(profile, provider, env),
        more_keys=tuple(_reference_key(reference, profile, folder, env) for reference in _more(profile)),
        auth=profile.auth or (provider.auth if provider else "bearer"),
        headers={**(provider.headers if provider else {}), **profile.headers},
        filled_in=_filled_in(profile, provider),
        timeout=profile.timeout,
        retries=profile.retries,
        proxy=profile.proxy,
        tls=_tls(profile, folder),
        quirks=_quirks(profile, provider.quirk_layers if provider else _no_layers),
    )


def _filled_in(profile: Profile, provider: Provider | None) -> frozenset[str]:
    own = {name.lower() for name in profile.headers}
    return frozenset(name.lower() for name in provider.headers) - own if provider else frozenset()


def _same_place(profile: Profile, provider: Provider) -> bool:
    """Whether the profile is at one of the provider's own addresses, so that the provider's key may go there.

    An address with placeholders is the user's own in any case.
    """
    if profile.base_url is None or not provider.base_url or "{" in provider.base_url:
        return True
    own = {origin(url) for url in (provider.base_url, *provider.alternatives) if "{" not in url}
    return origin(clean_base_url(profile.base_url)) in own


def _profile_key(
    profile: Profile, provider: Provider | None, folder: Path, env: Mapping[str, str]
) -> Callable[[], str | None]:
    """How to find the key: the profile's reference, else the provider's variables where they may be used."""
    variables = provider.key_env if provider and _same_place(profile, provider) else ()
    needed = provider is not None and (profile.auth or provider.auth) != "none"

    if reference := profile.key or (profile.keys[0] if profile.keys else None):
        return _reference_key(reference, profile, folder, env)

    def key() -> str | None:
        found = key_from_variables(variables, profile.name, env)
        if found is None and needed:
            error = KeyMissing(
                f"no key for profile {profile.name}"
                + (f": {' or '.join(variables)} is not set" if variables else ""),
                hint=f"set it with: llmctl key set {profile.name}",
            )
            error.profile = profile.name
            raise error
        return found

    return key


def _reference_key(
    reference: str, profile: Profile, folder: Path, env: Mapping[str, str]
) -> Callable[[], str | None]:
    return lambda: resolve_key(reference, profile.name, folder, env)


def _more(profile: Profile) -> tuple[str, ...]:
    """The references of `keys` that are not already the profile's key."""
    return profile.keys if profile.key else profile.keys[1:]


def _key_reference(profile: Profile, provider: Provider | None, env: Mapping[str, str]) -> str | None:
    """Where the key is looked for: the profile's reference, else the provider's variable."""
    if profile.key or profile.keys or not provider or not _same_place(profile, provider):
        return profile.key or next(iter(profile.keys), None)
    found = next((name for name in provider.key_env if env.get(name)), None)
    if not found and (profile.auth or provider.auth) != "none":
        found = next(iter(provider.key_env), None)
    return f"env:{found}" if found else None


def _tls(profile: Profile, folder: Path) -> Tls:
    def absolute(path: str) -> str:
        return str(folder / os.path.expanduser(path))

    bundle = absolute(profile.ca_bundle) if profile.ca_bundle else None
    cert = profile.client_cert
    pair = (absolute(cert[0]), absolute(cert[1]) if cert[1] else None) if cert else None
    return Tls(profile.verify, bundle, pair)


def _no_layers(_model: str) -> list[Mapping[str, object]]:
    return []


def _quirks(profile: Profile, layers: Callable[[str], list[Mapping[str, object]]]) -> Callable[[str], Quirks]:
    return lambda model: merge_quirks([*layers(model), profile.quirks], f"profiles.{profile.name}.quirks")


def _environment_target(env: Mapping[str, str]) -> Target:
    """The profile that OPENAI_BASE_URL and OPENAI_API_KEY make, with the quirks of the provider there."""
    from llmctl.config.catalogue import load_catalogue

    base_url = clean_base_url(env.get("OPENAI_BASE_URL") or "https://api.openai.com/v1", "OPENAI_BASE_URL")
    place = origin(base_url)
    catalogue = load_catalogue().values()
    provider = next((p for p in catalogue if p.base_url and not p.local and origin(p.base_url) == place), None)
    key = env.get("OPENAI_API_KEY", "").strip() or None
    return Target(
        profile="env",
        base_url=base_url,
        provider=provider.id if provider else "generic",
        model=env.get("OPENAI_MODEL") or (provider.own_model if provider else None),
        embedding_model=provider.embedding_model if provider else None,
        key=lambda: checked_key(key, "env") if key else None,
        key_reference="env:OPENAI_API_KEY" if key else None,
        auth=provider.auth if provider else "bearer",
        quirks=lambda model: merge_quirks(provider.quirk_layers(model) if provider else []),
    )


def _given_key(reference: str, target: Target, config: Config, env: Mapping[str, str]) -> Callable[[], str | None]:
    """--key: a reference only, as the process list shows what is written on a command line."""
    if reference == "none":
        return no_key
    if reference_kind(reference) == "literal":
        raise UsageError(
            "--key takes a reference, not a key: others can read the command line",
            hint="env:NAME, cmd:COMMAND, file:PATH or keyring",
        )
    return lambda: resolve_key(reference, target.profile, config.path.parent, env)
