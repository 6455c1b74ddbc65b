"""What travels on the bus about the market: its events, as the contract tells them, and its state.

Prices are wei per kWh and amounts are wei, energy is Wh: always integers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from hub.messages import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketEvent(Message):
    """Base of what happened on the market; mirrors an event of the contract.

    `market` is the plugin instance. `block` is 0 and `tx` empty where no chain is behind it.
    `confirmations` counts blocks on top, the event's own included.
    """

    market: str
    at: datetime
    block: int = 0
    tx: str = ""
    confirmations: int = 0
    cause: str | None = None

    name: ClassVar[str] = ""

    @property
    def topic(self) -> str:
        return f"market/{self.market}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPlaced(MarketEvent):
    """A bid or an ask entered the book."""

    order_id: int
    trader: str
    is_bid: bool
    price_wei_per_kwh: int
    qty_wh: int
    expiry: datetime
    name: ClassVar[str] = "order_placed"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCancelled(MarketEvent):
    """An order left the book: by its owner, by the owner of the market, or by expiry."""

    order_id: int
    trader: str
    reason: str = ""
    name: ClassVar[str] = "order_cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCleared(MarketEvent):
    """A round of the auction ended at one price."""

    round: int
    mcp_wei_per_kwh: int
    qty_wh: int
    trades: int
    name: ClassVar[str] = "batch_cleared"


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeMatched(MarketEvent):
    """A bid was matched with an ask."""

    trade_id: int
    bid_id: int
    ask_id: int
    buyer: str
    seller: str
    qty_wh: int
    price_wei_per_kwh: int
    name: ClassVar[str] = "trade_matched"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryScheduled(MarketEvent):
    """A trade is to be delivered from `start` to `end`; `buyer` and `seller` are house ids where
    the wallet belongs to a house of `hub.yaml`, else wallet addresses.
    """

    trade_id: int
    buyer: str
    seller: str
    qty_wh: int
    start: datetime
    end: datetime
    name: ClassVar[str] = "delivery_scheduled"


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeSettled(MarketEvent):
    """A trade was settled on the evidence of the meters."""

    trade_id: int
    buyer: str
    seller: str
    qty_wh: int
    delivered_wh: int
    received_wh: int
    paid_wei: int
    price_wei_per_kwh: int
    name: ClassVar[str] = "trade_settled"


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeExpired(MarketEvent):
    """A trade was not settled in time; `penalised` is the side at fault."""

    trade_id: int
    penalised: str
    name: ClassVar[str] = "trade_expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class PenaltyApplied(MarketEvent):
    """A deposit was slashed."""

    trader: str
    amount_wei: int
    name: ClassVar[str] = "penalty_applied"


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketStatus(MarketEvent):
    """The market's own condition: paused or not, the chain behind it, its last block."""

    chain_id: int
    paused: bool
    contract: str
    embedded: bool
    problem: str | None = None
    name: ClassVar[str] = "status"
    conflated: ClassVar[bool] = True
