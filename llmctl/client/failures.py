"""Failures of the network, as our errors. Shared by the transports."""

from __future__ import annotations

import errno
import socket
import ssl

from llmctl.errors import ConnectFailed, DnsFailed, NetworkError, NotUnderstood, OutOfFiles, ProxyFailed, TlsFailed


def connect_failure(error: BaseException, address: str, proxied: bool = False) -> NetworkError:
    """Why there is no connection to `address` (host and port, or "the proxy …")."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return TlsFailed(
            f"the certificate of {address} can't be trusted: {error.verify_message}",
            hint="a company's own authority is named by ca_bundle in the profile, or SSL_CERT_FILE",
        )
    if isinstance(error, ssl.SSLError):
        return TlsFailed(
            f"no TLS connection to {address} ({error.reason or 'handshake failed'})",
            hint="does the server speak https there? http:// and https:// are often mixed up",
        )
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        return OutOfFiles("too many open files here for one more connection", hint="ulimit -n allows more")
    if isinstance(error, socket.gaierror):
        kind = ProxyFailed if proxied else DnsFailed
        return kind(f"the name of {address} can't be resolved", hint="check the address and the network")
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    failure = ProxyFailed if proxied else ConnectFailed
    return failure(f"no connection to {address}: {reason}", hint="is the server up, and the address right?")


def not_http(address: str) -> NotUnderstood:
    """The other side answers, but not in HTTP."""
    return NotUnderstood(
        f"{address} does not answer in HTTP", hint="http:// and https:// mixed up, or another kind of server?"
    )


def wrong_http(address: str, reason: str) -> NotUnderstood:
    """The other side answers in HTTP, with a mistake; `reason` is the parser's."""
    return NotUnderstood(
        f"{address} answers in broken HTTP: {reason}", hint="the server, or a proxy before it, is at fault"
    )
