"""The twin market: money, penalties, rematch; and a state machine that tries everything."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from plugins.chain_auction.clearing import PricingMode, clear
from plugins.chain_auction.twin import Market
from plugins.chain_auction.twin_events import (
    MarketEvent,
    OrderCancelled,
    OrderPlaced,
    OrderRequeued,
    PenaltyApplied,
    Refused,
    RoundCleared,
    TradeExpired,
    TradeMatched,
    TradeSettled,
)
from plugins.chain_auction.twin_records import Params, TradeStatus

TICK = 10**12
NOW = 1_800_000_000
RICH = 10**24


def market(**rules: Any) -> Market:
    """A market with two traders who have money."""
    fresh = Market(Params(**rules), price_tick=TICK, lot_wh=100)
    for trader in ("buyer", "seller", "third"):
        fresh.deposit(trader, RICH)
    fresh.take_events()
    return fresh


def place(m: Market, trader: str, side: str, ticks: int, qty_wh: int, **more: int) -> int:
    return m.place(
        trader,
        is_bid=side == "bid",
        price_wei_per_kwh=ticks * TICK,
        qty_wh=qty_wh,
        expiry=more.get("expiry", NOW + 1000),
        now=more.get("now", NOW),
        max_slippage_bp=more.get("max_slippage_bp", 0),
    )


def one_trade(m: Market, *, bid_ticks: int = 60, ask_ticks: int = 40, qty_wh: int = 1000) -> int:
    """A bid and an ask that meet; returns the trade's id."""
    place(m, "buyer", "bid", bid_ticks, qty_wh)
    place(m, "seller", "ask", ask_ticks, qty_wh)
    assert m.match_orders(NOW) == (1, (bid_ticks + ask_ticks) * TICK // 2)
    return next(iter(m.pending))


def test_a_bid_escrows_payment_and_deposit_an_ask_its_deposit() -> None:
    m = market(deposit_rate_permille=100)
    place(m, "buyer", "bid", 60, 1000)
    place(m, "seller", "ask", 70, 1000)
    assert RICH - m.balances["buyer"] == 66 * TICK
    assert RICH - m.balances["seller"] == 7 * TICK
    assert m.escrow_for(is_bid=True, price_wei_per_kwh=60 * TICK, qty_wh=1000) == 66 * TICK


def test_value_sent_with_an_order_pays_for_it() -> None:
    m = Market(price_tick=TICK)
    placed = m.place(
        "new",
        is_bid=True,
        price_wei_per_kwh=TICK,
        qty_wh=1000,
        expiry=NOW + 60,
        now=NOW,
        value_wei=2 * TICK,
    )
    assert placed == 1
    assert m.balances["new"] == 2 * TICK - TICK - TICK // 10


def test_a_delivered_trade_pays_the_seller_the_midpoint_and_returns_the_deposits() -> None:
    m = market()
    trade_id = one_trade(m)
    assert m.settle(trade_id, 1000, 1000, NOW + 5) == 1000
    assert m.balances["seller"] - RICH == 50 * TICK
    assert RICH - m.balances["buyer"] == 50 * TICK
    assert m.trades[trade_id].status is TradeStatus.SETTLED
    assert m.take_events()[-1] == TradeSettled(trade_id, 1000, 50 * TICK)


def test_a_short_delivery_costs_the_seller_pro_rata_and_requeues_the_bid() -> None:
    m = market(deposit_rate_permille=100)
    trade_id = one_trade(m)
    assert m.settle(trade_id, 799, 799, NOW + 5) == 700
    # 700 Wh at 50; the deposit of the 300 Wh that failed, 10 % of 40, goes to the buyer
    assert m.balances["seller"] - RICH == (700 * 50 - 300 * 4) * TICK // 1000
    # the buyer paid 700 Wh, got the penalty, and 300 Wh rest on the book with their escrow
    assert RICH - m.balances["buyer"] == (700 * 50 - 300 * 4 + 300 * 66) * TICK // 1000
    assert m.orders[1].resting_wh == 300
    assert m.strikes == {"seller": 1}
    assert m.take_events()[-3:] == [
        TradeSettled(trade_id, 700, 50 * TICK),
        PenaltyApplied("seller", 300 * 4 * TICK // 1000),
        OrderRequeued(1, 300),
    ]


def test_energy_delivered_and_not_received_is_the_buyers_fault() -> None:
    m = market()
    trade_id = one_trade(m)
    m.settle(trade_id, 1000, 0, NOW)
    assert RICH - m.balances["buyer"] == 6 * TICK, "only the deposit is lost"
    assert m.orders[2].resting_wh == 1000
    assert m.strikes == {"buyer": 1}


def test_both_sides_can_fail_in_one_trade() -> None:
    m = market()
    trade_id = one_trade(m)
    assert m.settle(trade_id, 800, 500, NOW) == 500
    assert m.strikes == {"buyer": 1, "seller": 1}
    assert m.orders[1].resting_wh == 200, "what was not delivered"
    assert m.orders[2].resting_wh == 300, "what was not received"


def test_a_penalty_is_never_more_than_the_price_of_the_part() -> None:
    m = market(deposit_rate_permille=1000)
    trade_id = one_trade(m, bid_ticks=60, ask_ticks=40)
    m.settle(trade_id, 1000, 0, NOW)
    # the buyer's deposit is 60, the part is worth 50
    assert RICH - m.balances["buyer"] == 50 * TICK


def test_silence_expires_against_the_seller_and_the_bid_meets_the_next_ask() -> None:
    m = market(settlement_ttl_s=100)
    trade_id = one_trade(m)
    place(m, "third", "ask", 50, 1000)
    with pytest.raises(Refused, match="DeadlineNotReached"):
        m.expire(trade_id, NOW + 100)
    m.expire(trade_id, NOW + 101)
    assert TradeExpired(trade_id, "seller") in m.take_events()
    assert m.match_orders(NOW + 101) == (1, 55 * TICK)
    (rematch,) = m.pending.values()
    assert (rematch.bid.id, rematch.ask.id) == (1, 3)


def test_a_posted_delivery_turns_the_fault_to_the_buyer() -> None:
    m = market(settlement_ttl_s=100)
    trade_id = one_trade(m)
    with pytest.raises(Refused, match="DeliveryMissing"):
        m.post_delivery(trade_id, 99, NOW + 1)
    m.post_delivery(trade_id, 1000, NOW + 1)
    with pytest.raises(Refused, match="DeliveryAlreadyPosted"):
        m.post_delivery(trade_id, 900, NOW + 1)
    m.expire(trade_id, NOW + 101)
    assert m.strikes == {"buyer": 1}
    assert m.orders[2].resting_wh == 1000


def test_a_failed_quantity_of_a_closed_order_is_refunded_not_requeued() -> None:
    m = market(settlement_ttl_s=100)
    place(m, "buyer", "bid", 60, 1000)
    place(m, "seller", "ask", 40, 400)
    m.match_orders(NOW)
    m.cancel(1, "buyer")
    (trade_id,) = m.pending
    m.expire(trade_id, NOW + 101)
    assert m.orders[1].resting_wh == 0
    assert m.balances["buyer"] == RICH + 400 * 4 * TICK // 1000
    assert m.match_orders(NOW + 102) == (0, 0)


@pytest.mark.parametrize("act", ["settle", "post_delivery"])
def test_a_report_counts_up_to_the_last_second(act: str) -> None:
    amounts = (1000, 1000) if act == "settle" else (1000,)
    m = market(settlement_ttl_s=100)
    trade_id = one_trade(m)
    with pytest.raises(Refused, match="DeadlinePassed"):
        getattr(m, act)(trade_id, *amounts, NOW + 101)
    getattr(m, act)(trade_id, *amounts, NOW + 100)


@pytest.mark.parametrize(("left_s", "requeued"), [(0, False), (1, True)])
def test_a_failed_quantity_returns_only_while_its_order_lives(left_s: int, requeued: bool) -> None:
    m = market()
    place(m, "buyer", "bid", 60, 500, expiry=NOW + 50 + left_s)
    place(m, "seller", "ask", 40, 500)
    m.match_orders(NOW)
    m.settle(next(iter(m.pending)), 0, 0, NOW + 50)
    assert (m.orders[1].resting_wh == 500) == requeued


def test_a_requeued_order_keeps_its_place_in_time() -> None:
    m = market(settlement_ttl_s=100)
    trade_id = one_trade(m, qty_wh=500)
    place(m, "third", "bid", 60, 500)
    m.expire(trade_id, NOW + 101)
    place(m, "third", "ask", 40, 500)
    m.match_orders(NOW + 101)
    assert [t.bid.id for t in m.pending.values()] == [1], "older than the bid of the same price"


def test_a_trade_leaves_pending_once() -> None:
    m = market()
    trade_id = one_trade(m)
    m.settle(trade_id, 1000, 1000, NOW)
    for again in (m.settle, m.expire, m.post_delivery):
        with pytest.raises(Refused, match="TradeNotPending"):
            again(trade_id, *[NOW + 10**6] * (again.__code__.co_argcount - 2))
    with pytest.raises(Refused, match="UnknownTrade"):
        m.settle(trade_id + 1, 1000, 1000, NOW)


def test_expired_orders_are_pruned_when_met_or_on_request() -> None:
    m = market()
    place(m, "buyer", "bid", 60, 100, expiry=NOW + 10)
    place(m, "third", "bid", 50, 100)
    place(m, "buyer", "bid", 40, 100, expiry=NOW + 10)
    place(m, "seller", "ask", 55, 100)
    m.take_events()
    assert m.prune([1, 2, 3, 4, 99], NOW + 9) == 0
    assert m.match_orders(NOW + 10) == (0, 0)
    assert m.take_events() == [OrderCancelled(1)], "the walk did not come as far as order 3"
    assert m.prune([1, 2, 3, 4, 99], NOW + 10) == 1
    assert m.balances["buyer"] == RICH


def test_own_orders_do_not_meet() -> None:
    m = market()
    place(m, "buyer", "bid", 60, 500)
    place(m, "buyer", "ask", 40, 500)
    place(m, "seller", "ask", 50, 500)
    m.take_events()
    assert m.match_orders(NOW) == (1, 55 * TICK)
    assert m.take_events()[0] == OrderCancelled(2)
    assert m.orders[2].closed


def test_pay_as_bid_pays_each_seller_the_bid() -> None:
    m = market(mode=PricingMode.PAY_AS_BID)
    trade_id = one_trade(m)
    m.settle(trade_id, 1000, 1000, NOW)
    assert m.balances["seller"] - RICH == 60 * TICK
    assert m.last_mcp_wei_per_kwh == 50 * TICK


def test_pausing_stops_placing_and_matching_only() -> None:
    m = market()
    trade_id = one_trade(m)
    place(m, "third", "bid", 10, 100)
    m.pause()
    with pytest.raises(Refused, match="EnforcedPause"):
        place(m, "buyer", "bid", 60, 100)
    with pytest.raises(Refused, match="EnforcedPause"):
        m.match_orders(NOW)
    m.cancel(3, "third")
    m.settle(trade_id, 1000, 1000, NOW)
    assert m.withdraw("seller") > RICH
    m.pause(paused=False)
    place(m, "buyer", "bid", 60, 100)


def test_the_strike_limit_bars_new_orders() -> None:
    m = market(strike_limit=1)
    m.settle(one_trade(m), 0, 0, NOW)
    with pytest.raises(Refused, match="StrikeLimitReached"):
        place(m, "seller", "ask", 40, 100)


def test_the_cap_counts_what_rests_and_what_is_pending() -> None:
    m = market(max_open_wh=1500)
    trade_id = one_trade(m)
    assert m.open_wh["seller"] == 1000
    with pytest.raises(Refused, match="OpenLimitReached: open 1000, asked 600, limit 1500"):
        place(m, "seller", "ask", 40, 600)
    place(m, "seller", "ask", 40, 500)
    m.settle(trade_id, 0, 0, NOW)
    assert (m.open_wh["seller"], m.open_wh["buyer"]) == (500, 1000)


def test_the_collar_is_drawn_around_the_last_price() -> None:
    m = market(max_slippage_bp=1000)
    one_trade(m, bid_ticks=60, ask_ticks=40)
    place(m, "third", "bid", 55, 100)
    with pytest.raises(Refused, match="PriceOutsideCollar"):
        place(m, "third", "bid", 56, 100)
    with pytest.raises(Refused, match="PriceOutsideCollar"):
        place(m, "third", "bid", 53, 100, max_slippage_bp=500)


def test_new_rules_do_not_touch_what_exists() -> None:
    m = market(deposit_rate_permille=100, settlement_ttl_s=100)
    trade_id = one_trade(m)
    m.set_params(Params(deposit_rate_permille=500, settlement_ttl_s=60))
    assert m.trades[trade_id].deadline == NOW + 100
    m.settle(trade_id, 0, 0, NOW)
    assert RICH - m.balances["seller"] == 4 * TICK


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"price_wei_per_kwh": TICK + 1}, "PriceOffTick"),
        ({"price_wei_per_kwh": 0}, "PriceOutOfRange"),
        ({"price_wei_per_kwh": 2**24 * TICK}, "PriceOutOfRange"),
        ({"qty_wh": 150}, "QtyOffLot"),
        ({"qty_wh": 100}, "QtyOutOfRange"),
        ({"expiry": NOW}, "ExpiryOutOfRange"),
        ({"expiry": NOW + 7 * 86_400 + 1}, "ExpiryOutOfRange"),
        ({"trader": "stranger"}, "InsufficientBalance"),
        ({"value_wei": 10**20 + 1}, "AmountNotExact"),
    ],
)
def test_bad_orders_are_refused_and_change_nothing(changed: dict[str, Any], error: str) -> None:
    m = market(min_qty_wh=200)
    order: dict[str, Any] = {
        "trader": "buyer",
        "is_bid": True,
        "price_wei_per_kwh": TICK,
        "qty_wh": 200,
        "expiry": NOW + 60,
        "now": NOW,
    }
    with pytest.raises(Refused, match=error):
        m.place(**(order | changed))
    assert not m.orders
    assert m.held_wei() == 3 * RICH
    assert not m.take_events()


