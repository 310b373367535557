"""The gateway's connections through proxies: HTTP, HTTPS and SOCKS 5, on both event loops."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
import threading

import pytest

from llmctl.client.deadline import Deadline
from llmctl.client.tls import make_context
from llmctl.client.tunnel import TunnelWire
from llmctl.config.target import Timeouts, Tls
from llmctl.errors import ConnectTimeout, DnsFailed, LlmctlError, ProxyFailed, TlsFailed
from support.leaks import PROXY_BASIC, PROXY_PASSWORD, PROXY_USER
from support.upstream import Reply, Upstream, refused_url

PATIENCE = 30
FINE = Reply(200, body=b"fine")
LOGIN = f"{PROXY_USER}:{PROXY_PASSWORD}@"


class Run:
    """Runs requests on one of the loops. What a callback of the loop raises fails the test."""

    def __init__(self, factory):
        self._factory = factory

    def ask(self, *wire_args, limits=None, times=1, during=None):
        """The bodies of replies to requests one after another; `during` makes it a task that is cancelled then."""
        raised = []

        async def main():
            asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context))
            wire = TunnelWire(*wire_args)
            try:
                async with asyncio.timeout(PATIENCE):
                    task = asyncio.create_task(_ask(wire, limits, times))
                    if during:
                        await asyncio.to_thread(during)
                        task.cancel()
                    return await task
            finally:
                wire.close()
                for _ in range(5):  # the loop closes a socket one turn later
                    await asyncio.sleep(0)

        with asyncio.Runner(loop_factory=self._factory) as runner:
            result = runner.run(main())
        assert raised == []
        return result


async def _ask(wire, limits, times):
    bodies = []
    for _ in range(times):
        made = Deadline(limits or Timeouts())
        made.start_attempt(False)
        reply = await wire.send(b"POST /v1/x?a=b HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n", b"{}", made)
        body = b""
        while part := await reply.read():
            body += part
        bodies.append(body)
    return bodies


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request):
    return Run(pytest.importorskip(request.param).new_event_loop)


@pytest.fixture
def proxy():
    with Upstream(proxy=True) as server:
        yield server


@pytest.fixture
def secure_proxy(certificates):
    with Upstream(proxy=True, tls=certificates.server_context()) as server:
        yield server


@pytest.fixture
def trusting(certificates):
    return make_context(Tls(ca_bundle=certificates.bundle), {})


@pytest.fixture
def suspicious():
    return make_context(Tls(), {})


def with_login(url):
    return url.replace("://", f"://{LOGIN}")


# HTTP proxies


def test_http_goes_to_the_proxy_with_the_whole_address(run, proxy):
    proxy.default = FINE
    assert run.ask("llm.example.com", 8080, None, with_login(proxy.url), times=2) == [b"fine", b"fine"]
    assert proxy.last.target == "http://llm.example.com:8080/v1/x?a=b"
    assert proxy.last.headers["proxy-authorization"] == f"Basic {PROXY_BASIC}"
    assert (proxy.last.headers["host"], proxy.last.body) == ("h", b"{}")
    assert proxy.connections == 1


@pytest.mark.parametrize(
    ("host", "port", "origin"),
    [
        ("llm.example.com", 80, "llm.example.com"),
        ("::1", 8080, "[::1]:8080"),
        ("bücher.example", 80, "xn--bcher-kva.example"),
    ],
)
def test_the_address_that_an_http_proxy_is_told(run, proxy, host, port, origin):
    proxy.default = FINE
    run.ask(host, port, None, proxy.url)
    assert proxy.last.target == f"http://{origin}/v1/x?a=b"
    assert "proxy-authorization" not in proxy.last.headers


def test_https_goes_through_a_tunnel_that_is_kept(run, proxy, secure, trusting):
    secure.default = FINE
    wire = ("127.0.0.1", secure.port, trusting, with_login(proxy.url))
    assert run.ask(*wire, times=2) == [b"fine", b"fine"]
    assert [(request.method, request.target) for request in proxy.requests] == [
        ("CONNECT", f"127.0.0.1:{secure.port}")
    ]
    assert proxy.last.headers["proxy-authorization"] == f"Basic {PROXY_BASIC}"
    assert "proxy-authorization" not in secure.last.headers
    assert (secure.last.target, secure.last.body) == ("/v1/x?a=b", b"{}")


def test_a_large_answer_comes_through_a_tunnel(run, proxy, secure, trusting):
    large = bytes(range(256)) * 10_000
    secure.default = Reply(200, body=large)
    assert run.ask("127.0.0.1", secure.port, trusting, proxy.url) == [large]


def test_a_password_may_be_percent_encoded(run, proxy):
    proxy.default = FINE
    run.ask("llm.example.com", 80, None, proxy.url.replace("://", "://us%40er:p%3Aw%2F@"))
    assert proxy.last.headers["proxy-authorization"] == "Basic dXNAZXI6cDp3Lw=="  # us@er:p:w/


def test_http_through_a_proxy_that_speaks_https(run, secure_proxy, trusting):
    secure_proxy.default = FINE
    assert run.ask("llm.example.com", 80, None, secure_proxy.url, trusting) == [b"fine"]
    assert secure_proxy.last.target == "http://llm.example.com/v1/x?a=b"


def test_https_through_a_proxy_that_speaks_https(run, certificates, trusting):
    """TLS inside TLS. The proxy of `support.tunnel` can't look at both at once, so one that only pumps."""
    with Upstream(tls=certificates.server_context()) as secure, Pumping(certificates.server_context()) as proxy:
        secure.default = FINE
        assert run.ask("127.0.0.1", secure.port, trusting, proxy.url("https"), times=2) == [b"fine", b"fine"]
        assert proxy.asked == [("127.0.0.1", secure.port)]


