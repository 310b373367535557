"""What the tests of caches put and how they run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from llmctl.gateway.cache import Cached

DAY = 86400.0
MB = 1024 * 1024


def answer(body: bytes = b"{}", **more: Any) -> Cached:
    headers = [(b"content-type", b"application/json"), (b"x-request-id", b"\xffr")]
    return replace(Cached(200, headers, body, "work/m", time.time(), 3, 5, 0.25), **more)


def run(job: Coroutine[Any, Any, None]) -> None:
    asyncio.run(job)
