"""The market as its events tell it: orders, trades, strikes.

A fold over events, so after a reorganisation it is simply folded anew. Pure. Prices are wei per
kWh, quantities Wh, times seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .clearing import Order, PricingMode
from .events import Entry
from .twin_events import (
    MarketPaused,
    OrderCancelled,
    OrderPlaced,
    OrderRequeued,
    PenaltyApplied,
    RoundCleared,
    TradeExpired,
    TradeMatched,
    TradeSettled,
)


@dataclass(slots=True)
class BookOrder:
    """An order and what is left of it."""

    id: int
    trader: str
    is_bid: bool
    price_wei_per_kwh: int
    qty_wh: int
    expiry: int
    resting_wh: int
    deposit_permille: int
    closed: bool = False

    def state(self, now: int) -> str:
        """`open`, `filled`, `expired` or `cancelled`."""
        if self.closed:
            return "cancelled" if self.expiry > now else "expired"
        if not self.resting_wh:
            return "filled"
        return "open" if self.expiry > now else "expired"

    def escrow_wei(self, qty_wh: int) -> int:
        """What the contract holds for a part of the order."""
        payment = self.price_wei_per_kwh * qty_wh // 1000 if self.is_bid else 0
        return payment + self.price_wei_per_kwh * qty_wh * self.deposit_permille // 1_000_000


@dataclass(slots=True)
class BookTrade:
    """A bid and an ask that met. `deadline` is None while its round is open."""

    id: int
    round: int
    bid_id: int
    ask_id: int
    buyer: str
    seller: str
    qty_wh: int
    price_wei_per_kwh: int
    matched_at: int
    block: int
    tx: str
    deadline: int | None = None
    state: str = "matched"
    paid_wh: int = 0

    @property
    def paid_wei(self) -> int:
        """What the seller got."""
        return self.price_wei_per_kwh * self.paid_wh // 1000


@dataclass(frozen=True, slots=True)
class FinishedRound:
    """A round with the book it was cleared on, so that it can be recomputed."""

    cleared: RoundCleared
    orders: tuple[Order, ...]
    opened_at: int
    trades: tuple[BookTrade, ...]


@dataclass(slots=True)
class _OpenRound:
    orders: tuple[Order, ...]
    opened_at: int
    trade_ids: list[int] = field(default_factory=list)


class Book:
    """All orders and trades of one market. `deposit_permille` is the rate for orders to come."""

    def __init__(self, deposit_permille: int) -> None:
        self.deposit_permille = deposit_permille
        self.orders: dict[int, BookOrder] = {}
        self.trades: dict[int, BookTrade] = {}
        self.strikes: dict[str, int] = {}
        self.last_mcp_wei_per_kwh = 0
        self.paused = False
        self.last_round: FinishedRound | None = None
        self._resting: dict[int, BookOrder] = {}
        self._pending: dict[int, BookTrade] = {}
        self._round: _OpenRound | None = None
        self._call: tuple[int, str] | None = None
        self._cancelled_in_call: list[Order] = []

    def apply(self, entry: Entry) -> FinishedRound | None:
        """Take one event in; returns the round it finished, if it did."""
        self._note_call((entry.block, entry.tx))
        match entry.event:
            case OrderPlaced():
                self._placed(entry.event)
            case OrderCancelled(order_id):
                self._cancelled(order_id)
            case OrderRequeued(order_id, qty_wh):
                self._rest(self.orders[order_id], qty_wh)
            case TradeMatched():
                self._matched(entry.event, entry)
            case RoundCleared():
                return self._cleared(entry.event)
            case TradeSettled(trade_id, qty_wh, price):
                self._close_trade(trade_id, "settled", qty_wh, price)
            case TradeExpired(trade_id, _):
                self._close_trade(trade_id, "expired", 0, None)
            case PenaltyApplied(trader, _):
                self.strikes[trader] = min(self.strikes.get(trader, 0) + 1, 255)
            case MarketPaused(paused):
                self.paused = paused
        return None  # money in and out does not change the book

    def _note_call(self, call: tuple[int, str]) -> None:
        """A clearing may cancel orders before its first pair: they belong to the book it found."""
        if call != self._call:
            self._call = call
            self._cancelled_in_call.clear()

    def apply_all(self, entries: Iterable[Entry]) -> None:
        """Take many events in."""
        for entry in entries:
            self.apply(entry)

    def resting(self) -> list[Order]:
        """What rests on the book, the expired included, as the clearing takes it."""
        return [_as_walked(order) for order in self._resting.values()]

    def live(self, now: int) -> list[Order]:
        """What rests on the book and has not expired."""
        return [order for order in self.resting() if order.expiry is None or order.expiry > now]

    def expired_ids(self, now: int) -> list[int]:
        """Orders past their expiry that still hold escrow."""
        return [o.id for o in self._resting.values() if o.expiry <= now]

    def crosses(self, now: int) -> bool:
        """Whether some live bid reaches some live ask of another trader."""
        live = self.live(now)
        bids = [o for o in live if o.is_bid]
        asks = [o for o in live if not o.is_bid]
        if not bids or not asks:
            return False
        best_bid = max(o.price_wei_per_kwh for o in bids)
        return best_bid >= min(o.price_wei_per_kwh for o in asks)

    @property
    def pending(self) -> list[BookTrade]:
        """Trades that are neither settled nor expired, oldest first."""
        return list(self._pending.values())

    @property
    def round_is_open(self) -> bool:
        """Whether a clearing goes on in another call."""
        return self._round is not None

    def escrow_wei(self, trader: str) -> int:
        """What the contract holds of a trader for orders and trades, apart from its balance."""
        total = sum(
            o.escrow_wei(o.resting_wh) for o in self._resting.values() if o.trader == trader
        )
        for trade in self._pending.values():
            for order_id in (trade.bid_id, trade.ask_id):
                order = self.orders[order_id]
                if order.trader == trader:
                    total += order.escrow_wei(trade.qty_wh)
        return total

    # -- single events --

    def _placed(self, event: OrderPlaced) -> None:
        order = BookOrder(
            event.order_id, event.trader, event.is_bid, event.price_wei_per_kwh, event.qty_wh,
            event.expiry, 0, self.deposit_permille,
        )  # fmt: skip
        self.orders[order.id] = order
        self._rest(order, event.qty_wh)

    def _rest(self, order: BookOrder, qty_wh: int) -> None:
        order.resting_wh += qty_wh
        if order.resting_wh > 0:
            self._resting[order.id] = order
        else:
            self._resting.pop(order.id, None)

    def _cancelled(self, order_id: int) -> None:
        order = self.orders[order_id]
        if self._round is None and order.resting_wh:
            self._cancelled_in_call.append(_as_walked(order))
        order.closed = True
        self._rest(order, -order.resting_wh)

    def _matched(self, event: TradeMatched, entry: Entry) -> None:
        if self._round is None:
            found = (*self.resting(), *self._cancelled_in_call)
            self._round = _OpenRound(found, entry.at)
        bid, ask = self.orders[event.bid_id], self.orders[event.ask_id]
        trade = BookTrade(
            event.trade_id, event.trade_id >> 64, bid.id, ask.id, bid.trader, ask.trader,
            event.qty_wh, event.price_wei_per_kwh, entry.at, entry.block, entry.tx,
        )  # fmt: skip
        self.trades[trade.id] = self._pending[trade.id] = trade
        self._round.trade_ids.append(trade.id)
        self._rest(bid, -event.qty_wh)
        self._rest(ask, -event.qty_wh)

    def _cleared(self, event: RoundCleared) -> FinishedRound | None:
        open_round, self._round = self._round, None
        self.last_mcp_wei_per_kwh = event.mcp_wei_per_kwh
        if open_round is None:
            return None
        trades = tuple(self.trades[trade_id] for trade_id in open_round.trade_ids)
        for trade in trades:
            trade.deadline = event.deadline
            if event.mode is PricingMode.UNIFORM:
                trade.price_wei_per_kwh = event.mcp_wei_per_kwh
        self.last_round = FinishedRound(event, open_round.orders, open_round.opened_at, trades)
        return self.last_round

    def _close_trade(self, trade_id: int, state: str, paid_wh: int, price: int | None) -> None:
        trade = self._pending.pop(trade_id, None) or self.trades[trade_id]
        trade.state = state
        trade.paid_wh = paid_wh
        if price is not None:
            trade.price_wei_per_kwh = price


def _as_walked(order: BookOrder) -> Order:
    """An order as the clearing takes it."""
    return Order(
        order.id, order.is_bid, order.price_wei_per_kwh, order.resting_wh, order.trader,
        order.expiry,
    )  # fmt: skip
