"""The names under which targets are shown and counted. Clients may invent models, so there is an end to them."""

from __future__ import annotations

from collections.abc import Callable

LONGEST = 160
"""Characters of a name that is shown: those of a file with its folders, too."""
MOST_STRANGERS = 100
"""Such names that are told apart; what comes after is "other"."""
MOST_ANSWERED = 300
"""Those that have answered have places of their own; but some providers answer to any name."""
OTHER = "other"

Known = Callable[[str, str], bool]
"""Whether a model of a profile is one that the configuration names, or that the provider lists."""


class Shown:
    """What was known once has its own name for ever; a stranger may become known, and gives its place back."""

    def __init__(self, known: Known = lambda _profile, _model: False) -> None:
        self._known = known
        self._names: set[tuple[str, str]] = set()
        self._answered: set[tuple[str, str]] = set()
        self._strangers: set[tuple[str, str]] = set()

    def model(self, profile: str, model: str, answered: bool = False) -> str:
        """The name for a model of a profile; `answered`: it has just done so."""
        place = (profile, model)
        if place in self._names:
            return model
        stranger = (profile, short(model))
        if self._known(profile, model):
            self._names.add(place)
            self._answered.discard(stranger)
            self._strangers.discard(stranger)
            return model
        if stranger in self._answered:
            return stranger[1]
        if answered and len(self._answered) < MOST_ANSWERED:
            self._answered.add(stranger)
            self._strangers.discard(stranger)
        elif stranger not in self._strangers:
            if len(self._strangers) >= MOST_STRANGERS:
                return OTHER
            self._strangers.add(stranger)
        return stranger[1]

    def is_stranger(self, profile: str, name: str) -> bool:
        """Whether `model` has given this name to what nobody knows."""
        return name == OTHER or (profile, name) in self._strangers or (profile, name) in self._answered


def short(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
