"""Arbitrary requests at each door: never a bug, never a hang, every error in its envelope, no key told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.fuzzing import Fuzzed, deep, fuzz, header_values, huge, odd_names, overwritten, spoilt, texts, values

MODELS = (
    "a/m",
    "d/demo",
    "d/demo-embed",
    "d/demo-tts",
    "d/demo-whisper",
    "both",
    "m",
    "demo",
    "nobody/x",
    "a/",
    "",
)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    fuzzed = Fuzzed(tmp_path_factory.mktemp("fuzz"))
    yield fuzzed
    fuzzed.close()


messages = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant", "system"]), "content": texts}), max_size=3
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "model": st.sampled_from(MODELS),
    "messages": messages,
    "stream": st.booleans(),
    "stream_options": st.just({"include_usage": True}),
    "prompt": texts,
    "input": texts | st.lists(texts, max_size=2),
    "tools": st.just([{"type": "function", "function": {"name": "f"}}]),
    "tool_choice": st.sampled_from(["auto", "required", "none"]),
    "response_format": st.just({"type": "json_object"}) | st.sampled_from(["json", "wav", "mp3"]),
    "max_tokens": st.integers(-1, 99),
    "temperature": st.floats(0, 2),
    "user": texts,
    "voice": texts,
    "n": st.integers(0, 3),
}
optional = {name: right | values for name, right in FIELDS.items() if name != "model"}
objects = st.fixed_dictionaries({"model": FIELDS["model"]}, optional=optional)


def cut_short(data: bytes, at: int) -> bytes:
    return data[: at % (len(data) + 1)]


asked = st.builds(
    lambda model, right: json.dumps({"model": model, **right}).encode(),
    st.sampled_from(MODELS[:2]),
    st.fixed_dictionaries(
        {name: FIELDS[name] for name in ("messages", "input", "prompt", "voice")},
        optional={name: FIELDS[name] for name in ("stream", "stream_options", "tools", "user")},
    ),
)
good = objects.map(lambda value: json.dumps(value).encode())
bodies = st.one_of(
    good,
    asked,
    asked,
    values.map(lambda value: json.dumps(value).encode()),
    st.builds(spoilt, objects, st.sampled_from(sorted(FIELDS)), huge | deep),
    st.builds(cut_short, good, st.integers(0, 400)),
    st.builds(overwritten, good, st.integers(0, 400), st.binary(min_size=1, max_size=4)),
    good.map(lambda body: b"\xef\xbb\xbf" + body),
    good.map(lambda body: body.decode().encode("utf-16")),
    st.binary(max_size=60),
    st.just(b""),
    st.just(b" " * 600_000),
)


def as_multipart(fields: list[tuple[str, bytes]], boundary: bytes, end: bytes) -> bytes:
    parts = [
        b'--%b\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n%b\r\n'
        % (boundary, name.encode(), b'; filename="a"' if name == "file" else b"", value)
        for name, value in fields
    ]
    return b"".join(parts) + b"--" + boundary + end


forms = st.builds(
    as_multipart,
    st.lists(
        st.tuples(
            st.sampled_from(["model", "file", "prompt", "image", "temperature"]),
            st.sampled_from([name.encode() for name in MODELS]) | st.binary(max_size=40),
        ),
        max_size=4,
    ),
    st.sampled_from([b"x", b"y"]),
    st.sampled_from([b"--\r\n", b"", b"--"]),
)
kinds = st.sampled_from(
    [
        "application/json",
        "text/plain",
        "multipart/form-data; boundary=x",
        "multipart/form-data",
        "audio/wav",
        "\xff",
    ]
)
NAMES = (  # noqa: SIM905
    "Accept Accept-Encoding Content-Encoding Cookie Connection Range If-None-Match X-Llmctl-Profile"
    " X-Llmctl-Cache X-Request-Id Traceparent Cache-Control OpenAI-Beta Te Trailer Upgrade Via Forwarded"
    " X-Forwarded-For Origin"
    " Sec-Fetch-Site Idempotency-Key X-Stainless-Timeout Date Expect"
).split()
odd_headers = st.tuples(
    st.sampled_from(NAMES) | odd_names,
    header_values | st.sampled_from(["a", "d", "close", "100-continue", "gzip", "null", "websocket", "bytes=0-1"]),
)
methods = st.sampled_from(["POST"] * 16 + ["GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW"])
segments = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="?#"), max_size=10)
queries = st.just("") | st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#"), max_size=12
).map("?".__add__)
PATHS = {
    "chat": st.sampled_from(["/v1/chat/completions", "/chat/completions", "/v1/v1/chat/completions/"]),
    "completions": st.just("/v1/completions"),
    "embeddings": st.just("/v1/embeddings"),
    "images": st.sampled_from(["/v1/images/generations", "/v1/images/edits", "/v1/images/x"]),
    "audio": st.sampled_from(["/v1/audio/speech", "/v1/audio/transcriptions", "/v1/audio/translations"]),
    "models": st.builds("/v1/models{}{}".format, st.sampled_from(["", "/"]), st.sampled_from(MODELS) | segments),
    "anything": st.builds("/v1/{}{}".format, segments, st.sampled_from(["", "/", "/..", "/%2e%2e/x", "/%ff"])),
    "ours": st.sampled_from(
        ["/", "/healthz", "/readyz", "/metrics", "/api/state", "/api/cancel/x", "/page/app.js"]
    )
    | segments.map("/".__add__).filter(lambda path: not path.startswith("/api/events")),
}


@st.composite
def requests(draw: st.DrawFn, door: str) -> tuple[str, str, bytes, list[tuple[str, str]], str]:
    """(method, path, body, headers, how the key is shown)"""
    form = door in ("images", "audio", "anything") and draw(st.booleans())
    kind = (
        draw(kinds) if draw(st.booleans()) else "multipart/form-data; boundary=x" if form else "application/json"
    )
    headers = [("Content-Type", kind), *draw(st.lists(odd_headers, max_size=3))]
    shown = draw(st.sampled_from(["right"] * 16 + ["none", "wrong", "odd"]))
    return draw(methods), draw(PATHS[door]) + draw(queries), draw(forms if form else bodies), headers, shown


@pytest.mark.parametrize("door", PATHS)
def test_no_request_is_a_bug(fuzzed: Fuzzed, door: str) -> None:
    @fuzz
    @given(requests(door))
    def send(request: tuple[str, str, bytes, list[tuple[str, str]], str]) -> None:
        method, path, body, headers, shown = request
        keys = {"right": [("Authorization", f"Bearer {fuzzed.key}")], "none": []}
        wrong = [("Authorization", f"Bearer {fuzzed.key[:-1]}" if shown == "wrong" else "B\xe4r")]
        answer = fuzzed.ask(method, path, body, [*headers, *keys.get(shown, wrong)])
        assert answer.status < 500, answer.body
        assert shown == "right" or answer.status >= 400 or door == "ours" or method == "OPTIONS", answer.status

    send()
