"""What the reference keeps: rules, orders, trades, a planned round, a penalty.

Units: Wh, wei per kWh, wei, seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction


class Refusal(Exception):
    """The rules say no; the names are the errors that fit."""

    def __init__(self, *names: str) -> None:
        super().__init__(" or ".join(names))
        self.names = names


class Status(IntEnum):
    """OrderStatus of the interface."""

    NONE = 0
    RESTING = 1
    FILLED = 2
    CLOSED = 3


class TradeState(IntEnum):
    """TradeStatus of the interface."""

    PENDING = 0
    SETTLED = 1
    SHORT = 2
    EXPIRED = 3


class Which(IntEnum):
    """Which trades an operation picks from."""

    ANY = 0
    PENDING = 1
    IN_TIME = 2
    LATE = 3


@dataclass
class Rules:
    """Params of the interface."""

    min_qty: int = 100
    order_ttl: int = 7 * 86_400
    settlement_ttl: int = 3_600
    deposit_rate: int = 100
    max_slippage: int = 0
    pay_as_bid: bool = False
    strike_limit: int = 0
    max_open: int = 0


@dataclass
class Order:
    """An order from placement to its end."""

    id: int
    trader: str
    is_bid: bool
    price: int
    qty: int
    expiry: int
    rate: int
    rest: int
    closed: bool = False

    @property
    def status(self) -> Status:
        if self.closed:
            return Status.CLOSED
        return Status.RESTING if self.rest else Status.FILLED

    def deposit(self, qty: int) -> Fraction:
        return Fraction(self.price * qty * self.rate, 1000 * 1000)

    def escrow(self, qty: int) -> Fraction:
        return Fraction(self.escrow_millionths(qty), 1_000_000)

    def escrow_millionths(self, qty: int) -> int:
        """Deposit and, of a bid, payment, in millionths of a wei: adding fractions is slow."""
        return self.price * qty * (self.rate + 1000 * self.is_bid)


@dataclass
class Trade:
    """One pair of a round."""

    id: int
    bid: Order
    ask: Order
    qty: int
    price: int
    cleared_at: int
    deadline: int
    state: TradeState = TradeState.PENDING
    posted: int | None = None
    requeued: bool = False

    @property
    def ended_as(self) -> list[str]:
        """What touching a finished trade is refused with.

        A trade whose failed quantity went back on the book may have been forgotten.
        """
        return ["TradeNotPending"] + ["UnknownTrade"] * self.requeued


@dataclass
class Plan:
    """A round as it will come out, fixed at its first call."""

    number: int
    snapshot: int
    at: int
    pay_as_bid: bool
    settlement_ttl: int
    pairs: list[tuple[Order, Order, int]]
    self_crossed: set[int]
    done: int = 0

    def price_of_pair(self, pair: int) -> int:
        bid, ask, _ = self.pairs[pair]
        return (bid.price + ask.price) // 2


@dataclass
class Penalty:
    """What a failed part of a trade did."""

    trader: str
    amount: int
    requeued: Order | None
    qty: int
