"""`llmctl usage`: sums of the ledger."""

from __future__ import annotations

import csv
import io
import re
import time

import pytest

from llmctl.store.ledger import Request
from llmctl.store.store import Store

NOON = 1_795_262_400.0  # 2026-11-21 12:00 UTC
DAY = 86_400
SINCE = ("--since", "2026-11-01", "--until", "2026-11-30")
ZONE = {"TZ": "UTC"}


@pytest.fixture
def store(cli):
    """The store of the test's home."""
    with Store(cli.home / ".local/share/llmctl/llmctl.db") as opened:
        yield opened


@pytest.fixture
def spend(store):
    """spend(cost, **fields): a request of 1000 tokens in and 100 out at noon; no cost is an unknown one."""

    def add(cost=None, profile="work", model="big", time=NOON, caller="chat", **more):
        told = {
            "prompt_tokens": 1000,
            "completion_tokens": 100,
            "cost": cost,
            "cost_by": "prices" if cost else "unknown",
        }
        return store.ledger.add(Request(time, caller, profile, "", "https://x/v1", model, **told | more))

    return add


@pytest.fixture
def usage(cli):
    """usage(*args): the command in UTC, over November 2026."""
    return lambda *args, **more: cli.run("usage", *SINCE, *args, env=ZONE, **more).check()


@pytest.fixture
def screen(cli):
    """screen(*args): what it shows on a terminal."""

    def show(*args, cols=80, rows=24, **env):
        terminal = cli.terminal("usage", *SINCE, *args, cols=cols, rows=rows, env={**ZONE, **env})
        assert terminal.wait() == 0
        return terminal

    return show


@pytest.fixture
def month(spend):
    """Three days, two profiles, an unknown cost and a failed request."""
    spend(1.0, time=NOON - 2 * DAY, cached_tokens=500, reasoning_tokens=50)
    spend(0.2, time=NOON - DAY)
    spend(None, profile="local", model="llama", time=NOON - DAY, caller="embed")
    spend(None, time=NOON, status="rate_limited", prompt_tokens=None, completion_tokens=None)


def test_json(usage, month):
    report = usage("--json").json()
    assert (report["by"], report["since"], report["until"]) == (
        "day",
        "2026-11-01T00:00:00.000Z",
        "2026-12-01T00:00:00.000Z",
    )
    assert report["groups"][1] == {
        "day": "2026-11-20",
        "requests": 2,
        "failed": 0,
        "prompt_tokens": 2000,
        "cached_tokens": 0,
        "completion_tokens": 200,
        "reasoning_tokens": 0,
        "cost": 0.2,
        "unknown_cost": 1,
    }
    failed = report["groups"][2]
    assert (failed["failed"], failed["cost"], failed["unknown_cost"], failed["prompt_tokens"]) == (
        1,
        None,
        0,
        None,
    )
    assert report["total"] == {
        "requests": 4,
        "failed": 1,
        "prompt_tokens": 3000,
        "cached_tokens": 500,
        "completion_tokens": 300,
        "reasoning_tokens": 50,
        "cost": 1.2,
        "unknown_cost": 1,
    }


@pytest.mark.parametrize(
    ("by", "groups"),
    [
        ("day", ["2026-11-19", "2026-11-20", "2026-11-21"]),
        ("profile", ["work", "local"]),
        ("model", ["big", "llama"]),
        ("caller", ["chat", "embed"]),
    ],
)
def test_groups(usage, month, by, groups):
    assert [group[by] for group in usage("--by", by, "--json").json()["groups"]] == groups


@pytest.mark.parametrize(
    ("args", "requests"),
    [
        ([], 4),
        (["-p", "local"], 1),
        (["-m", "big"], 3),
        (["-p", "local", "-m", "big"], 0),
        (["--since", "2026-11-20", "--until", "2026-11-20"], 2),
        (["--since", "2026-11-20T13:00"], 1),
        (["--until", "2026-11-19"], 1),
    ],
)
def test_what_is_counted(usage, month, args, requests):
    result = usage(*args, "--json")
    assert result.json()["total"]["requests"] == requests
    assert ("no requests in this time" in usage(*args).err) == (requests == 0)


def test_by_default_the_last_30_days(cli, spend):
    for days in (0, 28, 31):
        spend(1.0, time=time.time() - days * DAY)
    assert cli.run("usage", "--json").check().json()["total"]["requests"] == 2


def test_a_day_is_one_of_the_local_time_zone(cli, spend):
    spend(1.0, time=NOON + 11.5 * 3600)  # 23:30 UTC
    days = [
        cli.run("usage", *SINCE, "--json", env={"TZ": zone}).check().json()["groups"][0]["day"]
        for zone in ("UTC", "Europe/Berlin")
    ]
    assert days == ["2026-11-21", "2026-11-22"]


def test_csv(usage, month, spend):
    spend(0.000000123, model='odd, "name"')
    rows = list(csv.DictReader(io.StringIO(usage("--by", "model", "--csv").out)))
    assert [row["model"] for row in rows] == ["big", 'odd, "name"', "llama"]
    assert (rows[0]["cost"], rows[1]["cost"], rows[2]["cost"], rows[2]["unknown_cost"]) == (
        "1.2",
        "0.000000123",
        "",
        "1",
    )
    assert (
        usage("--csv", "-p", "nobody").out
        == "day,requests,failed,prompt_tokens,cached_tokens,completion_tokens,reasoning_tokens,cost,unknown_cost\n"
    )


def test_lines_in_a_pipe(usage, month):
    lines = [line.split("\t") for line in usage("--by", "profile").out.splitlines()]
    assert lines == [
        ["work", "3", "1", "2000", "500", "200", "50", "1.2", "0"],
        ["local", "1", "0", "1000", "0", "100", "0", "", "1"],
    ]
    assert usage("--by", "profile", "--csv").out.splitlines()[1:] == [",".join(line) for line in lines]


