"""Amounts of money say something, however small they are."""

from __future__ import annotations

import pytest

from llmctl.core.money import dollars


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "$0.00"),
        (1234.5, "$1,234.50"),
        (0.1, "$0.10"),
        (0.0123, "$0.0123"),
        (2e-5, "$0.00002"),
        (3e-8, "under $0.000001"),
    ],
)
def test_dollars(amount, text):
    assert dollars(amount) == text
