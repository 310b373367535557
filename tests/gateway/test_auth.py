"""Who is let in: keys in their three headers, and browsers that must not reach the gateway."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmctl.config.serve import ServeSettings
from llmctl.errors import Forbidden, KeyMissing, KeyRejected
from llmctl.gateway.auth import Keyring, check_browser, host_allowed, preflight_headers
from llmctl.store.keys import GatewayKey, make_key

NOW = 1_795_262_400.0
KEY, SECRET = make_key(GatewayKey("ci"))
OTHER, OTHER_SECRET = make_key(GatewayKey("other"))
PORT = 4000
ADDRESS = "127.0.0.1:4000"


def key_like(**more):
    return GatewayKey(**{**vars(KEY), **more})


def keyring(*keys):
    return Keyring(keys or (KEY, OTHER), clock=lambda: NOW)


def bearer(secret):
    return [(b"host", b"x"), (b"authorization", b"Bearer " + secret.encode())]


@pytest.mark.parametrize(
    "pairs",
    [
        bearer(SECRET),
        [(b"authorization", b"bearer   " + SECRET.encode() + b" ")],
        [(b"x-api-key", SECRET.encode())],
        [(b"api-key", SECRET.encode())],
        [(b"authorization", b"Basic dTpw"), (b"x-api-key", SECRET.encode())],
        [(b"authorization", b"Bearer unused"), (b"x-api-key", SECRET.encode())],
        [(b"x-api-key", b"unused"), (b"authorization", b"Bearer " + SECRET.encode())],
    ],
)
def test_where_a_key_may_stand(pairs):
    assert keyring().authenticate(pairs) == KEY
    assert keyring().authenticate(dict(pairs)) == KEY


def test_each_key_is_its_own():
    assert keyring().authenticate(bearer(OTHER_SECRET)) == OTHER


@pytest.mark.parametrize(
    "pairs",
    [
        [],
        [(b"accept", b"*/*")],
        [(b"authorization", b"")],
        [(b"authorization", SECRET.encode())],
        [(b"api-key", b" ")],
    ],
)
def test_no_key(pairs):
    with pytest.raises(KeyMissing, match="no key was sent") as caught:
        keyring().authenticate(pairs)
    assert caught.value.http_status == 401


@pytest.mark.parametrize(
    "wrong",
    [
        "sk-other",
        SECRET[:-1],
        SECRET + "x",
        SECRET.swapcase(),
        SECRET[:19] + OTHER_SECRET[19:],
        "sk-llmctl-",
        KEY.hash,
        KEY.id,
        "sk-llmctl-\xff",
    ],
    ids=["other", "cut", "longer", "case", "of another", "bare", "hash", "id", "no text"],
)
def test_wrong_keys_are_refused_and_never_repeated(wrong):
    with pytest.raises(KeyRejected) as caught:
        keyring().authenticate([(b"x-api-key", wrong.encode("latin-1"))])
    assert caught.value.http_status == 401
    assert caught.value.message == "this key is not known here"
    assert wrong not in str(vars(caught.value))


@given(st.binary(min_size=1).filter(bytes.strip))
def test_anything_else_is_refused(shown):
    with pytest.raises(KeyRejected):
        keyring().authenticate([(b"x-api-key", shown)])


def test_the_holder_of_a_key_that_ended_is_told():
    with pytest.raises(KeyRejected, match="the key ci was revoked"):
        keyring(key_like(revoked=NOW - 1)).authenticate(bearer(SECRET))
    with pytest.raises(KeyRejected, match="the key ci expired on 2026-11-21 12:00 UTC"):
        keyring(key_like(expires=NOW)).authenticate(bearer(SECRET))
    with pytest.raises(KeyRejected, match="not known here"):  # who has half a key learns nothing
        keyring(key_like(revoked=NOW)).authenticate(bearer(SECRET[:-1]))
    assert keyring(key_like(expires=NOW + 1)).authenticate(bearer(SECRET)).name == "ci"


def test_replacing_the_keys():
    ring = keyring(KEY)
    ring.replace(iter([OTHER]))
    assert ring.authenticate(bearer(OTHER_SECRET)) == OTHER
    with pytest.raises(KeyRejected):
        ring.authenticate(bearer(SECRET))


@pytest.mark.parametrize(
    ("patterns", "names", "allowed"),
    [
        ((), ["groq/a"], True),
        (("groq/*",), ["groq/openai/gpt"], True),
        (("groq/*",), ["work/groq/x"], False),
        (("groq/*",), ["GROQ/x"], False),
        (("fast",), ["fast", "groq/a"], True),
        (("fast",), ["faster"], False),
        (("work/*", "*/llama-*"), ["groq/llama-3"], True),
        (("work/*",), [], False),
    ],
)
def test_models(patterns, names, allowed):
    assert Keyring.allows(key_like(models=patterns), *names) is allowed


def check(origin="", host=ADDRESS, settings=None, **more):
    pairs = {"host": host, "origin": origin, **{name.replace("_", "-"): value for name, value in more.items()}}
    given = [(name.encode(), value.encode("latin-1")) for name, value in pairs.items() if value]
    return check_browser(given, settings or ServeSettings(), PORT)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:4000",
        "localhost:4000",
        "LOCALHOST",
        "localhost.:4000",
        "app.localhost:80",
        "127.8.9.1",
        "[::1]:4000",
        "[::1]",
        "192.168.7.5:4000",
        "0.0.0.0:4000",
        "gpu.example.com:4000",
        "GPU.example.com",
        "a.llm.example.net",
        "bound.example.org:4000",
    ],
)
def test_names_of_this_machine(host):
    settings = ServeSettings(host="bound.example.org", hosts=("gpu.example.com", "*.llm.example.net"))
    assert host_allowed(host, settings)
    assert check(host=host, settings=settings) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:4000",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "notlocalhost",
        "1.2.3.4.evil9",
        "llm.example.net",
        "[evil]:4000",
        "127.0.0.1:evil",
        "a@127.0.0.1",
    ],
)
def test_rebound_names_are_refused(host):
    with pytest.raises(Forbidden, match="this gateway is not known as") as caught:
        check(host=host, settings=ServeSettings(hosts=("*.llm.example.net",)))
    assert caught.value.http_status == 403


def test_the_refusal_says_what_allows_it():
    with pytest.raises(Forbidden) as caught:
        check(host="box.example:4000")
    assert caught.value.hint == '[serve] hosts = ["box.example"] allows it'
    with pytest.raises(Forbidden) as caught:
        check(origin='http://a"\x9b31m')
    assert caught.value.hint == '[serve] cors = ["http://a31m"] allows it'


def test_programs_send_no_origin_and_pass():
    assert check() is None
    assert check(host="") is None
    assert check(sec_fetch_site="none") is None


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://127.0.0.1:4000", ADDRESS),
        ("http://localhost:4000", "LOCALHOST:4000"),
        ("http://[::1]:4000", "[::1]:4000"),
        ("https://llm.example.com", "llm.example.com"),
        ("http://llm.example.com", "llm.example.com:80"),
        ("http://localhost:4000", "localhost"),
    ],
)
def test_the_gateways_own_page(origin, host):
    assert check(origin, host, ServeSettings(hosts=("llm.example.com",)), sec_fetch_site="same-origin") is None


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://localhost:4000",
        "http://127.0.0.1:3000",
        "http://127.0.0.1",
        "https://127.0.0.1:4001",
        "http://127.0.0.1:4000.evil.example",
        "http://127.0.0.1:x",
        "ftp://127.0.0.1:4000",
        "http://[",
        "null",
    ],
)
def test_pages_of_others_are_refused(origin):
    with pytest.raises(Forbidden, match="may not call this gateway"):
        check(origin)


def test_origins_that_are_listed():
    listed = ServeSettings(cors=("http://localhost:3000",))
    assert check("http://localhost:3000", settings=listed, sec_fetch_site="cross-site") == "http://localhost:3000"
    with pytest.raises(Forbidden):
        check("http://localhost:3001", settings=listed)
    anybody = ServeSettings(cors=("*",))
    assert check("https://a.example", settings=anybody) == "https://a.example"
    with pytest.raises(Forbidden):  # rebinding stays closed
        check("https://a.example", host="a.example", settings=anybody)


def test_other_sites_without_an_origin():
    with pytest.raises(Forbidden):
        check(sec_fetch_site="cross-site", sec_fetch_mode="no-cors", sec_fetch_dest="image")
    with pytest.raises(Forbidden):
        check(sec_fetch_site="cross-site", sec_fetch_mode="navigate", sec_fetch_dest="iframe")
    assert check(sec_fetch_site="cross-site", sec_fetch_mode="navigate", sec_fetch_dest="document") is None


def test_preflights():
    asked = [
        (b"access-control-request-headers", b"authorization,x-stainless-os"),
        (b"access-control-request-private-network", b"true"),
    ]
    reply = dict(preflight_headers(asked, "https://a.example"))
    assert reply[b"access-control-allow-origin"] == b"https://a.example"
    assert reply[b"access-control-allow-headers"] == b"authorization,x-stainless-os"
    assert reply[b"access-control-allow-private-network"] == b"true"
    assert b"POST" in reply[b"access-control-allow-methods"]
    assert reply[b"vary"] == b"Origin"
    assert b"access-control-allow-private-network" not in dict(preflight_headers([], "https://a.example"))
    split = [(b"access-control-request-headers", b"x\r\nset-cookie: a")]
    assert b"\n" not in b"".join(value for _, value in preflight_headers(split, "https://a.example"))


@given(st.text(st.characters(max_codepoint=255)), st.text(st.characters(max_codepoint=255)))
def test_any_header_is_let_through_or_refused(host, origin):
    with suppress(Forbidden):
        check(origin, host)
