"""/model and /use: the same conversation with another model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from llmctl.cli import modelcache
from llmctl.cli.budget import Guard
from llmctl.cli.session import Session, open_session
from llmctl.config.aliases import read_aliases
from llmctl.config.profile import RESERVED
from llmctl.core.media import TEXT, kinds_in
from llmctl.errors import UsageError

if TYPE_CHECKING:
    from llmctl.cli.talk.conversation import Conversation


def model(talk: Conversation, name: str) -> None:
    """Use another model of this profile, or PROFILE/MODEL, or an alias."""
    if name:
        name = read_aliases(talk.session.config).get(name, name)
        head, slash, tail = name.partition("/")
        both = slash and tail and head in profiles(talk)
        _switch(talk, *((head, tail) if both else (talk.session.target.profile, name)))
    _say(talk)


def profile(talk: Conversation, name: str) -> None:
    """Use another profile, with its own model."""
    if name:
        _switch(talk, name, None)
    _say(talk)


def _switch(talk: Conversation, profile: str | None, name: str | None) -> None:
    """Everything is checked before anything changes. Raises ConfigError."""
    options, target = talk.options, talk.session.target
    if profile != target.profile:
        options = replace(options, base_url=None, key=None)  # they belonged to the profile so far
    options = replace(options, profile=profile, model=name)
    session = open_session(options, talk.session.streams)
    _check_media(talk, session)
    session.continues(talk.session)
    talk.options, talk.session = options, session
    talk.account.guard = Guard(session, options.max_cost)
    if session.target.profile != target.profile:
        talk.portable()


def _check_media(talk: Conversation, session: Session) -> None:
    """Raises UsageError when the conversation holds files that the other provider is known not to take."""
    held = kinds_in(talk.messages) | {item.kind for item in talk.files if item.kind != TEXT}
    taken = session.target.quirks(session.target.model or "").media
    refused = sorted(held.difference(taken))
    if refused:
        raise UsageError(
            f"the conversation holds files that {session.target.provider} does not take: {', '.join(refused)}",
            hint="/clear begins anew, /file - takes back files that wait",
        )


def _say(talk: Conversation) -> None:
    target = talk.session.target
    talk.session.streams.say(f"now asking {target.profile}/{target.model or '(the only model)'}")


def profiles(talk: Conversation) -> Mapping[str, str]:
    """Names for completion."""
    config = talk.session.config
    return dict.fromkeys([*config.names, *(name for name in RESERVED if name not in config.names)], "")


def models(talk: Conversation) -> Mapping[str, str]:
    """Aliases, and the models of the last list that the profile gave."""
    aliases = {name: f"alias of {target}" for name, target in read_aliases(talk.session.config).items()}
    kept = modelcache.cached_models(talk.session) or []
    return {**aliases, **dict.fromkeys(kept, "")}
