"""`llmctl serve key add`, `list`, `revoke`."""

from __future__ import annotations

import re
import time
from datetime import datetime

import pytest

from llmctl.store.keys import GatewayKeys, hash_of
from llmctl.store.ledger import Request
from llmctl.store.store import Store

SECRET = re.compile(r"sk-llmctl-([a-z0-9]{8})-[A-Za-z0-9]{40}\n")
DAY = 86_400


@pytest.fixture
def key(cli):
    """key(*args): `llmctl serve key …`"""
    return lambda *args, **more: cli.run("serve", "key", *args, **more)


@pytest.fixture
def kept(cli):
    """kept(): all keys of the store."""

    def read():
        with Store(cli.home / ".local/share/llmctl/llmctl.db") as store:
            return GatewayKeys(store.database).all()

    return read


def test_only_the_key_goes_to_stdout(key, kept):
    result = key("add", "laptop").check()
    assert SECRET.fullmatch(result.out)
    assert "added laptop; the key is shown only now" in result.err
    assert "Authorization: Bearer" in result.err
    assert result.out.strip() not in result.err
    (made,) = kept()
    assert made.hash == hash_of(result.out.strip().encode())
    assert (made.models, made.requests_per_minute, made.tokens_per_minute) == ((), None, None)
    assert (made.budget_usd, made.expires) == (None, None)


def test_every_option(key, kept):
    options = (
        "--model",
        "groq/*",
        "--model",
        "fast",
        "--requests-per-minute",
        "60",
        "--tokens-per-minute",
        "9000",
    )
    printed = key("add", "ci", *options, "--budget", "2.50/day", "--expires", "30d", "--json").check().json()
    (made,) = kept()
    assert made.hash == hash_of(printed.pop("key").encode())
    assert (made.models, made.requests_per_minute, made.tokens_per_minute) == (("groq/*", "fast"), 60, 9000)
    assert (made.budget_usd, made.budget_period) == (2.5, "day")
    assert made.expires == pytest.approx(time.time() + 30 * DAY, abs=60)
    assert printed["models"] == ["groq/*", "fast"]
    assert (printed["name"], printed["id"], printed["state"]) == ("ci", made.id, "active")


@pytest.mark.parametrize(
    ("text", "usd", "period"),
    [("5", 5.0, "total"), ("$0.5/month", 0.5, "month"), (".25/DAY", 0.25, "day"), ("7/total", 7.0, "total")],
)
def test_budgets(key, kept, text, usd, period):
    key("add", "a", "--budget", text).check()
    assert [(each.budget_usd, each.budget_period) for each in kept()] == [(usd, period)]


