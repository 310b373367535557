"""Token counts, from the many ways of counting."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmctl.core.events import Usage
from llmctl.core.quirks import Quirks
from llmctl.core.usage import read_usage, sum_usage

OPENAI = {
    "prompt_tokens": 10,
    "completion_tokens": 5,
    "total_tokens": 15,
    "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 3, "audio_tokens": 0, "accepted_prediction_tokens": 0},
}


@pytest.mark.parametrize(
    ("raw", "usage"),
    [
        pytest.param(OPENAI, Usage(10, 5, 15, 4, 3), id="OpenAI"),
        pytest.param({"prompt_tokens": 10, "completion_tokens": 5}, Usage(10, 5, 15), id="without a total"),
        pytest.param({**OPENAI, "prompt_tokens_details": None}, Usage(10, 5, 15, None, 3), id="details null"),
        pytest.param({**OPENAI, "completion_tokens_details": None}, Usage(10, 5, 15, 4), id="other details null"),
        pytest.param(
            {**OPENAI, "cache": {"x": 1}, "queue_time": 0.1}, Usage(10, 5, 15, 4, 3), id="unknown fields"
        ),
        pytest.param(
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "prompt_cache_hit_tokens": 8,
                "prompt_cache_miss_tokens": 2,
            },
            Usage(10, 5, 15, 8),
            id="DeepSeek",
        ),
        pytest.param(
            {"prompt_tokens": 10, "completion_tokens": 5, "cached_tokens": 8}, Usage(10, 5, 15, 8), id="Moonshot"
        ),
        pytest.param(
            {
                "input_tokens": 10,
                "output_tokens": 5,
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens_details": {"thinking_tokens": 2},
            },
            Usage(10, 5, 15, 0, 2),
            id="Anthropic, Responses",
        ),
        pytest.param(
            {
                "input_tokens": 10,
                "output_tokens": 5,
                "cache_read_input_tokens": 100,
                "cache_creation_input_tokens": 1000,
            },
            Usage(1110, 5, 1115, 100, cache_write_tokens=1000),
            id="Anthropic: input_tokens leaves out what a cache read and wrote",
        ),
        pytest.param(
            {
                "input_tokens": 10,
                "output_tokens": 5,
                "cache_read_input_tokens": 0,
                "cache_creation_input_tokens": 0,
            },
            Usage(10, 5, 15, 0, cache_write_tokens=0),
            id="Anthropic, no cache",
        ),
        pytest.param(
            {"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": None},
            Usage(10, 5, 15),
            id="Anthropic, cache unknown",
        ),
        pytest.param(
            {**OPENAI, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 3},
            Usage(10, 5, 15, 4, 3, cache_write_tokens=3),
            id="Anthropic behind OpenAI's names: prompt_tokens has them already",
        ),
        pytest.param(
            {**OPENAI, "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2}},
            Usage(10, 5, 15, 4, 3, cache_write_tokens=2),
            id="OpenRouter: written to a cache",
        ),
        pytest.param(
            {**OPENAI, "prompt_tokens_details": {"cached_tokens": 4, "cache_creation_tokens": 2}},
            Usage(10, 5, 15, 4, 3, cache_write_tokens=2),
            id="created in a cache",
        ),
        pytest.param(
            {"prompt_tokens": 1, "completion_tokens": 2, "reasoning_tokens": 2}, Usage(1, 2, 3, None, 2), id="flat"
        ),
        pytest.param({"prompt_tokens": 10}, Usage(10), id="prompt only: the rest is unknown"),
        pytest.param({"completion_tokens": 5}, Usage(None, 5), id="completion only: the rest is unknown"),
        pytest.param({"prompt_tokens": 10.0, "completion_tokens": 5.0}, Usage(10, 5, 15), id="floats"),
        pytest.param({"prompt_tokens": 10.5, "completion_tokens": 5}, Usage(None, 5), id="parts of tokens"),
        pytest.param({"prompt_tokens": -1, "completion_tokens": 5}, Usage(None, 5), id="negative"),
        pytest.param({"prompt_tokens": True, "completion_tokens": 5}, Usage(None, 5), id="boolean"),
        pytest.param({"prompt_tokens": "10", "completion_tokens": 5}, Usage(None, 5), id="string"),
        pytest.param({"prompt_tokens": float("inf"), "completion_tokens": 5}, Usage(None, 5), id="infinite"),
        pytest.param({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, Usage(0, 0, 0), id="zeros"),
        *[pytest.param(raw, None, id=repr(raw)) for raw in (None, {}, [], "x", 7, {"total_tokens": 3})],
    ],
)
def test_read(raw, usage):
    assert read_usage(raw, Quirks()) == usage


def test_reasoning_that_is_counted_apart():
    """xAI: completion_tokens leaves the reasoning out, total_tokens does not."""
    raw = {**OPENAI, "total_tokens": 18}
    assert read_usage(raw, Quirks(reasoning_apart=True)) == Usage(10, 8, 18, 4, 3)
    del raw["total_tokens"]
    assert read_usage(raw, Quirks(reasoning_apart=True)) == Usage(10, 8, 18, 4, 3)
    assert read_usage({"prompt_tokens": 1, "completion_tokens": 2}, Quirks(reasoning_apart=True)) == Usage(1, 2, 3)


@pytest.mark.parametrize(
    ("path", "units", "told", "cost"),
    [
        ("cost", 1, {"cost": 0.25}, 0.25),
        ("cost", 1, {"cost": 0}, 0.0),
        ("cost", 1, {}, None),
        ("cost", 1, {"cost": None}, None),
        ("cost", 1, {"cost": "0.25"}, None),
        ("cost", 1, {"cost": True}, None),
        ("cost", 1, {"cost": -1}, None),
        ("cost", 1, {"cost": float("nan")}, None),
        ("cost", 1, {"cost": float("inf")}, None),
        ("cost", 1, {"cost": 10**400}, None),
        ("cost.usd", 1, {"cost": {"usd": 0.25}}, 0.25),
        ("cost.usd", 1, {"cost": 0.25}, None),
        ("cost_in_ticks", 1e10, {"cost_in_ticks": 5e9}, 0.5),
        ("", 1, {"cost": 0.25}, None),
    ],
)
def test_what_was_billed(path, units, told, cost):
    usage = read_usage({**OPENAI, **told}, Quirks(cost=path, cost_units_per_usd=units))
    assert usage is not None
    assert usage.cost == cost


def test_shown_as_json():
    usage = Usage(10, 5, 15, None, 3, 0.25)
    counts = {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 15,
        "cached_tokens": None,
        "reasoning_tokens": 3,
        "cache_write_tokens": None,
    }
    assert usage.counts() == counts
    assert usage.as_dict() == {"type": "usage", **counts}


numbers = st.integers() | st.floats() | st.booleans() | st.none() | st.just(10**400)
NAMES = ["prompt_tokens", "completion_tokens", "total_tokens", "reasoning_tokens", "cached_tokens", "cost"]
NAMES += ["input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"]
NAMES += ["cache_write_tokens"]
tables = st.dictionaries(st.sampled_from(NAMES), numbers)


@given(tables, tables, st.booleans())
def test_any_numbers(raw, details, apart):
    raw = {**raw, "completion_tokens_details": details, "prompt_tokens_details": details}
    usage = read_usage(raw, Quirks(reasoning_apart=apart, cost="cost"))
    if usage is not None:
        assert all(count is None or count >= 0 for count in usage.counts().values())
        json.dumps([usage.as_dict(), usage.cost], allow_nan=False)


def test_a_sum_knows_what_all_parts_know():
    one, two = Usage(1, 2, 3, 4, None, 0.5), Usage(10, 20, 30, None, None, 0.25)
    assert sum_usage([one, two]) == Usage(11, 22, 33, None, None, 0.75)
    assert sum_usage([one]) == one
    assert sum_usage([one, None]) is None
    assert sum_usage([]) is None
