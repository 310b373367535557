"""The provider catalogue: what llmctl knows about providers before anybody has asked them.

The facts are in data/providers.toml, and what each key means is written at its head. This module only
reads them and fills in the placeholders of a base URL.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from llmctl.core.urls import clean_base_url
from llmctl.errors import ConfigError


@dataclass(frozen=True)
class Provider:
    """One table of providers.toml. The keys are explained there."""

    id: str
    title: str
    base_url: str | None = None
    base_url_by: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    auth: str = "bearer"
    key_env: tuple[str, ...] = ()
    base_env: tuple[str, ...] = ()
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    part_defaults: Mapping[str, str] = field(default_factory=dict)
    model: str | None = None
    models: tuple[str, ...] = ()
    embedding_model: str | None = None
    docs: str | None = None
    local: bool = False
    port: int | None = None
    alternatives: tuple[str, ...] = ()
    key_command: str | None = None
    dead: str | None = None
    warning: str | None = None
    notes: tuple[str, ...] = ()
    quirks: Mapping[str, Any] = field(default_factory=dict)
    model_quirks: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    features: Mapping[str, bool] = field(default_factory=dict)

    @property
    def own_model(self) -> str | None:
        """The default model, unless it depends on a placeholder."""
        return None if self.model and "{" in self.model else self.model

    def placeholders(self) -> list[str]:
        """The names in braces in the base URL, in order of appearance, each once."""
        import re

        return list(dict.fromkeys(re.findall(r"\{(\w+)\}", self.base_url or "")))

    def fill(self, parts: Mapping[str, str]) -> str:
        """The base URL with every placeholder filled, from `parts` before the defaults.

        Raises ConfigError when a part is missing, or would reach beyond its place in the URL.
        """
        if self.base_url is None:
            raise ConfigError(f"{self.title} has no base_url of its own", hint="give the server's base_url")
        values = {name: self._part(name, parts) for name in self.placeholders()}
        by = dict(self.base_url_by)
        deciding = by.pop("part", None)
        url = by.get(values[deciding], self.base_url) if deciding else self.base_url
        for name, value in values.items():
            url = url.replace(f"{{{name}}}", value)
        return url

    def _part(self, name: str, parts: Mapping[str, str]) -> str:
        """The value of one placeholder, checked."""
        value = parts.get(name) or self.part_defaults.get(name)
        if not value:
            variables = " or ".join(self.parts.get(name, ()))
            raise ConfigError(
                f"{self.title} needs {name} for its base URL",
                hint=f"give {name}, or set {variables}" if variables else f"give {name}",
            )
        # A slash or an @ could send the key to another host; a percent sign could hide one.
        if any(letter in "/?#\\@%{}" or letter.isspace() or not letter.isprintable() for letter in value):
            raise ConfigError(
                f"{self.title}: {value!r} can't be the {name} in a base URL",
                hint=f"give the {name} alone, not a whole address",
            )
        return value

    def server_url(self, value: str) -> str:
        """A base URL from what variables such as OLLAMA_HOST hold: a URL with or without /v1, host:port, :port.

        Raises ConfigError.
        """
        from urllib.parse import urlsplit

        value = f"127.0.0.1{value}" if value.startswith(":") else value
        parts = urlsplit(clean_base_url(value if "://" in value else f"http://{value}"))
        netloc = parts.netloc if parts.port or not self.port else f"{parts.netloc}:{self.port}"
        return f"{parts.scheme}://{netloc}{parts.path or urlsplit(self.base_url or '/v1').path}"

    def quirk_layers(self, model: str) -> list[Mapping[str, Any]]:
        """The provider's quirks, then those of every model prefix that fits, in the order of the file.

        A prefix is compared, ignoring case, with the whole id and with what follows its last slash:
        hosts and routers name one model "gpt-6-luna", "openai/gpt-6-luna" or "accounts/x/models/gpt-6-luna".
        Never with the middle of a name, since "my-gpt-6" is somebody's own model.
        """
        whole = model.lower()
        names = (whole, whole.rpartition("/")[2])
        fitting = [
            table for prefix, table in self.model_quirks if any(name.startswith(prefix.lower()) for name in names)
        ]
        return [self.quirks, *fitting]


@cache
def load_catalogue() -> dict[str, Provider]:
    """Every provider by its id, in the order of the file. Read once; don't change the result."""
    import tomllib
    from pathlib import Path

    path = Path(__file__).parent.parent / "data" / "providers.toml"
    with path.open("rb") as file:
        return {name: _provider(name, table) for name, table in tomllib.load(file).items()}


def find_provider(name: str) -> Provider:
    """The provider of that id, in any case. Raises ConfigError with the nearest names."""
    catalogue = load_catalogue()
    found = catalogue.get(name.lower())
    if found is None:
        from llmctl.core.suggest import did_you_mean

        hint = did_you_mean(name, catalogue) or "any OpenAI-compatible server can be added as generic"
        raise ConfigError(f"unknown provider {name!r}", hint=hint)
    return found


def _provider(name: str, table: Mapping[str, Any]) -> Provider:
    """One table as a Provider: lists become tuples, a missing title the id."""
    values: dict[str, Any] = {"title": name}
    values |= {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
    values["parts"] = {part: tuple(variables) for part, variables in table.get("parts", {}).items()}
    values["model_quirks"] = tuple(
        (quirks["prefix"], {key: value for key, value in quirks.items() if key != "prefix"})
        for quirks in table.get("model_quirks", ())
    )
    return Provider(id=name, **values)
