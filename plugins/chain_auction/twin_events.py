"""What the market says and refuses, in the words of the contract's interface.

Field for field the events of `IEnergyDoubleAuction`, in Python's spelling; times are
seconds since the epoch, quantities Wh, prices wei per kWh, amounts wei.
"""

from __future__ import annotations

from dataclasses import dataclass

from .clearing import PricingMode


class Refused(Exception):
    """The market said no; `name` is the contract's error, `figures` its arguments."""

    def __init__(self, name: str, /, **figures: int | str) -> None:
        told = ", ".join(f"{key} {value}" for key, value in figures.items())
        super().__init__(f"{name}: {told}" if told else name)
        self.name = name
        self.figures = figures


@dataclass(frozen=True, slots=True)
class OrderPlaced:
    """A new order rests on the book."""

    order_id: int
    trader: str
    is_bid: bool
    price_wei_per_kwh: int
    qty_wh: int
    expiry: int


@dataclass(frozen=True, slots=True)
class OrderCancelled:
    """What rested of an order was taken off and refunded, for whatever reason."""

    order_id: int


@dataclass(frozen=True, slots=True)
class OrderRequeued:
    """Part of a failed trade went back on the book under its own id."""

    order_id: int
    qty_wh: int


@dataclass(frozen=True, slots=True)
class TradeMatched:
    """A bid met an ask; the price is the one the trade settles at."""

    trade_id: int
    bid_id: int
    ask_id: int
    qty_wh: int
    price_wei_per_kwh: int


@dataclass(frozen=True, slots=True)
class RoundCleared:
    """A round is over; `deadline` is the last second to settle its trades."""

    round: int
    mcp_wei_per_kwh: int
    marginal_bid_wei_per_kwh: int
    marginal_ask_wei_per_kwh: int
    qty_wh: int
    deadline: int
    mode: PricingMode


@dataclass(frozen=True, slots=True)
class DeliveryPosted:
    """The seller's delivery is attested, the receipt still missing."""

    trade_id: int
    delivered_wh: int


@dataclass(frozen=True, slots=True)
class TradeSettled:
    """So much was delivered, received and paid."""

    trade_id: int
    qty_wh: int
    price_wei_per_kwh: int


@dataclass(frozen=True, slots=True)
class TradeExpired:
    """No full evidence by the deadline; `penalized` is the side at fault."""

    trade_id: int
    penalized: str


@dataclass(frozen=True, slots=True)
class PenaltyApplied:
    """So much of a trader's deposit went to the other side; one strike was added."""

    trader: str
    amount_wei: int


@dataclass(frozen=True, slots=True)
class MarketPaused:
    """Placing and matching stopped, or began again."""

    paused: bool


@dataclass(frozen=True, slots=True)
class Deposited:
    """Money came in."""

    trader: str
    amount_wei: int


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Money went out; on chain the transfer itself is the record of it."""

    trader: str
    amount_wei: int


MarketEvent = (
    OrderPlaced
    | OrderCancelled
    | OrderRequeued
    | TradeMatched
    | RoundCleared
    | DeliveryPosted
    | TradeSettled
    | TradeExpired
    | PenaltyApplied
    | MarketPaused
    | Deposited
    | Withdrawn
)
