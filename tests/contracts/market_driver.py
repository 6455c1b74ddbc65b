"""Drives the contract and the reference side by side and compares what they do.

An operation is a name and plain integers, resolved against the reference when it runs
("the 7th of the pending trades"), so that any part of a list of operations is itself a
valid list: this is what makes a failing one shrinkable.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_utils.address import to_checksum_address

from tests.contracts import typed_data
from tests.contracts.evm import Chain, Contract, Event, Reverted, abi_type
from tests.contracts.reference import (
    Order,
    Penalty,
    Reference,
    Refusal,
    Rules,
    Status,
    Trade,
    TradeState,
)
from tests.contracts.typed_data import Key

TICK = 10**12
LOT = 100
NATIVE = "0x" + "00" * 20
TRADERS = 6
OWNER = Key(7)
ORACLE = Key(8)
STRANGER = Key(9)

Operation = tuple[Any, ...]


class Mismatch(AssertionError):
    """Contract and reference differ."""


class Market:
    """One contract, one reference, and the same operations to both."""

    def __init__(self, artefact: Path, rules: Rules) -> None:
        self.chain = Chain()
        self.contract = Contract(
            self.chain, artefact, constructor_arguments(artefact, rules), deployer=OWNER.address
        )
        self.reference = Reference(TICK, LOT, rules)
        self.traders = [Key(100 + i) for i in range(TRADERS)]
        self.meters = [Key(200 + i) for i in range(TRADERS)]
        self.nonces = [0] * TRADERS
        self.sequence = 0
        self.used: list[int] = []
        self.rebuilt: dict[int, int] = {}
        """Resting Wh by order, from events alone."""
        self.reached: Counter[str] = Counter()
        for key in (*self.traders, OWNER, STRANGER):
            self.chain.fund(key.address)
        self.domain = bytes(self.view("domainSeparator"))
        for meter, trader in zip(self.meters, self.traders, strict=True):
            self.send_well("authorizeMeter", meter.address, trader.address, sender=OWNER)

    # ---- plumbing

    def send(
        self, function: str, *arguments: Any, sender: Key, value: int = 0
    ) -> tuple[tuple[Any, ...], list[Event]]:
        """Call the contract and follow its events."""
        results, events = self.contract.call(
            function, *arguments, sender=sender.address, value=value
        )
        # pairs may be buffered to the end of a call: what left the book left after them
        for event in events:
            args = event.args
            if event.name == "OrderPlaced":
                self.rebuilt[args["id"]] = args["qty"]
            elif event.name == "TradeMatched":
                self.rebuilt[args["bidId"]] -= args["qty"]
                self.rebuilt[args["askId"]] -= args["qty"]
            elif event.name == "OrderRequeued":
                self.rebuilt[args["id"]] += args["qty"]
        for event in events:
            if event.name == "OrderCancelled":
                self.rebuilt[event.args["id"]] = 0
        return results, events

    def both(
        self,
        predict: Callable[[], Any],
        function: str,
        *arguments: Any,
        sender: Key,
        value: int = 0,
    ) -> tuple[Any, tuple[Any, ...], list[Event]] | None:
        """Do the same on both sides; None when both refuse for the same reason."""
        refusal: Refusal | None = None
        outcome: Any = None
        try:
            outcome = predict()
        except Refusal as refused:
            refusal = refused
        try:
            results, events = self.send(function, *arguments, sender=sender, value=value)
        except Reverted as reverted:
            if refusal is None:
                raise Mismatch(f"the contract refused {function}{arguments}: {reverted}") from None
            if reverted.name not in refusal.names:
                raise Mismatch(f"{function}: expected {refusal}, got {reverted}") from None
            self.reached[f"refused {reverted.name}"] += 1
            return None
        if refusal is not None:
            raise Mismatch(f"the contract accepted {function}{arguments}; expected {refusal}")
        self.reached[function] += 1
        return outcome, results, events

    def send_well(self, function: str, *arguments: Any, sender: Key) -> None:
        """Send what must not be refused."""
        try:
            self.send(function, *arguments, sender=sender)
        except Reverted as reverted:
            raise Mismatch(f"the contract refused {function}{arguments}: {reverted}") from None

    def view(self, function: str, *arguments: Any) -> Any:
        """Read from the contract; a view that reverts is a difference."""
        try:
            return self.contract.view(function, *arguments)
        except Reverted as reverted:
            raise Mismatch(f"{function}{arguments} reverted: {reverted}") from None

    @property
    def now(self) -> int:
        return self.chain.now

    def apply(self, operation: Operation) -> None:
        """Run one operation on both sides and compare."""
        name, *numbers = operation
        getattr(self, f"do_{name}")(*numbers)
        equal("wei held", self.chain.balance(self.contract.address), self.reference.held())

    # ---- trading

    def do_place(
        self, who: int, side: int, ticks: int, lots: int, life: int, paid: int, odd: int
    ) -> None:
        trader = self.traders[who]
        price, qty, expiry = self._order(ticks, lots, life, odd)
        value = self._value(bool(side), price, qty, paid)
        done = self.both(
            lambda: self.reference.place(
                trader.address, bool(side), price, qty, expiry, self.now, value
            ),
            "placeBid" if side else "placeAsk",
            price,
            qty,
            expiry,
            sender=trader,
            value=value,
        )
        if done:
            order, (order_id,), events = done
            equal("order id", order_id, order.id)
            self._check_placed(order, named(events, "OrderPlaced")[0])
            self.reached["placed in an open round"] += self.reference.plan is not None

    def _order(self, ticks: int, lots: int, life: int, odd: int) -> tuple[int, int, int]:
        """Price, quantity and expiry; a small `odd` spoils one of them."""
        price, qty, expiry = ticks * TICK, lots * LOT, self.now + life
        match odd:
            case 0:
                price += 1
            case 1:
                price = 0
            case 2:
                price = 2**24 * TICK
            case 3:
                qty += 1
            case 4:
                qty = 0
            case 5:
                expiry = self.now
            case 6:
                expiry = self.now + self.reference.rules.order_ttl + 1
        return price, qty, expiry

    def _value(self, is_bid: bool, price: int, qty: int, paid: int) -> int:
        """What is sent along: what is needed, nothing, more, or an odd amount."""
        rate = self.reference.rules.deposit_rate
        needed = price * qty * (rate + 1000 * is_bid) // 1_000_000
        return (needed, 0, needed + 5 * TICK, needed + 1)[paid] if price % TICK == 0 else 0

    def _check_placed(self, order: Order, event: Event) -> None:
        expected = (order.id, order.trader, order.is_bid, order.price, order.qty, order.expiry)
        args = event.args
        got = (args["id"], checksum(args["trader"]), *list(args.values())[2:])
        equal("OrderPlaced", got, expected)

    def do_place_batch(self, who: int, paid: int, *rows: tuple[int, ...]) -> None:
        trader = self.traders[who]
        value = paid * TICK
        orders = []
        for side, ticks, lots, life, slippage, odd in rows:
            orders.append((bool(side), *self._order(ticks, lots, life, odd), slippage))

        def predict() -> list[Order | Refusal]:
            if self.reference.paused:
                raise Refusal("EnforcedPause")
            self.reference.pay_in(trader.address, value)
            placed: list[Order | Refusal] = []
            for is_bid, price, qty, expiry, slippage in orders:
                placed.append(
                    self._try_place(trader, is_bid, price, qty, expiry, slippage=slippage)
                )
            return placed

        done = self.both(predict, "placeBatch", orders, sender=trader, value=value)
        if done:
            self._check_batch(*done)

    def _try_place(self, trader: Key, *order: Any, slippage: int) -> Order | Refusal:
        try:
            return self.reference.place(trader.address, *order, self.now, slippage=slippage)
        except Refusal as refusal:
            return refusal

    def _check_batch(
        self, placed: list[Order | Refusal], results: tuple[Any, ...], events: list[Event]
    ) -> None:
        equal("ids", list(results[0]), [o.id if isinstance(o, Order) else 0 for o in placed])
        happy = iter(named(events, "OrderPlaced"))
        refused = {event.args["index"]: event for event in named(events, "OrderRefused")}
        for index, order in enumerate(placed):
            if isinstance(order, Order):
                self._check_placed(order, next(happy))
                continue
            reason = self.contract.errors[refused[index].args["reason"][:4]]["name"]
            if reason not in order.names:
                raise Mismatch(f"order {index} of a batch: expected {order}, got {reason}")
            self.reached[f"left out {reason}"] += 1

    def do_place_signed(self, *rows: tuple[int, ...]) -> None:
        orders, signatures, placed = [], [], []
        if self.reference.paused:
            return
        for who, side, ticks, lots, life, slippage, odd, forged in rows:
            account = self.view("accountOf", self.traders[who].address)
            nonce = self.nonces[who] + (forged == 1)
            price, qty, expiry = self._order(ticks, lots, life, odd)
            order = (account, bool(side), price, qty, expiry, slippage, nonce)
            signer = STRANGER if forged == 2 else self.traders[who]
            struct = typed_data.flat(typed_data.ORDER, order)
            orders.append(order)
            signatures.append(signer.sign(typed_data.digest(self.domain, struct)))
            placed.append(self._place_signed(who, order, forged))
        done = self.both(lambda: placed, "placeSigned", orders, signatures, sender=STRANGER)
        if done:
            self._check_batch(*done)

    def _place_signed(self, who: int, order: tuple[Any, ...], forged: int) -> Order | Refusal:
        wrong = [[], ["NonceMismatch"], ["InvalidSignature"]][forged]
        trader = self.traders[who]
        _, is_bid, price, qty, expiry, slippage, _ = order
        if wrong:
            faults = self.reference._faults(trader.address, price, qty, expiry, self.now, slippage)
            return Refusal(*wrong, *faults, "InsufficientBalance")
        placed = self._try_place(trader, is_bid, price, qty, expiry, slippage=slippage)
        self.nonces[who] += isinstance(placed, Order)
        return placed

    def do_raise_nonce(self, who: int, by: int) -> None:
        def predict() -> None:
            if by == 0:
                raise Refusal("NonceNotRaised")
            self.nonces[who] += by

        wanted = self.nonces[who] + by
        self.both(predict, "raiseNonce", wanted, sender=self.traders[who])

    def do_cancel(self, pick: int, foreign: int) -> None:
        if not self.reference.orders:
            return
        order = self.reference.orders[pick % len(self.reference.orders)]
        owner = next(key for key in self.traders if key.address == order.trader)
        sender = STRANGER if foreign else owner
        self._cancel(order, "cancelOrder", sender, sender.address)

    def do_cancel_resting(self, pick: int, by_admin: int) -> None:
        resting = [o for o in self.reference.orders if o.rest]
        if not resting:
            return
        order = resting[pick % len(resting)]
        owner = next(key for key in self.traders if key.address == order.trader)
        if by_admin:
            self._cancel(order, "adminCancel", OWNER, None)
        else:
            self._cancel(order, "cancelOrder", owner, owner.address)

    def _cancel(self, order: Order, function: str, sender: Key, trader: str | None) -> None:
        plan = self.reference.plan
        if plan and order.id <= plan.snapshot and order.rest and order.expiry <= plan.at:
            return  # dead at the round's time: whether it takes part is not said
        done = self.both(
            lambda: self.reference.may_cancel(order.id, trader), function, order.id, sender=sender
        )
        if done:
            equal("cancelled", [e.args["id"] for e in named(done[2], "OrderCancelled")], [order.id])
            self.reference.close(order)

    def do_prune(self, *picks: int) -> None:
        ids = [pick % (len(self.reference.orders) + 2) for pick in picks]

        def predict() -> list[Order]:
            if self.reference.plan:
                raise Refusal("RoundIsOpen")
            return [
                order
                for order in self.reference.orders
                if order.id in ids and order.rest and order.expiry <= self.now
            ]

        done = self.both(predict, "prune", ids, sender=STRANGER)
        if done:
            due, (pruned,), events = done
            equal("pruned", pruned, len(due))
            gone = sorted(e.args["id"] for e in named(events, "OrderCancelled"))
            equal("pruned", gone, [order.id for order in due])
            for order in due:
                self.reference.close(order)
            self.reached["pruned"] += len(due)

    # ---- money

    def do_deposit(self, who: int, units: int, odd: int) -> None:
        trader = self.traders[who]
        amount = units * TICK + (odd == 0)
        self.both(
            lambda: self.reference.pay_in(trader.address, amount),
            "deposit",
            trader.address,
            amount,
            sender=STRANGER,
            value=amount,
        )

    def do_withdraw(self, who: int) -> None:
        trader = self.traders[who]
        account = self.view("accountOf", trader.address)
        before = self.chain.balance(trader.address)
        done = self.both(
            lambda: self.reference.withdraw(trader.address), "withdraw", account, sender=trader
        )
        if done:
            equal("withdrawn", self.chain.balance(trader.address) - before, done[0])

    # ---- clearing

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
        plan = reference.plan
        assert plan
        _, (matched, mcp), events = done
        trades = named(events, "TradeMatched")
        equal("matched", matched, len(trades))
        if matched > pairs:
            raise Mismatch(f"{matched} pairs where {pairs} were allowed")
        for event in trades:
            if plan.done == len(plan.pairs):
                raise Mismatch(f"one pair too many: {event}")
            bid, ask, qty = reference.match_next()
            args = event.args
            equal("pair", (args["bidId"], args["askId"], args["qty"]), (bid.id, ask.id, qty))
        for event in named(events, "OrderCancelled"):
            order = reference.order(event.args["id"])
            if not reference.may_remove_in_round(order):
                raise Mismatch(f"matching took {order} off without a reason")
            self.reached[
                "removed expired" if order.expiry <= plan.at else "removed self-crossed"
            ] += 1
            reference.close(order)
        self._check_round_state(events, mcp, was_open=was_open)
        for event in trades:
            price = self._announced_price(event)
            equal("announced price", event.args["mcp"], price)

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

    def do_params(self, rate: int, slippage: int, pay_as_bid: int, strike_limit: int) -> None:
        rules = Rules(
            deposit_rate=rate,
            max_slippage=slippage,
            pay_as_bid=bool(pay_as_bid),
            strike_limit=strike_limit,
        )
        self.send_well("setParams", params_tuple(rules), sender=OWNER)
        self.reference.rules = rules

    # ---- settlement

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
            self._check_settled(*done[0], done[2])

    def _told(self, way: int, sells: bool, wh: tuple[int, int]) -> tuple[int, int]:
        """A meter knows its own side; what it says about the other must not count."""
        if way == 0:
            return wh
        return (wh[0], 10**9) if sells else (0, wh[1])

    def _wh(self, trade: Trade, parts: int) -> int:
        """Metered Wh: in eighths of the trade, and a few Wh that make no lot."""
        return trade.qty * parts // 8 + parts % 3 * 17

    def _meter(self, trader: str) -> Key:
        at = next(i for i, key in enumerate(self.traders) if key.address == trader)
        return self.meters[at]

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

    def _check_settled(self, trade: Trade, penalties: list[Penalty], events: list[Event]) -> None:
        ending = [e for e in events if e.name in ("TradeSettled", "TradeExpired")]
        mine = [e for e in ending if e.args["tradeId"] == trade.id]
        equal("ends of a trade", len(mine), 1)
        if mine[0].name == "TradeSettled":
            paid = trade.qty - sum(penalty.qty for penalty in penalties)
            equal("TradeSettled", tuple(mine[0].args.values())[1:], (paid, trade.price))
        if len(ending) == 1:
            self._check_penalties(penalties, events)
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

    def do_settle_batch(self, *rows: tuple[int, int, int]) -> None:
        if not self.reference.trades:
            return
        deliveries, chosen = [], []
        for pick, delivered, received in rows:
            trade = self._trade(pick, pick % 4 != 0) or self._trade(pick, 0)
            assert trade
            wh = self._wh(trade, delivered), self._wh(trade, received)
            deliveries.append((trade.id, *wh))
            chosen.append(trade)
        start = max(self._window(trade)[0] for trade in chosen)
        end = max(start + 1, self.now)
        self.sequence += 1
        digest = typed_data.digest(
            self.domain, typed_data.batch(start, end, self.sequence, deliveries)
        )
        batch = (start, end, self.sequence, deliveries)
        before = {trade.id: trade.state for trade in chosen}
        late = any(self.now > trade.deadline for trade in chosen)

        def predict() -> list[tuple[Trade, list[Penalty]] | Refusal]:
            outcome: list[tuple[Trade, list[Penalty]] | Refusal] = []
            for trade_id, *wh in deliveries:
                try:
                    live = self.reference.in_time(trade_id, self.now)
                    outcome.append((live, self.reference.settle(live, *wh, self.now)))
                except Refusal as refusal:
                    outcome.append(refusal)
            return outcome

        if late and all(state is not TradeState.PENDING for state in before.values()):
            self.reached["batch of the dead"] += 1
        done = self.both(
            predict, "settleBatch", batch, ORACLE.address, ORACLE.sign(digest), sender=STRANGER
        )
        if not done:
            return
        outcome, (settled,), events = done
        self.used.append(self.sequence)
        equal("settled", settled, sum(not isinstance(one, Refusal) for one in outcome))
        refused = iter(named(events, "SettlementRefused"))
        for one in outcome:
            if isinstance(one, Refusal):
                reason = self.contract.errors[next(refused).args["reason"][:4]]["name"]
                if reason not in one.names:
                    raise Mismatch(f"a trade of a batch: expected {one}, got {reason}")
            else:
                self._check_settled(*one, events)
        self._check_penalties(
            [p for one in outcome if not isinstance(one, Refusal) for p in one[1]], events
        )

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
            self._check_settled(trade, penalties, events)
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

    def do_wait(self, seconds: int) -> None:
        self.chain.forward(seconds)

    # ---- views

    def do_check(self) -> None:
        """Compare everything that can be seen."""
        reference, view = self.reference, self.view
        for trader in self.traders:
            address = trader.address
            equal("balance", view("balanceOf", address), reference.balances.get(address, 0))
            equal("strikes", view("strikes", address), reference.strikes.get(address, 0))
        equal("last MCP", view("lastMcp"), reference.last_mcp)
        equal("last order", view("lastOrderId"), len(reference.orders))
        if reference.plan:
            return
        for order in reference.orders:
            status, resting = view("orderStatus", order.id)
            equal(f"status of order {order.id}", Status(status), order.status)
            equal(f"rest of order {order.id}", resting, order.rest)
            equal(f"rest of order {order.id} by events", self.rebuilt[order.id], order.rest)
            self._check_order_view(order)
        for side in (True, False):
            levels = [tuple(level) for level in view("levels", side, 10_000)]
            equal("levels", levels, reference.levels(side))
        equal("indicative", tuple(view("indicative", 10_000)), reference.indicative())
        for trade in reference.trades.values():
            self._check_trade_view(trade)

    def _check_order_view(self, order: Order) -> None:
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
        self.do_check()
        equal("wei left behind", self.chain.balance(self.contract.address), 0)


def named(events: list[Event], name: str) -> list[Event]:
    """The events of one name."""
    return [event for event in events if event.name == name]


def equal(what: str, got: Any, expected: Any) -> None:
    """Raise Mismatch unless contract and reference say the same."""
    if got != expected:
        raise Mismatch(f"{what}: the contract says {got}, the reference {expected}")


def checksum(address: str) -> str:
    """An address as the keys spell it."""
    return to_checksum_address(address)


def params_tuple(rules: Rules) -> tuple[int, ...]:
    """Rules in the order of the interface's Params."""
    return (
        rules.min_qty,
        rules.order_ttl,
        rules.settlement_ttl,
        rules.deposit_rate,
        rules.max_slippage,
        int(rules.pay_as_bid),
        rules.strike_limit,
    )


def constructor_arguments(artefact: Path, rules: Rules) -> list[Any]:
    """The constructor's arguments, found by their names."""
    known: dict[str, Any] = {
        "asset": NATIVE,
        "pricetick": TICK,
        "lot": LOT,
        "params": params_tuple(rules),
        "owner": OWNER.address,
        "oracle": ORACLE.address,
    }
    abi = json.loads(artefact.read_text(encoding="utf-8"))["abi"]
    inputs = next(entry["inputs"] for entry in abi if entry["type"] == "constructor")
    return [
        next(v for k, v in known.items() if k in parameter["name"].lower().strip("_"))
        for parameter in inputs
    ]
