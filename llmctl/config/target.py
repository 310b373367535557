"""Where a request goes, and how: a profile resolved to what the client needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from llmctl.config.profile import Timeouts
from llmctl.core.quirks import Quirks
from llmctl.core.urls import origin

__all__ = ["Target", "Timeouts", "Tls"]


@dataclass(frozen=True)
class Tls:
    """How the server's certificate is checked, and which one we show. Paths are absolute."""

    verify: bool = True
    ca_bundle: str | None = None
    client_cert: tuple[str, str | None] | None = None


def no_key() -> str | None:
    """A target without a key."""
    return None


@dataclass(frozen=True)
class Target:
    """One provider, ready to be asked. `key` is a function: commands and keyrings run only when needed."""

    profile: str
    base_url: str
    provider: str = "generic"
    model: str | None = None
    embedding_model: str | None = None
    image_model: str | None = None
    key: Callable[[], str | None] = field(default=no_key, repr=False)
    key_reference: str | None = field(default=None, repr=False)
    """Where `key` looks, as in a profile; None without a key. Fit to be shown unless it is the key itself."""
    more_keys: tuple[Callable[[], str | None], ...] = field(default=(), repr=False)
    """Further keys of the profile, for those who take them in turn."""
    auth: str = "bearer"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    filled_in: frozenset[str] = frozenset()
    """Names of those headers, in lower case, that the catalogue gives: who sends one himself knows better."""
    timeout: Timeouts = field(default_factory=Timeouts)
    retries: int = 2
    proxy: str | None = None
    tls: Tls = field(default_factory=Tls)
    quirks: Callable[[str], Quirks] = field(default=lambda _model: Quirks(), repr=False)
    """The quirks for a model of this provider."""

    @property
    def embedded(self) -> bool:
        """Whether this is the demo provider inside this process."""
        return self.provider == "demo" and not self.base_url

    def at(self, base_url: str) -> Target:
        """The same target at another address; on another origin nothing of the provider's goes along."""
        if origin(base_url) == origin(self.base_url or base_url):
            return replace(self, base_url=base_url)
        tls = Tls(ca_bundle=self.tls.ca_bundle)
        return Target(
            self.profile, base_url, timeout=self.timeout, retries=self.retries, proxy=self.proxy, tls=tls
        )

    def auth_headers(self, key: str | None) -> dict[str, str]:
        """The header that carries the key."""
        if not key:
            return {}
        return {"api-key": key} if self.auth == "api-key" else {"authorization": f"Bearer {key}"}
