"""The twin in the hub against the reference: event by event, wei by wei.

With the contract equal to the reference too, the twin stands for the contract.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from plugins.chain_auction.clearing import PricingMode
from plugins.chain_auction.twin import Market
from plugins.chain_auction.twin_events import (
    OrderCancelled,
    OrderRequeued,
    PenaltyApplied,
    Refused,
    TradeMatched,
    TradeSettled,
)
from plugins.chain_auction.twin_records import Params
from tests.contracts.operations import order_row
from tests.contracts.records import Penalty, Refusal, Rules
from tests.contracts.reference import Reference
from tests.contracts.units import LOT, TICK

TRADERS = ("ann", "bob", "cem", "dee")
SEEDS = 20
OPERATIONS = 300


class Both:
    """A twin and a reference that are told the same."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.now = 1_800_000_000
        self.twin = Market(price_tick=TICK, lot_wh=LOT)
        self.reference = Reference(TICK, LOT, Rules())
        self.params(rate=(100, 0, 1_000)[seed % 3], pay_as_bid=seed % 4 == 3)

    def same(self, twin: Callable[[], Any], reference: Callable[[], Any]) -> tuple[Any, Any] | None:
        """The results of both, or None when both refuse for the same reason."""
        names: tuple[str, ...] = ()
        expected = None
        try:
            expected = reference()
        except Refusal as refusal:
            names = refusal.names
        if not names:
            return twin(), expected
        with pytest.raises(Refused) as refused:
            twin()
        assert refused.value.name in names
        return None

    def params(
        self, *, rate: int, pay_as_bid: bool, slippage: int = 0, limit: int = 0, cap: int = 0
    ) -> None:
        mode = PricingMode.PAY_AS_BID if pay_as_bid else PricingMode.UNIFORM
        self.twin.set_params(Params(LOT, 7 * 86_400, 3_600, rate, slippage, mode, limit, cap))
        self.reference.rules = Rules(
            deposit_rate=rate,
            max_slippage=slippage,
            pay_as_bid=pay_as_bid,
            strike_limit=limit,
            max_open=cap,
        )

    def place(self) -> None:
        rng, trader = self.rng, self.rng.choice(TRADERS)
        side, ticks, lots, life = order_row(rng)
        price, qty, expiry = ticks * TICK, lots * LOT, self.now + life
        spoil = rng.randrange(12)
        price += spoil == 0
        qty += spoil == 1
        expiry += 10**6 * (spoil == 2)
        value = rng.choice([10 * price, 10 * price, 0, 1])
        bound = rng.choice([0, 0, 500])
        self.same(
            lambda: self.twin.place(
                trader,
                is_bid=bool(side),
                price_wei_per_kwh=price,
                qty_wh=qty,
                expiry=expiry,
                now=self.now,
                value_wei=value,
                max_slippage_bp=bound,
            ),
            lambda: self.reference.place(
                trader, bool(side), price, qty, expiry, self.now, value, bound
            ),
        )

    def match(self) -> None:
        self.twin.take_events()
        pairs, mcp = self.twin.match_orders(self.now)
        self.reference.open_round(self.now)
        plan = self.reference.plan
        assert plan
        events = self.twin.take_events()
        got = [(e.bid_id, e.ask_id, e.qty_wh) for e in events if isinstance(e, TradeMatched)]
        assert got == [(bid.id, ask.id, qty) for bid, ask, qty in plan.pairs]
        for _ in plan.pairs:
            self.reference.match_next()
        for event in events:
            if isinstance(event, OrderCancelled):
                order = self.reference.order(event.order_id)
                assert self.reference.may_remove_in_round(order)
                self.reference.close(order)
        self.reference.close_round(self.now)
        assert (pairs, mcp) == (plan.done, self.reference.last_mcp if plan.done else 0)

    def settle(self) -> None:
        trade_id = self._any_trade()
        delivered, received = self.rng.randint(0, 4_000), self.rng.randint(0, 4_000)
        self.twin.take_events()
        done = self.same(
            lambda: self.twin.settle(trade_id, delivered, received, self.now),
            lambda: self.reference.settle(
                self.reference.in_time(trade_id, self.now), delivered, received, self.now
            ),
        )
        if done:
            paid, penalties = done
            trade = self.reference.trades[trade_id]
            assert paid == trade.qty - sum(penalty.qty for penalty in penalties)
            assert self._penalties() == (self._expected(penalties), paid)

    def expire(self) -> None:
        trade_id = self._any_trade()
        trade = self.reference.trades.get(trade_id)
        if trade is None or self.now <= trade.deadline:
            with pytest.raises(Refused, match=r"DeadlineNotReached|UnknownTrade|TradeNotPending"):
                self.twin.expire(trade_id, self.now)
            return
        self.twin.take_events()
        done = self.same(
            lambda: self.twin.expire(trade_id, self.now),
            lambda: self.reference.expire(self.reference.pending(trade_id), self.now),
        )
        if done:
            assert self._penalties()[0] == self._expected(done[1])

    def post(self) -> None:
        trade = self.reference.trades.get(self._any_trade())
        if trade and trade.state == 0 and trade.posted is None and self.now <= trade.deadline:
            trade.posted = self.rng.choice([100, 250, 4_000])
            self.twin.post_delivery(trade.id, trade.posted, self.now)

    def cancel(self) -> None:
        order_id, trader = self.rng.randint(1, 60), self.rng.choice(TRADERS)
        if self.same(
            lambda: self.twin.cancel(order_id, trader),
            lambda: self.reference.may_cancel(order_id, trader),
        ):
            self.reference.close(self.reference.order(order_id))

    def prune(self) -> None:
        ids = [self.rng.randint(1, 100) for _ in range(8)]
        due = [o for o in self.reference.orders if o.id in ids and o.rest and o.expiry <= self.now]
        assert self.twin.prune(ids, self.now) == len(due)
        for order in due:
            self.reference.close(order)

    def withdraw(self) -> None:
        trader = self.rng.choice(TRADERS)
        assert self.twin.withdraw(trader) == self.reference.withdraw(trader)

    def change(self) -> None:
        rng = self.rng
        self.params(
            rate=rng.choice([0, 33, 100, 1_000]),
            pay_as_bid=rng.random() < 0.5,
            slippage=rng.choice([0, 0, 2_000]),
            limit=rng.choice([0, 0, 5]),
            cap=LOT * rng.choice([0, 0, 60, 200]),
        )

    def wait(self) -> None:
        self.now += self.rng.choice([1, 60, 300, 1_000, 4_000])

    def step(self) -> None:
        """One random operation, then everything that can be seen."""
        acts = [self.place] * 10 + [self.match] * 3 + [self.settle] * 5 + [self.expire] * 3
        acts += [self.wait] * 4
        acts += [self.post, self.cancel, self.prune, self.withdraw, self.change]
        self.rng.choice(acts)()
        twin, reference = self.twin, self.reference
        assert twin.held_wei() == reference.held()
        for trader in TRADERS:
            assert twin.balances.get(trader, 0) == reference.balances.get(trader, 0)
            assert twin.strikes.get(trader, 0) == reference.strikes.get(trader, 0)
            assert twin.open_wh.get(trader, 0) == reference.open(trader)
        resting = {order.id: order.rest for order in reference.orders if order.rest}
        assert {order.id: order.qty_wh for order in twin.book()} == resting
        assert [(t.id, t.qty_wh, t.price_wei_per_kwh) for t in twin.pending.values()] == [
            (t.id, t.qty, t.price) for t in reference.trades.values() if t.state == 0
        ]

    def _any_trade(self) -> int:
        ids = list(self.twin.pending) or list(self.twin.trades)
        if not ids or self.rng.randrange(10) == 0:
            return self.rng.choice([*self.twin.trades, 77])
        return self.rng.choice(ids)

    def _penalties(self) -> tuple[list[tuple[str, int] | tuple[int, int]], int]:
        told: list[tuple[str, int] | tuple[int, int]] = []
        paid = 0
        for event in self.twin.take_events():
            if isinstance(event, PenaltyApplied):
                told.append((event.trader, event.amount_wei))
            elif isinstance(event, OrderRequeued):
                told.append((event.order_id, event.qty_wh))
            elif isinstance(event, TradeSettled):
                paid = event.qty_wh
        return told, paid

    def _expected(self, penalties: list[Penalty]) -> list[tuple[str, int] | tuple[int, int]]:
        told: list[tuple[str, int] | tuple[int, int]] = []
        for penalty in penalties:
            told.append((penalty.trader, penalty.amount))
            if penalty.requeued:
                told.append((penalty.requeued.id, penalty.qty))
        return told


@pytest.mark.parametrize("seed", range(SEEDS))
def test_twin_equals_reference(seed: int) -> None:
    both = Both(seed)
    for _ in range(OPERATIONS):
        both.step()
    assert both.twin.round > 1, "nothing was ever matched"
