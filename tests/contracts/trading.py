"""Placing, cancelling, pruning and the money of accounts."""

from __future__ import annotations

import copy
from typing import Any

from tests.contracts import typed_data
from tests.contracts.evm import Event
from tests.contracts.pair import OWNER, STRANGER, Mismatch, Pair, checksum, equal, named
from tests.contracts.records import Order, Refusal
from tests.contracts.typed_data import Key
from tests.contracts.units import LOT, TICK


class Trading(Pair):
    """Operations of traders."""

    def do_place(
        self, who: int, side: int, ticks: int, lots: int, life: int, paid: int, odd: int
    ) -> None:
        trader = self.traders[who]
        price, qty, expiry = self._order(ticks, lots, life, odd)
        value = self._value(bool(side), price, qty, paid)
        new_money = self._lacking(trader, bool(side), price, qty) if self.on_token else value
        done = self.both(
            lambda: self.reference.place(
                trader.address, bool(side), price, qty, expiry, self.now, new_money
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

    def do_burst(self, *rows: tuple[int, int, int, int, int]) -> None:
        for row in rows:
            self.do_place(*row, 0, -1)

    def do_place_huge(self, who: int, side: int, ticks: int, lots: int, life: int) -> None:
        """An order at the limits of what fits; the market may be too full for it."""
        before = copy.deepcopy(self.reference)
        try:
            self.do_place(who, side, ticks, lots, life, 0, -1)
        except Mismatch as mismatch:
            if "MarketFull" not in str(mismatch):
                raise
            self.reference = before
            self.reached["refused MarketFull"] += 1
        else:
            self.reached["huge"] += 1

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

    def _needed(self, is_bid: bool, price: int, qty: int) -> int:
        rate = self.reference.rules.deposit_rate
        return price * qty * (rate + 1000 * is_bid) // 1_000_000

    def _value(self, is_bid: bool, price: int, qty: int, paid: int) -> int:
        """Coins sent along: what is needed, nothing, more, or an odd amount."""
        if self.on_token or price % TICK:
            return 0
        needed = self._needed(is_bid, price, qty)
        return (needed, 0, needed + 5 * TICK, needed + 1)[paid]

    def _lacking(self, trader: Key, is_bid: bool, price: int, qty: int) -> int:
        """Tokens that the market takes from a trader to place an order."""
        balance = self.reference.balances.get(trader.address, 0)
        return max(0, self._needed(is_bid, price, qty) - int(balance))

    def _check_placed(self, order: Order, event: Event) -> None:
        expected = (order.id, order.trader, order.is_bid, order.price, order.qty, order.expiry)
        args = event.args
        got = (args["id"], checksum(args["trader"]), *list(args.values())[2:])
        equal("OrderPlaced", got, expected)

    def do_place_batch(self, who: int, paid: int, *rows: tuple[int, ...]) -> None:
        trader = self.traders[who]
        value = 0 if self.on_token else paid * TICK
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
        owner = self.traders[self.trader(order.trader)]
        sender = STRANGER if foreign else owner
        self._cancel(order, "cancelOrder", sender, sender.address)

    def do_cancel_resting(self, pick: int, by_admin: int) -> None:
        resting = [o for o in self.reference.orders if o.rest]
        if not resting:
            return
        order = resting[pick % len(resting)]
        owner = self.traders[self.trader(order.trader)]
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
            value=0 if self.on_token else amount,
        )

    def do_withdraw(self, who: int) -> None:
        trader = self.traders[who]
        account = self.view("accountOf", trader.address)
        before = self.money.held(trader.address)
        done = self.both(
            lambda: self.reference.withdraw(trader.address), "withdraw", account, sender=trader
        )
        if done:
            equal("withdrawn", self.money.held(trader.address) - before, done[0])
