"""Files that go along with a prompt: -f and --image."""

from __future__ import annotations

import base64
import os
import stat
import subprocess
import sys

import pytest

from llmctl.attach.read import MOST_MEDIA, MOST_TEXT
from support.upstream import Reply
from support.wire import text_stream

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
PDF = b"%PDF-1.7\n%\xe2\xe3"
WAV = b"RIFF\x24\0\0\0WAVEfmt "
MP3 = b"ID3\x04\0\0\0\0"
FINE = Reply.sse(*text_stream("Fine."))


def coded(data):
    return base64.b64encode(data).decode()


@pytest.fixture
def put(work):
    """put(name, data): a file in the working folder; its name."""

    def write(name, data="text"):
        path = work.cli.cwd / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return name

    return write


@pytest.fixture
def content(work, upstream):
    """content(*args, **more): what `llmctl chat ARGS Hi` sends as the user's message."""

    def ask(*args, **more):
        upstream.script(FINE)
        work.chat(*args, **more).check()
        return upstream.last.json()["messages"][-1]["content"]

    return ask


def test_texts_go_with_their_names_before_the_prompt(content, put):
    files = ["-f", put("a.py", "print(1)\n"), "--file", put("sub/b.txt", "日本\r\n")]
    assert content(*files) == (
        '<file name="a.py">\nprint(1)\n</file>\n\n<file name="sub/b.txt">\n日本\n</file>\n\nHi'
    )


def test_a_name_can_not_end_its_tag(content, put):
    assert content("-f", put('a">.txt', "x")).startswith('<file name="a&quot;>.txt">\nx')


def test_pictures_documents_and_sound(content, put):
    """The type is told by the content: the names lie."""
    sources = [put("a.txt", PNG), put("b.png", PDF), put("c", WAV), put("d.gif", MP3), put("e.pdf", "just text")]
    parts = content(*(arg for source in sources for arg in ("-f", source)))
    assert parts == [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{coded(PNG)}"}},
        {"type": "file", "file": {"filename": "b.png", "file_data": f"data:application/pdf;base64,{coded(PDF)}"}},
        {"type": "input_audio", "input_audio": {"data": coded(WAV), "format": "wav"}},
        {"type": "input_audio", "input_audio": {"data": coded(MP3), "format": "mp3"}},
        {"type": "text", "text": '<file name="e.pdf">\njust text\n</file>\n\nHi'},
    ]


def test_image(content, put, work):
    assert content("--image", put("a.png", PNG))[0]["type"] == "image_url"
    assert "is not a picture" in work.chat("--image", put("a.txt")).check(2).err


def test_files_alone_are_a_prompt(work, upstream, put, sent):
    upstream.script(FINE)
    work("chat", "-f", put("a.txt", "Answer this."), "--no-stdin").check()
    assert sent()[0]["messages"][0]["content"] == '<file name="a.txt">\nAnswer this.\n</file>'


def test_standard_input_as_a_file(content):
    assert content("-f", "-", stdin=PNG)[0]["type"] == "image_url"
    assert content("-f", "-", stdin="piped") == '<file name="stdin">\npiped\n</file>\n\nHi'


def test_standard_input_beside_a_file(content, put):
    assert content("-f", put("a.txt"), stdin="piped") == '<file name="a.txt">\ntext\n</file>\n\nHi\n\npiped'


@pytest.mark.skipif(os.name == "nt", reason="pipes have names only on POSIX")
def test_a_pipe_that_the_shell_made(work, upstream, sent):
    upstream.script(FINE)
    os.mkfifo(work.cli.cwd / "pipe")
    process = work.popen("chat", "-f", "pipe", "Hi", stdin=subprocess.DEVNULL)
    (work.cli.cwd / "pipe").write_text("from a command")
    assert process.wait(20) == 0
    assert sent()[0]["messages"][0]["content"].startswith('<file name="pipe">\nfrom a command\n')


def test_the_home_folder_may_be_a_tilde(content, work):
    (work.cli.home / "notes").mkdir()
    (work.cli.home / "notes/a.txt").write_text("alpha")
    assert "\nalpha\n" in content("-f", "~/notes/a.txt")
    assert "\nalpha\n" in content("-f", "~/notes")


def test_a_folder_without_what_git_ignores(work, upstream, put, sent):
    for name in ("src/b.py", "src/a.py", "src/skip.log", "src/build/x.py", "src/.env", "README.md"):
        put(name, name)
    put("src/logo.png", PNG)
    put("src/empty.py", "")
    put("src/.gitignore", "*.log\nbuild/\n")
    upstream.script(FINE)
    result = work.chat("-f", "src").check()
    names = [line for line in sent()[0]["messages"][0]["content"].split("\n") if line.startswith("<file")]
    assert names == ['<file name="src/a.py">', '<file name="src/b.py">']
    assert "note: src: 2 text files, 0 kB; 2 others left out" in result.err


