"""The store, for commands: opened to look, to change, or to keep what a command says and hears."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmctl.errors import ConfigError

PATIENCE = 5.0
"""Seconds that an answer waits for what other programs write; commands that change things wait longer."""

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmctl.cli.session import Session
    from llmctl.cli.streams import Streams
    from llmctl.config.configfile import Config
    from llmctl.errors import StoreFailed
    from llmctl.store.ledger import Request
    from llmctl.store.pricing import Pricing
    from llmctl.store.recorder import Recorder
    from llmctl.store.store import Store


def store_to_read(streams: Streams) -> Store:
    """The history, to look at. Raises StoreFailed."""
    from llmctl.store.store import open_to_read, store_file

    return open_to_read(store_file(streams.env))


def store_to_change(streams: Streams, patience: float | None = None) -> Store:
    """The history, to change. `patience`: seconds to wait for other programs. Raises StoreFailed."""
    from llmctl.store.store import Store, store_file

    path = store_file(streams.env)
    return Store(path) if patience is None else Store(path, patience=patience)


def keeps_history(config: Config, streams: Streams) -> bool:
    """Whether anything may be kept."""
    wanted = config.data.get("history", True)
    if not isinstance(wanted, bool):  # whoever wrote it wants privacy, and must not get the opposite
        raise ConfigError(f"{config.path}: history must be true or false, not {wanted!r}")
    return wanted and not streams.settings.no_log


def pricing(config: Config, streams: Streams) -> Pricing:
    """Who knows what requests cost."""
    from llmctl.config.paths import cache_folder
    from llmctl.store.pricing import Pricing

    return Pricing(config, cache_folder(streams.env))


def recorder(session: Session, caller: str, price: Price | None = None) -> Recorder:
    """Keeps what the session asks, if anything may be kept. A failure costs one warning."""
    from llmctl.store.recorder import Recorder

    streams, config = session.streams, session.config
    keeps = keeps_history(config, streams)

    def open_store() -> Store | None:
        return store_to_change(streams, PATIENCE) if keeps else None

    def tell(error: StoreFailed) -> None:
        streams.warn(f"{error.message}{f'; {error.hint}' if error.hint else ''}")

    look_up, told = price or pricing(config, streams).known, False

    def priced(request: Request, billed: float | None) -> Request:
        """A price that is written wrongly costs a warning, not the answer."""
        nonlocal told
        try:
            return look_up(request, billed)
        except ConfigError as error:
            if not told:
                streams.warn(error.message)
            told = True
            return request

    return Recorder(open_store, caller, tell, priced)


if TYPE_CHECKING:
    Price = Callable[[Request, float | None], Request]
