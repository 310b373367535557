"""The store, for commands: opened to look, to change, or to keep what a command says and hears."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmctl.errors import ConfigError

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


def store_to_change(streams: Streams) -> Store:
    """The history, to change. Raises StoreFailed."""
    from llmctl.store.store import Store, store_file

    return Store(store_file(streams.env))


def keeps_history(config: Config, streams: Streams) -> bool:
    """Whether anything may be kept."""
    return not streams.settings.no_log and config.data.get("history", True) is not False


def pricing(config: Config, streams: Streams) -> Pricing:
    """Who knows what requests cost."""
    from llmctl.config.paths import cache_folder
    from llmctl.store.pricing import Pricing

    return Pricing(config, cache_folder(streams.env))


def recorder(session: Session, caller: str, price: Price | None = None) -> Recorder:
    """Keeps what the session asks, if anything may be kept. A failure costs one warning."""
    from llmctl.store.recorder import Recorder

    streams, config = session.streams, session.config

    def open_store() -> Store | None:
        return store_to_change(streams) if keeps_history(config, streams) else None

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
