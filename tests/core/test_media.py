"""What a file is, and how it goes into a message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmctl.core.media import BINARY, TEXT, Attachment, content, file_text, mime_of

HEADS = [
    (b"\x89PNG\r\n\x1a\n\0", "image/png"),
    (b"\xff\xd8\xff\xe0", "image/jpeg"),
    (b"GIF89a", "image/gif"),
    (b"RIFF\x0a\x0d\0\0WEBPVP8 ", "image/webp"),
    (b"RIFF\x24\0\0\0WAVE", "audio/wav"),
    (b"ID3\x03\0\0", "audio/mpeg"),
    (b"\xff\xfb\x90\x64", "audio/mpeg"),
    (b"fLaC\0\0\0\x22", "audio/flac"),
    (b"OggS\0\x02", "audio/ogg"),
    (b"\0\0\0\x20ftypM4A ", "audio/mp4"),
    (b"%PDF-1.7\n", "application/pdf"),
    (b"\0\0\0\x20ftypheic", "image/heic"),
    (b"BM\x36\0\0\0\0\0\0\0", "image/bmp"),
    (b"II*\0", "image/tiff"),
    (b"PK\x03\x04\x14\0", "application/octet-stream"),
    (b"caf\xe9", "application/octet-stream"),
    ("\ufeffBOM".encode(), "text/plain"),
    ("über".encode("utf-16"), "application/octet-stream"),
    (b"<svg/>", "text/plain"),
    (b"", "text/plain"),
]


@pytest.mark.parametrize(("data", "mime"), HEADS)
def test_the_type_is_told_by_the_content(data, mime):
    assert mime_of(data) == mime


@pytest.mark.parametrize("text", ["ID3 is a decision tree.", "OggS", "fLaC files", "BMW", "II*", "RIFF", "MM"])
def test_texts_that_begin_like_media_are_texts(text):
    assert mime_of(text.encode()) == "text/plain"


@given(st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"])))
def test_any_other_text_is_text(text):
    if not text.startswith(("GIF8", "%PDF-")):
        assert mime_of(text.encode()) == "text/plain"


@given(st.binary())
def test_every_file_has_a_kind_and_texts_have_a_part(data):
    item = Attachment("a", mime_of(data), data)
    if item.kind == TEXT:
        assert item.part()["text"].startswith('<file name="a">\n')
    else:
        assert item.kind == BINARY or item.part()["type"] in ("image_url", "input_audio", "file")


def test_the_byte_order_mark_is_not_sent():
    data = "\ufeffalpha".encode()
    assert Attachment("a", mime_of(data), data).part()["text"] == '<file name="a">\nalpha\n</file>'


@pytest.mark.parametrize(
    ("mime", "form"),
    [
        ("audio/wav", "wav"),
        ("audio/mpeg", "mp3"),
        ("audio/mp4", "m4a"),
        ("audio/flac", "flac"),
        ("audio/ogg", "ogg"),
    ],
)
def test_formats_of_sound(mime, form):
    assert Attachment("a", mime, b"x").part()["input_audio"]["format"] == form


def test_names_are_quoted():
    assert file_text('a"&.txt', "x\n\n") == '<file name="a&quot;&amp;.txt">\nx\n</file>'


TXT, PIC = Attachment("t", "text/plain", b"alpha"), Attachment("p", "image/png", b"x")


@pytest.mark.parametrize(
    ("prompt", "files", "kinds"),
    [
        ("Hi", [], str),
        ("Hi", [TXT], str),
        ("", [TXT], str),
        ("Hi", [TXT, PIC], ["image_url", "text"]),
        ("", [PIC], ["image_url"]),
        ("Hi", [PIC, PIC], ["image_url", "image_url", "text"]),
    ],
)
def test_a_message_is_a_string_where_all_is_text(prompt, files, kinds):
    made = content(prompt, files)
    assert (str if isinstance(made, str) else [part["type"] for part in made]) == kinds
