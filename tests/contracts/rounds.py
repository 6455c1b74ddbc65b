"""Matching in pages, pausing, aborting, and new rules."""

from __future__ import annotations

from tests.contracts.evm import Event
from tests.contracts.pair import OWNER, STRANGER, Mismatch, Pair, equal, named, params_tuple
from tests.contracts.records import Refusal, Rules
from tests.contracts.units import LOT


class Rounds(Pair):
    """Operations of rounds."""

    def do_match(self, pairs: int) -> None:
        reference = self.reference
        was_open = reference.plan is not None

        def predict() -> None:
            if reference.paused:
                raise Refusal("EnforcedPause")
            if pairs == 0:
                raise Refusal("NoMatchesAsked")
            reference.open_round(self.now)

        done = self.both(predict, "matchOrders", pairs, sender=STRANGER)
        if not done:
            return
        _, (matched, mcp), events = done
        trades = named(events, "TradeMatched")
        equal("matched", matched, len(trades))
        if matched > pairs:
            raise Mismatch(f"{matched} pairs where {pairs} were allowed")
        self._follow_pairs(trades)
        self._follow_removals(named(events, "OrderCancelled"))
        self._check_round_state(events, mcp, was_open=was_open)
        for event in trades:
            equal("announced price", event.args["mcp"], self._announced_price(event))

    def _follow_pairs(self, trades: list[Event]) -> None:
        plan = self.reference.plan
        assert plan
        for event in trades:
            if plan.done == len(plan.pairs):
                raise Mismatch(f"one pair too many: {event}")
            bid, ask, qty = self.reference.match_next()
            args = event.args
            equal("pair", (args["bidId"], args["askId"], args["qty"]), (bid.id, ask.id, qty))

    def _follow_removals(self, removals: list[Event]) -> None:
        plan = self.reference.plan
        assert plan
        for event in removals:
            order = self.reference.order(event.args["id"])
            if not self.reference.may_remove_in_round(order):
                raise Mismatch(f"matching took {order} off without a reason")
            why = "expired" if order.expiry <= plan.at else "self-crossed"
            self.reached[f"removed {why}"] += 1
            self.reference.close(order)

    def _announced_price(self, event: Event) -> int:
        bid = self.reference.order(event.args["bidId"])
        plan = self.reference.plan
        if plan:
            return bid.price if plan.pay_as_bid else 0
        trade_id = self.reference.rounds << 64 | bid.id << 32 | event.args["askId"]
        return self.reference.trades[trade_id].price

    def _check_round_state(self, events: list[Event], mcp: int, *, was_open: bool) -> None:
        plan = self.reference.plan
        assert plan
        state = self.view("openRound")
        cleared, paged = named(events, "RoundCleared"), named(events, "RoundPaged")
        if state[0]:
            equal("open round", state[1:4], (plan.number, plan.snapshot, plan.at))
            equal("MCP of an open round", (mcp, cleared), (0, []))
            if named(events, "TradeMatched"):
                equal("RoundPaged", len(paged), 1)
            self.reached["paged"] += 1
            return
        equal("RoundPaged", paged, [])
        try:
            self.reference.close_round(self.now)
        except AssertionError as wrong:
            raise Mismatch(f"round {plan.number} ended early: {wrong}") from None
        if plan.done:
            self._check_cleared(cleared, plan.done)
            equal("returned MCP", mcp, self.reference.last_mcp)
            self.reached["rounds"] += 1
            self.reached["rounds of several pages"] += was_open
        else:
            equal("round without pairs", (cleared, mcp), ([], 0))

    def _check_cleared(self, cleared: list[Event], pairs: int) -> None:
        """RoundCleared and the view of the round, against the reference's last round."""
        reference = self.reference
        equal("RoundCleared", len(cleared), 1)
        trades = [t for t in reference.trades.values() if t.id >> 64 == reference.rounds]
        equal("pairs", len(trades), pairs)
        last = trades[-1]
        args = cleared[0].args
        deadline = trades[0].deadline
        total = sum(trade.qty for trade in trades)
        expected = (
            reference.rounds,
            reference.last_mcp,
            last.bid.price,
            last.ask.price,
            total,
            deadline,
        )
        equal("RoundCleared", tuple(args.values())[:6], expected)
        view = self.view("round", reference.rounds)
        equal(
            "round view",
            (*view[:5], view[6]),
            (self.now, deadline, last.bid.price, last.ask.price, reference.last_mcp, total),
        )

    def do_finish(self, pairs: int) -> None:
        """Call matchOrders until the round is over."""
        for _ in range(500):
            self.do_match(max(1, pairs))
            if self.reference.plan is None:
                return
        raise Mismatch("500 calls did not end the round")

    def do_pause(self, on: int) -> None:
        if bool(on) != self.reference.paused:
            self.send_well("pause" if on else "unpause", sender=OWNER)
            self.reference.paused = bool(on)

    def do_stop(self, pairs: int) -> None:
        """Begin a round if none is open, pause, abort it, and go on."""
        self.do_match(1)
        self.do_pause(1)
        self.do_abort()
        self.do_match(pairs)
        self.do_pause(0)

    def do_abort(self) -> None:
        reference = self.reference
        wrong = ["ExpectedPause"] * (not reference.paused)
        wrong += ["NoOpenRound"] * (reference.plan is None)

        def predict() -> None:
            if wrong:
                raise Refusal(*wrong)

        done = self.both(predict, "abortRound", sender=OWNER)
        if done:
            plan = reference.close_round(self.now, aborted=True)
            equal("open after abort", self.view("openRound")[0], False)
            if plan.done:
                self._check_cleared(named(done[2], "RoundCleared"), plan.done)

    def do_params(
        self,
        rate: int,
        slippage: int,
        pay_as_bid: int,
        strike_limit: int,
        max_open_lots: int,
        settlement_ttl: int,
    ) -> None:
        rules = Rules(
            settlement_ttl=settlement_ttl,
            deposit_rate=rate,
            max_slippage=slippage,
            pay_as_bid=bool(pay_as_bid),
            strike_limit=strike_limit,
            max_open=max_open_lots * LOT,
        )
        self.send_well("setParams", params_tuple(rules), sender=OWNER)
        self.reference.rules = rules
