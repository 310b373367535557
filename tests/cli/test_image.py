"""`llmctl image`: pictures to files, and none of them lost or overwritten."""

from __future__ import annotations

import base64
import os
import sys

import pytest

from support.leaks import HEADER_SECRET, TEST_KEY
from support.upstream import Reply, Upstream, refused_url
from support.wire import error_body

PNG = b"\x89PNG\r\n\x1a\n" + b"png"
JPG = b"\xff\xd8\xff" + b"jpg"
WEBP = b"RIFF\x00\x00\x00\x00WEBPVP8 "


def made(*rows, **more):
    """The answer of /images/generations: bytes come as base64, anything else as it is."""
    data = [{"b64_json": base64.b64encode(row).decode()} if isinstance(row, bytes) else row for row in rows]
    return Reply(body={"created": 1, "data": data, **more})


@pytest.fixture
def image(work, upstream):
    upstream.default = made(PNG)
    return lambda *args, **more: work("image", "-m", "dall-e", *args, **more)


@pytest.fixture
def files(work):
    """files(): name -> content in the working directory."""
    return lambda: {path.name: path.read_bytes() for path in work.cli.cwd.iterdir() if path.is_file()}


def test_a_picture_is_a_file_named_by_its_prompt(image, files, upstream):
    result = image("A heron, in  FOG!").check()
    assert (result.out, result.err) == ("image-a-heron-in-fog-1.png\n", "")
    assert files() == {"image-a-heron-in-fog-1.png": PNG}
    assert upstream.last.path == "/v1/images/generations"
    assert upstream.last.json() == {"model": "dall-e", "prompt": "A heron, in  FOG!"}


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("x" * 100, f"image-{'x' * 40}-1.png"),
        (
            "one two three four five six seven eight nine ten",
            "image-one-two-three-four-five-six-seven-eight-1.png",
        ),
        ("../../etc/passwd", "image-etc-passwd-1.png"),
        ("Käfer, Übermut", "image-käfer-übermut-1.png"),
        ("!?", "image-1.png"),
    ],
)
def test_names(image, files, prompt, name):
    image(prompt).check()
    assert list(files()) == [name]


@pytest.mark.skipif(os.name != "posix", reason="locales of POSIX")
def test_names_in_a_locale_without_utf_8(image, files):
    env = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    assert image("Käfer", env=env).check().out == "image-käfer-1.png\n"
    assert image("x", "-O", "ä.png", env=env).check().out == "ä.png\n"
    assert sorted(files()) == ["image-käfer-1.png", "ä.png"]


def test_options_become_parameters(image, upstream):
    upstream.default = made(PNG, JPG)
    image(
        "x", "-n", "2", "--size", "8x8", "--quality", "low", "-o", "background=transparent", "-o", "seed=7"
    ).check()
    more = {"n": 2, "size": "8x8", "quality": "low", "background": "transparent", "seed": 7}
    assert upstream.last.json() == {"model": "dall-e", "prompt": "x", **more}


def test_the_profile_s_image_model(work, upstream):
    upstream.default = made(PNG)
    work.configure('image_model = "of-the-profile"')
    work("image", "x").check()
    assert upstream.last.json()["model"] == "of-the-profile"


@pytest.mark.parametrize(("data", "ending"), [(PNG, "png"), (JPG, "jpg"), (WEBP, "webp"), (b"what?", "bin")])
def test_the_ending_follows_the_content(image, files, upstream, data, ending):
    upstream.default = made(data)
    image("x").check()
    assert files() == {f"image-x-1.{ending}": data}


def test_nothing_is_overwritten(image, files, work, upstream):
    (work.cli.cwd / "image-x-1.png").write_bytes(b"mine")
    upstream.default = made(PNG, JPG + b"2", PNG + b"3")
    assert image("x", "-n", "3").check().out.splitlines() == ["image-x-2.png", "image-x-2.jpg", "image-x-3.png"]
    assert files()["image-x-1.png"] == b"mine"
    upstream.default = made(PNG)
    assert image("x", "--force").check().out == "image-x-1.png\n"
    assert files()["image-x-1.png"] == PNG