@pytest.mark.parametrize(
    "rules",
    [
        {"min_qty_wh": 0},
        {"order_ttl_s": 59},
        {"settlement_ttl_s": 31 * 86_400},
        {"deposit_rate_permille": 1001},
        {"max_slippage_bp": 10_001},
        {"strike_limit": 256},
        {"max_open_wh": 99},
        {"max_open_wh": 2**24 * 100},
    ],
)
def test_rules_have_bounds(rules: dict[str, int]) -> None:
    with pytest.raises(Refused, match="ParamOutOfRange"):
        market().set_params(Params(**rules))


@pytest.mark.parametrize(("tick", "lot"), [(0, 100), (10**12 + 1, 100), (1000, 100)])
def test_units_that_would_leave_dust_are_refused(tick: int, lot: int) -> None:
    with pytest.raises(Refused, match="UnitsNotExact"):
        Market(price_tick=tick, lot_wh=lot)


def test_cancelling_what_is_not_there_or_not_ones_own() -> None:
    m = market()
    place(m, "buyer", "bid", 60, 100)
    with pytest.raises(Refused, match="UnknownOrder"):
        m.cancel(2, "buyer")
    with pytest.raises(Refused, match="NotOrderOwner"):
        m.cancel(1, "seller")
    m.admin_cancel(1)
    with pytest.raises(Refused, match="OrderNotResting"):
        m.cancel(1, "buyer")