@pytest.mark.parametrize("status", [407, 403, 502])
def test_a_proxy_that_refuses_the_tunnel(run, proxy, trusting, status):
    proxy.route("CONNECT", Reply(status, body=b"no", close=True))
    with pytest.raises(ProxyFailed, match=rf"refused the connection to 127\.0\.0\.1:9: {status} \w+") as failure:
        run.ask("127.0.0.1", 9, trusting, with_login(proxy.url))
    assert PROXY_PASSWORD not in f"{failure.value.message} {failure.value.hint}"


def test_a_proxy_that_wants_a_login_for_http(run, proxy):
    proxy.default = Reply(407, body=b"no")
    with pytest.raises(ProxyFailed, match=r"refused the connection to llm\.example\.com:80: 407"):
        run.ask("llm.example.com", 80, None, proxy.url)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply.raw(b"SSH-2.0-x\r\n\r\n"), "does not answer in HTTP"),
        (Reply.raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000), "no end"),
        (Reply.raw(b"HTTP/1.1 200"), "closed the connection without an answer"),
        (Reply.refuse(), "closed the connection without an answer"),
        (Reply.reset(), "the proxy 127.0.0.1"),
    ],
    ids=["garbage", "flood", "half", "closed", "reset"],
)
def test_a_proxy_that_is_none(run, proxy, trusting, reply, words):
    proxy.route("CONNECT", reply)
    with pytest.raises(ProxyFailed, match=words):
        run.ask("127.0.0.1", 9, trusting, proxy.url)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply.refuse(), "the proxy 127.0.0.1 closed the connection without an answer"),
        (Reply.raw(b"SSH-2.0-x\r\n\r\n"), "the proxy 127.0.0.1 does not answer in HTTP"),
        (Reply.raw(b"HTTP/1.1 200 OK\r\nA: b\n\n"), "the proxy 127.0.0.1 answers in broken HTTP"),
        (Reply.raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000), "the proxy 127.0.0.1 sends headers of more"),
    ],
    ids=["closed", "garbage", "broken", "flood"],
)
def test_a_proxy_for_http_that_fails_is_named(run, proxy, reply, words):
    """Whoever answers is the proxy; the origin may know nothing of it."""
    proxy.default = reply
    with pytest.raises(LlmctlError, match=words):
        run.ask("llm.example.com", 80, None, proxy.url)


def test_a_proxy_that_speaks_no_tls_in_time(run, trusting):
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        pytest.raises(ConnectTimeout, match=r"no connection to the proxy 127\.0\.0\.1 within 0\.1 s"),
    ):
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        run.ask("llm.example.com", 80, None, url, trusting, limits=Timeouts(connect=0.1))


@pytest.mark.parametrize("scheme", ["http", "https", "socks5", "socks5h"])
@pytest.mark.parametrize("secured", [False, True], ids=["to http", "to https"])
def test_a_proxy_that_is_not_there(run, trusting, scheme, secured):
    with pytest.raises(ProxyFailed, match=r"no connection to the proxy 127\.0\.0\.1"):
        run.ask("127.0.0.1", 9, trusting if secured else None, refused_url().replace("http", scheme, 1))


