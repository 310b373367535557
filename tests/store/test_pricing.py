"""What a request cost, and who says so."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from llmctl.config.configfile import Config
from llmctl.errors import ConfigError
from llmctl.store.ledger import BY_GENAI, BY_PRICES, BY_PROVIDER, UNKNOWN, UNPRICED, Request
from llmctl.store.pricing import Pricing

OPENAI = "https://api.openai.com/v1"
GEMINI = "https://generativelanguage.googleapis.com/v1beta/openai"
ANTHROPIC = "https://api.anthropic.com/v1"


def request(**more):
    facts = {"provider": "openai", "base_url": OPENAI, "model": "gpt-4o"}
    counts = {"prompt_tokens": 1_000_000, "completion_tokens": 1_000_000}
    return Request(time.time(), "chat", "work", **{**facts, **counts, **more})


def config(**prices):
    tables = {f"work/{model}": table for model, table in prices.items()}
    return Config({"prices": tables}, Path("config.toml"))


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def priced(cache):
    """priced(request): (cost, who says so), nothing in the config."""

    def ask(wanted, billed=None):
        found = Pricing(config(), cache).priced(wanted, billed)
        return found.cost, found.cost_by

    return ask


def test_who_is_believed(cache):
    own = Pricing(config(**{"gpt-4o": {"input": 1.0, "output": 1.0}, "other": {"output": 1.0}}), cache)
    assert own.priced(request(), 0.125).cost == 0.125
    assert own.priced(request(), 0.125).cost_by == BY_PROVIDER
    assert (own.priced(request()).cost, own.priced(request()).cost_by) == (2.0, BY_PRICES)
    genai = own.priced(request(model="gpt-4o-mini"))
    assert (genai.cost, genai.cost_by) == (pytest.approx(0.75), BY_GENAI)
    unknown = own.priced(request(model="other"))
    assert (unknown.cost, unknown.cost_by) == (None, UNKNOWN)


def test_without_looking_up_only_provider_and_user_are_asked(cache):
    pricing = Pricing(config(mine={"input": 1.0, "output": 0.0}), cache)
    assert pricing.known(request(), 0.0).cost_by == BY_PROVIDER
    assert pricing.known(request(model="mine")).cost == 1.0
    assert pricing.known(request()).cost_by == UNPRICED
    assert not cache.exists()


def test_a_price_that_is_written_wrongly_is_an_error(cache):
    with pytest.raises(ConfigError, match="input must be a price"):
        Pricing(config(**{"gpt-4o": {"input": "cheap"}}), cache).priced(request())


@pytest.mark.parametrize(
    ("counts", "cost"),
    [
        ({}, 12.5),
        ({"completion_tokens": None}, 2.5),
        ({"cached_tokens": 500_000}, 11.875),
        ({"cached_tokens": 9_000_000}, 11.25),
        ({"reasoning_tokens": 900_000}, 12.5),
        ({"prompt_tokens": 0, "completion_tokens": 0}, 0.0),
    ],
    ids=["plain", "no completion", "cached", "more cached than asked", "reasoning is a part", "nothing"],
)
def test_tokens_at_their_prices_the_first_time_and_later(priced, counts, cost):
    for _ in ("by genai-prices", "as kept"):
        assert priced(request(**counts)) == (pytest.approx(cost), BY_GENAI)


@pytest.mark.parametrize("counts", [{"cache_write_tokens": 100_000}, {"cache_write_tokens": 9_000_000}])
def test_tokens_that_are_written_to_a_cache_cost_more(priced, counts):
    plain = request(
        provider="anthropic", base_url=ANTHROPIC, model="claude-3-5-haiku-latest", prompt_tokens=150_000
    )
    dear = replace(plain, **counts)
    (less, _), (more, by) = priced(plain), priced(dear)
    assert by == BY_GENAI
    assert more > less
    assert priced(dear) == (pytest.approx(more), BY_GENAI)


def test_prices_that_depend_on_the_length_are_right_each_time(priced):
    def short_and_long():
        facts = {"provider": "gemini", "base_url": GEMINI, "model": "gemini-2.5-pro", "completion_tokens": 0}
        return [priced(request(**facts, prompt_tokens=count))[0] for count in (100_000, 1_000_000)]

    assert short_and_long() == short_and_long() == [pytest.approx(0.125), pytest.approx(2.5)]


def test_behind_a_gateway_the_provider_of_the_profile_counts(priced):
    assert priced(request(base_url="http://gateway.test/v1")) == (pytest.approx(12.5), BY_GENAI)
    assert priced(request(base_url="http://gateway.test/v1", provider="generic")) == (None, UNKNOWN)


def test_the_name_that_the_provider_gives_counts_too(priced):
    assert priced(request(model="my-alias", answered_by="gpt-4o")) == (pytest.approx(12.5), BY_GENAI)
    assert priced(request(model="", answered_by="gpt-4o")) == (pytest.approx(12.5), BY_GENAI)


@pytest.mark.parametrize("counts", [{"prompt_tokens": None}, {"prompt_tokens": None, "completion_tokens": None}])
def test_without_tokens_the_cost_is_unknown(priced, counts):
    assert priced(request(**counts)) == (None, UNKNOWN)


def test_a_prompt_is_priced_before_it_is_sent(cache):
    pricing = Pricing(config(), cache)
    assert pricing.prompt_cost(request(), 1000) == pytest.approx(0.0025)
    assert pricing.prompt_cost(request(model="nobody's"), 1000) is None
    long = request(provider="gemini", base_url=GEMINI, model="gemini-2.5-pro")
    assert pricing.prompt_cost(long, 1_000_000) == pytest.approx(2.5)


LOOKS_UP = """
import sys, time
from pathlib import Path
from llmctl.config.configfile import Config
from llmctl.store.ledger import Request
from llmctl.store.pricing import Pricing
for model in sys.argv[2:]:
    asked = Request(time.time(), "chat", "work", "openai", "https://api.openai.com/v1", model,
                    prompt_tokens=1_000_000, completion_tokens=0)
    print(Pricing(Config({}, Path("x")), Path(sys.argv[1])).priced(asked).cost)
