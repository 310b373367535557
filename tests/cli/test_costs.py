"""The ledger: each request that a command makes, how it ended, and what it cost."""

from __future__ import annotations

import base64
import signal
import subprocess

import pytest

from llmctl.store.store import open_to_read
from support.talk import Talk
from support.upstream import Reply, refused_url
from support.wire import chunk, completion, embeddings, error_body, text_stream, tool_call, usage

PRICES = '[prices."work/test-model"]\ninput = 1.0\noutput = 10.0\n[prices."work/e"]\ninput = 2.0\n'
PNG = b"\x89PNG\r\n\x1a\n" + b"png"


def answer(text="Fine.", **more):
    return Reply.sse(*text_stream(text, usage=usage(5, 2, **more)), headers={"x-request-id": "req_7"})


@pytest.fixture
def rows(work):
    """rows(): the ledger, a dict each."""

    def read():
        with open_to_read(work.cli.home / ".local/share/llmctl/llmctl.db") as store:
            return [dict(row) for row in store.database.rows("SELECT * FROM requests ORDER BY id")]

    return read


@pytest.fixture
def row(rows):
    """row(): the only entry."""

    def read():
        (only,) = rows()
        return only

    return read


def test_an_answer_is_written_down_with_what_it_took(work, upstream, row):
    work.configure(PRICES)
    details = {"prompt_tokens_details": {"cached_tokens": 3}, "completion_tokens_details": {"reasoning_tokens": 1}}
    upstream.script(answer(**details))
    work.chat().check()
    found = row()
    assert (found["caller"], found["profile"], found["provider"]) == ("chat", "work", "generic")
    assert (found["model"], found["answered_by"]) == ("test-model", "test-model")
    assert found["base_url"] == f"{upstream.url}/v1"
    assert (found["status"], found["http_status"], found["attempts"], found["request_id"]) == (
        "ok",
        None,
        1,
        "req_7",
    )
    assert (found["prompt_tokens"], found["completion_tokens"]) == (5, 2)
    assert (found["cached_tokens"], found["reasoning_tokens"], found["cache_write_tokens"]) == (3, 1, None)
    assert (found["cost"], found["cost_by"]) == (pytest.approx(25e-6), "prices")
    assert 0 <= found["first_token_ms"] <= found["total_ms"]
    with open_to_read(work.cli.home / ".local/share/llmctl/llmctl.db") as store:
        talk = store.conversations.last()
        assert (found["conversation"], found["message"]) == (talk.id, talk.head)


def test_what_the_provider_billed_beats_own_prices(work, upstream, row):
    work.configure(f'[profiles.work.quirks]\ncost = "cost"\n{PRICES}')
    upstream.script(answer(cost=0.125))
    assert work.chat("--json").check().json()["cost"] == 0.125
    assert (row()["cost"], row()["cost_by"]) == (0.125, "provider")


def test_what_nobody_knows_stays_unknown(work, upstream, row):
    upstream.script(Reply.sse(*text_stream("Fine.")))
    work.chat("--usage").check()
    found = row()
    assert (found["prompt_tokens"], found["completion_tokens"], found["cost"]) == (None, None, None)
    assert found["cost_by"] == "unknown"


def test_a_plain_question_looks_no_price_up(work, upstream, row):
    """That would take a quarter of a second; whoever wants to see costs looks it up."""
    work.configure("provider = 'openai'\n")
    upstream.script(answer())
    work.chat("-m", "gpt-4o").check()
    assert (row()["cost"], row()["cost_by"]) == (None, "")


@pytest.mark.parametrize("how", ["--json", "--jsonl", "--usage"])
def test_who_wants_to_see_the_cost_gets_it_by_genai_prices(work, upstream, row, how):
    work.configure("provider = 'openai'\n")
    upstream.script(answer())
    result = work.chat("-m", "gpt-4o", how).check()
    assert (row()["cost"], row()["cost_by"]) == (pytest.approx(5 * 2.5e-6 + 2 * 10e-6), "genai-prices")
    shown = {"--json": lambda: result.json()["cost"], "--jsonl": lambda: result.jsonl()[-1]["cost"]}
    if how in shown:
        assert shown[how]() == row()["cost"]
    else:
        assert "$0.000033" in result.err or "$0.000032" in result.err


