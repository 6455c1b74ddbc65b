"""The contract's refusals as sentences with figures.

Pure. Names and arguments are those of `IEnergyDoubleAuctionErrors`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from .coin import coin
from .explain import kwh, per_kwh
from .trade_ids import numbered

Figures = Mapping[str, Any]


def sentence(name: str, figures: Figures, unit: str = "ETH") -> str:
    """What a refusal means for the person who asked; an unknown one is named with its figures."""
    words = _SENTENCES.get(name)
    if words is not None:
        try:
            return words(figures, unit)
        except KeyError:
            pass  # an argument is named otherwise in this build: fall back to name and figures
    told = ", ".join(f"{key} {value}" for key, value in figures.items())
    return f"the market refused: {name}" + (f" ({told})" if told else "")


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


_SENTENCES: Mapping[str, Callable[[Figures, str], str]] = {
    "PriceOffTick": lambda f, u: (
        f"the price {per_kwh(f['price'], u)} is not a whole number of price ticks "
        f"of {per_kwh(f['priceTick'], u)}"
    ),
    "PriceOutOfRange": lambda f, u: (
        f"the price {per_kwh(f['price'], u)} lies outside "
        f"{per_kwh(f['lowest'], u)} to {per_kwh(f['highest'], u)}"
    ),
    "PriceOutsideCollar": lambda f, u: (
        f"the price {per_kwh(f['price'], u)} is too far from the last clearing price; "
        f"allowed now: {per_kwh(f['lowest'], u)} to {per_kwh(f['highest'], u)}"
    ),
    "QtyOffLot": lambda f, _: f"the quantity {kwh(f['qty'])} is not a multiple of {kwh(f['lot'])}",
    "QtyOutOfRange": lambda f, _: (
        f"the quantity {kwh(f['qty'])} lies outside {kwh(f['smallest'])} to {kwh(f['largest'])}"
    ),
    "OpenLimitReached": lambda f, _: (
        f"{kwh(f['open'])} are open already, on the book or in trades not settled yet; with "
        f"{kwh(f['asked'])} more it would be above the {kwh(f['limit'])} that one trader may have"
    ),
    "ExpiryOutOfRange": lambda f, _: (
        f"an order must expire between {_time(f['earliest'])} and {_time(f['latest'])}, "
        f"not at {_time(f['expiry'])}"
    ),
    "StrikeLimitReached": lambda f, _: (
        f"{f['trader']} has failed {f['strikes']} trades and may place no more orders "
        f"(limit {f['limit']})"
    ),
    "InsufficientBalance": lambda f, u: (
        f"the order needs {coin(f['needed'], u)} in escrow, {coin(f['available'], u)} is there"
    ),
    "UnknownOrder": lambda f, _: f"there is no order {f['orderId']}",
    "NotOrderOwner": lambda f, _: f"order {f['orderId']} belongs to another trader",
    "OrderNotResting": lambda f, _: (
        f"order {f['orderId']} is not on the book any more (filled, cancelled or expired)"
    ),
    "OrderInOpenRound": lambda f, _: (
        f"order {f['orderId']} takes part in round {f['round']}, which is being cleared"
    ),
    "EnforcedPause": lambda _f, _u: "the market is paused: no orders and no matching for now",
    "NoMatchesAsked": lambda _f, _u: "a clearing must be allowed at least one match",
    "RoundIsOpen": lambda f, _: f"round {f['round']} is being cleared; try again after it",
    "UnknownTrade": lambda f, _: f"there is no {numbered(f['tradeId'])}",
    "TradeNotPending": lambda f, _: f"the {numbered(f['tradeId'])} is settled or expired already",
    "RoundNotCleared": lambda f, _: f"round {f['round']} is still being cleared",
    "DeadlinePassed": lambda f, _: (
        f"the {numbered(f['tradeId'])} had to be settled by {_time(f['deadline'])}"
    ),
    "DeadlineNotReached": lambda f, _: (
        f"the {numbered(f['tradeId'])} can still be settled until {_time(f['deadline'])}"
    ),
    "WindowOutOfRange": lambda f, _: (
        f"the delivery window {_time(f['start'])} to {_time(f['end'])} does not lie within "
        f"{_time(f['earliest'])} to {_time(f['latest'])}"
    ),
    "SignerNotAuthorized": lambda f, _: (
        f"{f['signer']} is not registered with the contract as an oracle or meter"
    ),
    "SequenceUsed": lambda f, _: f"the report {f['sequence']} was used already",
    "OwnableUnauthorizedAccount": lambda f, _: f"only the owner may do that, not {f['account']}",
    "NativeTransferFailed": lambda f, u: (
        f"{f['to']} did not accept the payment of {coin(f['amount'], u)}"
    ),
}