def test_a_large_picture_does_not_spoil_its_folder(content, put):
    put("src/a.py", "alpha")
    put("src/video.mp4", bytes(MOST_MEDIA + 1))
    assert content("-f", "src").count("<file") == 1


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("empty.txt", " \n", "is empty"),
        ("latin.txt", b"caf\xe9", "neither text nor a picture"),
        ("zip.bin", b"PK\x03\x04\0\0", "neither text nor a picture"),
        ("photo.heic", b"\0\0\0\x18ftypheic", "HEIC picture, which no provider takes"),
        ("big.txt", b"a" * (MOST_TEXT + 1), "4.0 MB; the limit for its kind is 4 MB"),
        ("big.png", PNG + bytes(MOST_MEDIA), "20.0 MB; the limit is 20 MB"),
    ],
    ids=["empty", "latin", "zip", "heic", "big-text", "big-picture"],  # else all of their bytes
)
def test_what_can_not_be_sent_is_refused_before_anything_is(work, upstream, put, name, data, why):
    result = work.chat("-f", put(name, data)).check(2)
    assert why in result.err
    assert upstream.requests == []


def test_many_files_have_a_limit_together(work, put):
    files = [put(f"{n}.txt", b"a" * 1_500_000) for n in range(3)]
    result = work.chat(*(arg for name in files for arg in ("-f", name))).check(2)
    assert "the attached texts have over 4 MB together" in result.err


@pytest.mark.parametrize("source", ["nowhere.txt", "/dev/zero", "nowhere/"])
def test_what_can_not_be_read(work, upstream, source):
    assert source in work.chat("-f", source).check(2).err
    assert upstream.requests == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_a_folder_that_can_not_be_read(work, put):
    put("src/locked/a.txt")
    folder = work.cli.cwd / "src/locked"
    folder.chmod(0)
    try:
        assert "can't read src/locked: Permission denied" in work.chat("-f", "src").check(2).err
    finally:
        folder.chmod(stat.S_IRWXU)


def test_an_empty_folder(work):
    (work.cli.cwd / "src").mkdir()
    assert "src holds no text files" in work.chat("-f", "src").check(2).err


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take no such names")
def test_a_name_that_is_not_utf_8(content, work):
    (work.cli.cwd / "src").mkdir()
    with open(os.fsencode(work.cli.cwd / "src") + b"/caf\xe9.txt", "w") as file:
        file.write("alpha")
    assert "\nalpha\n" in content("-f", "src")


@pytest.mark.parametrize(
    ("taken", "data", "why"),
    [
        (["image"], PDF, "a.bin is a pdf, and generic is known to take image only"),
        ([], PNG, "a.bin is an image, and generic is known to take nothing but text only"),
        (["image", "pdf"], WAV, "a.bin is an audio, and generic is known to take image and pdf only"),
    ],
)
def test_what_the_provider_does_not_take(work, upstream, put, taken, data, why):
    work.configure(f"quirks = {{ media = {taken} }}")
    assert why in work.chat("-f", put("a.bin", data)).check(2).err
    assert upstream.requests == []


def test_a_url(work, content, upstream):
    upstream.route("/notes.txt", Reply(body="from the web"))
    assert content("-f", f"{upstream.url}/notes.txt?token=abc").startswith(
        f'<file name="{upstream.url}/notes.txt">\nfrom the web\n</file>'
    )
    assert "authorization" not in upstream.requests[0].headers


def test_a_url_with_a_password_in_it_is_named_without(content, upstream):
    upstream.route("/notes.txt", Reply(body="from the web"))
    named = upstream.url.replace("//", "//me:hidden@")
    assert f'<file name="{upstream.url}/notes.txt">' in content("-f", f"{named}/notes.txt")


@pytest.mark.parametrize(("status", "code"), [(404, 5), (500, 5)])
def test_a_url_that_fails(work, upstream, status, code):
    upstream.route("/x", Reply(status, body="no"))
    result = work.chat("-f", f"{upstream.url}/x").check(code)
    assert f"/x answers with status {status}" in result.err


def test_dry_run_shows_the_files(work, put):
    result = work.chat("-f", put("a.txt", "alpha"), "--dry-run").check()
    assert "alpha" in result.out
