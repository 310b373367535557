"""Two `llmctl serve` with the same config, each in a home of its own, as on two machines."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from support.cli import Cli
from support.gateway import GatewayProcess
from support.rawclient import Answer

PATIENCE = 30
_PAUSE = 0.05


class Replicas:
    """`one` and `two`. They need not know of each other."""

    def __init__(self, clis: Sequence[Cli]) -> None:
        """Start both at once."""
        with ThreadPoolExecutor(2) as pool:
            self.both = self.one, self.two = tuple(pool.map(GatewayProcess, clis))

    def key(self, name: str, *options: str) -> dict[str, str]:
        """The header that shows a new key, which both know by now."""
        headers = add_key(self.one.cli, name, *options)
        for gateway in self.both:
            until(lambda gateway=gateway: gateway.get("/v1/models", headers).status == 200)  # type: ignore[misc]
        return headers

    def at_once(self, model: str, headers: dict[str, str], each: int) -> list[Answer]:
        """The answers to so many chats at each, all asked at the same moment."""
        ready = threading.Barrier(2 * each)

        def ask(gateway: GatewayProcess) -> Answer:
            ready.wait(PATIENCE)
            return gateway.chat(model, headers=headers)

        with ThreadPoolExecutor(2 * each) as pool:
            return list(pool.map(ask, self.both * each))


@contextmanager
def replicas(folder: Path, config: str, key: str | None = None) -> Iterator[Replicas]:
    """Both, until the end. `key`: the name of an admin's key, which is there before they start."""
    with ExitStack() as stack:
        clis = [Cli(folder / name) for name in ("one", "two")]
        for cli in clis:
            stack.callback(cli.close)
            cli.write_config(config)
        if key is not None:
            add_key(clis[0], key, "--admin")
        pair = Replicas(clis)
        yield pair
        for gateway in pair.both:
            gateway.signal()
        for gateway in pair.both:
            gateway.wait()
            assert "Traceback" not in gateway.said, gateway.said


def add_key(cli: Cli, name: str, *options: str) -> dict[str, str]:
    """The header that shows a new key."""
    key = cli.run("serve", "key", "add", name, *options).check().out.strip()
    return {"Authorization": f"Bearer {key}"}


def until(condition: Callable[[], object]) -> None:
    """Look again and again until it is so; fails the test when it is never."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it didn't come about"
        time.sleep(_PAUSE)
