"""Drives the contract and the reference side by side and compares what they do.

An operation is a name and plain integers, resolved against the reference when it runs
("the 7th of the pending trades"), so that any part of a list of operations is itself a
valid list: this is what makes a failing one shrinkable.
"""

from __future__ import annotations

from typing import Any

from tests.contracts.evm import Reverted
from tests.contracts.operations import Operation
from tests.contracts.pair import Mismatch, checksum, equal
from tests.contracts.records import Order, Status, Trade, TradeState
from tests.contracts.rounds import Rounds
from tests.contracts.settlement import Settlement
from tests.contracts.trading import Trading
from tests.contracts.units import TRADERS


class Market(Trading, Rounds, Settlement):
    """All operations, and a look at everything that can be seen."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.over: set[int] = set()
        """Closed orders and decided trades (whose ids are larger) that were seen as such."""

    def apply(self, operation: Operation) -> None:
        """Run one operation on both sides and compare."""
        name, *numbers = operation
        getattr(self, f"do_{name}")(*numbers)
        equal("money held", self.money.held(self.contract.address), self.reference.held())

    def do_wait(self, seconds: int) -> None:
        self.chain.forward(seconds)

    def do_wait_until(self, pick: int, offset: int) -> None:
        """Go to the very second, or one beside it, at which an order or a trade ends."""
        ends = [order.expiry for order in self.reference.orders if order.rest]
        ends += [t.deadline for t in self.reference.trades.values() if t.state == 0]
        ends = [end for end in ends if self.now < end + offset <= self.now + 10_000]
        if ends:
            self.chain.forward(ends[pick % len(ends)] + offset - self.now)

    def do_in_round(self, pairs: int, name: str, *numbers: int) -> None:
        """Do something while a round may be half matched."""
        self.do_match(pairs)
        self.apply((name, *numbers))

    def do_check(self, *, whole: bool = False) -> None:
        """Compare everything that can be seen; what is over for good once, unless all is asked."""
        over: set[int] = set() if whole else self.over
        reference, view = self.reference, self.view
        for trader in self.traders:
            address = trader.address
            equal("balance", view("balanceOf", address), reference.balances.get(address, 0))
            equal("strikes", view("strikes", address), reference.strikes.get(address, 0))
            equal("open", view("openOf", address), reference.open(address))
        equal("last MCP", view("lastMcp"), reference.last_mcp)
        equal("last order", view("lastOrderId"), len(reference.orders))
        for order in reference.orders:
            if order.id not in over:
                self._check_order_view(order)
                if order.closed:
                    over.add(order.id)
        if reference.plan:
            self._check_open_trades()
            return
        for side in (True, False):
            levels = [tuple(level) for level in view("levels", side, 10_000)]
            equal("levels", levels, reference.levels(side))
        equal("indicative", tuple(view("indicative", 10_000)), reference.indicative())
        for trade in reference.trades.values():
            if trade.id not in over:
                self._check_trade_view(trade)
                if trade.state is not TradeState.PENDING:
                    over.add(trade.id)
        self._check_listings()

    def _check_listings(self) -> None:
        """A trader's orders, and the pending trades of the last order that has any."""
        count = len(self.reference.orders)
        trader = self.traders[count % TRADERS].address
        mine = [order.id for order in self.reference.orders if order.trader == trader]
        listed, next_id = self.view("ordersOf", trader, 1, count + 1)
        equal("orders of a trader", ([order[0] for order in listed], next_id), (mine, 0))
        pending = [t for t in self.reference.trades.values() if t.state is TradeState.PENDING]
        if pending:
            order, number = pending[-1].bid, pending[-1].id >> 64
            ids = {t.id for t in pending if t.bid is order and t.id >> 64 == number}
            found, _ = self.view("pendingTrades", order.id, number, 1, count + 1)
            equal("pending trades", set(found), ids)

    def _check_open_trades(self) -> None:
        """Pairs of an open round are trades without a price.

        Those of an order that is only partly used up may not be known yet.
        """
        plan = self.reference.plan
        assert plan
        for bid, ask, qty in plan.pairs[: plan.done]:
            try:
                got = self.contract.view("trade", plan.number << 64 | bid.id << 32 | ask.id)
            except Reverted as reverted:
                if reverted.name != "UnknownTrade" or not (bid.rest or ask.rest):
                    raise Mismatch(f"open trade of {bid.id} and {ask.id}: {reverted}") from None
                continue
            equal("open trade", got[1:3], (bid.id, ask.id))
            equal("terms of an open trade", got[5:9], (qty, 0, 0, TradeState.PENDING))
            self.reached["saw an open trade"] += 1

    def _check_order_view(self, order: Order) -> None:
        status, resting = self.view("orderStatus", order.id)
        equal(f"status of order {order.id}", Status(status), order.status)
        equal(f"rest of order {order.id}", resting, order.rest)
        equal(f"rest of order {order.id} by events", self.rebuilt[order.id], order.rest)
        got = self.view("order", order.id)
        expected = (order.id, order.trader, order.is_bid, order.price, order.qty)
        equal("order", (got[0], checksum(got[1]), *got[2:5]), expected)
        equal("expiry and deposit", got[6:8], (order.expiry, int(order.deposit(order.qty))))
        if order.status is not Status.CLOSED:
            equal(f"filled of order {order.id}", got[5], order.qty - order.rest)

    def _check_trade_view(self, trade: Trade) -> None:
        try:
            got = self.contract.view("trade", trade.id)
        except Reverted as reverted:
            if trade.state is TradeState.PENDING or reverted.name not in trade.ended_as:
                raise Mismatch(f"trade {trade} is lost: {reverted}") from None
            return
        expected = (trade.id >> 64, trade.bid.id, trade.ask.id)
        equal("trade", got[:3], expected)
        equal("parties", [checksum(a) for a in got[3:5]], [trade.bid.trader, trade.ask.trader])
        equal("terms", got[5:8], (trade.qty, trade.price, trade.deadline))
        equal(f"state of trade {trade.id}", TradeState(got[8]), trade.state)

    def leave(self) -> None:
        """Paused and with time gone by, everyone recovers everything."""
        self.do_pause(1)
        if self.reference.plan:
            self.do_abort()
        self.do_wait(40 * 86_400)
        for _ in range(len(self.reference.trades)):
            if self._trade(0, 1) is None:
                break
            self.do_expire(0, 1)
        self.do_prune(*[order.id for order in self.reference.orders])
        for who in range(TRADERS):
            self.do_withdraw(who)
        self.do_check(whole=True)
        equal("money left behind", self.money.held(self.contract.address), 0)