def test_the_date_of_expiry_is_local(key, kept):
    key("add", "a", "--expires", "2099-01-01", env={"TZ": "UTC"}).check()
    assert kept()[0].expires == datetime.fromisoformat("2099-01-01T00:00+00:00").timestamp()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("a b",), "a key's name is up to 64 letters"),
        (("a", "--budget", "0"), "--budget '0' is no amount of US dollars"),
        (("a", "--budget", "5/week"), "is no amount of US dollars"),
        (("a", "--budget", "nan"), "is no amount of US dollars"),
        (("a", "--budget", "1e400"), "is no amount of US dollars"),
        (("a", "--expires", "yesterday"), "--expires yesterday is not in the future"),
        (("a", "--expires", "0d"), "--expires 0d is not in the future"),
        (("a", "--expires", "soon"), "'soon' is no time\nhint: for example: 30d, 1y, 2027-01-01"),
        (("a", "--expires", "1s"), "--expires: '1s' is no time\nhint: for example: 30d, 1y, 2027-01-01"),
        (("a", "--requests-per-minute", "0"), "--requests-per-minute"),
        (("a", "--tokens-per-minute", "99999999999999999999"), "the tokens a minute must be"),
        (("a", "--model", ""), "'' is no pattern of models"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(key, kept, args, message):
    result = key("add", *args).check(2)
    assert message in result.err
    assert result.out == ""
    assert kept() == []


def test_a_name_is_taken(key):
    key("add", "ci").check()
    result = key("add", "ci").check(2)
    assert "error: there is a key 'ci' already" in result.err
    assert "hint: llmctl serve key revoke ci ends it" in result.err


def test_listing(key, cli):
    first = SECRET.fullmatch(key("add", "old").check().out)
    key("revoke", "old").check()
    options = ("--model", "groq/*", "--requests-per-minute", "60", "--budget", "5/day", "--expires", "2099-01-01")
    secret = key("add", "ci", *options).check().out.strip()
    with Store(cli.home / ".local/share/llmctl/llmctl.db") as store:
        for cost, caller in ((1.25, "serve:ci"), (0.25, "serve:ci"), (None, "serve:ci"), (9.0, "chat")):
            store.ledger.add(Request(time.time(), caller, "work", "", "https://x/v1", "m", cost=cost))

    ci, old = key("list", "--json").check().json()
    assert (ci["name"], ci["state"], ci["spent_usd"], ci["unknown_cost"]) == ("ci", "active", 1.5, 1)
    assert (ci["budget_usd"], ci["budget_period"], ci["revoked"]) == (5.0, "day", None)
    assert (old["name"], old["id"], old["state"], old["spent_usd"]) == ("old", first[1], "revoked", 0.0)

    rows = [line.split("\t") for line in key("list").check().out.splitlines()]
    assert [row[:7] for row in rows] == [
        ["ci", ci["id"], "active", "client", "groq/*", "60 requests/min, $5/day", "$1.50+"],
        ["old", first[1], "revoked", "client", "all models", "no limits", "$0.00"],
    ]
    assert rows[0][8].startswith("2099-01-01")
    assert rows[1][8] == "never"
    everything = key("list").out + key("list", "--json").out
    assert secret not in everything
    assert hash_of(secret.encode()) not in everything


def test_the_list_tells_who_is_an_admin(key):
    key("add", "boss", "--admin").check()
    key("add", "ci").check()
    rows = [line.split("\t") for line in key("list").check().out.splitlines()]
    assert [(row[0], row[3]) for row in rows] == [("boss", "admin"), ("ci", "client")]


CONFIG = """
[profiles.groq]
provider = "groq"
model = "llama-4"
[routes.quick]
targets = ["groq/llama-4"]
[aliases]
fast = "groq/llama-4"
"gpt-*" = "groq/*"
"""


@pytest.mark.parametrize(
    "pattern",
    ["groq/*", "gr*", "*", "*/llama-4", "groq/new", "llama-4", "quick", "fast", "gpt-5", "auto", "demo/x", "g?oq"],
)
def test_a_pattern_that_fits_something_is_taken_without_a_word(key, cli, pattern):
    cli.write_config(CONFIG)
    assert "--model" not in key("add", "a", "--model", pattern).check().err


@pytest.mark.parametrize("pattern", ["grog/*", "qick", "gro", "gro/llama-4", "groqq*", "x*/llama-4"])
def test_a_pattern_that_fits_nothing_is_noted(key, cli, kept, pattern):
    cli.write_config(CONFIG)
    result = key("add", "a", "--model", "fast", "--model", pattern).check()
    assert SECRET.fullmatch(result.out)
    notes = [line for line in result.err.splitlines() if "--model" in line]
    assert notes == [f"note: no profile, route or alias of the config fits --model {pattern!r} yet"]
    assert [each.models for each in kept()] == [("fast", pattern)]


@pytest.mark.parametrize("text", ["profiles = 3\nroutes = 3\naliases = 3", "[profiles]\na = 3", ""])
def test_what_is_wrong_elsewhere_in_the_config_stops_no_key(key, cli, text):
    cli.write_config(text)
    assert "fits --model 'x/*' yet" in key("add", "a", "--model", "x/*").check().err


def test_the_list_on_a_terminal(key, cli):
    key("add", "ci").check()
    terminal = cli.terminal("serve", "key", "list", cols=100)
    assert terminal.wait() == 0
    lines = terminal.screen().splitlines()
    assert re.split(r"\s{2,}", lines[0]) == [
        *("NAME", "ID", "STATE", "ROLE", "MODELS", "LIMITS", "SPENT", "CREATED", "EXPIRES")
    ]
    assert lines[1].split()[0] == "ci"


def test_an_empty_list(key):
    result = key("list").check()
    assert result.out == ""
    assert "there are none; make one with: llmctl serve key add NAME" in result.err
    assert key("list", "--json").check().json() == []


def test_revoking(key, kept):
    found = SECRET.fullmatch(key("add", "ci").check().out)
    assert key("revoke", "ci").check().err == f"revoked ci ({found[1]})\n"
    assert [each.state(time.time()) for each in kept()] == ["revoked"]
    again = key("add", "ci").check().out.strip()
    key("revoke", again).check()
    wrong = key("revoke", "cii").check(2)
    assert "there is no key 'cii'" in wrong.err


def test_the_group_and_the_command(cli, key):
    overview = cli.run("serve", "--help").check().out
    assert "Make, list and revoke the keys of the gateway." in overview
    assert re.search(r"^Options:\n", overview, re.MULTILINE)
    assert re.search(r"^  --port ", overview, re.MULTILINE)
    assert "llmctl serve key add [OPTIONS] NAME" in key("add", "--help").check().out
    assert cli.run("help", "serve", "key", "add").check().out == key("add", "--help").out
    assert "revoke" in key().check(2).err
    wrong = cli.run("serve", "keys").check(2)
    assert "llmctl serve has no command 'keys'" in wrong.err
    assert "did you mean key?" in wrong.err
    misplaced = cli.run("serve", "--port", "4001", "key", "list").check(2)
    assert "--port is an option of llmctl serve, not of llmctl serve key" in misplaced.err
    assert cli.run("serve", "-q", "key", "list").check().err == ""


def test_completion(cli, key):
    key("add", "ci").check()
    key("add", "gone").check()
    key("revoke", "gone").check()

    def offered(*words):
        return [line.partition("\t")[0] for line in cli.run("__complete", "--", *words).check().out.splitlines()]

    assert offered("serve", "") == ["key"]
    assert offered("serve", "key", "") == ["add", "list", "revoke"]
    assert offered("serve", "key", "revoke", "") == ["ci"]
    assert "--port" in offered("serve", "-")
    assert "--requests-per-minute" in offered("serve", "key", "add", "x", "-")
