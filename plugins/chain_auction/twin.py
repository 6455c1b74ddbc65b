"""The contract's market in Python: orders, escrow, rounds, settlement, penalties.

It stands in for the chain in virtual time and says the same as `EnergyDoubleAuction`,
event by event, with three simplifications: a round is always cleared in one call, the
caller of `settle` has already checked who measured, and there are no gas and no keys.
Every amount is a whole number of wei and nothing is rounded but metered energy, which
counts in whole lots, rounded down.

Pure and deterministic: the clock is an argument (`now`, seconds since the epoch).
Raises `Refused` with the contract's own error name for what the contract would revert.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator

from .clearing import Order, PricingMode, midpoint, walk
from .twin_events import (
    DeliveryPosted,
    Deposited,
    MarketEvent,
    MarketPaused,
    OrderCancelled,
    OrderPlaced,
    OrderRequeued,
    PenaltyApplied,
    Refused,
    RoundCleared,
    TradeExpired,
    TradeMatched,
    TradeSettled,
    Withdrawn,
)
from .twin_records import (
    MAX_OPEN_LOTS,
    MAX_STRIKES,
    MAX_TICK,
    BookedOrder,
    Params,
    Trade,
    TradeStatus,
)


class Market:
    """The whole market. Amounts wei, quantities Wh, prices wei per kWh."""

    def __init__(
        self, params: Params | None = None, *, price_tick: int = 10**12, lot_wh: int = 100
    ) -> None:
        if price_tick <= 0 or price_tick % 2 or price_tick * lot_wh % 1_000_000:
            raise Refused("UnitsNotExact", priceTick=price_tick, lot=lot_wh)
        self.price_tick = price_tick
        self.lot_wh = lot_wh
        self.params = params or Params(min_qty_wh=lot_wh)
        self.params.check(lot_wh)
        self.paused = False
        self.round = 1
        """Number of the next round to clear."""
        self.last_mcp_wei_per_kwh = 0
        self.orders: dict[int, BookedOrder] = {}
        self.trades: dict[int, Trade] = {}
        self.pending: dict[int, Trade] = {}
        """Trades that wait for their report, in the order they were matched."""
        self.balances: dict[str, int] = {}
        self.strikes: dict[str, int] = {}
        self.open_wh: dict[str, int] = {}
        """What each trader has on the book or in pending trades."""
        self._queues: tuple[list[tuple[int, int]], list[tuple[int, int]]] = ([], [])
        self._events: list[MarketEvent] = []

    def take_events(self) -> list[MarketEvent]:
        """Everything said since the last call, in order."""
        events, self._events = self._events, []
        return events

    # ---- money -------------------------------------------------------------------------

    def deposit(self, trader: str, amount_wei: int) -> None:
        """Add to a trader's balance."""
        self._check_amount(amount_wei)
        self._credit(trader, amount_wei)
        self._events.append(Deposited(trader, amount_wei))

    def withdraw(self, trader: str) -> int:
        """Pay a trader's whole balance out; returns the amount."""
        amount_wei = self.balances.pop(trader, 0)
        self._events.append(Withdrawn(trader, amount_wei))
        return amount_wei

    def held_wei(self) -> int:
        """All money in the market: balances, escrow of resting orders and of open trades."""
        resting = sum(
            order.escrow_wei(order.resting_wh) for order in self.orders.values() if order.resting_wh
        )
        pending = sum(
            trade.bid.escrow_wei(trade.qty_wh) + trade.ask.escrow_wei(trade.qty_wh)
            for trade in self.pending.values()
        )
        return sum(self.balances.values()) + resting + pending

    def _check_amount(self, amount_wei: int) -> None:
        unit = self.price_tick * self.lot_wh // 1_000_000
        if amount_wei < 0 or amount_wei % unit:
            raise Refused("AmountNotExact", amount=amount_wei, moneyUnit=unit)

    def _credit(self, trader: str, amount_wei: int) -> None:
        self.balances[trader] = self.balances.get(trader, 0) + amount_wei

    def _open(self, trader: str, qty_wh: int) -> None:
        self.open_wh[trader] = self.open_wh.get(trader, 0) + qty_wh

    # ---- orders ------------------------------------------------------------------------

    def place(
        self,
        trader: str,
        *,
        is_bid: bool,
        price_wei_per_kwh: int,
        qty_wh: int,
        expiry: int,
        now: int,
        value_wei: int = 0,
        max_slippage_bp: int = 0,
    ) -> int:
        """Put an order on the book; its escrow comes from `value_wei` and the balance."""
        self._refuse_if_paused()
        self._check_price(price_wei_per_kwh, max_slippage_bp)
        self._check_qty(trader, qty_wh)
        latest = now + self.params.order_ttl_s
        if not now < expiry <= latest:
            raise Refused("ExpiryOutOfRange", expiry=expiry, earliest=now + 1, latest=latest)
        limit = self.params.strike_limit
        strikes = self.strikes.get(trader, 0)
        if limit and strikes >= limit:
            raise Refused("StrikeLimitReached", trader=trader, strikes=strikes, limit=limit)
        order = BookedOrder(
            id=len(self.orders) + 1,
            trader=trader,
            is_bid=is_bid,
            price_wei_per_kwh=price_wei_per_kwh,
            qty_wh=qty_wh,
            expiry=expiry,
            deposit_permille=self.params.deposit_rate_permille,
            resting_wh=qty_wh,
        )
        self._check_amount(value_wei)
        needed = order.escrow_wei(qty_wh)
        available = self.balances.get(trader, 0) + value_wei
        if available < needed:
            raise Refused("InsufficientBalance", needed=needed, available=available)
        if value_wei:
            self.deposit(trader, value_wei)
        self._credit(trader, -needed)
        self._open(trader, qty_wh)
        self.orders[order.id] = order
        insort(self._queue(order), order.key)
        self._events.append(
            OrderPlaced(order.id, trader, is_bid, price_wei_per_kwh, qty_wh, expiry)
        )
        return order.id

    def escrow_for(self, *, is_bid: bool, price_wei_per_kwh: int, qty_wh: int) -> int:
        """What placing an order would take from the balance now."""
        rate = self.params.deposit_rate_permille
        return BookedOrder(0, "", is_bid, price_wei_per_kwh, qty_wh, 0, rate, qty_wh).escrow_wei(
            qty_wh
        )

    def cancel(self, order_id: int, trader: str) -> None:
        """Take the trader's own order off the book and refund what rests of it."""
        order = self._resting(order_id)
        if order.trader != trader:
            raise Refused("NotOrderOwner", orderId=order_id, caller=trader)
        self._close(order)

    def admin_cancel(self, order_id: int) -> None:
        """Take anyone's order off the book and refund its owner."""
        self._close(self._resting(order_id))

    def prune(self, order_ids: Iterable[int], now: int) -> int:
        """Take orders past their expiry off the book; the others are passed over."""
        pruned = 0
        for order_id in order_ids:
            order = self.orders.get(order_id)
            if order and order.resting_wh and order.expiry <= now:
                self._close(order)
                pruned += 1
        return pruned

    def book(self) -> list[Order]:
        """The resting orders, best first, bids before asks; the expired are among them."""
        return [
            _as_walked(self.orders[order_id]) for queue in self._queues for _, order_id in queue
        ]

    def set_params(self, params: Params) -> None:
        """Set the rules for what comes."""
        params.check(self.lot_wh)
        self.params = params

    def pause(self, *, paused: bool = True) -> None:
        """Stop placing and matching, nothing else; or let them go on."""
        self.paused = paused
        self._events.append(MarketPaused(paused))

    def _refuse_if_paused(self) -> None:
        if self.paused:
            raise Refused("EnforcedPause")

    def _check_price(self, price: int, max_slippage_bp: int) -> None:
        tick = self.price_tick
        if price % tick:
            raise Refused("PriceOffTick", price=price, priceTick=tick)
        if not tick <= price <= MAX_TICK * tick:
            raise Refused("PriceOutOfRange", price=price, lowest=tick, highest=MAX_TICK * tick)
        mcp = self.last_mcp_wei_per_kwh
        for collar_bp in (self.params.max_slippage_bp, max_slippage_bp):
            if collar_bp and abs(price - mcp) * 10_000 > mcp * collar_bp and mcp:
                away = mcp * collar_bp // 10_000
                raise Refused(
                    "PriceOutsideCollar", price=price, lowest=mcp - away, highest=mcp + away
                )

    def _check_qty(self, trader: str, qty_wh: int) -> None:
        smallest, largest = self.params.min_qty_wh, MAX_OPEN_LOTS * self.lot_wh
        if qty_wh % self.lot_wh:
            raise Refused("QtyOffLot", qty=qty_wh, lot=self.lot_wh)
        if not smallest <= qty_wh <= largest:
            raise Refused("QtyOutOfRange", qty=qty_wh, smallest=smallest, largest=largest)
        open_wh, limit = self.open_wh.get(trader, 0), self.params.max_open_wh or largest
        if open_wh + qty_wh > limit:
            raise Refused("OpenLimitReached", open=open_wh, asked=qty_wh, limit=limit)

    def _queue(self, order: BookedOrder) -> list[tuple[int, int]]:
        return self._queues[0 if order.is_bid else 1]

    def _resting(self, order_id: int) -> BookedOrder:
        order = self.orders.get(order_id)
        if order is None:
            raise Refused("UnknownOrder", orderId=order_id)
        if not order.resting_wh:
            raise Refused("OrderNotResting", orderId=order_id)
        return order

    def _close(self, order: BookedOrder) -> None:
        """Refund what rests of an order and take it off its queue."""
        queue = self._queue(order)
        del queue[bisect_left(queue, order.key)]
        self._credit(order.trader, order.escrow_wei(order.resting_wh))
        self._open(order.trader, -order.resting_wh)
        order.resting_wh = 0
        order.closed = True
        self._events.append(OrderCancelled(order.id))

    # ---- rounds ------------------------------------------------------------------------

    def match_orders(self, now: int) -> tuple[int, int]:
        """Clear the book; returns the number of pairs and the MCP, 0 if nothing met."""
        self._refuse_if_paused()
        pairs, marginal, _, self_crossed = walk(self._heads(0, now), self._heads(1, now))
        for bid_id, ask_id, qty_wh in pairs:
            self.orders[bid_id].resting_wh -= qty_wh
            self.orders[ask_id].resting_wh -= qty_wh
        for order_id in self_crossed:
            self._close(self.orders[order_id])
        self._drop_filled_heads()
        if marginal is None:
            return 0, 0
        self._open_trades(
            pairs, (marginal[0].price_wei_per_kwh, marginal[1].price_wei_per_kwh), now
        )
        return len(pairs), self.last_mcp_wei_per_kwh

    def _heads(self, side: int, now: int) -> Iterator[Order]:
        """One side of the book from the best order on; what has expired is closed when met."""
        for _, order_id in list(self._queues[side]):
            order = self.orders[order_id]
            if order.expiry <= now:
                self._close(order)
            else:
                yield _as_walked(order)

    def _drop_filled_heads(self) -> None:
        for queue in self._queues:
            filled = 0
            while filled < len(queue) and not self.orders[queue[filled][1]].resting_wh:
                filled += 1
            del queue[:filled]

    def _open_trades(
        self, pairs: list[tuple[int, int, int]], marginal: tuple[int, int], now: int
    ) -> None:
        """Turn the pairs of a round into trades at its price and number the next round."""
        mode = self.params.mode
        mcp = midpoint(*marginal)
        deadline = now + self.params.settlement_ttl_s
        total_wh = 0
        for bid_id, ask_id, qty_wh in pairs:
            bid, ask = self.orders[bid_id], self.orders[ask_id]
            price = mcp if mode is PricingMode.UNIFORM else bid.price_wei_per_kwh
            trade_id = self.round << 64 | bid_id << 32 | ask_id
            trade = Trade(trade_id, self.round, bid, ask, qty_wh, price, now, deadline)
            self.trades[trade_id] = self.pending[trade_id] = trade
            self._events.append(TradeMatched(trade_id, bid_id, ask_id, qty_wh, price))
            total_wh += qty_wh
        self._events.append(RoundCleared(self.round, mcp, *marginal, total_wh, deadline, mode))
        self.last_mcp_wei_per_kwh = mcp
        self.round += 1

    # ---- settlement --------------------------------------------------------------------

    def settle(self, trade_id: int, delivered_wh: int, received_wh: int, now: int) -> int:
        """Close a trade on what was measured; returns the Wh paid for.

        What was not delivered is the seller's fault, what was delivered and not received
        the buyer's. Whole lots count.
        """
        trade = self._pending(trade_id)
        if now > trade.deadline:
            raise Refused("DeadlinePassed", tradeId=trade_id, deadline=trade.deadline)
        delivered_wh = self._whole_lots(min(delivered_wh, trade.qty_wh))
        received_wh = self._whole_lots(min(received_wh, delivered_wh))
        full = received_wh == trade.qty_wh
        self._finish(trade, TradeStatus.SETTLED if full else TradeStatus.SHORT)
        self._pay(trade, received_wh)
        self._events.append(TradeSettled(trade_id, received_wh, trade.price_wei_per_kwh))
        self._penalise(trade, trade.ask, trade.qty_wh - delivered_wh, now)
        self._penalise(trade, trade.bid, delivered_wh - received_wh, now)
        return received_wh

    def post_delivery(self, trade_id: int, delivered_wh: int, now: int) -> None:
        """Record a delivery, so that the buyer is at fault if no receipt follows."""
        trade = self._pending(trade_id)
        if now > trade.deadline:
            raise Refused("DeadlinePassed", tradeId=trade_id, deadline=trade.deadline)
        if trade.delivered_wh is not None:
            raise Refused("DeliveryAlreadyPosted", tradeId=trade_id, deliveredWh=trade.delivered_wh)
        if delivered_wh < self.lot_wh:
            raise Refused("DeliveryMissing", tradeId=trade_id)
        trade.delivered_wh = delivered_wh
        self._events.append(DeliveryPosted(trade_id, delivered_wh))

    def expire(self, trade_id: int, now: int) -> None:
        """Close a trade whose deadline passed without a full report."""
        trade = self._pending(trade_id)
        if now <= trade.deadline:
            raise Refused("DeadlineNotReached", tradeId=trade_id, deadline=trade.deadline)
        delivered_wh = self._whole_lots(min(trade.delivered_wh or 0, trade.qty_wh))
        self._finish(trade, TradeStatus.EXPIRED)
        at_fault = trade.bid if delivered_wh else trade.ask
        self._events.append(TradeExpired(trade_id, at_fault.trader))
        self._penalise(trade, trade.ask, trade.qty_wh - delivered_wh, now)
        self._penalise(trade, trade.bid, delivered_wh, now)

    def _pending(self, trade_id: int) -> Trade:
        trade = self.trades.get(trade_id)
        if trade is None:
            raise Refused("UnknownTrade", tradeId=trade_id)
        if trade.status is not TradeStatus.PENDING:
            raise Refused("TradeNotPending", tradeId=trade_id)
        return trade

    def _finish(self, trade: Trade, status: TradeStatus) -> None:
        trade.status = status
        del self.pending[trade.id]
        self._open(trade.bid.trader, -trade.qty_wh)
        self._open(trade.ask.trader, -trade.qty_wh)

    def _whole_lots(self, qty_wh: int) -> int:
        return qty_wh - qty_wh % self.lot_wh

    def _pay(self, trade: Trade, qty_wh: int) -> None:
        """Pay the seller, give back what the bid would have paid more, and both deposits."""
        price_wei = trade.price_wei_per_kwh * qty_wh // 1000
        self._credit(trade.bid.trader, trade.bid.escrow_wei(qty_wh) - price_wei)
        self._credit(trade.ask.trader, trade.ask.escrow_wei(qty_wh) + price_wei)

    def _penalise(self, trade: Trade, at_fault: BookedOrder, qty_wh: int, now: int) -> None:
        """Move the deposit of the side at fault to the other, up to the price of the part.

        A buyer at fault gets its payment back. The other side's quantity returns to the
        book, or is refunded where its order is closed or dead.
        """
        if not qty_wh:
            return
        other = trade.ask if at_fault is trade.bid else trade.bid
        penalty = min(at_fault.deposit_wei(qty_wh), trade.price_wei_per_kwh * qty_wh // 1000)
        self._credit(at_fault.trader, at_fault.escrow_wei(qty_wh) - penalty)
        self._credit(other.trader, penalty)
        strikes = self.strikes.get(at_fault.trader, 0)
        self.strikes[at_fault.trader] = min(strikes + 1, MAX_STRIKES)
        self._events.append(PenaltyApplied(at_fault.trader, penalty))
        if other.closed or other.expiry <= now:
            self._credit(other.trader, other.escrow_wei(qty_wh))
            return
        if not other.resting_wh:
            insort(self._queue(other), other.key)
        other.resting_wh += qty_wh
        self._open(other.trader, qty_wh)
        self._events.append(OrderRequeued(other.id, qty_wh))


def _as_walked(order: BookedOrder) -> Order:
    """An order as the clearing sees it."""
    return Order(
        order.id,
        order.is_bid,
        order.price_wei_per_kwh,
        order.resting_wh,
        order.trader,
        order.expiry,
    )