@pytest.mark.parametrize(
    ("reply", "code", "status", "http_status"),
    [
        (Reply(429, body=error_body("slow down")), 6, "rate_limited", 429),
        (Reply(401, body=error_body("who?")), 4, "key_rejected", 401),
        (Reply(500, body=error_body("boom")), 7, "server_error", 500),
        (Reply.refuse(), 8, "network", None),
        (Reply(200, body="what?"), 7, "not_understood", 200),
        (Reply.sse(chunk("half"), done=False), 10, "stream_broken", None),
    ],
    ids=["429", "401", "500", "network", "no answer", "cut"],
)
def test_a_request_that_failed_is_written_down(work, upstream, rows, reply, code, status, http_status):
    upstream.script(reply)
    work.chat().check(code)
    (found,) = rows()
    assert (found["status"], found["cost"], found["prompt_tokens"]) == (status, None, None)
    assert found["http_status"] in (http_status, None)
    assert found["conversation"] is not None


def test_attempts_are_counted(work, upstream, row):
    upstream.script(Reply(503, {"Retry-After": "0"}, error_body("busy")), answer())
    work.chat("--retries", "1").check()
    assert (row()["attempts"], row()["status"]) == (2, "ok")


def test_nobody_answers(work, row):
    work.configure(url=refused_url())
    work.chat().check(8)
    assert (row()["status"], row()["total_ms"], row()["first_token_ms"]) == ("connect", None, None)


def test_an_answer_that_was_stopped(work, upstream, row):
    gate = upstream.gate()
    upstream.script(Reply.sse(chunk("half"), gate))
    process = work.popen("chat", "Hi", stdin=subprocess.DEVNULL)
    assert process.stdout.read(4) == b"half"
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    assert (row()["status"], row()["message"] is None) == ("interrupted", False)


@pytest.fixture
def kit(work):
    (work.cli.cwd / "kit.py").write_text(
        "import os, signal\n\ndef add() -> int:\n    return 3\n\n"
        "def stop() -> int:\n    os.kill(os.getpid(), signal.SIGINT)\n    return 3\n"
    )
    return ["--tool", "kit.py", "--yes-tools"]


def call(name="add"):
    end = {"usage": usage(100, 10)}
    return Reply.sse(chunk(tool_calls=[tool_call(name, index=0)]), {**chunk(finish="tool_calls"), **end})


def test_each_round_of_tools_is_a_request(work, upstream, kit, rows):
    work.configure(PRICES)
    upstream.script(call(), answer())
    assert work.chat("--json", *kit).check().json()["cost"] == pytest.approx(200e-6 + 25e-6)
    first, second = rows()
    assert (first["prompt_tokens"], second["prompt_tokens"]) == (100, 5)
    with open_to_read(work.cli.home / ".local/share/llmctl/llmctl.db") as store:
        path = store.messages.path(store.conversations.last().head)
    assert [path[1].id, path[3].id] == [first["message"], second["message"]]


def test_only_the_round_that_failed_is_a_failure(work, upstream, kit, rows):
    upstream.script(call(), Reply(429, body=error_body("slow down")))
    work.chat(*kit).check(6)
    assert [row["status"] for row in rows()] == ["ok", "rate_limited"]


@pytest.mark.parametrize(
    ("args", "name", "code"), [(["--max-rounds", "1"], "add", 13), ([], "stop", 130)], ids=["limit", "stopped"]
)
def test_a_request_that_was_answered_is_no_failure_whatever_comes_after(
    work, upstream, kit, rows, args, name, code
):
    upstream.script(call(name))
    work.chat(*kit, *args).check(code)
    assert [row["status"] for row in rows()] == ["ok"]


def test_a_second_try_is_a_request_of_its_own(work, upstream, rows):
    upstream.script(answer("no JSON"), answer("{}"))
    work.chat("--json-mode", "--repair").check()
    assert [row["status"] for row in rows()] == ["ok", "ok"]


def test_a_conversation_has_a_name_of_its_own(work, upstream, rows):
    upstream.script(answer(), answer())
    Talk(work.terminal("chat", "-i")).say("One").say("Two").leave()
    assert [row["caller"] for row in rows()] == ["chat -i"] * 2


def test_a_whole_answer(work, upstream, row):
    upstream.script(Reply(body=completion("Fine.", usage=usage(5, 2))))
    work.chat("--no-stream").check()
    assert (row()["prompt_tokens"], row()["status"]) == (5, "ok")


def test_the_embedded_provider_is_written_down_too(work, row):
    work.chat("-p", "demo").check()
    assert (row()["profile"], row()["provider"], row()["status"]) == ("demo", "demo", "ok")


