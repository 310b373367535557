"""The profile that a command about profiles means."""

from __future__ import annotations

from llmctl.cli.streams import Streams
from llmctl.config.configfile import Config
from llmctl.config.paths import working_folder
from llmctl.config.resolve import Choices, select
from llmctl.errors import ConfigError


def chosen_name(name: str | None, config: Config, streams: Streams) -> str:
    """The named profile, else the one in use. It must be in the config: raises ConfigError."""
    name = name or select(config, Choices(), streams.env, working_folder()).profile
    if name in ("demo", "env") and name not in config.names:
        what = "the embedded demo provider" if name == "demo" else "made of the OPENAI_* variables"
        raise ConfigError(f"profile {name} is not in the config: it is {what}", hint="name another profile")
    config.profile(name)
    return name