def test_the_table(screen, month):
    lines = screen(cols=100).screen().splitlines()
    assert re.split(r"\s{2,}", lines[0]) == ["DAY", "REQUESTS", "IN (CACHED)", "OUT (REASONING)", "COST"]
    assert re.split(r"\s{2,}", lines[1])[:5] == ["2026-11-19", "1", "1,000 (500)", "100 (50)", "$1.00"]
    assert re.split(r"\s{2,}", lines[2])[4] == "$0.20 + 1 unknown"
    assert re.split(r"\s{2,}", lines[3]) == ["2026-11-21", "1, 1 failed", "?", "?", "-"]
    assert re.split(r"\s{2,}", lines[4]) == [
        "total",
        "4, 1 failed",
        "3,000 (500)",
        "300 (50)",
        "$1.20 + 1 unknown",
    ]
    bars = [line.count("█") for line in lines[1:4]]
    assert (bars[0] // bars[1], bars[2]) == (5, 0)


@pytest.mark.parametrize(
    ("cols", "header"), [(120, "IN (CACHED)"), (80, "IN  OUT"), (60, "REQUESTS"), (40, "REQUESTS")]
)
def test_it_fits_every_width(screen, month, spend, cols, header):
    spend(12.0, profile="a-profile-with-quite-a-long-name-indeed")
    lines = screen("--by", "profile", cols=cols).screen().splitlines()
    assert header in lines[0]
    assert len(lines) == 5
    assert "$12.00" in lines[1]
    assert lines[-1].startswith("total")
    assert "unknown" in lines[-1]


def test_bars_are_of_tokens_where_no_cost_is_known(screen, spend):
    spend(None, profile="a")
    spend(None, profile="b", prompt_tokens=450, completion_tokens=100)
    lines = screen("--by", "profile").screen().splitlines()
    assert lines[1].count("█") == 2 * lines[2].count("█") > 0
    assert "$0" not in "".join(lines)
    assert lines[-1].endswith("unknown")


def test_a_cost_of_nothing_is_no_unknown_one(screen, spend):
    spend(0.0, cost_by="prices")
    assert screen().screen().splitlines()[-1].endswith("$0.00")


@pytest.mark.parametrize(
    ("env", "blocks"), [({}, True), ({"LC_ALL": "C"}, False), ({"LANG": "de_DE.ISO-8859-1"}, False)]
)
def test_bars_for_terminals_without_blocks(screen, spend, env, blocks):
    spend(1.0)
    text = screen(**env).screen()
    assert ("█" in text, "##" in text) == (blocks, not blocks)


def test_colours_only_where_they_are_wanted(screen, month):
    assert b"\x1b[36m" in screen().raw
    assert b"\x1b[" not in screen(NO_COLOR="1").raw


def test_stored_names_do_nothing_to_a_terminal(screen, spend):
    spend(1.0, profile="\x1b]0;owned\x07name")
    terminal = screen("--by", "profile")
    assert "name" in terminal.screen()
    assert b"\x1b]" not in terminal.raw


# prices


def test_requests_that_nobody_priced_are_priced_and_it_is_kept(cli, usage, spend, store):
    cli.write_config('[prices."work/big"]\ninput = 10\noutput = 20\n')
    spend(cost_by="")
    spend(cost_by="", model="nobody-knows-it")
    assert usage("--json").json()["total"]["cost"] == 0.012
    assert [request.cost_by for request in store.ledger.unpriced()] == []
    cli.write_config("")
    total = usage("--json").json()["total"]
    assert (total["cost"], total["unknown_cost"]) == (0.012, 1)


def test_public_prices(cli, usage, spend, store):
    url = "https://api.openai.com/v1"
    store.ledger.add(
        Request(NOON, "chat", "o", "openai", url, "gpt-4o-mini", prompt_tokens=10**6, completion_tokens=0)
    )
    assert usage("--json").json()["total"]["cost"] == pytest.approx(0.15)


def test_a_bad_price_costs_a_warning_and_only_its_own_sums(cli, usage, spend):
    cli.write_config('[prices."work/big"]\ninput = "x"\n[prices."work/small"]\ninput = 10\noutput = 20\n')
    for model in ("big", "small", "big"):
        spend(cost_by="", model=model)
    result = usage("--json")
    assert (result.json()["total"]["cost"], result.json()["total"]["unknown_cost"]) == (0.012, 2)
    assert result.err.count("must be a price") == 1


def test_a_file_that_can_not_be_written_is_read(cli, usage, spend, store):
    spend(1.0)
    spend(cost_by="")
    store.close()
    path = cli.home / ".local/share/llmctl/llmctl.db"
    path.chmod(0o400)
    path.parent.chmod(0o500)
    try:
        total = usage("--json").json()["total"]
    finally:
        path.parent.chmod(0o700)
    assert total["cost"] == 1.0


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (["--by", "hour"], "hour"),
        (["--since", "soon"], "'soon' is no time"),
        (["--until", "soon"], "'soon' is no time"),
        (["--since", "2026-11-20", "--until", "2026-11-19"], "--since is not before --until"),
        (["--since", "9998-01-01"], "--since lies in the future"),
        (["--json", "--csv"], "exclude each other"),
    ],
)
def test_mistakes(cli, args, why):
    result = cli.run("usage", *args).check(2)
    assert result.out == ""
    assert why in result.err


def test_nothing_kept(cli):
    result = cli.run("usage").check()
    assert (result.out, "no requests in this time" in result.err) == ("", True)
    report = cli.run("usage", "--json").check().json()
    assert (report["groups"], report["total"]["cost"], report["total"]["requests"]) == ([], None, 0)
