"""Coin amounts for people: exact, never by float."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation, localcontext

WEI = 10**18
#: Enough digits for any 256-bit amount: the default context would round after 28.
_DIGITS = 100


def coin(amount_wei: int, unit: str = "ETH") -> str:
    """An amount of wei as coin, exactly and without trailing zeros."""
    with localcontext() as context:
        context.prec = _DIGITS
        text = f"{Decimal(amount_wei).scaleb(-18):f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return f"{text} {unit}"


def wei(text: str) -> int:
    """A decimal amount of coin as wei. ValueError if it is none, negative, or finer than a wei."""
    with localcontext() as context:
        context.prec = _DIGITS
        try:
            amount = Decimal(text) * WEI
        except InvalidOperation:
            raise ValueError(f"expected an amount such as 0.00015, got {text!r}") from None
    if not amount.is_finite() or amount < 0 or amount != amount.to_integral_value():
        raise ValueError(f"expected an amount of 0 or more in whole wei, got {text!r}")
    return int(amount)
