"""Uploads: what a multipart body holds comes out again, and what is none is refused."""

from __future__ import annotations

import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.multipart import multipart
from llmctl.demo.exchange import Asked
from llmctl.demo.forms import Upload, read_form
from llmctl.demo.problems import Problem

PNG = ("cat.png", b"\x89PNG\r\n\x1a\n\r\n--cut\r\n\r\n")
names = st.text(st.characters(codec="utf-8", exclude_characters='"\r\n', exclude_categories=["Cc"]), min_size=1)
files = st.tuples(names, st.binary().filter(lambda data: b"cut-here" not in data))


def form_of(body: bytes, kind: str) -> dict[str, object]:
    return read_form(Asked("POST", "/", {"content-type": kind}, body))


@given(st.dictionaries(st.from_regex(r"[a-z_]+", fullmatch=True), files))
def test_files_come_out_as_they_went_in(wanted):
    if wanted:
        assert form_of(*multipart(*wanted.items())) == {name: Upload(*file) for name, file in wanted.items()}


@given(st.binary(), st.text(st.characters(max_codepoint=255)))
def test_anything_else_is_a_form_or_a_problem(body, kind):
    for told in (kind, f"multipart/form-data; boundary={kind}", "multipart/form-data; boundary=a"):
        for sent in (body, b"--a\r\n" + body + b"\r\n--a--"):
            with suppress(Problem):
                assert isinstance(form_of(sent, told), dict)


def test_the_ways_to_write_a_part():
    body = (
        b"a preamble\r\n"
        b'--x y\r\ncontent-disposition: form-data; filename="\xc3\xa9.bin"; name=one\r\n\r\n1\r\n'
        b"--x y\r\nX-Other: 1\r\nContent-Disposition: form-data;name=two\r\n\r\n\r\n"
        b"--x y\r\nContent-Disposition: form-data; name=three[]\r\n\r\n3\r\n"
        b"--x y\r\nContent-Disposition: form-data; name=three[]\r\n\r\n4\r\n"
        b"--x y\r\nContent-Disposition: form-data; name=\"five\"; filename*=utf-8''%C3%A9\r\n\r\n5\r\n"
        b"--x y--\r\nan epilogue"
    )
    assert form_of(body, 'Multipart/Form-Data; charset=utf-8; boundary="x y"') == {
        "one": Upload("é.bin", b"1"),
        "two": "",
        "three": ["3", "4"],
        "five": Upload("%C3%A9", b"5"),
    }


@pytest.fixture
def edit(call):
    def send(*parts, **fields):
        body, kind = multipart(*parts, *{"prompt": "a hat", "size": "8x8", **fields}.items())
        return call("POST", "/v1/images/edits", body, Content_Type=kind)

    return send


def test_an_edit_depends_on_the_picture_and_the_prompt(edit):
    one = edit(("image", PNG), n="2")
    assert one.json["data"] == edit(("image", PNG), n="2").json["data"]
    assert len({picture["b64_json"] for picture in one.json["data"]}) == 2
    others = [
        edit(("image", ("cat.png", b"another"))),
        edit(("image", PNG), prompt="a tie"),
        edit(("image", PNG), ("mask", ("mask.png", b"another"))),
        edit(("image[]", PNG), ("image[]", PNG)),
    ]
    made = [got.json["data"][0]["b64_json"] for got in (one, *others)]
    assert len(set(made)) == len(made)
    assert all(base64.b64decode(picture).startswith(b"\x89PNG") for picture in made)
    assert others[-1].json["usage"]["input_tokens_details"] == {"text_tokens": 2, "image_tokens": 2}
    url = edit(("image", PNG), response_format="url").json["data"][0]["url"]
    assert url.endswith("-8x8.png")


@pytest.mark.parametrize(
    ("parts", "param"),
    [
        ([], "image"),
        ([("image", "text")], "image"),
        ([("image", ("a", b""))], "image"),
        ([("image[]", PNG)] * 17, "image"),
        ([("image", PNG), ("mask", "text")], "mask"),
        ([("image", PNG), ("n", "two")], "n"),
        ([("image", PNG), ("n", "9" * 5000)], "n"),
        ([("image", PNG), ("n", ("a", b"1"))], "n"),
        ([("image", PNG), ("stream", "true")], "stream"),
        ([("image", PNG), ("nonsense", "1")], "nonsense"),
    ],
)
def test_edits_refused(edit, parts, param):
    got = edit(*parts)
    assert (got.status, got.json["error"]["param"]) == (400, param)


GOOD = b'--a\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nx\r\n--a--'


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b'{"prompt": "x"}'),
        ("multipart/form-data", GOOD),
        ("multipart/form-data; boundary=b", GOOD),
        ("multipart/form-data; boundary=a", b""),
        ("multipart/form-data; boundary=a", GOOD[:-2]),
        ("multipart/form-data; boundary=a", GOOD.replace(b"\r\n\r\n", b"\r\n")),
        ("multipart/form-data; boundary=a", GOOD.replace(b"; name", b"; title")),
    ],
)
def test_no_form(call, kind, body):
    got = call("POST", "/v1/images/edits", body, Content_Type=kind)
    assert got.status == 400
    assert "multipart" in got.json["error"]["message"]
