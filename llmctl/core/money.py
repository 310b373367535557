"""Amounts of money, for people."""

from __future__ import annotations


def dollars(amount: float) -> str:
    """As much of it as says something: $0.0123, $0.10, $1.50."""
    if amount >= 0.995 or amount == 0:
        return f"${amount:,.2f}"
    text = f"{amount:.6f}".rstrip("0")
    return f"${text:0<4}" if text != "0." else "under $0.000001"
