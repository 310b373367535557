"""`llmctl embed`: inputs, formats, batches, and runs that are resumed."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import signal
import subprocess

import numpy
import pytest

from support.upstream import Hang, Reply
from support.wire import embeddings, error_body


def vector(text):
    digest = hashlib.sha256(text.encode()).digest()
    return [byte / 256 for byte in digest[:3]]


def answer(request):
    return Reply(body=embeddings(*(vector(text) for text in request.json()["input"])))


@pytest.fixture
def embed(work, upstream):
    """embed(…): `llmctl embed -m e …` against an upstream that answers everything."""
    upstream.default = answer
    return lambda *args, **more: work("embed", "-m", "e", *args, **more)


def asked(upstream):
    """Every text that was paid for, sorted."""
    return sorted(text for request in upstream.requests for text in request.json()["input"])


def test_jsonl_is_the_default(embed, upstream):
    result = embed("one", "zwölf").check()
    rows = result.jsonl()
    assert [list(row) for row in rows] == [["index", "text", "embedding"]] * 2
    assert [(row["index"], row["text"]) for row in rows] == [(0, "one"), (1, "zwölf")]
    assert rows[0]["embedding"] == pytest.approx(vector("one"))
    assert result.err == ""
    assert upstream.last.json() == {"model": "e", "input": ["one", "zwölf"], "encoding_format": "base64"}


def test_json(embed):
    whole = embed("--json", "one", "two").check().json()
    assert list(whole) == ["model", "profile", "provider", "dimensions", "usage", "cost", "data"]
    assert (whole["dimensions"], whole["usage"], whole["profile"]) == (3, {"prompt_tokens": 3}, "work")
    assert [row["text"] for row in whole["data"]] == ["one", "two"]


def test_csv(embed):
    rows = list(csv.reader(io.StringIO(embed("--csv", 'a,"b"', "two").check().out)))
    assert rows[0] == ["index", "id", "text", "d0", "d1", "d2"]
    assert rows[1][:3] == ["0", "", 'a,"b"']
    assert [float(cell) for cell in rows[1][3:]] == pytest.approx(vector('a,"b"'))


@pytest.mark.parametrize("where", ["stdout", "file"])
def test_npy_is_read_by_numpy(embed, work, where):
    if where == "file":
        assert embed("-O", "out.npy", "one", "two", "three").check().out == ""
        matrix = numpy.load(work.cli.cwd / "out.npy", allow_pickle=False)
    else:
        matrix = numpy.load(
            io.BytesIO(embed("--npy", "one", "two", "three").check().out_bytes), allow_pickle=False
        )
    assert (matrix.shape, matrix.dtype) == ((3, 3), numpy.dtype("<f4"))
    assert matrix[1] == pytest.approx(vector("two"))


def test_npy_does_not_go_to_a_terminal(work, upstream):
    terminal = work.terminal("embed", "-m", "e", "--npy", "one")
    assert terminal.wait() == 2
    assert upstream.requests == []


@pytest.mark.parametrize("ending", ["json", "jsonl", "csv"])
def test_a_file_s_ending_names_the_format(embed, work, ending):
    embed("-O", f"out.{ending}", "one").check()
    assert (work.cli.cwd / f"out.{ending}").read_bytes() == embed(f"--{ending}", "one").check().out_bytes
    assert [path.name for path in work.cli.cwd.iterdir()] == [f"out.{ending}"]


def test_lines_of_stdin_and_of_files(embed, work, upstream):
    (work.cli.cwd / "a.txt").write_text("one\r\n\n  \ntwo")
    result = embed("-f", "a.txt", "-f", "-", "zero", stdin="three\n").check()
    assert [row["text"] for row in result.jsonl()] == ["zero", "one", "two", "three"]
    assert "note: 2 empty texts were passed over" in result.err
    assert [row["text"] for row in embed(stdin="a\nb\n").check().jsonl()] == ["a", "b"]


def test_json_lines_keep_their_ids(embed, work):
    lines = [{"id": "x", "text": "one"}, {"id": 7, "content": "two"}, {"text": "three"}]
    (work.cli.cwd / "in.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    rows = embed("-f", "in.jsonl").check().jsonl()
    assert [(row.get("id"), row["text"]) for row in rows] == [("x", "one"), (7, "two"), (None, "three")]
    rows = embed("-f", "-", "--field", "body", stdin='{"body": "b", "text": "t"}\n').check().jsonl()
    assert rows[0]["text"] == "b"


def test_whole_files(embed, work):
    (work.cli.cwd / "a.txt").write_text("one\ntwo\n")
    rows = embed("--whole", "-f", "a.txt").check().jsonl()
    assert [(row["id"], row["text"]) for row in rows] == [("a.txt", "one\ntwo\n")]


def test_equal_texts_are_paid_once(embed, upstream):
    rows = embed("same", "other", "same").check().jsonl()
    assert [row["text"] for row in rows] == ["same", "other", "same"]
    assert rows[0]["embedding"] == rows[2]["embedding"]
    assert asked(upstream) == ["other", "same"]


@pytest.mark.parametrize("parallel", ["1", "4"])
def test_batches(embed, upstream, parallel):
    texts = [f"text {n}" for n in range(10)]
    rows = embed("--batch", "3", "--parallel", parallel, *texts).check().jsonl()
    assert [row["text"] for row in rows] == texts
    assert [row["embedding"] for row in rows] == [pytest.approx(vector(text)) for text in texts]
    assert sorted(len(request.json()["input"]) for request in upstream.requests) == [1, 3, 3, 3]


def test_the_provider_s_limit_holds(embed, work, upstream):
    work.configure("quirks = { embedding_batch = 2 }")
    embed(*"abcde").check()
    assert max(len(request.json()["input"]) for request in upstream.requests) == 2


def test_parameters(embed, work, upstream):
    embed("--dimensions", "2", "-o", "user=me", "one").check()
    body = upstream.last.json()
    assert (body["dimensions"], body["user"]) == (2, "me")
    work.configure('embedding_model = "of-the-profile"')
    work("embed", "one").check()
    assert upstream.last.json()["model"] == "of-the-profile"


@pytest.mark.parametrize("parallel", ["1", "2"])
def test_an_interrupted_run_pays_only_for_the_rest(embed, work, upstream, parallel):
    (work.cli.cwd / "in.txt").write_text("".join(f"text {n}\n" for n in range(6)))
    args = ["--batch", "1", "--parallel", parallel, "-f", "in.txt"]

    def answer_three(request):
        if len(upstream.requests) <= 3:
            return answer(request)
        return Reply(500, body=error_body("broke"))

    upstream.default = answer_three
    failed = embed(*args).check(7)
    assert (failed.out, "3 of 6 texts are kept" in failed.err) == ("", True)
    paid = [request.json()["input"][0] for request in upstream.requests[:3]]
    upstream.requests.clear()
    upstream.default = answer
    result = embed(*args).check()
    assert "resuming: 3 of 6 texts are there already" in result.err
    assert [row["text"] for row in result.jsonl()] == [f"text {n}" for n in range(6)]
    assert [row["embedding"] for row in result.jsonl()] == [pytest.approx(vector(f"text {n}")) for n in range(6)]
    assert asked(upstream) == sorted({f"text {n}" for n in range(6)} - set(paid))
    upstream.requests.clear()
    embed(*args).check()
    assert len(asked(upstream)) == 6  # a complete run leaves nothing behind


def test_fresh_pays_for_everything_again(embed, upstream):
    upstream.script(answer_of("a"), Reply(400, body=error_body("broke")))
    embed("--batch", "1", "--parallel", "1", "a", "b").check(5)
    upstream.requests.clear()
    embed("--batch", "1", "--parallel", "1", "--fresh", "a", "b").check()
    assert asked(upstream) == ["a", "b"]


def answer_of(*texts):
    return Reply(body=embeddings(*map(vector, texts)))


def test_another_model_or_dimension_is_another_run(embed, work, upstream):
    upstream.script(answer_of("a"), Reply(400, body=error_body("broke")))
    embed("--batch", "1", "--parallel", "1", "a", "b").check(5)
    upstream.requests.clear()
    work("embed", "-m", "other", "a", "b").check()
    embed("--dimensions", "3", "a", "b").check()
    assert asked(upstream) == ["a", "a", "b", "b"]


def test_ctrl_c_keeps_what_was_paid(embed, work, upstream):
    upstream.script(answer_of("a"), Reply.stream([Hang()]))
    args = ["embed", "-m", "e", "--batch", "1", "--parallel", "1", "a", "b"]
    process = work.popen(*args, stdin=subprocess.DEVNULL)
    upstream.wait_requests(2)
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, b"Traceback" in err) == (130, b"", False)
    assert b"1 of 2 texts are kept" in err
    upstream.requests.clear()
    work(*args).check()
    assert asked(upstream) == ["b"]


def test_nothing_is_left_of_a_file_that_could_not_be_finished(embed, work, upstream):
    upstream.default = Reply(400, body=error_body("broke"))
    embed("-O", "out.json", "a").check(5)
    assert list(work.cli.cwd.iterdir()) == []


@pytest.mark.parametrize(
    ("args", "stdin", "text"),
    [
        ([], "", "nothing to embed"),
        ([""], None, "nothing to embed"),
        (["-f", "missing.txt"], None, "can't read missing.txt"),
        (["-O", "out.xyz", "a"], None, "names no format"),
        (["-O", "nowhere/out.json", "a"], None, "can't write"),
        (["--json", "--csv", "a"], None, "exclude each other"),
        (["-f", "-", "--field", "x"], "{broken\n", "line 1 is not JSON"),
        (["-f", "-", "--field", "x"], '{"y": "z"}\n', "no text under x"),
        ([], b"\xff\n", "not UTF-8"),
    ],
)
def test_wrong_usage(embed, args, stdin, text):
    assert text in embed(*args, stdin=stdin).check(2).err


def test_vectors_of_different_lengths_are_no_matrix(work, upstream):
    upstream.default = Reply(body=embeddings([1.0], [1.0, 2.0]))
    assert "different lengths" in work("embed", "-m", "e", "--npy", "a", "b").check(7).err


def test_the_progress_is_shown_on_a_terminal_and_goes_away(work, upstream):
    gate = upstream.gate()
    upstream.script(answer_of("a"), Reply.stream([gate, answer_of("b").payload()]))
    terminal = work.terminal("embed", "-m", "e", "--batch", "1", "--parallel", "1", "-O", "x.csv", "a", "b")
    terminal.wait_for("1/2 texts")
    gate.open()
    assert terminal.wait() == 0
    assert terminal.screen() == ""


def test_the_demo_embeds(cli):
    one, two = cli.run("embed", "-p", "demo", "a", "b").check().jsonl()
    assert len(one["embedding"]) == len(two["embedding"])
