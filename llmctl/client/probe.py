"""How a server is reached: its name, the connection, and until when its certificate is good."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from llmctl.client.failures import connect_failure
from llmctl.client.tls import make_context
from llmctl.config.target import Tls
from llmctl.errors import ConnectTimeout


@dataclass(frozen=True)
class Reached:
    """A connection that was made and closed. `expires` is the certificate's end in Unix seconds, if known."""

    address: str
    name_ms: float
    connect_ms: float
    expires: float | None = None


async def reach(url: str, tls: Tls, env: Mapping[str, str], seconds: float) -> Reached:
    """Look the name up, connect, shake hands. Raises NetworkError or ConnectTimeout, ConfigError for bad files."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    host, port = parts.hostname or "", parts.port or (443 if secure else 80)
    context = make_context(tls, env) if secure else None
    started = time.monotonic()
    try:
        async with asyncio.timeout(seconds):
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
            named = time.monotonic()
            _, writer = await asyncio.open_connection(
                host, port, ssl=context, server_hostname=host if context else None
            )
    except TimeoutError as error:
        raise ConnectTimeout(
            f"no connection to {parts.netloc} within {seconds:g} s",
            hint="is the address right, and the server up?",
        ) from error
    except UnicodeError as error:
        raise connect_failure(socket.gaierror(), parts.netloc) from error
    except OSError as error:
        if error.errno and not isinstance(error, ssl.SSLError | socket.gaierror):
            error.strerror = os.strerror(error.errno)  # asyncio's own words repeat the address
        raise connect_failure(error, parts.netloc) from error
    done = time.monotonic()
    expires = _expires(writer)
    writer.transport.abort()
    return Reached(str(found[0][4][0]), _ms(started, named), _ms(named, done), expires)


def _expires(writer: asyncio.StreamWriter) -> float | None:
    certificate = writer.get_extra_info("peercert")  # empty where it isn't checked
    return float(ssl.cert_time_to_seconds(certificate["notAfter"])) if certificate else None


def _ms(start: float, end: float) -> float:
    return round((end - start) * 1000, 1)
