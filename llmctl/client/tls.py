"""TLS contexts, the same for each transport."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping

from llmctl.config.target import Tls
from llmctl.errors import ConfigError


def make_context(tls: Tls, env: Mapping[str, str]) -> ssl.SSLContext:
    """A context that checks certificates by the profile's bundle, SSL_CERT_FILE/DIR, the system's
    store, or certifi's where the system has none. Raises ConfigError for files that can't be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif tls.ca_bundle:
        _load(context, tls.ca_bundle, "ca_bundle")
    elif env.get("SSL_CERT_FILE"):
        _load(context, env["SSL_CERT_FILE"], "SSL_CERT_FILE")
    elif env.get("SSL_CERT_DIR"):
        context.load_verify_locations(capath=env["SSL_CERT_DIR"])
    elif _has_system_store():
        context.load_default_certs()
    else:
        import certifi  # comes with httpx

        context.load_verify_locations(cafile=certifi.where())
    if tls.client_cert:
        certificate, key = tls.client_cert
        try:
            context.load_cert_chain(certificate, key, password=_no_password)
        except (OSError, ValueError) as error:
            raise ConfigError(f"client_cert {certificate} can't be used: {_reason(error)}") from error
    return context


def _load(context: ssl.SSLContext, path: str, where: str) -> None:
    try:
        if os.path.isdir(path):
            context.load_verify_locations(capath=path)
        else:
            context.load_verify_locations(cafile=path)
    except OSError as error:
        raise ConfigError(f"{where} {path} can't be used: {_reason(error)}") from error


def _has_system_store() -> bool:
    """Windows and macOS frameworks count too: there, load_default_certs reads the OS's own store."""
    if os.name == "nt":
        return True
    paths = ssl.get_default_verify_paths()
    if paths.cafile and os.path.getsize(paths.cafile):
        return True
    try:
        return bool(paths.capath and os.listdir(paths.capath))
    except OSError:
        return False


def _no_password() -> str:
    raise ValueError("its key is encrypted; llmctl can't ask for the password")


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
