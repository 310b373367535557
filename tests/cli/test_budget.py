"""Budgets: what would cost too much is refused before it is sent."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from llmctl.store.ledger import Request
from llmctl.store.store import Store, open_to_read
from support.talk import Talk
from support.upstream import Reply
from support.wire import chunk, embeddings, error_body, text_stream, tool_call, usage

PRICES = '[prices."work/test-model"]\ninput = 1000.0\noutput = 1000.0\n[prices."work/e"]\ninput = 1000.0\n'
"""A tenth of a cent a token."""

DAILY = "budget = { usd_per_day = 0.5 }\n"
CONFIG = "config.toml"


def answer(text="Fine.", prompt=5, completion=2):
    return Reply.sse(*text_stream(text, usage=usage(prompt, completion)))


@pytest.fixture
def file(work):
    return work.cli.home / ".local/share/llmctl/llmctl.db"


@pytest.fixture
def spend(file):
    """spend(dollars, days=0, profile="work"): a request of so many days ago that cost this."""

    def spend(dollars, days=0, profile="work", **more):
        row = Request(time.time() - days * 86_400, "chat", profile, "generic", "http://x/v1", "test-model")
        with Store(file) as store:
            store.ledger.add(replace(row, cost=dollars, cost_by="provider", **more))

    return spend


@pytest.fixture
def rows(file):
    """rows(): the ledger."""

    def read():
        with open_to_read(file) as store:
            return store.database.rows("SELECT * FROM requests ORDER BY id")

    return read


# --max-cost and usd_per_request


@pytest.mark.parametrize("how", ["option", "config", "raw", "whole"])
def test_a_prompt_that_costs_too_much_is_not_sent(work, upstream, how):
    work.configure(f"{'budget = { usd_per_request = 0.1 }' if how == 'config' else ''}\n{PRICES}")
    args = {"config": [], "option": ["--max-cost", "0.1"]}.get(how, ["--max-cost", "0.1", f"--{how}"])
    args = ["--no-stream" if arg == "--whole" else arg for arg in args]
    result = work("chat", *args, "word " * 100).check(6)
    assert result.err.startswith("error: work: the prompt alone would cost about $0.129, and the limit is $0.10\n")
    assert "hint: send less, ask a cheaper model, or raise --max-cost" in result.err
    assert upstream.requests == []


def test_the_refusal_in_json(work, upstream):
    work.configure(PRICES)
    error = work("chat", "--json", "--max-cost", "0.1", "word " * 100).check(6).error()
    assert (error["code"], error["profile"], error["retry_after"]) == ("budget", "work", None)
    assert upstream.requests == []


def test_a_prompt_that_costs_less_is_sent(work, upstream):
    work.configure(PRICES)
    upstream.script(answer())
    assert work.chat("--max-cost", "0.1").check().out == "Fine.\n"


def test_the_option_beats_the_config(work, upstream):
    work.configure(f"budget = {{ usd_per_request = 0.000001 }}\n{PRICES}")
    upstream.script(answer())
    work.chat().check(6)
    work.chat("--max-cost", "1").check()
    assert len(upstream.requests) == 1


def test_everything_that_was_said_before_counts(work, upstream):
    work.configure(PRICES)
    upstream.script(answer("word " * 100))
    work.chat().check()
    work.chat("-c", "--max-cost", "0.1").check(6)
    assert len(upstream.requests) == 1


def test_a_price_that_nobody_knows_is_refused_with_a_way_out(work, upstream):
    result = work.chat("--max-cost", "1").check(6)
    assert "the price of test-model is unknown, so the limit of $1.00 can't be kept" in result.err
    assert 'hint: say it in the config: [prices."work/test-model"]' in result.err
    assert upstream.requests == []


@pytest.mark.parametrize("wrong", ["0", "-1", "nan", "inf"])
def test_a_limit_that_is_no_limit_is_refused(work, upstream, wrong):
    assert "--max-cost must be a number of US dollars above 0" in work.chat("--max-cost", wrong).check(2).err
    assert upstream.requests == []


@pytest.fixture
def kit(work):
    (work.cli.cwd / "kit.py").write_text("def add() -> int:\n    return 3\n")
    return ["--tool", "kit.py", "--yes-tools"]


def call(prompt, completion):
    end = {"usage": usage(prompt, completion)}
    return Reply.sse(chunk(tool_calls=[tool_call("add", index=0)]), {**chunk(finish="tool_calls"), **end})


def test_rounds_of_tools_count_together(work, upstream, kit, rows):
    work.configure(PRICES)
    upstream.script(call(50, 40), answer())
    error = work.chat("--json", *kit, "--max-cost", "0.1").check(6).error()
    assert error["code"] == "budget"
    assert ", $0.09 are spent, and the limit is $0.10" in error["message"]
    assert len(upstream.requests) == 1
    assert [(row["status"], row["cost"]) for row in rows()] == [("ok", pytest.approx(0.09))]


def test_rounds_of_tools_within_the_limit_go_on(work, upstream, kit):
    work.configure(PRICES)
    upstream.script(call(5, 4), answer())
    assert work.chat(*kit, "--max-cost", "0.1").check().out == "Fine.\n"


def test_a_second_try_counts_with_the_first(work, upstream):
    work.configure(PRICES)
    upstream.script(answer("no JSON", 50, 40), answer("{}"))
    assert work.chat("--json", "--json-mode", "--repair", "--max-cost", "0.1").check(6).error()["code"] == "budget"
    assert len(upstream.requests) == 1


def test_a_second_try_counts_once_for_the_day(work, upstream):
    work.configure(f"budget = {{ usd_per_day = 0.15 }}\n{PRICES}")
    upstream.script(answer("no JSON", 50, 40), answer("{}"))
    work.chat("--json-mode", "--repair").check()
    assert len(upstream.requests) == 2


def test_a_long_prompt_is_priced_as_long(work, upstream):
    """Above 200,000 tokens this model costs twice as much."""
    work.configure("provider = 'gemini'\nbudget = { usd_per_request = 0.4 }\n")
    upstream.default = answer()
    args = ["-m", "gemini-2.5-pro", "--stdin"]
    work("chat", *args, stdin="x" * 760_000).check()  # 190,000 tokens: $0.2375
    work("chat", *args, stdin="x" * 840_000).check(6)  # 210,000 tokens: $0.525
    assert len(upstream.requests) == 1


def test_a_conversation_goes_on_after_a_refusal(work, upstream, rows):
    work.configure(PRICES)
    upstream.script(answer())
    talk = Talk(work.terminal("chat", "-i", "--max-cost", "0.1"))
    talk.send("x" * 480 + "\r").shows("the prompt alone would cost about $0.124")
    talk.key("ctrl-c").shows("Ctrl-D or /quit leaves").ready().say("short").shows("Fine.")
    assert len(upstream.requests) == 1
    assert len(rows()) == 1


# usd_per_day


def test_a_day_that_is_spent_is_over(work, upstream, spend):
    work.configure(f"{DAILY}{PRICES}")
    spend(0.6)
    result = work.chat().check(6)
    assert "work: the budget of $0.50 a day is spent: $0.60 so far" in result.err
    assert "hint: it frees at midnight, in " in result.err
    error = work.chat("--json").check(6).error()
    assert error["code"] == "budget"
    assert 0 <= error["retry_after"] <= 25 * 3600
    assert upstream.requests == []


def test_answers_are_counted_until_the_day_is_spent(work, upstream):
    work.configure(f"{DAILY}{PRICES}")
    upstream.default = answer(prompt=100, completion=200)
    work.chat().check()
    work.chat().check()
    assert work.chat("--json").check(6).error()["code"] == "budget"
    assert len(upstream.requests) == 2


def test_a_prompt_that_would_pass_the_rest_of_the_day_is_not_sent(work, upstream, spend):
    work.configure(f"{DAILY}{PRICES}")
    spend(0.45)
    result = work("chat", "word " * 100).check(6)
    assert "$0.45 so far, and this prompt costs about $0.129" in result.err
    upstream.script(answer())
    work("chat", "word").check()


@pytest.mark.parametrize(("days", "profile"), [(1, "work"), (30, "work"), (0, "other")])
def test_other_days_and_other_profiles_do_not_count(work, upstream, spend, days, profile):
    work.configure(f"{DAILY}{PRICES}")
    spend(9.0, days, profile)
    upstream.script(answer())
    work.chat().check()


def test_another_profile_is_not_affected(work, upstream, spend):
    work.configure(
        f'{DAILY}{PRICES}[profiles.other]\nbase_url = "{upstream.url}/v1"\nkey = "env:WORK_KEY"\nmodel = "m"\n'
    )
    spend(9.0)
    upstream.script(answer())
    work.chat("-p", "other").check()
    work.chat().check(6)


def test_what_was_asked_without_a_budget_is_priced_and_counts(work, upstream, rows):
    work.configure("provider = 'openai'\n")
    upstream.default = answer(prompt=1_000_000)
    work.chat("-m", "gpt-4o").check()
    assert [row["cost"] for row in rows()] == [None]
    work.configure("provider = 'openai'\nbudget = { usd_per_day = 1 }\n")
    assert "$2.50 so far" in work.chat("-m", "gpt-4o").check(6).err
    assert [row["cost"] for row in rows()] == [pytest.approx(2.50002)]


def test_an_unknown_price_is_said_and_asked_all_the_same(work, upstream):
    work.configure(DAILY)
    upstream.script(answer())
    result = work.chat().check()
    assert result.out == "Fine.\n"
    assert "warning: the price of test-model is unknown, so the daily budget can't count it" in result.err


@pytest.mark.parametrize("how", ["--no-log", "config"])
def test_what_is_not_kept_cannot_be_counted_and_that_is_said(work, upstream, file, how):
    head = 'current = "work"\n' + ("history = false\n" if how == "config" else "")
    work.configure(f"{DAILY}{PRICES}", head=head)
    upstream.script(answer())
    result = work.chat(*([how] if how != "config" else [])).check()
    assert result.err == "warning: nothing is kept, so the daily budget of work won't count this\n"
    assert not file.exists()


def test_a_spent_budget_holds_for_what_is_not_kept_too(work, upstream):
    work.configure(f"{DAILY}{PRICES}")
    upstream.default = embedded
    for text in ("one", "two"):
        work("embed", "-m", "e", text).check()
    assert "$0.60 so far" in work.chat("--no-log").check(6).err


def embedded(request):
    return Reply(body=embeddings(*([0.5, 0.5] for _ in request.json()["input"]), prompt=300))


def test_embeddings_count(work, upstream, rows):
    work.configure(f"{DAILY}{PRICES}")
    upstream.default = embedded
    work("embed", "-m", "e", "one").check()
    work("embed", "-m", "e", "two").check()
    assert "$0.60 so far" in work("embed", "-m", "e", "three").check(6).err
    assert "$0.60 so far" in work.chat().check(6).err
    assert len(upstream.requests) == 2
    assert [row["cost"] for row in rows()] == [pytest.approx(0.3)] * 2


def test_batches_of_embeddings_stop_when_the_day_is_spent(work, upstream):
    work.configure(f"{DAILY}{PRICES}")
    upstream.default = embedded
    result = work("embed", "-m", "e", "--batch", "1", "--parallel", "1", *"abcdef").check(6)
    assert len(upstream.requests) == 2
    assert "2 of 6 texts are kept" in result.err


def test_batches_say_once_that_nothing_is_counted(work, upstream):
    work.configure(f"{DAILY}{PRICES}")
    upstream.default = embedded
    result = work("embed", "--no-log", "-m", "e", "--batch", "1", *"abc").check()
    assert result.err.count("warning") == 1


def test_pictures_need_a_price_to_keep_a_limit(work, upstream):
    work.configure("budget = { usd_per_request = 1 }\n")
    result = work("image", "-m", "painter", "a heron").check(6)
    assert "the price of painter is unknown" in result.err
    assert upstream.requests == []


def test_a_failed_request_costs_nothing(work, upstream):
    work.configure(f"{DAILY}{PRICES}")
    upstream.script(Reply(429, body=error_body("slow down")), answer())
    work.chat().check(6)
    work.chat().check()


# the tables in the config


@pytest.mark.parametrize(
    ("table", "message", "hint"),
    [
        ("budget = 5", "profiles.work.budget must be a table", None),
        ("budget = { usd_per_dya = 1 }", "profiles.work.budget: unknown key 'usd_per_dya'", "usd_per_day"),
        ("budget = { usd_per_day = 0 }", "profiles.work.budget.usd_per_day must be a number of US", None),
        ("budget = { usd_per_day = -1 }", "profiles.work.budget.usd_per_day must be a number of US", None),
        (
            "budget = { usd_per_day = '1' }",
            "profiles.work.budget.usd_per_day must be a number of US dollars",
            None,
        ),
        ("budget = { usd_per_day = true }", "profiles.work.budget.usd_per_day must be a number of US", None),
        ("budget = { usd_per_day = nan }", "profiles.work.budget.usd_per_day must be a number of US", None),
        ("budget = { usd_per_request = inf }", "profiles.work.budget.usd_per_request must be a number", None),
    ],
)
def test_a_budget_that_is_written_wrongly_is_an_error(work, upstream, table, message, hint):
    work.configure(table)
    error = work.chat("--json").check(3).error()
    assert (error["code"], message in error["message"], upstream.requests) == ("config", True, [])
    assert hint is None or hint in error["hint"]


def test_a_price_that_is_written_wrongly_is_an_error_where_a_limit_needs_it(work, upstream):
    work.configure('[prices."work/test-model"]\ninput = "cheap"\n')
    upstream.script(answer())
    result = work.chat().check()
    assert (result.out, result.err.count("warning: ")) == ("Fine.\n", 1)
    assert "input must be a price" in work.chat("--max-cost", "1").check(3).err
