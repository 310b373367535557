"""Bytes to events: every framing that providers use, however the network cuts it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.splits import cut, cuts, each_one
from llmctl.core.sse import SSEDecoder
from llmctl.errors import NotUnderstood

BOM = b"\xef\xbb\xbf"


def decode(portions: list[bytes], most: int | None = None) -> list[tuple[str, bytes]]:
    decoder = SSEDecoder() if most is None else SSEDecoder(most)
    events = [event for portion in portions for event in decoder.feed(portion)]
    return events + decoder.flush()


def case(stream: bytes, *expected: bytes | tuple[str, bytes], id: str):
    events = [item if isinstance(item, tuple) else ("", item) for item in expected]
    return pytest.param(stream, events, id=id)


CASES = [
    case(b"", id="nothing"),
    case(b"data: one\n\ndata: two\n\n", b"one", b"two", id="line feeds"),
    case(b"data: one\r\n\r\ndata: two\r\n\r\n", b"one", b"two", id="carriage return and line feed"),
    case(b"data: one\r\rdata: two\r\r", b"one", b"two", id="carriage returns"),
    case(b"data: one\r\n\ndata: two\n\r\ndata: 3\r\r\n", b"one", b"two", b"3", id="mixed line ends"),
    case(b"data: a\r\ndata: b\r\n\r\n", b"a\nb", id="a line feed after a carriage return is no blank line"),
    case(b"data:{}\n\n", b"{}", id="no space after the colon"),
    case(b"data:  two\n\n", b" two", id="only one space is taken off"),
    case(b"data:\tx\n\n", b"\tx", id="a tab is not taken off"),
    case(b"data: x \n\n", b"x ", id="white space at the end stays"),
    case(b"data: a: b\n\n", b"a: b", id="colons in the data"),
    case(b'data: {\ndata: "a": 1\ndata: }\n\n', b'{\n"a": 1\n}', id="several data lines"),
    case(b"data: a\ndata:\ndata: b\n\n", b"a\n\nb", id="an empty data line among others"),
    case(b"data\ndata: b\n\n", b"\nb", id="a data line without a colon"),
    case(b"data:\n\n", b"", id="one empty data line"),
    case(b": OPENROUTER PROCESSING\n\ndata: x\n\n", b"x", id="OpenRouter's comment"),
    case(b": keep-alive\n\n:\n\n: ping\n\n", id="comments only"),
    case(b"data: a\n: ping\ndata: b\n\n", b"a\nb", id="a comment inside an event"),
    case(b"id: 7\nretry: 10\ndata: x\n\n", b"x", id="id and retry"),
    case(b"id: 7\n\nretry: 10\n\n", id="id and retry alone"),
    case(b"database: x\nDATA: x\n data: x\n\n", id="fields that only look like data"),
    case(b"event: error\ndata: x\n\n", ("error", b"x"), id="an event's name"),
    case(b"data: x\nevent:error\n\n", ("error", b"x"), id="the name behind the data, without a space"),
    case(b"event: a\nevent: b\ndata: x\n\n", ("b", b"x"), id="the last name counts"),
    case(b"event: a\ndata: x\n\ndata: y\n\n", ("a", b"x"), b"y", id="a name lasts for one event"),
    case(b"event: ping\n\ndata: y\n\n", b"y", id="a name without data is no event"),
    case(b"event: ping\n\n: ping\n\nevent: error\ndata: x\n\n", ("error", b"x"), id="keep-alives of all sorts"),
    case(BOM + b"data: x\n\n", b"x", id="byte order mark"),
    case(BOM + b": hello\n\ndata: x\n\n", b"x", id="byte order mark before a comment"),
    case(b"\n" + BOM + b"data: x\n\n", id="a byte order mark counts only at the start"),
    case(b"\n\n\r\n\n\ndata: x\n\n\n\n\n", b"x", id="DeepSeek's blank lines while waiting"),
    case(b"data: x\n\ndata: y", b"x", b"y", id="cut off behind the data"),
    case(b"data: x\n\ndata: y\n", b"x", b"y", id="missing blank line at the end"),
    case(b"data: x\n\ndata: y\r", b"x", b"y", id="missing blank line at the end, after a carriage return"),
    case(b"event: error\ndata: y", ("error", b"y"), id="missing blank line, with a name"),
    case(b"data: [DONE]", b"[DONE]", id="[DONE] without any line end"),
    case(b"data:[DONE]\n\n", b"[DONE]", id="[DONE] without a space"),
    case(b"data: [DONE]\n\ndata: x\n\n", b"[DONE]", b"x", id="what follows [DONE] is for others to judge"),
    case("data: Grüße 世界 🎈\n\n".encode(), "Grüße 世界 🎈".encode(), id="UTF-8"),
    case(b"data: \xff\xfe\n\n", b"\xff\xfe", id="bytes that are no UTF-8"),
    case(b"event: \xff\ndata: x\n\n", ("�", b"x"), id="a name that is no UTF-8"),
    case(
        "data: a\x0bb\x0cc\x1cd\x1e\x85\u2028\u2029e\x00\n\n".encode(),
        "a\x0bb\x0cc\x1cd\x1e\x85\u2028\u2029e\x00".encode(),
        id="other separators are no line ends",
    ),
    case(b"plain text\nof a confused server\n\n", id="no server-sent events at all"),
]


@pytest.mark.parametrize(("stream", "expected"), CASES)
def test_framing(stream, expected):
    assert decode([stream]) == expected


@pytest.mark.parametrize(("stream", "expected"), CASES)
def test_framing_byte_by_byte(stream, expected):
    assert decode(each_one(stream)) == expected


@pytest.mark.parametrize(("stream", "expected"), CASES)
def test_framing_cut_in_two_anywhere(stream, expected):
    for place in range(len(stream)):
        assert decode([stream[:place], b"", stream[place:]]) == expected


def test_an_event_comes_with_the_portion_that_ends_it():
    decoder = SSEDecoder()
    assert decoder.feed(b"data: x\r\n\r") == [("", b"x")]
    assert decoder.feed(b"\ndata: y\n") == []
    assert decoder.feed(b"\n") == [("", b"y")]
    assert decoder.flush() == []


def test_flush_gives_the_rest_once():
    decoder = SSEDecoder()
    decoder.feed(b"event: error\ndata: x")
    assert decoder.flush() == [("error", b"x")]
    assert decoder.flush() == []


def plain_reading(stream: bytes) -> list[tuple[str, bytes]]:
    """The standard's algorithm on the whole stream at once, the last blank line taken as given."""
    events, name, data = [], "", []
    lines = stream.removeprefix(BOM).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    for line in [*lines, b""]:
        field, colon, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not line:
            if data:
                events.append((name, b"\n".join(data)))
            name, data = "", []
        elif field == b"data":
            data.append(value)
        elif field == b"event" and colon:
            name = value.strip().decode("utf-8", "replace")
    return events