TRADERS = st.sampled_from(["ann", "bob", "cem", "dee"])


class AnyMarket(RuleBasedStateMachine):
    """Random operations; after each, money adds up and the events rebuild the book."""

    @initialize(
        rate=st.sampled_from([0, 100, 1000]), mode=st.sampled_from(PricingMode), strikes=st.just(0)
    )
    def open(self, rate: int, mode: PricingMode, strikes: int) -> None:
        rules = Params(
            deposit_rate_permille=rate, mode=mode, settlement_ttl_s=60, strike_limit=strikes
        )
        self.market = Market(rules, price_tick=TICK, lot_wh=100)
        self.now = NOW
        self.paid_in = 0
        self.paid_out = 0
        self.rebuilt: dict[int, int] = {}
        self.ended: set[int] = set()

    @rule(
        trader=TRADERS,
        is_bid=st.booleans(),
        ticks=st.integers(1, 12),
        lots=st.integers(1, 9),
        life=st.integers(1, 200),
    )
    def place(self, trader: str, is_bid: bool, ticks: int, lots: int, life: int) -> None:
        value = self.market.escrow_for(
            is_bid=is_bid, price_wei_per_kwh=ticks * TICK, qty_wh=lots * 100
        )
        self.market.place(
            trader,
            is_bid=is_bid,
            price_wei_per_kwh=ticks * TICK,
            qty_wh=lots * 100,
            expiry=self.now + life,
            now=self.now,
            value_wei=value,
        )
        self.paid_in += value

    @precondition(lambda self: self.market.orders)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        order = self.market.orders[data.draw(st.sampled_from(sorted(self.market.orders)))]
        if order.resting_wh:
            self.market.cancel(order.id, order.trader)
        else:
            with pytest.raises(Refused, match="OrderNotResting"):
                self.market.cancel(order.id, order.trader)

    @rule()
    def match(self) -> None:
        expected = clear(self.market.book(), mode=self.market.params.mode, now=self.now)
        pairs, mcp = self.market.match_orders(self.now)
        assert (pairs, mcp) == (len(expected.fills), expected.mcp_wei_per_kwh or 0)
        alive = [o for o in self.market.book() if (o.expiry or 0) > self.now]
        bids = [o.price_wei_per_kwh for o in alive if o.is_bid]
        asks = [o.price_wei_per_kwh for o in alive if not o.is_bid]
        assert not bids or not asks or max(bids) < min(asks)

    @precondition(lambda self: self.market.pending)
    @rule(data=st.data(), delivered=st.integers(0, 1200), received=st.integers(0, 1200))
    def settle(self, data: st.DataObject, delivered: int, received: int) -> None:
        trade_id = data.draw(st.sampled_from(list(self.market.pending)))
        if self.now > self.market.pending[trade_id].deadline:
            with pytest.raises(Refused, match="DeadlinePassed"):
                self.market.settle(trade_id, delivered, received, self.now)
        else:
            paid = self.market.settle(trade_id, delivered, received, self.now)
            assert paid <= min(delivered, received)

    @precondition(lambda self: self.market.pending)
    @rule(data=st.data(), delivered=st.none() | st.integers(100, 1200))
    def expire(self, data: st.DataObject, delivered: int | None) -> None:
        trade = self.market.pending[data.draw(st.sampled_from(list(self.market.pending)))]
        if self.now <= trade.deadline:
            if delivered is not None and trade.delivered_wh is None:
                self.market.post_delivery(trade.id, delivered, self.now)
            with pytest.raises(Refused, match="DeadlineNotReached"):
                self.market.expire(trade.id, self.now)
        else:
            self.market.expire(trade.id, self.now)

    @rule(ids=st.lists(st.integers(1, 30), max_size=5))
    def prune(self, ids: list[int]) -> None:
        self.market.prune(ids, self.now)

    @rule(trader=TRADERS)
    def withdraw(self, trader: str) -> None:
        self.paid_out += self.market.withdraw(trader)

    @rule(seconds=st.integers(1, 90))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @invariant()
    def money_is_constant(self) -> None:
        if hasattr(self, "market"):
            assert self.market.held_wei() == self.paid_in - self.paid_out
            assert all(balance >= 0 for balance in self.market.balances.values())

    @invariant()
    def events_rebuild_the_book_and_no_energy_settles_twice(self) -> None:
        if not hasattr(self, "market"):
            return
        for event in self.market.take_events():
            self.follow(event)
        assert {o: q for o, q in self.rebuilt.items() if q} == {
            o.id: o.qty_wh for o in self.market.book()
        }
        open_wh = dict.fromkeys(self.market.orders, 0)
        for trade in self.market.pending.values():
            open_wh[trade.bid.id] += trade.qty_wh
            open_wh[trade.ask.id] += trade.qty_wh
        for order in self.market.orders.values():
            assert order.resting_wh + open_wh[order.id] <= order.qty_wh

    def follow(self, event: MarketEvent) -> None:
        match event:
            case OrderPlaced():
                self.rebuilt[event.order_id] = event.qty_wh
            case OrderCancelled():
                self.rebuilt[event.order_id] = 0
            case OrderRequeued():
                self.rebuilt[event.order_id] += event.qty_wh
            case TradeMatched():
                for order_id in (event.bid_id, event.ask_id):
                    self.rebuilt[order_id] -= event.qty_wh
                    assert self.rebuilt[order_id] >= 0
            case TradeSettled() | TradeExpired():
                assert event.trade_id not in self.ended
                self.ended.add(event.trade_id)
            case RoundCleared():
                ask, bid = event.marginal_ask_wei_per_kwh, event.marginal_bid_wei_per_kwh
                assert ask <= event.mcp_wei_per_kwh <= bid

    def teardown(self) -> None:
        """Whatever happened, everyone can leave with what is theirs."""
        if not hasattr(self, "market"):
            return
        self.now += 10_000
        for trade_id in list(self.market.pending):
            self.market.expire(trade_id, self.now)
        self.market.prune(self.market.orders, self.now)
        for trader in ("ann", "bob", "cem", "dee"):
            self.paid_out += self.market.withdraw(trader)
        assert self.market.held_wei() == 0
        assert self.paid_in == self.paid_out


AnyMarket.TestCase.settings = settings(stateful_step_count=40, deadline=None)
TestAnyMarket = AnyMarket.TestCase
