"""Why an order was filled, or was not, in words with figures.

Pure: reads a finished `Clearing` and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from .clearing import Clearing, Order, PricingMode

WEI_PER_COIN = Decimal(10**18)


class Outcome(StrEnum):
    """What became of an order in one clearing."""

    FILLED = "filled"
    PARTLY_FILLED = "partly filled"
    PRICE_NOT_REACHED = "price not reached"
    OTHERS_FIRST = "others first"
    NO_COUNTERPART = "no counterpart"
    EXPIRED = "expired"
    SELF_CROSSED = "self-crossed"


@dataclass(frozen=True, slots=True)
class Explanation:
    """The outcome of one order and the sentence that says why."""

    order_id: int
    outcome: Outcome
    filled_wh: int
    text: str


def explain(clearing: Clearing, order_id: int, *, coin: str = "ETH") -> Explanation:
    """Say what a clearing did with one order and why.

    `coin` names 10**18 wei in the sentence. Raises KeyError for an order that was not
    in the book.
    """
    if order_id in clearing.expired:
        text = f"Order {order_id} had expired before the clearing."
        return Explanation(order_id, Outcome.EXPIRED, 0, text)
    order = next((o for o in clearing.bids + clearing.asks if o.id == order_id), None)
    if order is None:
        raise KeyError(f"order {order_id} was not in the book")
    filled_wh = clearing.filled_wh.get(order_id, 0)
    outcome, text = (_traded if filled_wh else _did_not_trade)(clearing, order, filled_wh, coin)
    return Explanation(order_id, outcome, filled_wh, text)


def _traded(clearing: Clearing, order: Order, filled_wh: int, coin: str) -> tuple[Outcome, str]:
    """An order with fills: all of it, or up to where the other side ended."""
    verb = "Bought" if order.is_bid else "Sold"
    price = _price(clearing, order, coin)
    if filled_wh == order.qty_wh:
        return Outcome.FILLED, f"{verb} {kwh(filled_wh)}, all of it, {price}."
    text = f"{verb} {kwh(filled_wh)} of {kwh(order.qty_wh)} {price}"
    if order.id in clearing.self_crossed:
        return Outcome.SELF_CROSSED, f"{text}. " + _met_its_own(order, order.qty_wh - filled_wh)
    text += ": " + _who_came_first(clearing, order, coin)
    return Outcome.PARTLY_FILLED, text + " The rest stays on the book until it expires."


def _did_not_trade(
    clearing: Clearing, order: Order, _filled_wh: int, coin: str
) -> tuple[Outcome, str]:
    """An order without fills: no counterpart, wrong price, or behind others."""
    own, other = ("bid", "ask") if order.is_bid else ("ask", "bid")
    opposite = _opposite(clearing, order)
    if order.id in clearing.self_crossed:
        return Outcome.SELF_CROSSED, _met_its_own(order, order.qty_wh)
    if not opposite:
        return Outcome.NO_COUNTERPART, f"There was no {other} in the book to meet."
    best = opposite[0].price_wei_per_kwh
    if _reaches(order, best):
        return Outcome.OTHERS_FIRST, _who_came_first(clearing, order, coin)
    extreme = "lowest" if order.is_bid else "highest"
    missing = per_kwh(abs(best - order.price_wei_per_kwh), coin)
    text = (
        f"Your {own} of {per_kwh(order.price_wei_per_kwh, coin)} does not reach the "
        f"{extreme} {other} of {per_kwh(best, coin)}; {missing} are missing."
    )
    return Outcome.PRICE_NOT_REACHED, text


def _met_its_own(order: Order, left_wh: int) -> str:
    """What rule 5 of the clearing did with an order."""
    own, other = ("bid", "ask") if order.is_bid else ("ask", "bid")
    return (
        f"Your {own} met an older {other} of your own, and nobody trades with themselves, so "
        f"the later order left the book with the {kwh(left_wh)} it still had."
    )


def kwh(qty_wh: int) -> str:
    """Wh as kWh, exactly: 2500 is `2.5 kWh`."""
    return f"{_plain(Decimal(qty_wh) / 1000)} kWh"


def per_kwh(price_wei_per_kwh: int, coin: str) -> str:
    """Wei per kWh as coin per kWh, exactly."""
    return f"{_plain(Decimal(price_wei_per_kwh) / WEI_PER_COIN)} {coin}/kWh"


def _plain(number: Decimal) -> str:
    """A decimal without exponent and without trailing zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _price(clearing: Clearing, order: Order, coin: str) -> str:
    """At which price an order with fills traded, against its own limit."""
    if clearing.mode is PricingMode.PAY_AS_BID:
        prices = sorted(
            f.price_wei_per_kwh for f in clearing.fills if order.id in (f.bid_id, f.ask_id)
        )
        low, high = per_kwh(prices[0], coin), per_kwh(prices[-1], coin)
        return f"at {low}" if low == high else f"at {low} to {high}"
    mcp = clearing.mcp_wei_per_kwh
    assert mcp is not None, "an order with fills implies a price"
    better = abs(order.price_wei_per_kwh - mcp)
    against = f"{per_kwh(better, coin)} better than your limit" if better else "your limit"
    return f"at {per_kwh(mcp, coin)}, {against}"


def _reaches(order: Order, price_wei_per_kwh: int) -> bool:
    """Whether an order's limit accepts a price of the other side."""
    limit = order.price_wei_per_kwh
    return limit >= price_wei_per_kwh if order.is_bid else limit <= price_wei_per_kwh


def _who_came_first(clearing: Clearing, order: Order, coin: str) -> str:
    """Where the quantity went that an order could have had."""
    own_side = clearing.bids if order.is_bid else clearing.asks
    opposite = _opposite(clearing, order)
    own, other = ("bid", "ask") if order.is_bid else ("ask", "bid")
    within_wh = _filled(clearing, [o for o in opposite if _reaches(order, o.price_wei_per_kwh)])
    ahead = own_side[: own_side.index(order)]
    limit = order.price_wei_per_kwh
    by_price_wh = _filled(clearing, [o for o in ahead if o.price_wei_per_kwh != limit])
    by_time_wh = _filled(clearing, [o for o in ahead if o.price_wei_per_kwh == limit])
    side, better = ("below", "higher") if order.is_bid else ("above", "lower")
    text = f"{kwh(within_wh)} of {other}s were at or {side} your limit"
    if by_price_wh or by_time_wh:
        parts = []
        if by_price_wh:
            parts.append(f"{kwh(by_price_wh)} to {own}s with a {better} price")
        if by_time_wh:
            parts.append(f"{kwh(by_time_wh)} to earlier {own}s at the same price")
        text += f"; {' and '.join(parts)} went first"
    beyond = [o.price_wei_per_kwh for o in opposite if not _reaches(order, o.price_wei_per_kwh)]
    if beyond:
        text += f"; the next {other} is at {per_kwh(beyond[0], coin)}"
    return text + "."


def _opposite(clearing: Clearing, order: Order) -> list[Order]:
    """The other side, without what left it untouched because it met its own trader."""
    side = clearing.asks if order.is_bid else clearing.bids
    return [o for o in side if o.id in clearing.filled_wh or o.id not in clearing.self_crossed]


def _filled(clearing: Clearing, orders: Sequence[Order]) -> int:
    return sum(clearing.filled_wh.get(o.id, 0) for o in orders)