def test_a_file_is_named(image, files, upstream):
    assert image("x", "-O", "a.png").check().out == "a.png\n"
    assert image("x", "-O", "b").check().out == "b.png\n"
    assert image("x", "-O", "b").check().out == "b-1.png\n"  # paid for, so it is not thrown away
    upstream.requests.clear()
    refused = image("x", "-O", "a.png").check(2)
    assert ("a.png exists" in refused.err, "--force" in refused.err, upstream.requests) == (True, True, [])
    assert "already" not in image("x", "-O", "a.png", "--force").check().err
    upstream.default = made(JPG, JPG)
    warned = image("x", "-n", "2", "-O", "c.png").check()
    assert warned.out.splitlines() == ["c-1.png", "c-2.png"]
    assert "the provider sent jpg, not png" in warned.err


def test_a_folder_is_named(image, work):
    assert image("x", "-O", "new/").check().out == f"{os.path.join('new', 'image-x-1.png')}\n"
    assert image("x", "-O", "new").check().out == f"{os.path.join('new', 'image-x-2.png')}\n"
    assert (work.cli.cwd / "new" / "image-x-2.png").read_bytes() == PNG


def test_a_folder_that_can_t_be_written(image, work, upstream):
    (work.cli.cwd / "file").write_text("")
    assert "can't make the folder" in image("x", "-O", "file/in/").check(2).err
    assert upstream.requests == []


def test_stdout(image, files):
    assert image("x", "-O", "-").check().out_bytes == PNG
    assert files() == {}


@pytest.mark.parametrize("more", [["-n", "2"], ["--json"], ["--open"]])
def test_only_one_picture_goes_to_stdout(image, upstream, more):
    image("x", "-O", "-", *more).check(2)
    assert upstream.requests == []


def test_no_picture_goes_to_a_terminal(work, upstream):
    terminal = work.terminal("image", "x", "-O", "-")
    assert terminal.wait() == 2
    assert "no text for a terminal" in terminal.screen()
    assert upstream.requests == []


def test_standard_input_joins_the_prompt(image, upstream):
    image("Draw this:", stdin="a cat\n").check()
    assert upstream.last.json()["prompt"] == "Draw this:\n\na cat\n"
    image("-", stdin="a dog").check()
    assert upstream.last.json()["prompt"] == "a dog"
    assert "there is no prompt" in image().check(2).err


def test_json(work, upstream):
    price = '[prices."work/dall-e"]\ninput = 5\noutput = 40\n'
    work.configure(more=price)
    rows = {"b64_json": base64.b64encode(PNG).decode(), "revised_prompt": "a big heron"}
    upstream.default = made(rows, usage={"input_tokens": 10, "output_tokens": 100, "total_tokens": 110})
    result = work("image", "-m", "dall-e", "a heron", "--json").check()
    assert result.err == ""
    assert result.json() == {
        "paths": ["image-a-heron-1.png"],
        "images": [{"path": "image-a-heron-1.png", "url": None, "revised_prompt": "a big heron"}],
        "model": "dall-e",
        "profile": "work",
        "provider": "generic",
        "usage": {
            "prompt_tokens": 10,
            "completion_tokens": 100,
            "total_tokens": 110,
            "cached_tokens": None,
            "reasoning_tokens": None,
            "cache_write_tokens": None,
        },
        "cost": 0.00405,
    }
    assert "note: the provider made it of: a big heron" in work("image", "-m", "d", "x").check().err


def test_a_picture_at_an_address_is_downloaded_without_the_key(work, files, upstream):
    work.configure(f'headers = {{ X-Secret = "{HEADER_SECRET}" }}')
    work.cli.may_hold_keys(work.cli.config)
    with Upstream(default=Reply(body=PNG, headers={"Content-Type": "image/png"})) as elsewhere:
        for server in (upstream, elsewhere):
            server.route("/pic.png", Reply(body=PNG, headers={"Content-Type": "image/png"}))
            upstream.script(made({"url": f"{server.url}/pic.png?sig=a%20b"}))
            work("image", "-m", "d", "x").check()
            sent = server.last
            assert sent.target == "/pic.png?sig=a%20b"
            assert not [name for name, value in sent.raw_headers if TEST_KEY in value or HEADER_SECRET in value]
    assert list(files().values()) == [PNG, PNG]


def test_a_download_that_fails_names_the_address_and_keeps_the_rest(image, files, upstream):
    lost = f"{refused_url()}/pic.png"
    upstream.default = made({"url": lost}, PNG)
    result = image("x", "-n", "2", "--retries", "0").check(8)
    assert result.out == "image-x-2.png\n"
    assert ("picture 1 could not be downloaded" in result.err, lost in result.err) == (True, True)
    assert files() == {"image-x-2.png": PNG}


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/y", "http://[", "javascript:1"])
def test_only_web_addresses_are_downloaded(image, files, upstream, url):
    upstream.default = made({"url": url})
    result = image("x").check(7)
    assert url in result.err
    assert files() == {}


