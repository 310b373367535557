"""`llmctl api`: any request, any body, and the answer as it comes."""

from __future__ import annotations

import email
import json
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmctl.cli.api.fields import query_pairs, read_fields
from llmctl.errors import UsageError
from support.leaks import HEADER_SECRET, TEST_KEY
from support.upstream import Cut, Reply, refused_url
from support.wire import error_body, models, text_stream

LIST = models("a", "b")


@pytest.fixture
def api(work, upstream):
    upstream.default = Reply(body=LIST)
    return lambda *args, **more: work("api", *args, **more)


# where it goes


@pytest.mark.parametrize(
    ("args", "method", "target"),
    [
        (["models"], "GET", "/v1/models"),
        (["/models"], "GET", "/v1/models"),
        (["models?limit=2"], "GET", "/v1/models?limit=2"),
        (["models#part"], "GET", "/v1/models"),
        (["delete", "files/x"], "DELETE", "/v1/files/x"),
        (["POST", "files/x/cancel"], "POST", "/v1/files/x/cancel"),
        (["models", "-f", "a=b c", "-F", "n=3"], "POST", "/v1/models"),
        (["GET", "models", "-f", "a=b c&d", "-F", "n=true"], "GET", "/v1/models?a=b+c%26d&n=true"),
        (
            ["GET", "models?x=1", "-f", "a[b][]=1", "-f", "a[b][]=2"],
            "GET",
            "/v1/models?x=1&a%5Bb%5D%5B%5D=1&a%5Bb%5D%5B%5D=2",
        ),
        (["//elsewhere/models"], "GET", "/v1/elsewhere/models"),
    ],
)
def test_method_and_address(api, upstream, args, method, target):
    api(*args).check()
    assert (upstream.last.method, upstream.last.target) == (method, target)
    assert upstream.last.headers["authorization"] == f"Bearer {TEST_KEY}"


def test_a_whole_url_on_the_same_origin(api, upstream):
    api(f"{upstream.url}/other/models?x=1").check()
    assert upstream.last.target == "/other/models?x=1"


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/v1/models",
        "http://127.0.0.1:1/models",
        "http://[",
        "file:///etc/passwd",
        "http://u:p@{host}/",
    ],
)
def test_the_key_goes_nowhere_else(api, upstream, url):
    result = api(url.format(host=upstream.url.partition("//")[2])).check(2)
    assert "and nowhere else" in result.err
    assert upstream.requests == []


def test_a_redirect_elsewhere_is_not_followed(api, upstream):
    upstream.default = Reply(307, {"Location": "http://127.0.0.1:1/x"})
    assert "redirect" in api("models").check(5).err
    assert len(upstream.requests) == 1


# what it carries


def test_fields_make_json(api, upstream):
    args = ["-f", "model=m", "-F", "n=3", "-F", "stop=null", "-F", "x=1.5", "-f", "n2=3", "-F", 'o={"a": [1]}']
    api("completions", *args).check()
    assert upstream.last.json() == {"model": "m", "n": 3, "stop": None, "x": 1.5, "n2": "3", "o": {"a": [1]}}
    assert upstream.last.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("pairs", "fields"),
    [
        (["a[b]=1", "a[c][d]=2"], {"a": {"b": "1", "c": {"d": "2"}}}),
        (["a[]=1", "a[]=2"], {"a": ["1", "2"]}),
        (["a[]"], {"a": []}),
        (
            ["m[][role]=user", "m[][content]=hi", "m[][role]=assistant"],
            {"m": [{"role": "user", "content": "hi"}, {"role": "assistant"}]},
        ),
        (["a[b][]=1", "a[b][]=2"], {"a": {"b": ["1", "2"]}}),
        (["a=1", "a=2"], {"a": "2"}),
        (["a=b=c"], {"a": "b=c"}),
        (["a="], {"a": ""}),
    ],
)
def test_nested_fields(pairs, fields):
    assert read_fields(pairs, [], lambda name: b"") == fields


@pytest.mark.parametrize(
    "pairs",
    [["a"], ["=x"], ["a[b"], ["a]b=1"], ["a=1", "a[b]=2"], ["a[]=1", "a[b]=2"], ["a[b]=1", "a=2"], ["[]=1"]],
)
def test_fields_that_don_t_fit(pairs):
    with pytest.raises(UsageError):
        read_fields(pairs, [], lambda name: b"")


