"""Reports of meters and oracle, batches of them, deadlines, and pairs that never met."""

from __future__ import annotations

from typing import Any

from eth_abi.abi import encode

from tests.contracts import typed_data
from tests.contracts.evm import Event, abi_type
from tests.contracts.pair import LOT, ORACLE, STRANGER, Mismatch, Pair, checksum, equal, named
from tests.contracts.reference import Penalty, Refusal, Trade, TradeState
from tests.contracts.typed_data import Key


class Settlement(Pair):
    """Operations of settlement."""

    def _trade(self, pick: int, pending: int) -> Trade | None:
        trades = [
            t
            for t in self.reference.trades.values()
            if not pending or t.state is TradeState.PENDING
        ]
        return trades[pick % len(trades)] if trades else None

    def _signed(
        self, signer: Key, trade_id: int, wh: tuple[int, int], window: tuple[int, int], fake: Key
    ) -> tuple[Any, ...]:
        self.sequence += 1
        report = (trade_id, *wh, *window, self.sequence)
        struct = typed_data.flat(typed_data.REPORT, report)
        return report, signer.address, fake.sign(typed_data.digest(self.domain, struct))

    def _window(self, trade: Trade) -> tuple[int, int]:
        start = int(self.view("round", trade.id >> 64)[0])
        return start, max(start + 1, self.now)

    def _proof(self, reports: list[tuple[Any, ...]]) -> bytes:
        entry = self.contract.functions["postDelivery"]["inputs"][1]
        return encode([abi_type(entry) + "[]"], [reports])

    def do_settle(
        self, pick: int, pending: int, delivered: int, received: int, way: int, odd: int
    ) -> None:
        """Settle by the oracle (way 0) or by both meters (1); `odd` spoils the proof."""
        trade = self._trade(pick, pending)
        if trade is None:
            return
        window = self._window(trade)
        seller, buyer = (self._meter(trade.ask.trader), self._meter(trade.bid.trader))
        wh = self._wh(trade, delivered), self._wh(trade, received)
        forger = STRANGER if odd == 0 else None
        about = trade.id + 1 if odd == 1 else trade.id
        if way == 0:
            signers = [STRANGER if odd == 2 else ORACLE]
        else:
            signers = [seller] if odd == 3 else [buyer] if odd == 4 else [seller, buyer]
        reports = [
            self._signed(key, about, self._told(way, key is seller, wh), window, forger or key)
            for key in signers
        ]
        if odd == 5 and self.used:
            old = self.used[pick % len(self.used)]
            self.sequence, kept = old - 1, self.sequence
            reports = [self._signed(ORACLE, about, wh, window, ORACLE)]
            self.sequence = kept

        def predict() -> tuple[Trade, list[Penalty]]:
            wrong = self._wrong_proof(odd, way, trade)
            live = self._in_time(trade, wrong)
            told = (live.posted, wh[1]) if way and odd == 4 and live.posted is not None else wh
            return live, self.reference.settle(live, told[0] or 0, told[1], self.now)

        done = self.both(predict, "settle", trade.id, self._proof(reports), sender=STRANGER)
        if done:
            if way == 0:
                self.used.append(self.sequence)
            (live, penalties), _, events = done
            self._check_ended(live, penalties, events)
            self._check_penalties(penalties, events)

    def _told(self, way: int, sells: bool, wh: tuple[int, int]) -> tuple[int, int]:
        """A meter knows its own side; what it says about the other must not count."""
        if way == 0:
            return wh
        return (wh[0], 10**9) if sells else (0, wh[1])

    def _wh(self, trade: Trade, parts: int) -> int:
        """Metered Wh: in eighths of the trade, and a few Wh that make no lot."""
        return trade.qty * parts // 8 + parts % 3 * 17

    def _meter(self, trader: str) -> Key:
        return self.meters[self.trader(trader)]

    def _wrong_proof(self, odd: int, way: int, trade: Trade) -> list[str]:
        posted = trade.posted is not None
        match odd:
            case 0:
                return ["InvalidSignature"]
            case 1:
                return ["WrongTrade"]
            case 2 if way == 0:
                return ["SignerNotAuthorized"]
            case 3 if way == 1:
                return ["ReceiptMissing"]
            case 4 if way == 1 and not posted:
                return ["DeliveryMissing"]
            case 5 if self.used:
                return ["SequenceUsed"]
        return []

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
            deliveries.append((trade.id, self._wh(trade, delivered), self._wh(trade, received)))
            start = max(start, self._window(trade)[0])
        self.sequence += 1
        batch = (start, max(start + 1, self.now), self.sequence, deliveries)
        signature = ORACLE.sign(typed_data.digest(self.domain, typed_data.batch(*batch)))
        done = self.both(
            lambda: [self._try_settle(*delivery) for delivery in deliveries],
            "settleBatch",
            batch,
            ORACLE.address,
            signature,
            sender=STRANGER,
        )
        if done:
            self.used.append(self.sequence)
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
        meter = self._meter(trade.ask.trader)
        wh = self._wh(trade, delivered)
        signed = self._signed(meter, trade.id, (wh, 0), self._window(trade), meter)

        def predict() -> Trade:
            wrong = ["DeliveryAlreadyPosted"] * (trade.posted is not None)
            wrong += ["DeliveryMissing"] * (wh < LOT)
            live = self._in_time(trade, wrong)
            live.posted = wh
            return live

        self.both(predict, "postDelivery", trade.id, signed, sender=STRANGER)

    def do_expire(self, pick: int, pending: int) -> None:
        trade = self._trade(pick, pending)
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

        wh = (trade.qty, trade.qty)
        proof = self._proof([self._signed(ORACLE, false_id, wh, self._window(trade), ORACLE)])
        self.both(predict, "settle", false_id, proof, sender=STRANGER)
        self.both(predict, "expire", false_id, sender=STRANGER)
        self.both(predict, "trade", false_id, sender=STRANGER)
