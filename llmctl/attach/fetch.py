"""A file from the web, for a prompt."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urljoin, urlsplit

from llmctl import __version__
from llmctl.client.deadline import Deadline
from llmctl.client.transport import Transport, read_body
from llmctl.config.profile import Timeouts
from llmctl.core.requests import HttpRequest
from llmctl.core.urls import shown
from llmctl.errors import NotFound, NotUnderstood, UsageError

REDIRECTS = 5


async def fetch(url: str, most: int, transport: Transport) -> bytes:
    """GET it, without any key, following redirects. Raises UsageError above `most` bytes."""
    headers: Mapping[str, str] = {"user-agent": f"llmctl/{__version__}", "accept": "*/*"}
    _check(url)
    for _ in range(REDIRECTS + 1):
        deadline = Deadline(Timeouts(total=120))
        deadline.start_attempt(streamed=False)
        reply = await transport.send(HttpRequest("GET", url, headers), deadline)
        location = reply.headers.get("location")
        try:
            if reply.status in (301, 302, 303, 307, 308) and location:
                url = _joined(url, location)
                continue
            if not 200 <= reply.status < 300:
                error = NotFound(f"{shown(url)} answers with status {reply.status}")
                error.status = reply.status
                raise error
            return await read_body(reply, most)
        except NotUnderstood as error:
            raise UsageError(f"{shown(url)}: {error.message}") from error
        finally:
            await reply.close()
    raise NotFound(f"{shown(url)} redirects in circles")


def _check(url: str) -> None:
    """Raises UsageError for what can't be fetched."""
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        fits = False
    if not fits:
        raise UsageError(f"{url.partition('?')[0]!r} is not the address of a file in the web")


def _joined(url: str, location: str) -> str:
    try:
        joined = urljoin(url, location)
        _check(joined)
    except (ValueError, UsageError) as error:
        raise NotFound(f"{shown(url)}: a redirect that leads out of the web") from error
    return joined
