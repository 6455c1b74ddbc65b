"""What the market's twin keeps: its rules, its orders, its trades.

Quantities Wh, prices wei per kWh, amounts wei, times seconds since the epoch.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .clearing import PricingMode
from .twin_events import Refused

MAX_TICK = 2**24 - 1
"""The highest price, in ticks."""
MAX_OPEN_LOTS = 2**24 - 1
"""What one trader may have open, and so the largest order."""
MAX_STRIKES = 255
"""Counting stops here."""


class TradeStatus(StrEnum):
    """The life of a trade; it leaves PENDING once."""

    PENDING = "pending"
    SETTLED = "settled"
    SHORT = "short"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Params:
    """The settable rules; a change never alters an order, a trade or a round that exists."""

    min_qty_wh: int = 100
    order_ttl_s: int = 7 * 86_400
    settlement_ttl_s: int = 86_400
    deposit_rate_permille: int = 100
    max_slippage_bp: int = 0
    """Basis points around the last MCP that a new order's price may lie in; 0: anywhere."""
    mode: PricingMode = PricingMode.UNIFORM
    strike_limit: int = 0
    """An account with this many strikes places no more orders; 0: no limit."""
    max_open_wh: int = 0
    """What one trader may have open, resting or in pending trades, to place; 0: no limit."""

    def check(self, lot_wh: int) -> None:
        """Refuse rules outside the contract's bounds."""
        most_wh = MAX_OPEN_LOTS * lot_wh
        for name, value, low, high in (
            ("minQty", self.min_qty_wh, lot_wh, 1_000_000 * lot_wh),
            ("orderTTL", self.order_ttl_s, 60, 30 * 86_400),
            ("settlementTTL", self.settlement_ttl_s, 60, 30 * 86_400),
            ("depositRate", self.deposit_rate_permille, 0, 1_000),
            ("maxSlippage", self.max_slippage_bp, 0, 10_000),
            ("strikeLimit", self.strike_limit, 0, MAX_STRIKES),
            ("maxOpen", self.max_open_wh or most_wh, self.min_qty_wh, most_wh),
        ):
            if not low <= value <= high:
                raise Refused("ParamOutOfRange", name=name, value=value, lowest=low, highest=high)


@dataclass(slots=True)
class BookedOrder:
    """An order and what became of it."""

    id: int
    trader: str
    is_bid: bool
    price_wei_per_kwh: int
    qty_wh: int
    expiry: int
    deposit_permille: int
    resting_wh: int
    closed: bool = False

    def escrow_wei(self, qty_wh: int) -> int:
        """What the market holds for a part of the order: a bid's payment, and the deposit."""
        payment = self.price_wei_per_kwh * qty_wh // 1000 if self.is_bid else 0
        return payment + self.deposit_wei(qty_wh)

    def deposit_wei(self, qty_wh: int) -> int:
        """The collateral for a part of the order."""
        return self.price_wei_per_kwh * qty_wh * self.deposit_permille // 1_000_000

    @property
    def key(self) -> tuple[int, int]:
        """Place in the queue of its side: best price first, then the older."""
        sign = -1 if self.is_bid else 1
        return sign * self.price_wei_per_kwh, self.id


@dataclass(slots=True)
class Trade:
    """A bid and an ask that met."""

    id: int
    round: int
    bid: BookedOrder
    ask: BookedOrder
    qty_wh: int
    price_wei_per_kwh: int
    cleared_at: int
    deadline: int
    status: TradeStatus = TradeStatus.PENDING
    delivered_wh: int | None = None
    """A delivery posted without its receipt."""