NAMES = st.text(st.characters(blacklist_characters="[]="), min_size=1, max_size=5)


@given(st.lists(st.tuples(NAMES, st.lists(NAMES, max_size=2), st.text(max_size=5)), max_size=5))
def test_any_fields_are_read_or_refused(entries):
    pairs = [f"{name}{''.join(f'[{key}]' for key in keys)}={value}" for name, keys, value in entries]
    try:
        fields = read_fields(pairs, [], lambda name: b"")
    except UsageError:
        return
    assert all(isinstance(value, str) for _, value in query_pairs(fields))
    assert len(query_pairs(fields)) <= len(entries)


def test_files_in_fields(api, upstream, work):
    (work.cli.cwd / "prompt.txt").write_text("from a file\n")
    api("x", "-F", "a=@prompt.txt", "-F", "b=@-", "-f", "c=@prompt.txt", stdin="from stdin").check()
    assert upstream.last.json() == {"a": "from a file\n", "b": "from stdin", "c": "@prompt.txt"}


def test_input_is_sent_as_it_is(api, upstream, work):
    body = b'{ "spaced" : 1 }\n'
    (work.cli.cwd / "body.json").write_bytes(body)
    for source, stdin in (("body.json", None), ("-", body)):
        api("x", "--input", source, "-f", "q=1", stdin=stdin).check()
        assert (upstream.last.method, upstream.last.target, upstream.last.body) == ("POST", "/v1/x?q=1", body)
        assert upstream.last.headers["content-type"] == "application/json"
    api("x", "--input", "body.json", "-H", "Content-Type: text/plain").check()
    assert upstream.last.headers["content-type"] == "text/plain"


def test_a_large_file_is_streamed(api, upstream, work):
    body = os.urandom(3_000_000)
    (work.cli.cwd / "big").write_bytes(body)
    api("PUT", "x", "--input", "big", "-H", "content-type: application/octet-stream").check()
    assert upstream.last.body == body
    assert upstream.last.headers["content-length"] == str(len(body))


def test_a_form_with_a_file(api, upstream, work):
    audio = b"RIFF\x00\xff\r\n--not a boundary"
    (work.cli.cwd / 'ta"lk.wav').write_bytes(audio)
    api("audio/transcriptions", "--form", 'file=@ta"lk.wav', "--form", "model=whisper", "--form", "p=ü=ö").check()
    kind = upstream.last.headers["content-type"]
    message = email.message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + upstream.last.body)
    parts = {part.get_param("name", header="content-disposition"): part for part in message.get_payload()}
    assert list(parts) == ["file", "model", "p"]
    assert parts["file"].get_payload(decode=True) == audio
    assert parts["file"].get_filename() == "ta%22lk.wav"
    assert parts["file"].get_content_type() in ("audio/wav", "audio/x-wav", "audio/vnd.wave")
    assert parts["model"].get_payload() == "whisper"
    assert parts["p"].get_payload(decode=True).decode() == "ü=ö"


def test_an_upload_is_sent_anew_by_a_retry(api, upstream, work):
    (work.cli.cwd / "body").write_bytes(b"x" * 1000)
    upstream.script(Reply(500, {"Retry-After": "0"}, error_body("busy")), Reply(body=LIST))
    api("x", "--input", "body", "--retries", "1").check()
    assert [request.body for request in upstream.requests] == [b"x" * 1000] * 2


def test_headers(api, upstream, work):
    work.configure('headers = { X-Team = "search" }')
    api("models", "-H", "OpenAI-Beta: assistants=v2", "-H", "X-Team: other", "-H", "X-Empty:").check()
    sent = upstream.last.headers
    assert (sent["openai-beta"], sent["x-team"], sent["x-empty"]) == ("assistants=v2", "other", "")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "PATH"),
        (["a", "b", "c"], "a method and a path"),
        (["not a method", "b"], "a method and a path"),
        ([""], "is not a path"),
        (["a b"], "is not a path"),
        (["x", "-f", "a"], "is not key=value"),
        (["x", "-F", "a=@nofile"], "can't read nofile"),
        (["x", "--input", "nofile"], "can't read nofile"),
        (["x", "--form", "a"], "is not key=value"),
        (["x", "--form", "a=b", "-f", "c=d"], "give all fields with --form"),
        (["x", "--form", "a=b", "--input", "-"], "exclude each other"),
        (["x", "-F", "a=@-", "--input", "-"], "once only"),
        (["x", "-H", "nocolon"], "is not NAME:VALUE"),
        (["x", "-H", "Host: evil"], "can't be set"),
        (["x", "-H", "Content-Length: 3"], "can't be set"),
        (["POST", "x", "--paginate"], "--paginate is for lists"),
        (["x", "--field", "a[", "--paginate"], "is not the path of a field"),
        (["x", "--field", "a", "--silent"], "exclude each other"),
    ],
)
def test_wrong_usage(api, upstream, args, message):
    assert message in api(*args).check(2).err
    assert upstream.requests == []


