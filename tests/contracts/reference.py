"""A reference of the market, written from its rules and from nothing else.

Slow and plain on purpose: lists are searched, money is a Fraction, and a round is
planned whole on its first call. Units: Wh, wei per kWh, wei, seconds.

How the interface is read where it leaves room:

* A round takes in every order that rests with an id up to the snapshot; none of them can
  be cancelled while it is open. Orders that were dead at the round's time may or may not.
* An order is taken off as expired only when the walk meets it or somebody prunes it; in
  which call it is met is the contract's business, so removals are followed, and checked.
* A call that finds nothing to match opens no round and uses no number.
* An oracle's report counts as it is, whatever delivery was posted before.
* Metered Wh count up to the trade's quantity, in whole lots; the receipt up to that.
* Penalties: first the seller's part (not delivered), then the buyer's (not received).
* A penalty of 0 wei is still a penalty: one strike per side and trade.
* Pruning and expiring wait until an open round is over; settling does not.
* A posted delivery of less than one lot is none.
* A trade whose failed quantity went back on the book may be forgotten: it is then unknown.
* What a trader has open (resting on the book, dead or alive, or in pending trades) is at
  most `max_open` when it places, and 2**24 - 1 lots where there is no such limit; so no
  order is larger than that. What returns to the book is never refused.
* A market may be too full for a huge order; that limit is not followed here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from tests.contracts.records import Order, Penalty, Plan, Refusal, Rules, Status, Trade, TradeState


@dataclass
class Reference:
    """The market. Every method either changes it or raises Refusal."""

    tick: int
    lot: int
    rules: Rules
    balances: dict[str, Fraction] = field(default_factory=dict)
    strikes: dict[str, int] = field(default_factory=dict)
    orders: list[Order] = field(default_factory=list)
    trades: dict[int, Trade] = field(default_factory=dict)
    plan: Plan | None = None
    rounds: int = 0
    last_mcp: int = 0
    paused: bool = False

    # ---- money

    def credit(self, trader: str, amount: Fraction | int) -> None:
        self.balances[trader] = self.balances.get(trader, Fraction(0)) + amount
        assert self.balances[trader].denominator == 1, "there is no dust"
        assert self.balances[trader] >= 0

    def pay_in(self, trader: str, amount: int) -> None:
        if amount % (self.tick * self.lot // 1_000_000):
            raise Refusal("AmountNotExact")
        self.credit(trader, amount)

    def withdraw(self, trader: str) -> int:
        amount = self.balances.get(trader, Fraction(0))
        self.credit(trader, -amount)
        return int(amount)

    def held(self) -> int:
        """What the contract must own, to the wei."""
        escrow = sum(o.escrow_millionths(o.rest) for o in self.orders if o.rest)
        pairs = [(t.bid, t.ask, t.qty) for t in self.trades.values() if t.state == 0]
        if self.plan:
            pairs += self.plan.pairs[: self.plan.done]
        escrow += sum(b.escrow_millionths(q) + a.escrow_millionths(q) for b, a, q in pairs)
        total = sum(self.balances.values(), Fraction(escrow, 1_000_000))
        assert total.denominator == 1
        return int(total)

    def open(self, trader: str) -> int:
        """Wh of a trader that rest on the book or wait for a report."""
        mine = sum(order.rest for order in self.orders if order.trader == trader)
        pairs = [(t.bid, t.ask, t.qty) for t in self.trades.values() if t.state == 0]
        if self.plan:
            pairs += self.plan.pairs[: self.plan.done]
        return mine + sum(q for b, a, q in pairs if trader in (b.trader, a.trader))

    # ---- orders

    def order(self, order_id: int) -> Order:
        if not 1 <= order_id <= len(self.orders):
            raise Refusal("UnknownOrder")
        return self.orders[order_id - 1]

    def place(
        self,
        trader: str,
        is_bid: bool,
        price: int,
        qty: int,
        expiry: int,
        now: int,
        value: int = 0,
        slippage: int = 0,
    ) -> Order:
        if self.paused:
            raise Refusal("EnforcedPause")
        wrong = self._faults(trader, price, qty, expiry, now, slippage)
        order = Order(
            len(self.orders) + 1, trader, is_bid, price, qty, expiry, self.rules.deposit_rate, qty
        )
        if value % (self.tick * self.lot // 1_000_000):
            wrong.append("AmountNotExact")
        if not wrong and self.balances.get(trader, 0) + value < order.escrow(qty):
            wrong.append("InsufficientBalance")
        if wrong:
            raise Refusal(*wrong)
        self.credit(trader, value)
        self.credit(trader, -order.escrow(qty))
        self.orders.append(order)
        return order

    def _faults(
        self, trader: str, price: int, qty: int, expiry: int, now: int, slippage: int
    ) -> list[str]:
        rules = self.rules
        wrong = []
        if price % self.tick:
            wrong.append("PriceOffTick")
        if not 1 <= price // self.tick < 2**24:
            wrong.append("PriceOutOfRange")
        for collar in (rules.max_slippage, slippage):
            distance = abs(price - self.last_mcp)
            if collar and self.last_mcp and distance * 10_000 > collar * self.last_mcp:
                wrong.append("PriceOutsideCollar")
        if qty % self.lot:
            wrong.append("QtyOffLot")
        most = (2**24 - 1) * self.lot
        if not rules.min_qty <= qty <= most:
            wrong.append("QtyOutOfRange")
        if self.open(trader) + qty > (rules.max_open or most):
            wrong.append("OpenLimitReached")
        if not now < expiry <= now + rules.order_ttl:
            wrong.append("ExpiryOutOfRange")
        if rules.strike_limit and self.strikes.get(trader, 0) >= rules.strike_limit:
            wrong.append("StrikeLimitReached")
        return wrong

    def may_cancel(self, order_id: int, trader: str | None) -> Order:
        """Raises unless the trader (None: the owner of the market) may take the order off."""
        order = self.order(order_id)
        wrong = []
        if trader is not None and order.trader != trader:
            wrong.append("NotOrderOwner")
        if order.status is not Status.RESTING:
            wrong.append("OrderNotResting")
        if self.plan and order_id <= self.plan.snapshot:
            wrong.append("OrderInOpenRound")
        if wrong:
            raise Refusal(*wrong)
        return order

    def close(self, order: Order) -> None:
        """Take what rests off the book and refund it."""
        assert order.status is Status.RESTING
        self.credit(order.trader, order.escrow(order.rest))
        order.rest = 0
        order.closed = True

    # ---- rounds

    def open_round(self, now: int) -> None:
        """Fix the round that a first call to match begins."""
        if self.paused:
            raise Refusal("EnforcedPause")
        if self.plan:
            return
        rest = {o.id: o.rest for o in self.orders if o.rest and o.expiry > now}
        pairs: list[tuple[Order, Order, int]] = []
        crossed: set[int] = set()
        while True:
            live = [o for o in self.orders if rest.get(o.id)]
            bid = min((o for o in live if o.is_bid), key=lambda o: (-o.price, o.id), default=None)
            ask = min(
                (o for o in live if not o.is_bid), key=lambda o: (o.price, o.id), default=None
            )
            if bid is None or ask is None or bid.price < ask.price:
                break
            if bid.trader == ask.trader:
                younger = max(bid.id, ask.id)
                crossed.add(younger)
                rest[younger] = 0
                continue
            qty = min(rest[bid.id], rest[ask.id])
            pairs.append((bid, ask, qty))
            rest[bid.id] -= qty
            rest[ask.id] -= qty
        self.plan = Plan(
            self.rounds + 1,
            len(self.orders),
            now,
            self.rules.pay_as_bid,
            self.rules.settlement_ttl,
            pairs,
            crossed,
        )

    def match_next(self) -> tuple[Order, Order, int]:
        """The next pair of the open round, which is now made."""
        assert self.plan
        assert self.plan.done < len(self.plan.pairs), "the round has no more pairs"
        bid, ask, qty = self.plan.pairs[self.plan.done]
        self.plan.done += 1
        bid.rest -= qty
        ask.rest -= qty
        return bid, ask, qty

    def may_remove_in_round(self, order: Order) -> bool:
        """Whether the walk has a reason to take an order off."""
        assert self.plan
        dead = order.expiry <= self.plan.at and order.id <= self.plan.snapshot
        return order.status is Status.RESTING and (dead or order.id in self.plan.self_crossed)

    def close_round(self, now: int, *, aborted: bool = False) -> Plan:
        """End the open round; its pairs become trades at one price."""
        assert self.plan
        plan, self.plan = self.plan, None
        if not aborted:
            assert plan.done == len(plan.pairs), "pairs are missing"
            left = [i for i in plan.self_crossed if self.order(i).status is Status.RESTING]
            assert not left, f"orders {left} met their own trader and still rest"
        if not plan.done:
            return plan
        self.rounds += 1
        self.last_mcp = plan.price_of_pair(plan.done - 1)
        for bid, ask, qty in plan.pairs[: plan.done]:
            price = bid.price if plan.pay_as_bid else self.last_mcp
            trade_id = plan.number << 64 | bid.id << 32 | ask.id
            assert trade_id not in self.trades
            self.trades[trade_id] = Trade(
                trade_id, bid, ask, qty, price, now, now + plan.settlement_ttl
            )
        return plan

    # ---- settlement

    def pending(self, trade_id: int) -> Trade:
        trade = self.trades.get(trade_id)
        if trade is None:
            raise Refusal("UnknownTrade", "RoundNotCleared", "UnknownOrder")
        if trade.state is not TradeState.PENDING:
            raise Refusal(*trade.ended_as)
        return trade

    def in_time(self, trade_id: int, now: int) -> Trade:
        trade = self.trades.get(trade_id)
        late = trade is not None and now > trade.deadline
        try:
            trade = self.pending(trade_id)
        except Refusal as refusal:
            raise Refusal(*refusal.names, *["DeadlinePassed"] * late) from None
        if late:
            raise Refusal("DeadlinePassed")
        return trade

    def metered(self, trade: Trade, wh: int) -> int:
        """Metered Wh that count: whole lots, at most what was traded."""
        return min(wh // self.lot * self.lot, trade.qty)

    def settle(self, trade: Trade, delivered: int, received: int, now: int) -> list[Penalty]:
        delivered = self.metered(trade, delivered)
        received = min(self.metered(trade, received), delivered)
        trade.state = TradeState.SETTLED if received == trade.qty else TradeState.SHORT
        price = Fraction(trade.price * received, 1000)
        self.credit(trade.ask.trader, price + trade.ask.escrow(received))
        self.credit(trade.bid.trader, trade.bid.escrow(received) - price)
        return self._penalties(trade, delivered - received, trade.qty - delivered, now)

    def expire(self, trade: Trade, now: int) -> list[Penalty]:
        delivered = self.metered(trade, trade.posted or 0)
        trade.state = TradeState.EXPIRED
        return self._penalties(trade, delivered, trade.qty - delivered, now)

    def _penalties(
        self, trade: Trade, buyers_part: int, sellers_part: int, now: int
    ) -> list[Penalty]:
        done = []
        for guilty, innocent, qty in (
            (trade.ask, trade.bid, sellers_part),
            (trade.bid, trade.ask, buyers_part),
        ):
            if qty:
                done.append(self._penalty(trade, guilty, innocent, qty, now))
        return done

    def _penalty(self, trade: Trade, guilty: Order, innocent: Order, qty: int, now: int) -> Penalty:
        amount = min(guilty.deposit(qty), Fraction(trade.price * qty, 1000))
        self.credit(guilty.trader, guilty.escrow(qty) - amount)
        self.credit(innocent.trader, amount)
        self.strikes[guilty.trader] = min(self.strikes.get(guilty.trader, 0) + 1, 255)
        gone = innocent.closed or innocent.expiry <= now or self.plan is not None
        if gone:
            self.credit(innocent.trader, innocent.escrow(qty))
        else:
            innocent.rest += qty
            trade.requeued = True
        return Penalty(guilty.trader, int(amount), None if gone else innocent, qty)

    # ---- views

    def levels(self, is_bid: bool) -> list[tuple[int, int]]:
        """Price and resting Wh, best first, the expired among them."""
        prices = sorted({o.price for o in self.orders if o.rest and o.is_bid == is_bid})
        if is_bid:
            prices.reverse()
        return [
            (p, sum(o.rest for o in self.orders if o.is_bid == is_bid and o.price == p))
            for p in prices
        ]

    def indicative(self) -> tuple[int, int, int, int]:
        """Quantity, marginal bid, marginal ask and MCP of the levels as they stand."""
        bids, asks = self.levels(True), self.levels(False)
        units_bid = [(p, q // self.lot) for p, q in bids]
        units_ask = [(p, q // self.lot) for p, q in asks]
        matched, last = 0, (0, 0)
        for price in {p for p, _ in bids + asks}:
            demand = sum(q for p, q in units_bid if p >= price)
            supply = sum(q for p, q in units_ask if p <= price)
            matched = max(matched, min(demand, supply))
        if matched:
            last = (_price_at(units_bid, matched), _price_at(units_ask, matched))
        return matched * self.lot, *last, sum(last) // 2


def _price_at(ladder: list[tuple[int, int]], position: int) -> int:
    """The price of the level in which the given unit of a ladder lies."""
    for price, qty in ladder:
        position -= qty
        if position <= 0:
            return price
    raise AssertionError("beyond the ladder")
