"""Settling one trade or many, deadlines, and pairs that never met."""

from __future__ import annotations

from typing import Any

from tests.contracts.evm import Event
from tests.contracts.pair import STRANGER, Mismatch, checksum, equal, named
from tests.contracts.proofs import Defect, Proofs, Way
from tests.contracts.records import Penalty, Refusal, Trade, TradeState, Which
from tests.contracts.units import LOT


class Settlement(Proofs):
    """Operations of settlement."""

    def _trade(self, pick: int, which: int) -> Trade | None:
        trades = [t for t in self.reference.trades.values() if self._is_one_of(which, t)]
        return trades[pick % len(trades)] if trades else None

    def _is_one_of(self, which: int, trade: Trade) -> bool:
        if which == Which.ANY:
            return True
        if trade.state is not TradeState.PENDING:
            return False
        return which == Which.PENDING or (self.now > trade.deadline) == (which == Which.LATE)

    def do_settle(
        self, pick: int, which: int, delivered: int, received: int, way: int, defect: int
    ) -> None:
        trade = self._trade(pick, which)
        if trade is None:
            return
        wh = self.measured(trade, delivered), self.measured(trade, received)
        proof = self.proof(trade, wh, Way(way), Defect(defect), pick)

        def predict() -> tuple[Trade, list[Penalty]]:
            live = self._in_time(trade, proof.wrong)
            counted = proof.delivered, proof.received
            return live, self.reference.settle(live, *counted, self.now)

        done = self.both(predict, "settle", trade.id, self.encoded(proof.reports), sender=STRANGER)
        if done:
            self.spend(proof)
            (live, penalties), _, events = done
            self._check_ended(live, penalties, events)
            self._check_penalties(penalties, events)
            self.reached["settled by an old key"] += way == Way.OLD_ORACLE

    def _in_time(self, trade: Trade, wrong: list[str]) -> Trade:
        try:
            live = self.reference.in_time(trade.id, self.now)
        except Refusal as refusal:
            raise Refusal(*refusal.names, *wrong) from None
        if wrong:
            raise Refusal(*wrong)
        return live

    def _check_ended(self, trade: Trade, penalties: list[Penalty], events: list[Event]) -> None:
        """One end of the trade is told, with what was paid."""
        ending = [e for e in events if e.name in ("TradeSettled", "TradeExpired")]
        mine = [e for e in ending if e.args["tradeId"] == trade.id]
        equal("ends of a trade", len(mine), 1)
        if mine[0].name == "TradeSettled":
            paid = trade.qty - sum(penalty.qty for penalty in penalties)
            equal("TradeSettled", tuple(mine[0].args.values())[1:], (paid, trade.price))
        self.reached["short" if penalties else "full"] += 1

    def _check_penalties(self, penalties: list[Penalty], events: list[Event]) -> None:
        got = [
            (checksum(e.args["trader"]), e.args["amount"]) for e in named(events, "PenaltyApplied")
        ]
        equal("penalties", got, [(p.trader, p.amount) for p in penalties])
        back = [(e.args["id"], e.args["qty"]) for e in named(events, "OrderRequeued")]
        equal("requeued", back, [(p.requeued.id, p.qty) for p in penalties if p.requeued])
        for penalty in penalties:
            self.reached["requeued" if penalty.requeued else "refunded instead"] += 1
            self.reached["failed in an open round"] += self.reference.plan is not None

    def do_settle_batch(self, *rows: tuple[int, int, int]) -> None:
        if not self.reference.trades:
            return
        deliveries, start = [], 0
        for pick, delivered, received in rows:
            trade = self._trade(pick, pick % 4) or self._trade(pick, 0)
            assert trade
            wh = self.measured(trade, delivered), self.measured(trade, received)
            deliveries.append((trade.id, *wh))
            start = max(start, self.window(trade.id)[0])
        batch, signer, signature = self.batch_signature(start, max(start + 1, self.now), deliveries)
        done = self.both(
            lambda: [self._try_settle(*delivery) for delivery in deliveries],
            "settleBatch",
            batch,
            signer,
            signature,
            sender=STRANGER,
        )
        if done:
            self.used.setdefault(signer, []).append(batch[2])
            self._check_settled_batch(*done)

    def _try_settle(
        self, trade_id: int, delivered: int, received: int
    ) -> tuple[Trade, list[Penalty]] | Refusal:
        try:
            trade = self.reference.in_time(trade_id, self.now)
        except Refusal as refusal:
            return refusal
        return trade, self.reference.settle(trade, delivered, received, self.now)

    def _check_settled_batch(
        self,
        outcomes: list[tuple[Trade, list[Penalty]] | Refusal],
        results: tuple[Any, ...],
        events: list[Event],
    ) -> None:
        refused = iter(named(events, "SettlementRefused"))
        penalties: list[Penalty] = []
        for outcome in outcomes:
            if isinstance(outcome, Refusal):
                reason = self.contract.errors[next(refused).args["reason"][:4]]["name"]
                if reason not in outcome.names:
                    raise Mismatch(f"a trade of a batch: expected {outcome}, got {reason}")
            else:
                self._check_ended(*outcome, events)
                penalties += outcome[1]
        equal("settled", results[0], sum(not isinstance(one, Refusal) for one in outcomes))
        self._check_penalties(penalties, events)

    def do_post(self, pick: int, delivered: int) -> None:
        trade = self._trade(pick, 1)
        if trade is None:
            return
        wh = self.measured(trade, delivered)
        signed = self.sign_report(self.meter(trade.ask.trader), trade.id, (wh, 0))

        def predict() -> Trade:
            wrong = ["DeliveryAlreadyPosted"] * (trade.posted is not None)
            wrong += ["DeliveryMissing"] * (wh < LOT)
            live = self._in_time(trade, wrong)
            live.posted = wh
            return live

        self.both(predict, "postDelivery", trade.id, signed, sender=STRANGER)

    def do_expire(self, pick: int, which: int) -> None:
        trade = self._trade(pick, which)
        if trade is None:
            return

        def predict() -> list[Penalty]:
            wrong = ["RoundIsOpen"] * (self.reference.plan is not None)
            wrong += ["DeadlineNotReached"] * (self.now <= trade.deadline)
            wrong += trade.ended_as if trade.state is not TradeState.PENDING else []
            if wrong:
                raise Refusal(*wrong)
            return self.reference.expire(trade, self.now)

        done = self.both(predict, "expire", trade.id, sender=STRANGER)
        if done:
            penalties, _, events = done
            self._check_ended(trade, penalties, events)
            self._check_penalties(penalties, events)
            ended = named(events, "TradeExpired")[0]
            if checksum(ended.args["penalized"]) not in {p.trader for p in penalties}:
                raise Mismatch(f"{ended} names nobody at fault")

    def do_false_pair(self, pick: int, other: int) -> None:
        """A bid and an ask of one round that did not meet are no trade."""
        trade = self._trade(pick, 0)
        if trade is None:
            return
        peers = [t for t in self.reference.trades.values() if t.id >> 64 == trade.id >> 64]
        ask = peers[other % len(peers)].ask
        false_id = trade.id >> 64 << 64 | trade.bid.id << 32 | ask.id
        if false_id in self.reference.trades:
            return

        def predict() -> None:
            raise Refusal("UnknownTrade", "RoundIsOpen")

        signed = self.sign_report(self.oracles[-1].key, false_id, (trade.qty, trade.qty))
        self.both(predict, "settle", false_id, self.encoded([signed]), sender=STRANGER)
        self.both(predict, "expire", false_id, sender=STRANGER)
        self.both(predict, "trade", false_id, sender=STRANGER)