def test_a_header_that_can_t_be_sent_is_not_repeated(api):
    result = api("x", "-H", f"X-Key: {HEADER_SECRET}\n").check()
    assert HEADER_SECRET not in result.err
    for value in (f"{HEADER_SECRET}ü", f"{HEADER_SECRET}\r\nInjected: 1"):
        bad = api("x", "-H", f"X-Key: {value}").check(2)
        assert ("-H x-key" in bad.err, HEADER_SECRET in bad.err) == (True, False)


@pytest.mark.skipif(sys.platform == "win32", reason="descriptors of POSIX")
def test_a_closed_standard_input_is_no_empty_one(upstream, work):
    program = ["sh", "-c", 'exec "$@" <&-', "sh", sys.executable, "-m", "llmctl", "api", "x", "--input", "-"]
    done = subprocess.run(program, env=work.cli.env({"WORK_KEY": TEST_KEY}), capture_output=True, check=False)
    assert (done.returncode, b"standard input is closed" in done.stderr, upstream.requests) == (2, True, [])


# what comes back


def test_bytes_come_as_they_are(api, upstream):
    body = b'{"a":1,\r\n "b":"\\u00fc"}\xff\x00'
    upstream.default = Reply(body=body, headers={"Content-Type": "application/json"})
    assert api("x").check().out_bytes == body


def test_a_stream_is_shown_while_it_comes(work, upstream):
    gate = upstream.gate()
    upstream.script(Reply.sse(*text_stream("one"), gate, *text_stream("two")))
    process = work.popen("api", "chat/completions", "-F", "stream=true")
    line = process.stdout.readline()
    assert line.startswith(b"data: ")
    gate.wait_reached()
    gate.open()
    out, _ = process.communicate(timeout=20)
    assert out.endswith(b"data: [DONE]\n\n")


def test_a_body_that_breaks_off(api, upstream):
    upstream.default = Reply.stream([b"part", Cut()])
    result = api("x").check(10)
    assert result.out == "part"


def test_status_and_headers(api, upstream):
    headers = {
        "X-Request-Id": "r1",
        "Set-Cookie": "session=secret",
        "X-Ratelimit-Remaining-Tokens": "7",
        "X-K": TEST_KEY,
    }
    upstream.default = Reply(201, headers, b"body")
    lines = api("x", "-i").check().out.splitlines()
    assert lines[0] == "HTTP/1.1 201 Created"
    assert {"x-request-id: r1", "set-cookie: ***", "x-ratelimit-remaining-tokens: 7", "x-k: ***"} <= set(lines)
    assert lines[-2:] == ["", "body"]


@pytest.mark.parametrize(
    ("status", "code"), [(400, 5), (401, 4), (403, 4), (404, 5), (429, 6), (500, 7), (503, 7)]
)
def test_a_refusal_is_shown_and_has_its_exit_code(api, upstream, status, code):
    body = error_body("because", code="x")
    upstream.default = Reply(status, {"X-Request-Id": "r9"}, body)
    result = api("x", "--field", "data[0]", "-i").check(code)
    head, _, shown = result.out.partition("\n\n")
    assert head.startswith(f"HTTP/1.1 {status}")
    assert json.loads(shown) == body
    assert result.err.startswith("error: ")
    assert api("x", "--silent").check(code).out == ""


