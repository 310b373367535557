"""`llmctl similar`: scores, files of every kind, and texts embedded on the fly."""

from __future__ import annotations

import math
import re
import sys
from array import array

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmctl.cli.similar.score import WORTH_NUMPY, numpy_scores, plain_scores, scores
from support.upstream import Reply
from support.wire import embeddings, error_body

PLACES = {
    "north": [0.0, 1.0],
    "east": [1.0, 0.0],
    "north-east": [1.0, 1.0],
    "south": [0.0, -2.0],
    "nowhere": [0.0, 0.0],
}
TEXTS = "south\n\neast\nnorth-east\nnowhere\nnorth\n"
NEAREST = ["1.0000\tnorth", "0.7071\tnorth-east", "0.0000\teast", "0.0000\tnowhere", "-1.0000\tsouth"]


def answer(request):
    return Reply(body=embeddings(*(PLACES[text] for text in request.json()["input"]), model="e"))


@pytest.fixture
def similar(work, upstream):
    """similar(…): `llmctl similar -m e …` in a folder with texts.txt."""
    upstream.default = answer
    (work.cli.cwd / "texts.txt").write_text(TEXTS)
    return lambda *args, **more: work("similar", "-m", "e", *args, **more)


@pytest.fixture
def embedded(similar, work):
    """embedded(ending): the file that `llmctl embed` makes of the texts."""

    def make(ending):
        work("embed", "-m", "e", "-f", "texts.txt", "-O", f"v.{ending}").check()
        return f"v.{ending}"

    return make


def asked(upstream):
    return [text for request in upstream.requests for text in request.json()["input"]]


def test_the_lines_of_a_text_file(similar, upstream):
    result = similar("north", "texts.txt").check()
    assert result.out.splitlines() == NEAREST
    assert "note: embedded 5 texts with e, 3 tokens" in result.err  # equal texts are paid once
    assert sorted(asked(upstream)) == sorted(PLACES)


def test_standard_input(similar):
    assert similar("north", "-", stdin="east\nnorth\n").check().out == "1.0000\tnorth\n0.0000\teast\n"


def test_count_and_threshold(similar):
    assert similar("north", "texts.txt", "-k", "2").check().out.splitlines() == NEAREST[:2]
    assert similar("north", "texts.txt", "--threshold", "0.5").check().out.splitlines() == NEAREST[:2]
    nothing = similar("nowhere", "texts.txt", "--threshold", "0.5").check()
    assert (nothing.out, "nothing scores 0.5 or more" in nothing.err) == ("", True)
    assert similar("nowhere", "texts.txt", "--threshold", "0.5", "--json").check().json() == []


def test_json(similar):
    assert similar("north", "texts.txt", "-k", "2", "--json").check().json() == [
        {"score": 1.0, "line": 6, "text": "north", "id": None},
        {"score": 0.707107, "line": 4, "text": "north-east", "id": None},
    ]


def test_a_table_on_a_terminal(similar, work):
    terminal = work.terminal("similar", "-m", "e", "north", "texts.txt", cols=14)
    assert terminal.wait() == 0
    assert "  SCORE  TEXT\n 1.0000  north\n 0.7071  nort…\n 0.0000  east\n" in terminal.screen()


@pytest.mark.parametrize("ending", ["json", "jsonl", "csv"])
def test_files_of_embed_cost_only_the_query(similar, embedded, upstream, ending):
    file = embedded(ending)
    upstream.requests.clear()
    result = similar("north", file).check()
    assert (result.out.splitlines(), result.err) == (NEAREST, "")
    assert asked(upstream) == ["north"]


def test_a_numpy_file_and_its_texts(similar, embedded):
    file = embedded("npy")
    assert similar("north", file, "-k", "1").check().out == "1.0000\tline 5\n"
    result = similar("north", file, "--texts", "texts.txt", "--json", "-k", "1").check().json()
    assert result == [{"score": 1.0, "line": 6, "text": "north", "id": None}]


@pytest.mark.parametrize("kind", ["<f2", "<f4", ">f4", "<f8", ">f8"])
@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_files_that_numpy_writes(similar, work, kind, version):
    matrix = numpy.array([PLACES["east"], PLACES["north"]], dtype=kind)
    with (work.cli.cwd / "m.npy").open("wb") as file:
        numpy.lib.format.write_array(file, matrix, version=version)
    assert similar("north", "m.npy").check().out == "1.0000\tline 2\n0.0000\tline 1\n"


def test_ids_and_a_pipe_of_vectors(similar, work):
    (work.cli.cwd / "in.jsonl").write_text('{"id": "E", "text": "east"}\n{"id": 7, "text": "north"}\n')
    assert similar("north", "in.jsonl", "--json").check().json()[0] == {
        "score": 1.0,
        "line": 2,
        "text": "north",
        "id": 7,
    }
    for form in ("--jsonl", "--json", "--csv", "--npy"):
        data = work("embed", "-m", "e", "-f", "in.jsonl", form).check().out_bytes
        best = similar("north", "-", "--json", "-k", "1", stdin=data).check().json()[0]
        assert best["score"] == 1.0
        assert best["id"] == {"--csv": "7", "--npy": None}.get(form, 7)


def test_the_file_s_model_makes_the_query(work, similar, embedded, upstream):
    file = embedded("json")
    work.configure('embedding_model = "of-the-profile"')
    upstream.requests.clear()
    work("similar", "north", file).check()
    assert upstream.last.json()["model"] == "e"
    warned = work("similar", "-m", "other", "north", file).check()
    assert upstream.last.json()["model"] == "other"
    assert warned.err == ""  # the provider says that e answered