@pytest.mark.parametrize("name", ["proxy.invalid", "a" * 64])
def test_a_proxy_whose_name_is_unknown(run, name):
    with pytest.raises(ProxyFailed, match=rf"{name} can't be resolved"):
        run.ask("llm.example.com", 80, None, f"http://{name}:3128")


@pytest.mark.parametrize("scheme", ["http", "socks5h"])
def test_an_origin_that_can_be_no_name(run, proxy, socks, scheme):
    url = proxy.url if scheme == "http" else socks.url(scheme)
    with pytest.raises(DnsFailed, match="can't be resolved"):
        run.ask("ä" * 64 + ".example", 80, None, url)


def test_certificates_are_checked_inside_the_tunnel(run, proxy, secure, suspicious):
    with pytest.raises(TlsFailed, match=r"the certificate of 127\.0\.0\.1:\d+ can't be trusted"):
        run.ask("127.0.0.1", secure.port, suspicious, proxy.url)
    assert secure.requests == []


def test_the_proxy_s_certificate_is_checked(run, secure_proxy, suspicious):
    with pytest.raises(TlsFailed, match=r"the certificate of the proxy 127\.0\.0\.1 can't be trusted"):
        run.ask("llm.example.com", 80, None, secure_proxy.url, suspicious)
    assert secure_proxy.requests == []


def test_https_to_a_server_that_speaks_http(run, proxy, trusting):
    def answer():
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(TlsFailed):
            run.ask("127.0.0.1", listener.getsockname()[1], trusting, proxy.url)
        thread.join(PATIENCE)


def test_a_proxy_that_says_nothing(run, proxy, trusting):
    proxy.route("CONNECT", Reply.hang())
    with pytest.raises(ConnectTimeout, match=r"to 127\.0\.0\.1:9 through the proxy 127\.0\.0\.1 within 0\.1 s"):
        run.ask("127.0.0.1", 9, trusting, proxy.url, limits=Timeouts(connect=0.1))
    proxy.wait_closed(0)


def test_cancelling_in_the_handshake_closes_the_socket(run, proxy, trusting):
    proxy.route("CONNECT", Reply.hang())
    with pytest.raises(asyncio.CancelledError):
        run.ask("127.0.0.1", 9, trusting, proxy.url, during=lambda: proxy.wait_requests(1))
    proxy.wait_closed(0)


# SOCKS


class Pumping:
    """A SOCKS 5 proxy, or with `tls` one for CONNECT, that remembers where it was asked to connect."""

    def __init__(self, tls=None, login=None, refuses=(), says=b""):
        self._tls = tls
        self._login = login
        self._refuses = set(refuses)
        self._says = says
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.asked = []
        self.methods = b""
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, scheme, login=""):
        return f"{scheme}://{login}127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=self._listener.accept()[:1], daemon=True).start()

    def _serve(self, client):
        with client, contextlib.suppress(OSError, EOFError):
            if self._tls:
                self._over_tls(client)
            else:
                self._socks(client)

    def _socks(self, client):
        if self._says:
            client.sendall(self._says)
            client.recv(65536)
            return
        self.methods = receive(client, receive(client, 2)[1])
        if not self._logged_in(client):
            return
        kind = receive(client, 4)[3]
        if kind == 3:
            host = receive(client, receive(client, 1)[0]).decode()
        else:
            host = socket.inet_ntop(*((socket.AF_INET, receive(client, 4)) if kind == 1 else
                                      (socket.AF_INET6, receive(client, 16))))  # fmt: skip
        port = int.from_bytes(receive(client, 2), "big")
        self.asked.append((host, port))
        if host in self._refuses:
            client.sendall(b"\x05\x05\x00\x01" + bytes(6))
            return
        with socket.create_connection(("127.0.0.1" if host == "llm.example.com" else host, port)) as server:
            client.sendall(b"\x05\x00\x00\x03\x04name\x00\x50")
            pump_both(client, server)

    def _logged_in(self, client):
        if not self._login:
            client.sendall(b"\x05\x00")
            return True
        if 2 not in self.methods:
            client.sendall(b"\x05\xff")
            return False
        client.sendall(b"\x05\x02")
        receive(client, 1)
        user = receive(client, receive(client, 1)[0])
        password = receive(client, receive(client, 1)[0])
        right = (user.decode(), password.decode()) == self._login
        client.sendall(b"\x01\x00" if right else b"\x01\x01")
        return right

    def _over_tls(self, client):
        """CONNECT inside TLS."""
        with self._tls.wrap_socket(client, server_side=True) as outer:
            head = b""
            while b"\r\n\r\n" not in head:
                head += outer.recv(65536)
            host, _, port = head.split(b" ")[1].decode().rpartition(":")
            self.asked.append((host, int(port)))
            with socket.create_connection((host, int(port))) as server:
                outer.sendall(b"HTTP/1.0 200 Connection established\r\n\r\n")
                pump_both(outer, server)