ECHO = f"you sent {TEST_KEY} to us"


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply(401, body=error_body(ECHO)), 4),
        (Reply(body={"echo": ECHO}), 0),
        (Reply(body=ECHO, headers={"Content-Type": "text/plain"}), 0),
        (Reply.stream([ECHO[:20].encode(), ECHO[20:].encode()], headers={"Content-Type": "text/plain"}), 0),
    ],
)
def test_an_echoed_key_is_hidden_on_a_terminal(work, upstream, reply, code):
    upstream.default = reply
    terminal = work.terminal("api", "x")
    assert terminal.wait() == code
    assert ("you sent *** to us" in terminal.screen(), TEST_KEY.encode() in terminal.raw) == (True, False)


def test_an_echoed_key_is_hidden_in_one_value_too(work, upstream):
    upstream.default = Reply(body={"echo": ECHO})
    terminal = work.terminal("api", "x", "--field", "echo")
    assert (terminal.wait(), terminal.screen()) == (0, "you sent *** to us")


@pytest.mark.parametrize(("status", "code"), [(200, 0), (401, 4)])
def test_into_a_pipe_the_bytes_are_untouched(api, upstream, status, code):
    body = b'{"error": {"message": "made-up-key"}}'
    upstream.default = Reply(status, body=body)
    result = api("x", env={"WORK_KEY": "made-up-key"}).check(code)
    assert (result.out_bytes, "made-up-key" in result.err) == (body, False)


def test_retries(api, upstream):
    upstream.script(Reply(503, {"Retry-After": "0"}), Reply(body=LIST))
    assert api("models", "--retries", "1").check().json() == LIST


SOON = {"Retry-After": "0"}


@pytest.mark.parametrize(
    ("method", "reply", "args", "times"),
    [
        ("POST", Reply(500), [], 1),
        ("DELETE", Reply(502), [], 1),
        ("PUT", Reply(503), [], 1),
        ("PATCH", Reply.refuse(), [], 1),
        ("POST", Reply(500, {"x-should-retry": "true"}), [], 1),
        ("POST", Reply(503, SOON), [], 2),
        ("POST", Reply(429, SOON), [], 2),
        ("GET", Reply(500, SOON), [], 2),
        ("HEAD", Reply(500, SOON), [], 2),
        ("GET", Reply(501, SOON), [], 1),
        ("POST", Reply(500, SOON), ["--retries", "1"], 2),
        ("POST", Reply(501, SOON), ["--retries", "1"], 1),
    ],
)
def test_nothing_is_done_twice_unasked(api, upstream, work, method, reply, args, times):
    work.cli.write_config(work.config.replace("retries = 0", "retries = 1"))
    upstream.default = reply
    api(method, "jobs", *args)
    assert len(upstream.requests) == times


def test_a_failure_to_connect_is_tried_again(api, work):
    work.configure(url=refused_url())
    work.cli.write_config(work.config.replace("retries = 0", "retries = 1"))
    assert "retry 1 of 1" in api("POST", "jobs").check(8).err


def test_retries_by_the_variable(api, upstream):
    upstream.script(Reply(500, SOON), Reply(body=LIST))
    assert api("POST", "models", env={"LLMCTL_RETRIES": "1"}).check().json() == LIST


def test_the_other_form_of_the_address(api, upstream, work):
    work.configure(url=f"{upstream.url}/api")  # with /v1 behind it, which this server does not know
    upstream.route("/api/v1/models", Reply(404, body="not here"))
    assert api("models").check().json() == LIST
    assert [request.path for request in upstream.requests] == ["/api/v1/models", "/api/models"]


@pytest.mark.parametrize(
    ("path", "out"),
    [
        ("data[0].id", "a\n"),
        ("data[*].id", "a\nb\n"),
        ("object", "list\n"),
        ("data[1]", '{"id": "b", "object": "model", "created": 1790000000, "owned_by": "test"}\n'),
        ("data[*].nothing", None),
    ],
)
def test_one_value(api, path, out):
    result = api("models", "--field", path)
    if out is None:
        assert ("there is no 'nothing' in data[0]" in result.check(2).err, result.out) == (True, "")
    else:
        assert result.check().out == out


def test_no_json_has_no_fields(api, upstream):
    upstream.default = Reply(body=b"text")
    assert "not JSON" in api("x", "--field", "a").check(7).err
    upstream.default = Reply(body={"data": []})
    assert api("x", "--field", "data[*].id").check().out == ""