def test_two_models_are_warned_of(similar, work, embedded, upstream):
    file = embedded("json")
    upstream.default = Reply(body=embeddings([0.0, 1.0], model="other"))
    assert "scores of two models mean little" in work("similar", "-m", "other", "north", file).check().err


def test_other_dimensions_are_an_error(similar, embedded, upstream):
    file = embedded("json")
    upstream.default = Reply(body=embeddings([0.0, 1.0, 0.0], model="e"))
    result = similar("north", file).check(2)
    assert "v.json holds vectors of 2 numbers by e, e gives 3" in result.err
    assert "-o dimensions=2" in result.err
    similar("north", file, "-o", "dimensions=2")
    assert upstream.last.json()["dimensions"] == 2


def test_an_interrupted_run_pays_only_for_the_rest(similar, upstream):
    one_by_one = ("north", "texts.txt", "--batch", "1")
    upstream.default = lambda request: (
        Reply(400, body=error_body("broke")) if request.json()["input"] == ["nowhere"] else answer(request)
    )
    failed = similar(*one_by_one).check(5)
    kept = int(re.search(r"(\d) of 5 texts are kept", failed.err)[1])
    upstream.requests.clear()
    upstream.default = answer
    assert similar(*one_by_one).check().out.splitlines() == NEAREST
    assert (kept > 0, len(asked(upstream))) == (True, 5 - kept)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("v.json", "{", "not JSON"),
        ("v.json", "{}", "holds no embeddings"),
        ("v.json", '{"data": []}', "holds no vectors"),
        ("v.json", '[{"embedding": [1, "x"]}]', "vector 1 holds something else than finite numbers"),
        ("v.json", '[{"embedding": [1, NaN]}]', "finite"),
        ("v.json", '[{"embedding": []}]', "finite"),
        ("v.json", '[{"text": "x"}]', "entry 1 has no embedding"),
        ("v.jsonl", '{"embedding": [1, 0]}\n{"embedding": [1]}', "vector 2 has 1 numbers, the first has 2"),
        ("v.jsonl", '{"embedding": [1, 0]}\n{"embedd', "line 2 is not JSON"),
        ("v.csv", "index,id,text,d0\n0,,a,x\n", "something else than numbers"),
        ("v.npy", "no numpy", "not a NumPy file"),
        ("v.txt", "\n \n", "holds no texts"),
    ],
)
def test_damaged_files(similar, work, upstream, name, content, message):
    (work.cli.cwd / name).write_text(content)
    result = similar("north", name).check(2)
    assert message in result.err
    assert len(result.err.splitlines()) <= 2
    assert upstream.requests == []


@pytest.mark.parametrize(
    ("array_", "message"),
    [
        (numpy.zeros((2, 2), dtype="i4"), "not floats"),
        (numpy.zeros(3, dtype="f4"), "not a matrix"),
        (numpy.zeros((2, 3), dtype="f4", order="F"), "not a matrix"),
    ],
)
def test_numpy_files_of_another_kind(similar, work, array_, message):
    numpy.save(work.cli.cwd / "m.npy", array_)
    assert message in similar("north", "m.npy").check(2).err


def test_a_numpy_file_that_is_cut_off(similar, work):
    numpy.save(work.cli.cwd / "m.npy", numpy.ones((2, 2), dtype="f4"))
    data = (work.cli.cwd / "m.npy").read_bytes()
    (work.cli.cwd / "m.npy").write_bytes(data[:-1])
    assert "is cut off" in similar("north", "m.npy").check(2).err


def test_wrong_usage(similar, embedded, work):
    assert "can't read nofile" in similar("north", "nofile").check(2).err
    assert "nothing to look for" in similar(" ", "texts.txt").check(2).err
    assert "--texts is for a file of vectors" in similar("x", "texts.txt", "--texts", "texts.txt").check(2).err
    (work.cli.cwd / "one.txt").write_text("one\n")
    assert (
        "one.txt has 1 texts, v.npy 5 vectors" in similar("x", embedded("npy"), "--texts", "one.txt").check(2).err
    )


def test_the_demo_provider(cli):
    (cli.cwd / "t.txt").write_text("banana bread\nfix a flat tyre\n")
    assert (
        cli.run("similar", "-p", "demo", "fix a bike", "t.txt", "-k", "1")
        .check()
        .out.endswith("\tfix a flat tyre\n")
    )


# the scores

NUMBERS = st.floats(-100, 100, width=32).filter(lambda x: x == 0 or abs(x) > 1e-3)


@given(st.lists(NUMBERS, min_size=3, max_size=3), st.lists(st.lists(NUMBERS, min_size=3, max_size=3), min_size=1))
def test_both_ways_of_scoring_agree(query, rows):
    vectors = [array("f", row) for row in rows]
    plain = plain_scores(array("f", query), vectors)
    assert numpy_scores(array("f", query), vectors) == pytest.approx(plain, abs=1e-9)
    assert all(-1 - 1e-9 <= score <= 1 + 1e-9 for score in plain)


def test_zero_vectors_score_zero():
    zero, one = array("f", [0, 0]), array("f", [1, 0])
    for way in (plain_scores, numpy_scores):
        assert way(zero, [zero, one]) == [0.0, 0.0]
        assert way(one, [zero, one]) == [0.0, 1.0]


def test_large_files_are_scored_by_either_way(monkeypatch):
    rows = [array("f", [math.sin(n), math.cos(n)]) for n in range(WORTH_NUMPY // 2 + 1)]
    found = scores([1.0, 0.0], rows)
    monkeypatch.setitem(sys.modules, "numpy", None)  # as if it were not installed
    assert scores([1.0, 0.0], rows) == pytest.approx(found, abs=1e-9)


def test_a_threshold_that_is_no_number(cli):
    assert "--threshold must be a number" in cli.run("similar", "x", "file", "--threshold", "nan").check(2).err
