"""What an answer cost."""

from __future__ import annotations

import pytest

from llmctl.core.cost import cost_of
from llmctl.core.events import Usage

PRICE = {"input": 0.3, "output": 1.2}


@pytest.mark.parametrize(
    ("usage", "price", "cost"),
    [
        pytest.param(Usage(1_000_000, 1_000_000), PRICE, 1.5, id="a million of each"),
        pytest.param(Usage(10, 5), PRICE, 9e-6, id="small numbers, without rounding dust"),
        pytest.param(Usage(0, 0), PRICE, 0.0, id="nothing"),
        pytest.param(Usage(1_000_000, None), PRICE, 0.3, id="no completion: embeddings"),
        pytest.param(Usage(1_000_000, 0), {"input": 0.3}, 0.3, id="no output price needed"),
        pytest.param(Usage(1_000_000, 5), {"input": 0.3}, None, id="output price missing"),
        pytest.param(Usage(1, 1), {"output": 0.3}, None, id="input price missing"),
        pytest.param(Usage(None, 5), PRICE, None, id="prompt unknown"),
        pytest.param(Usage(1, 1), None, None, id="no price"),
        pytest.param(Usage(1, 1), {}, None, id="empty price"),
        pytest.param(Usage(1_000_000, 0, None, 500_000), PRICE, 0.3, id="cached tokens at the usual price"),
        pytest.param(
            Usage(1_000_000, 0, None, 500_000),
            {**PRICE, "cached_input": 0.1},
            0.2,
            id="cached tokens at their own",
        ),
        pytest.param(
            Usage(1_000_000, 0, None, 9_000_000), {**PRICE, "cached_input": 0.1}, 0.1, id="more cached than asked"
        ),
        pytest.param(
            Usage(1_000_000, 0, cache_write_tokens=500_000),
            PRICE,
            0.3,
            id="tokens written to a cache at the usual price",
        ),
        pytest.param(
            Usage(1_000_000, 0, None, 250_000, cache_write_tokens=500_000),
            {**PRICE, "cached_input": 0.1, "cache_write": 0.6},
            0.4,
            id="tokens read, written and neither, each at their own",
        ),
        pytest.param(
            Usage(1_000_000, 0, None, 750_000, cache_write_tokens=9_000_000),
            {**PRICE, "cached_input": 0.1, "cache_write": 0.6},
            0.225,
            id="more written than asked",
        ),
        pytest.param(
            Usage(0, 1_000_000, reasoning_tokens=900_000), PRICE, 1.2, id="reasoning is a part of the completion"
        ),
        pytest.param(Usage(1_000_000, 1, None), {"input": 0, "output": 0}, 0.0, id="free"),
    ],
)
def test_cost(usage, price, cost):
    assert cost_of(usage, price) == cost