def receive(client, size):
    data = b""
    while len(data) < size:
        part = client.recv(size - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def pump_both(client, server):
    back = threading.Thread(target=pump, args=(server, client), daemon=True)
    back.start()
    pump(client, server)
    back.join(PATIENCE)


def pump(source, sink):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def socks():
    with Pumping() as proxy:
        yield proxy


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_http_through_socks(run, socks, upstream, scheme):
    upstream.default = FINE
    assert run.ask("127.0.0.1", upstream.port, None, socks.url(scheme), times=2) == [b"fine", b"fine"]
    assert socks.asked == [("127.0.0.1", upstream.port)]
    assert (upstream.last.target, socks.methods) == ("/v1/x?a=b", b"\x00")


def test_https_through_socks(run, socks, secure, trusting):
    secure.default = FINE
    assert run.ask("127.0.0.1", secure.port, trusting, socks.url("socks5h"), times=2) == [b"fine", b"fine"]
    assert socks.asked == [("127.0.0.1", secure.port)]


def test_socks5h_leaves_names_to_the_proxy(run, socks, upstream):
    upstream.default = FINE
    assert run.ask("llm.example.com", upstream.port, None, socks.url("socks5h")) == [b"fine"]
    assert socks.asked == [("llm.example.com", upstream.port)]


def test_socks5_resolves_names_here_and_tries_each_address(run, upstream):
    """Where localhost has an IPv6 address too, the proxy's refusal of that one is not the end."""
    upstream.default = FINE
    with Pumping(refuses=["::1"]) as socks:
        assert run.ask("localhost", upstream.port, None, socks.url("socks5")) == [b"fine"]
        assert socks.asked[-1] == ("127.0.0.1", upstream.port)


def test_socks5_with_a_name_that_is_unknown_here(run, socks):
    with pytest.raises(DnsFailed, match=r"nowhere\.invalid:80 can't be resolved"):
        run.ask("nowhere.invalid", 80, None, socks.url("socks5"))
    assert socks.asked == []


def test_a_socks_proxy_that_wants_a_login(run, upstream):
    upstream.default = FINE
    where = ("127.0.0.1", upstream.port, None)
    with Pumping(login=("us@er", PROXY_PASSWORD)) as socks:
        assert run.ask(*where, socks.url("socks5", f"us%40er:{PROXY_PASSWORD}@")) == [b"fine"]
        with pytest.raises(ProxyFailed, match="it wants a user and password"):
            run.ask(*where, socks.url("socks5"))
        with pytest.raises(ProxyFailed, match="user or password is wrong") as failure:
            run.ask(*where, socks.url("socks5", f"other:{PROXY_PASSWORD}@"))
        assert PROXY_PASSWORD not in str(failure.value)
        with pytest.raises(ProxyFailed, match="longer than SOCKS has room for"):
            run.ask(*where, socks.url("socks5", f"{'u' * 256}:x@"))


def test_a_socks_proxy_that_refuses(run):
    with (
        Pumping(refuses=["127.0.0.1"]) as socks,
        pytest.raises(ProxyFailed, match=r"refused the connection to 127\.0\.0\.1:9: connection refused"),
    ):
        run.ask("127.0.0.1", 9, None, socks.url("socks5"))


@pytest.mark.parametrize(
    ("says", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak SOCKS 5"),
        (b"\x05\x07", "it wants a user and password"),
        (b"\x05\x00\x05\x63\x00\x01", "SOCKS error 99"),
        (b"\x05", "closed the connection without an answer"),
    ],
)
def test_a_socks_proxy_that_is_none(run, says, words):
    with Pumping(says=says) as socks, pytest.raises(ProxyFailed, match=words):
        run.ask("127.0.0.1", 9, None, socks.url("socks5h"))


def test_what_a_login_looks_like():
    assert base64.b64decode(PROXY_BASIC).decode() == f"{PROXY_USER}:{PROXY_PASSWORD}"