# embeddings and pictures


def vectors(request):
    return Reply(body=embeddings(*([0.5, 0.5] for _ in request.json()["input"]), prompt=3))


def test_each_batch_of_embeddings_is_a_request(work, upstream, rows):
    work.configure(PRICES)
    upstream.default = vectors
    whole = work("embed", "-m", "e", "--json", "--batch", "1", "one", "two").check().json()
    assert whole["cost"] == pytest.approx(12e-6)
    found = rows()
    assert [(row["caller"], row["model"], row["status"]) for row in found] == [("embed", "e", "ok")] * 2
    assert {row["answered_by"] for row in found} == {"test-model"}
    assert [(row["prompt_tokens"], row["cost"], row["cost_by"]) for row in found] == [
        (3, pytest.approx(6e-6), "prices")
    ] * 2
    assert {row["conversation"] for row in found} == {None}


def test_embeddings_without_usage_cost_the_unknown(work, upstream, row):
    upstream.default = Reply(body={"data": [{"index": 0, "embedding": [0.5]}]})
    work("embed", "-m", "e", "one").check()
    assert (row()["prompt_tokens"], row()["cost"], row()["cost_by"]) == (None, None, "unknown")


def test_embeddings_that_failed_are_written_down(work, upstream, rows):
    upstream.script(vectors, Reply(429, body=error_body("slow down")))
    upstream.default = Reply.hang()
    work("embed", "-m", "e", "--batch", "1", "--parallel", "1", "a", "b").check(6)
    assert sorted((row["status"], row["model"], row["http_status"]) for row in rows()) == [
        ("ok", "e", None),
        ("rate_limited", "e", 429),
    ]


def test_embeddings_that_another_batch_took_down_are_written_down(work, upstream, rows):
    def only_a_is_slow(request):
        return Reply.hang() if request.json()["input"] == ["a"] else Reply(429, body=error_body("slow down"))

    upstream.default = only_a_is_slow
    work("embed", "-m", "e", "--batch", "1", "--parallel", "4", "a", "b").check(6)
    assert sorted((row["status"], row["cost_by"], row["http_status"]) for row in rows()) == [
        ("interrupted", "unknown", None),
        ("rate_limited", "unknown", 429),
    ]


def picture(**more):
    return Reply(body={"created": 1, "data": [{"b64_json": base64.b64encode(PNG).decode()}], **more})


def test_pictures_are_written_down(work, upstream, row):
    work.configure('[prices."work/painter"]\ninput = 1.0\noutput = 10.0\n')
    upstream.script(picture(usage={"input_tokens": 10, "output_tokens": 100, "total_tokens": 110}))
    whole = work("image", "-m", "painter", "--json", "a heron").check().json()
    assert whole["cost"] == pytest.approx(1010e-6)
    found = row()
    assert (found["caller"], found["model"], found["status"]) == ("image", "painter", "ok")
    assert (found["prompt_tokens"], found["completion_tokens"]) == (10, 100)
    assert (found["cost"], found["cost_by"]) == (whole["cost"], "prices")


def test_a_picture_without_a_price_costs_the_unknown(work, upstream, row):
    upstream.script(picture())
    work("image", "-m", "painter", "a heron").check()
    assert (row()["cost"], row()["cost_by"]) == (None, "unknown")


def test_pictures_that_failed_are_written_down(work, upstream, row):
    upstream.script(Reply(429, body=error_body("slow down")))
    work("image", "-m", "painter", "a heron").check(6)
    assert (row()["caller"], row()["model"], row()["status"]) == ("image", "painter", "rate_limited")


@pytest.mark.parametrize("args", [["embed", "-m", "e", "one"], ["image", "-m", "painter", "a heron"]])
def test_a_ledger_that_cannot_be_kept_costs_one_warning(work, upstream, args):
    upstream.default = lambda request: vectors(request) if "input" in request.json() else picture()
    result = work(*args, env={"LLMCTL_DATA": "/dev/null/x"}).check()
    assert result.out
    assert result.err.count("warning: the history") == result.err.count("\n") == 1


@pytest.mark.parametrize("args", [["embed", "-m", "e", "one"], ["image", "-m", "painter", "a heron"]])
def test_nothing_is_written_down_with_no_log(work, upstream, args):
    upstream.default = lambda request: vectors(request) if "input" in request.json() else picture()
    work("--no-log", *args).check()
    assert not (work.cli.home / ".local/share/llmctl").exists()
