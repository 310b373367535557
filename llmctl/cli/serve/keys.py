"""Where the gateway's keys are: in this machine's store, or in the database that several gateways share."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from llmctl.cli.history import store_to_change, store_to_read
from llmctl.cli.streams import Streams

if TYPE_CHECKING:
    from llmctl.gateway.postgres_keys import PostgresKeys
    from llmctl.store.keys import GatewayKey, GatewayKeys

    Spent = Callable[[GatewayKey, float], tuple[float, int]]


@contextlib.contextmanager
def keys_to_change(streams: Streams) -> Iterator[GatewayKeys | PostgresKeys]:
    """The keys. Raises ConfigError, StoreFailed."""
    from llmctl.store.keys import GatewayKeys

    shared = _shared(streams)
    if shared is not None:
        with contextlib.closing(shared):
            yield shared
        return
    with store_to_change(streams) as store:
        yield GatewayKeys(store.database)


@contextlib.contextmanager
def keys_to_read(streams: Streams) -> Iterator[tuple[GatewayKeys | PostgresKeys, Spent]]:
    """The keys, and what each has spent, as store.keys.spent says it. Raises ConfigError, StoreFailed."""
    from llmctl.store.keys import GatewayKeys, spent

    shared = _shared(streams)
    if shared is not None:
        with contextlib.closing(shared):
            yield shared, shared.spent
        return
    with store_to_read(streams) as store, store.snapshot():
        yield GatewayKeys(store.database), partial(spent, store.ledger)


def _shared(streams: Streams) -> PostgresKeys | None:
    from llmctl.config.configfile import load_config
    from llmctl.config.paths import config_file
    from llmctl.config.serve import read_serve

    url = read_serve(load_config(config_file(streams.env))).database_url
    if url is None:
        return None
    from llmctl.gateway.postgres_keys import PostgresKeys

    return PostgresKeys(url)
