"""Server-sent events a second of CPU, beside the decoder of the `openai` package on the same bytes.

Both run in turn in one process, so that a busy machine slows both; the figure is the median of the ratios.
Shown with `pytest -s -m benchmark tests/benchmarks`.
"""

from __future__ import annotations

import gc
import json
import statistics
import time
from collections.abc import Callable, Iterator

import pytest

from llmctl.core.chat import ChatDecoder
from llmctl.core.quirks import Quirks
from llmctl.core.sse import SSEDecoder
from support import wire

openai = pytest.importorskip("openai._streaming")

EVENTS = 20_000
ROUNDS = 9
GOAL = 3.0

CHUNKS = wire.text_stream(*(f" word{number}" for number in range(EVENTS - 3)), usage=wire.usage())
STREAM = (
    "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in [*CHUNKS, "[DONE]"])
    .replace('"[DONE]"', "[DONE]")
    .encode()
)


def portions(size: int) -> list[bytes]:
    """As the network brings them; size 0 is one event a portion."""
    if not size:
        return [event + b"\n\n" for event in STREAM.split(b"\n\n") if event]
    return [STREAM[start : start + size] for start in range(0, len(STREAM), size)]


def our_events(data: list[bytes]) -> Iterator[bytes]:
    decoder = SSEDecoder()
    for portion in data:
        for _, payload in decoder.feed(portion):
            yield payload


def their_events(data: list[bytes]) -> Iterator[object]:
    return openai.SSEDecoder().iter_bytes(iter(data))


def count(events: Callable[[list[bytes]], Iterator[object]]) -> Callable[[list[bytes]], int]:
    return lambda data: sum(1 for _ in events(data))


def our_json(data: list[bytes]) -> int:
    """Each payload as a JSON value."""
    return sum(1 for payload in our_events(data) if payload == b"[DONE]" or json.loads(payload))


def their_json(data: list[bytes]) -> int:
    """As openai's Stream does before it builds its models."""
    return sum(1 for event in their_events(data) if event.data.startswith("[DONE]") or event.json())


def our_chunks(data: list[bytes]) -> int:
    """All the way to our events."""
    decoder = ChatDecoder(Quirks())
    number = sum(1 for payload in our_events(data) if decoder.feed(payload) or True)
    assert decoder.finish()
    return number


def their_chunks(data: list[bytes]) -> int:
    """All the way to openai's models, built without checks as its client does."""
    from openai._models import construct_type
    from openai.types.chat import ChatCompletionChunk

    number = 0
    for event in their_events(data):
        number += 1
        if not event.data.startswith("[DONE]"):
            construct_type(value=event.json(), type_=ChatCompletionChunk)
    return number


def seconds(decode: Callable[[list[bytes]], int], data: list[bytes]) -> float:
    gc.collect()
    start = time.process_time()
    assert decode(data) == len(CHUNKS) + 1
    return time.process_time() - start


def compare(name: str, ours: Callable, theirs: Callable, size: int, rounds: int = ROUNDS) -> float:
    """The median ratio of their time to ours."""
    data = portions(size)
    ratios, our_best, their_best = [], float("inf"), float("inf")
    seconds(ours, data), seconds(theirs, data)  # the first round warms the caches up
    for _ in range(rounds):
        one, other = seconds(ours, data), seconds(theirs, data)
        ratios.append(other / one)
        our_best, their_best = min(our_best, one), min(their_best, other)
    ratio = statistics.median(ratios)
    each = "one event" if not size else f"{size} bytes"
    print(
        f"\n{name}, portions of {each}: {len(CHUNKS) / our_best:,.0f} events per CPU second, "
        f"openai {len(CHUNKS) / their_best:,.0f}; ratio {ratio:.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    )
    return ratio


@pytest.mark.benchmark
@pytest.mark.parametrize("size", [0, 1400, 16384])
def test_events(size):
    assert compare("SSE events", count(our_events), count(their_events), size) >= GOAL


@pytest.mark.benchmark
@pytest.mark.parametrize("size", [0, 16384])
def test_events_and_json(size):
    assert compare("SSE events and JSON", our_json, their_json, size) >= 1


@pytest.mark.benchmark
def test_decoded_chunks():
    assert compare("decoded chunks", our_chunks, their_chunks, 0, rounds=3) >= 1
