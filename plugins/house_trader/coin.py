"""Prices in hub.yaml: coin per kWh as exact decimal text, wei per kWh inside."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

WEI = 10**18


def wei_per_kwh(text: str) -> int:
    """A price such as `0.00015` as wei. ValueError if it is none, negative, or below a wei."""
    try:
        amount = Decimal(text) * WEI
    except InvalidOperation:
        raise ValueError(f"expected a price such as 0.00015 (coin per kWh), got {text!r}") from None
    if not amount.is_finite() or amount <= 0 or amount != amount.to_integral_value():
        raise ValueError(f"expected a price above 0 in whole wei, got {text!r}")
    return int(amount)
