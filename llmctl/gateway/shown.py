"""The names under which targets are shown and counted. Clients may invent models, so there is an end to them."""

from __future__ import annotations

from collections.abc import Callable

LONGEST = 160
"""Characters of a name that is shown: those of a file with its folders, too."""
MOST_STRANGERS = 100
"""Such names that are told apart; what comes after is "other"."""
OTHER = "other"

Known = Callable[[str, str], bool]
"""Whether a model of a profile is one that the configuration names, or that the provider lists."""


class Shown:
    """What is known has its own name for ever. `known` must not change its mind; make another one then."""

    def __init__(self, known: Known = lambda _profile, _model: False) -> None:
        self._known = known
        self._names: dict[tuple[str, str], str] = {}
        self._strangers: set[tuple[str, str]] = set()

    def model(self, profile: str, model: str) -> str:
        """The name for a model of a profile."""
        found = self._names.get((profile, model))
        return self._name(profile, model) if found is None else found

    def is_stranger(self, profile: str, name: str) -> bool:
        """Whether `model` has given this name to what nobody knows."""
        return name == OTHER or (profile, name) in self._strangers

    def _name(self, profile: str, model: str) -> str:
        name = model
        if not self._known(profile, model):
            if len(self._strangers) >= MOST_STRANGERS:
                return OTHER
            name = short(model)
            self._strangers.add((profile, name))
        self._names[profile, model] = name
        return name


def short(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