WORDS = [
    b"data",
    b"data:",
    b"data: ",
    b"event:",
    b"event: error",
    b"id: 1",
    b":",
    b" ",
    b"\n",
    b"\r",
    b"\r\n",
    BOM,
]
streams = st.lists(st.sampled_from(WORDS) | st.binary(max_size=4), max_size=40).map(b"".join)


@given(streams, cuts)
def test_any_split_gives_what_the_standard_says(stream, places):
    assert decode(cut(stream, places)) == plain_reading(stream)


@given(st.binary(max_size=300), cuts)
def test_any_bytes_decode_however_they_are_cut(stream, places):
    assert decode(cut(stream, places)) == decode([stream])


# ---- Size ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [64 * 1024 + 1, 5_000_000])
def test_large_events_come_whole(size):
    stream = b"data: " + b"x" * size + b"\n\n"
    assert decode(cut(stream, range(0, len(stream), 16384))) == [("", b"x" * size)]


def taken_before_refusal(endless: bytes, most: int = 10_000) -> int:
    """How many bytes of an endless stream are taken before it is refused; ten times the limit is enough."""
    decoder = SSEDecoder(most)
    for taken in range(0, 10 * most, len(endless)):
        try:
            decoder.feed(endless)
        except NotUnderstood:
            return taken
    return 10 * most


@pytest.mark.parametrize(
    ("endless", "most_taken"),
    [
        pytest.param(b"x" * 100, 10_000, id="a line without an end"),
        pytest.param(b"data: " + b"x" * 94, 10_000, id="a data line without an end"),
        pytest.param(b"data: " + b"x" * 93 + b"\n", 20_000, id="an event without an end"),
        pytest.param(b"data: " + b"x" * 93 + b"\r", 20_000, id="an event without an end, carriage returns"),
        pytest.param(b"data:x\n" * 10, 80_000, id="an event of very short lines without an end"),
        pytest.param(b"data:\n" * 10, 60_000, id="an event of empty lines without an end"),
        pytest.param(b"data\n" * 10, 60_000, id="an event of bare data lines without an end"),
    ],
)
def test_an_event_without_an_end_is_refused(endless, most_taken):
    assert taken_before_refusal(endless) <= most_taken


def test_the_refusal_names_the_limit():
    with pytest.raises(NotUnderstood, match="1000"):
        SSEDecoder(1000).feed(b"x" * 1001)


@pytest.mark.parametrize(
    "portion",
    [
        pytest.param(b"data: " + b"x" * 900 + b"\n\n", id="events"),
        pytest.param(b": " + b"x" * 900 + b"\n", id="comments"),
        pytest.param(b"event: " + b"x" * 900 + b"\n", id="names"),
        pytest.param(b"\n" * 900, id="blank lines"),
        pytest.param(b"x" * 400 + b"\n" + b"x" * 400, id="lines of no meaning, cut in the middle"),
    ],
)
def test_a_long_stream_of_small_events_is_never_refused(portion):
    decoder = SSEDecoder(1000)
    for _ in range(1000):
        decoder.feed(portion)
