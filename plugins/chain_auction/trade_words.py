"""How people call a trade. Its id has up to 78 digits; nobody reads those.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable

from .announcements import moment
from .book import Book, BookTrade
from .coin import coin
from .explain import kwh


def in_words(trade: BookTrade, name_of: Callable[[str], str]) -> str:
    """Return seller, buyer, energy and round, such as `House 2 → House 1, 1.5 kWh, round 12`."""
    seller, buyer = name_of(trade.seller), name_of(trade.buyer)
    return f"{seller} → {buyer}, {kwh(trade.qty_wh)}, round {trade.round}"


def shortened(address: str) -> str:
    """Return an address as wallets show it, such as `0x7099…79C8`."""
    return f"{address[:6]}…{address[-4:]}" if len(address) > 12 else address


def unproven(book: Book, trade: BookTrade, reason: str) -> str:
    """Return why a trade cannot be settled, when it expires, and what that costs whom."""
    deposit_wei = book.orders[trade.ask_id].escrow_wei(trade.qty_wh)
    lost_wei = min(deposit_wei, trade.price_wei_per_kwh * trade.qty_wh // 1000)
    when = (
        f" at {moment(trade.deadline):%Y-%m-%d %H:%M:%S} UTC" if trade.deadline is not None else ""
    )
    return (
        f"{reason}. It expires{when}: the seller loses its deposit of {coin(lost_wei)} to the "
        f"buyer, who gets the payment back"
    )
