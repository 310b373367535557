"""The models that can be completed: those of kept lists, else those that config and catalogue name."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from llmctl.cli.completion.names import Candidate, Place, aliases, routes
from llmctl.errors import LlmctlError


def models(place: Place) -> Iterator[Candidate]:
    """Those of the chosen profile, aliases, routes, and PROFILE/MODEL of every profile whose models are known."""
    from llmctl.config.profile import RESERVED

    chosen = _chosen(place)
    known = list(dict.fromkeys([*place.table("profiles"), *RESERVED]))
    for model in _known_models(place, chosen):
        ambiguous = model.partition("/")[0] in known and "/" in model and not place.line.value("profile")
        yield Candidate(f"{chosen}/{model}" if ambiguous else model, f"model of {chosen}")
    if place.line.value("profile"):
        return
    yield from aliases(place)
    yield from routes(place)
    for name in known:
        if name != chosen or place.current.startswith(f"{name}/"):
            for model in _known_models(place, name):
                yield Candidate(f"{name}/{model}", f"model of {name}")


def models_of_the_profile(place: Place) -> Iterator[Candidate]:
    """For the command that adds or changes a profile: its models, or those of the provider so named."""
    name = place.line.value("name") or _chosen(place)
    provider = place.line.value("provider") or name
    if name in place.table("profiles") and not place.line.value("provider"):
        found = _known_models(place, name)
    else:
        found = _models_of_provider(provider)
    yield from (Candidate(model, f"model of {provider}") for model in found)


def _chosen(place: Place) -> str | None:
    """The profile that the line, the environment, the project or the config names."""
    from llmctl.config.resolve import Choices, select

    with contextlib.suppress(LlmctlError):
        return select(place.config, Choices(place.line.value("profile")), place.env, place.folder).profile
    return place.line.value("profile")


def _known_models(place: Place, profile: str | None) -> list[str]:
    """The kept list; without one the profile's own models and those that the catalogue names."""
    if profile is None:
        return []
    if profile == "demo":
        from llmctl.config.resolve import DEMO_EMBED, DEMO_IMAGE, DEMO_MODEL

        return [DEMO_MODEL, DEMO_EMBED, DEMO_IMAGE]
    with contextlib.suppress(LlmctlError):
        return _kept_models(place, profile) or _models_in_config(place, profile)
    return []


def _kept_models(place: Place, profile: str) -> list[str]:
    """Raises ConfigError for a profile that can't be used."""
    from llmctl.cli.modelcache import has_list, kept_names
    from llmctl.config.resolve import Choices, build_target

    if not has_list(place.env, profile):
        return []
    target = build_target(place.config, Choices(profile), place.env, place.folder)
    return kept_names(place.env, profile, target.base_url) or []


def _models_in_config(place: Place, profile: str) -> list[str]:
    table = place.table("profiles").get(profile)
    if not isinstance(table, Mapping):
        return []
    own = [table[key] for key in ("model", "embedding_model", "image_model") if isinstance(table.get(key), str)]
    return list(dict.fromkeys([*own, *_models_of_provider(table.get("provider"))]))


def _models_of_provider(name: str | None) -> list[str]:
    from llmctl.config.catalogue import load_catalogue

    provider = load_catalogue().get(name) if isinstance(name, str) else None
    if provider is None:
        return []
    named = (provider.own_model, *provider.models, provider.embedding_model)
    return list(dict.fromkeys(model for model in named if model))