@pytest.mark.parametrize(
    "reply",
    [Reply(body=b"what?"), Reply(body={"error": "gone"}), Reply(body=b"", headers={"Content-Type": "image/png"})],
)
def test_what_is_no_picture_is_not_kept(image, files, upstream, reply):
    upstream.route("/pic", reply)
    upstream.default = made({"url": f"{upstream.url}/pic?sig=hidden-word"}, PNG)
    result = image("x", "-n", "2").check(7)
    assert (f"{upstream.url}/pic" in result.err, "hidden-word" in result.err) == (True, False)
    assert files() == {"image-x-2.png": PNG}


def test_a_picture_of_a_kind_that_is_new(image, files, upstream):
    upstream.route("/pic", Reply(body=b"\0avif", headers={"Content-Type": "image/avif"}))
    upstream.default = made({"url": f"{upstream.url}/pic"})
    image("x").check()
    assert files() == {"image-x-1.bin": b"\0avif"}


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "169.254.169.254", "10.0.0.1", "[::1]", "[::ffff:10.0.0.1]", "2130706433"]
)
def test_a_provider_on_the_internet_names_no_private_address(work, files, upstream, host):
    work.configure(f'proxy = "{upstream.url}"', url="http://8.8.8.8")
    upstream.default = made({"url": f"http://{host}/latest?x=1"}, PNG)
    result = work("image", "-m", "d", "-n", "2", "x").check(7)
    assert "is in a private network, where 8.8.8.8 is not" in result.err
    assert (len(upstream.requests), files()) == (1, {"image-x-2.png": PNG})


@pytest.mark.skipif(sys.platform != "linux", reason="devices of Linux")
def test_a_device_is_taken_as_it_is(image, work, upstream):
    assert image("x", "-O", "/dev/null").check().out == "/dev/null\n"
    full = image("x", "-O", "/dev/full").check(2)
    assert full.err == "error: can't write /dev/full: No space left on device\n"
    assert not os.path.exists("/dev/full.png")
    assert image("x", "-O", "/dev/stdout").check().out_bytes == PNG
    (work.cli.cwd / "plain.png").write_bytes(b"mine")
    assert "exists" in image("x", "-O", str(work.cli.cwd / "plain.png")).check(2).err
    upstream.requests.clear()
    assert "takes one picture" in image("x", "-n", "2", "-O", "/dev/null").check(2).err
    assert upstream.requests == []


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes of POSIX")
def test_a_named_pipe_is_written_into(image, work, files):
    import threading

    pipe, came = work.cli.cwd / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: came.append(pipe.read_bytes()), daemon=True)
    reader.start()
    image("x", "-O", "pipe").check()
    reader.join(20)
    assert (came, files()) == ([PNG], {})


@pytest.mark.parametrize("name", ["a" * 300, "a" * 253, "a" * 300 + ".png", "new/" + "a" * 300])
def test_a_name_that_is_too_long(image, upstream, name):
    result = image("x", "-O", name).check(2)
    assert ("File name too long" in result.err, "a bug" in result.err, upstream.requests) == (True, False, [])


def test_the_viewer_opens_the_file(image, work):
    viewer = work.cli.root / "viewer.py"
    viewer.write_text(f"import sys; open({str(work.cli.root / 'seen')!r}, 'w').write(sys.argv[1])")
    image("x", "--open", env={"BROWSER": f"{sys.executable} {viewer} %s"}).check()
    assert (work.cli.root / "seen").read_text() == (work.cli.cwd / "image-x-1.png").as_uri()
    missing = image("x", "--open", env={"BROWSER": "no-such-viewer", "PATH": str(work.cli.root)}).check()
    assert "no program was found that shows image-x-2.png" in missing.err


def test_a_refusal(image, files, upstream):
    upstream.default = Reply(400, body=error_body("no such size", code="invalid_value"))
    assert "no such size" in image("x").check(5).err
    assert files() == {}


@pytest.mark.parametrize("form", ["b64_json", "url"])
def test_the_demo_provider(cli, form):
    result = cli.run("image", "-p", "demo", "a red square", "-n", "2", "-o", f"response_format={form}").check()
    assert result.out.splitlines() == ["image-a-red-square-1.png", "image-a-red-square-2.png"]
    assert (cli.cwd / "image-a-red-square-2.png").read_bytes().startswith(b"\x89PNG")