def test_pages_by_the_last_id(api, upstream):
    upstream.script(
        Reply(body={"data": [{"id": "a"}, {"id": "b"}], "has_more": True, "last_id": "b"}),
        Reply(body={"data": [{"id": "c"}], "has_more": True}),
        Reply(body={"data": [{"id": "d"}], "has_more": False, "last_id": "d"}),
    )
    assert (
        api("GET", "files", "-f", "limit=2", "--paginate", "--field", "data[*].id").check().out == "a\nb\nc\nd\n"
    )
    assert [request.query for request in upstream.requests] == ["limit=2", "limit=2&after=b", "limit=2&after=c"]


def test_a_page_is_a_line(api, upstream):
    upstream.script(Reply(body={"data": [{"id": "a"}], "has_more": True}), Reply(body='{"data": [{"id": "b"}]}\n'))
    assert [page["data"][0]["id"] for page in api("x", "--paginate").check().jsonl()] == ["a", "b"]


def test_pages_by_links(api, upstream):
    upstream.script(
        Reply(body={"n": 1}, headers={"Link": '</v1/x?page=2>; rel="next", </v1/x?page=9>; rel="last"'}),
        Reply(body={"n": 2}, headers={"Link": f'<{upstream.url}/v1/x?page=3>; rel="next"'}),
        Reply(body={"n": 3}, headers={"Link": f'<{upstream.url}/v1/x?page=3>; rel="next"'}),
    )
    assert api("x", "--paginate", "--field", "n").check().out == "1\n2\n3\n"
    assert [request.target for request in upstream.requests] == ["/v1/x", "/v1/x?page=2", "/v1/x?page=3"]


def test_a_link_elsewhere_gets_no_key(api, upstream):
    upstream.default = Reply(body={"n": 1}, headers={"Link": '<http://127.0.0.1:1/x>; rel="next"'})
    assert "nowhere else" in api("x", "--paginate").check(2).err
    assert len(upstream.requests) == 1


def test_a_page_that_leads_to_itself_is_the_last(api, upstream):
    upstream.default = Reply(body={"data": [{"id": "a"}], "has_more": True, "last_id": "a"})
    api("x", "--paginate").check()
    assert len(upstream.requests) == 2


# on a terminal


def test_json_is_dressed_for_a_terminal(work, upstream):
    upstream.default = Reply(body={"a": ["b\x1b[31m", 1, True, None]})
    terminal = work.terminal("api", "x")
    assert terminal.wait() == 0
    assert terminal.screen().splitlines() == [
        "{",
        '  "a": [',
        '    "b\\u001b[31m",',
        "    1,",
        "    true,",
        "    null",
        "  ]",
        "}",
    ]
    assert b'\x1b[34;1m"a"\x1b[0m' in terminal.raw
    plain = work.terminal("api", "x", env={"NO_COLOR": "1"})
    assert plain.wait() == 0
    assert b"\x1b[" not in plain.raw


@pytest.mark.parametrize("kind", ["audio/mpeg", "text/plain"])
def test_binary_does_not_go_to_a_terminal(work, upstream, kind):
    upstream.default = Reply(body=b"ID3\x00\x1b[31m", headers={"Content-Type": kind})
    terminal = work.terminal("api", "audio/speech", "-f", "input=x", cols=160)
    assert terminal.wait() == 0
    assert "the body is binary" in terminal.screen()
    assert b"ID3" not in terminal.raw


def test_text_on_a_terminal_is_harmless(work, upstream):
    upstream.default = Reply.stream(
        [b"one\x1b]0;evil\x07 \xc3", b"\xbc two"], headers={"Content-Type": "text/plain"}
    )
    terminal = work.terminal("api", "x")
    assert terminal.wait() == 0
    assert terminal.screen() == "one]0;evil ü two"


def test_the_demo_provider(cli):
    assert "demo-embed" in cli.run("api", "-p", "demo", "models", "--field", "data[*].id").check().out
    args = ["-f", "model=demo", "-f", "messages[][role]=user", "-f", "messages[][content]=Hi"]
    result = cli.run("api", "-p", "demo", "chat/completions", *args, "--field", "choices[0].message.role").check()
    assert result.out == "assistant\n"


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes of POSIX")
def test_a_named_pipe_as_input(api, upstream, work):
    import threading

    pipe = work.cli.cwd / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(b"from a pipe"))
    writer.start()
    api("x", "--input", "pipe").check()
    writer.join(20)
    assert upstream.last.body == b"from a pipe"