print("genai_prices" in sys.modules)
"""


def look_up(cache, *models):
    done = subprocess.run([sys.executable, "-c", LOOKS_UP, str(cache), *models], capture_output=True, text=True)
    assert done.stderr == ""
    return done.stdout.split()


def test_a_price_is_kept_for_the_day_also_that_there_is_none(cache):
    assert look_up(cache, "gpt-4o", "nobody-s") == ["2.5", "None", "True"]
    assert look_up(cache, "gpt-4o", "nobody-s") == ["2.5", "None", "False"]


def test_prices_of_other_days_are_asked_for_anew(cache, priced):
    priced(request())
    file = cache / "prices.json"
    (name, price), *_ = json.loads(file.read_text()).items()
    file.write_text(json.dumps({f"2001-01-01 {name.partition(' ')[2]}": {**price, "input": 99.0}}))
    assert priced(request()) == (pytest.approx(12.5), BY_GENAI)
    assert not any(name.startswith("2001") for name in json.loads(file.read_text()))


def test_an_old_request_costs_what_it_did_then(cache, priced):
    assert priced(replace(request(), time=time.time() - 40 * 86_400)) == (pytest.approx(12.5), BY_GENAI)
    assert not (cache / "prices.json").exists()


@pytest.mark.parametrize(
    "damage",
    [b"", b"\xff\0", b"[1, 2]", b"null", b'{"x": 1', "odd entry", 7, [1], {"input": "x"}, {"input": None}, {}],
    ids=repr,
)
def test_a_damaged_cache_is_no_failure(cache, priced, damage):
    priced(request())
    file = cache / "prices.json"
    kept = dict.fromkeys(json.loads(file.read_text()), damage)
    file.write_bytes(damage if isinstance(damage, bytes) else json.dumps(kept).encode())
    assert priced(request()) == (pytest.approx(12.5), BY_GENAI)


def test_a_cache_that_cannot_be_written_is_no_failure(tmp_path):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", Path("/dev/null/x"), None):
        assert Pricing(config(), folder).priced(request()).cost == pytest.approx(12.5)
    (tmp_path / "prices.json").mkdir()
    assert Pricing(config(), tmp_path).priced(request()).cost == pytest.approx(12.5)
