"""Certificates: which are trusted, which are shown."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from llmctl.config.target import Tls
from llmctl.errors import ConfigError, NetworkError, TlsFailed
from support.upstream import Reply, Upstream
from support.wire import text_stream

FINE = Reply.sse(*text_stream("fine"))


def test_a_profile_s_own_authority(runner, target_of, secure, certificates):
    secure.script(FINE)
    assert runner.chat(target_of(secure, tls=Tls(ca_bundle=certificates.bundle))).content == "fine"


def test_an_authority_named_by_the_environment(runner, target_of, secure, certificates):
    secure.script(FINE)
    runner.env = {"SSL_CERT_FILE": certificates.bundle}
    assert runner.chat(target_of(secure)).content == "fine"


def test_an_unknown_authority_is_not_trusted(runner, target_of, secure):
    with pytest.raises(TlsFailed, match=r"the certificate of 127\.0\.0\.1:\d+ can't be trusted") as failure:
        runner.chat(target_of(secure))
    assert (failure.value.exit_code, failure.value.code) == (8, "tls")
    assert "ca_bundle" in failure.value.hint
    assert (secure.connections, secure.requests) == (1, [])


def test_a_certificate_for_another_name_is_not_trusted(runner, target_of, secure, certificates):
    target = target_of(f"https://localhost:{secure.port}", tls=Tls(ca_bundle=certificates.bundle))
    with pytest.raises(TlsFailed, match="localhost"):
        runner.chat(target)
    assert secure.requests == []


def test_checking_can_be_switched_off(runner, target_of, secure):
    secure.script(FINE)
    assert runner.chat(target_of(secure, tls=Tls(verify=False))).content == "fine"


def test_a_client_certificate_is_shown(runner, target_of, certificates):
    with Upstream(tls=certificates.server_context(ask_for_one=True)) as server:
        server.default = FINE
        tls = Tls(ca_bundle=certificates.bundle, client_cert=certificates.client)
        assert runner.chat(target_of(server, tls=tls)).content == "fine"


def test_a_server_that_wants_a_client_certificate(runner, target_of, certificates):
    with Upstream(tls=certificates.server_context(ask_for_one=True)) as server:
        with pytest.raises(NetworkError) as failure:
            runner.chat(target_of(server, tls=Tls(ca_bundle=certificates.bundle)))
        assert (failure.value.exit_code, server.requests) == (8, [])


def test_http_to_a_server_that_speaks_https(runner, target_of, secure):
    with pytest.raises(NetworkError) as failure:
        runner.chat(target_of(f"http://127.0.0.1:{secure.port}"))
    assert failure.value.exit_code == 8


def test_https_to_a_server_that_speaks_http(runner, target_of):
    def answer() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(TlsFailed) as failure:
            runner.chat(target_of(f"https://127.0.0.1:{listener.getsockname()[1]}"))
        thread.join()
    assert "https" in failure.value.hint


@pytest.mark.parametrize(
    "tls",
    [Tls(ca_bundle="/nowhere/ca.pem"), Tls(client_cert=("/nowhere/cert.pem", None))],
    ids=["ca_bundle", "client_cert"],
)
def test_files_that_are_not_there(runner, target_of, secure, tls):
    with pytest.raises(ConfigError, match=r"/nowhere/c\w+\.pem can't be used"):
        runner.chat(target_of(secure, tls=tls))


def test_files_that_hold_something_else(runner, target_of, secure, tmp_path: Path):
    path = tmp_path / "ca.pem"
    path.write_text("nothing of the kind")
    for tls in (Tls(ca_bundle=str(path)), Tls(client_cert=(str(path), None))):
        with pytest.raises(ConfigError, match=r"ca\.pem can't be used"):
            runner.chat(target_of(secure, tls=tls))
