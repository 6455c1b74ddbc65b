"""The clearing house: follows the market, clears it, has trades delivered and settles them.

It knows neither the hub nor which market it runs on; `plugin.py` gives it a clock, a lock, a ledger
and two listeners, and calls its steps on a schedule. Every step may be interrupted by a crash: what
matters is in the ledger or on the chain before anybody is told.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable, Container, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import Protocol

from . import intents, store, verification
from .book import Book, BookTrade, FinishedRound
from .deliveries import Delivery, DeliveryPlan
from .events import Entry, Head, News
from .market import Market, Proof
from .problems import Refused
from .tables import Ledger
from .trade_words import in_words, shortened, unproven
from .twin_events import MarketEvent, TradeExpired, TradeMatched, TradeSettled

#: Rounds are cleared in pages of so many pairs: well inside one transaction's gas.
PAGE = 400
#: An expired order is refunded so long after its end, so that a clearing may do it for free.
PRUNE_AFTER_S = 60
#: At most so many orders are refunded, and trades expired, in one go.
TIDY_AT_ONCE = 50
#: Transactions and meter readings older than a week are history, which the recorder keeps.
OLD_MS = 7 * 86_400_000
#: Readings for the case of a crash are kept this often while energy is delivered.
KEEP_READINGS_MS = 5_000


class Listener(Protocol):
    """Who is told what happened, after it is on record."""

    def happened(self, entry: Entry) -> None:
        """An event of the market."""

    def undone(self, entry: Entry) -> None:
        """An event that a reorganisation took back."""

    def scheduled(self, delivery: Delivery, trade: BookTrade) -> None:
        """A trade got its delivery window."""


@dataclass(frozen=True, slots=True)
class Party:
    """A house that trades: how people call it, its address and its meter."""

    house: str
    name: str
    address: str
    device: str


@dataclass(slots=True)
class ClearingHouse:
    """The market's operator and oracle. `now_ms` is the hub's time in milliseconds."""

    market: Market
    ledger: Ledger
    plan: DeliveryPlan
    parties: Mapping[str, Party]
    now_ms: Callable[[], int]
    lock: AbstractAsyncContextManager[object]
    listener: Listener
    log: logging.Logger
    #: Credits of the hub's own houses above this are paid out to their wallets; None: never.
    withdraw_above_wei: int | None = 0
    book: Book = field(init=False)
    head: Head = field(init=False)
    #: What the last verified round deviated in, if it did.
    deviation: str = field(init=False, default="")
    _by_address: dict[str, Party] = field(init=False)
    _to_withdraw: set[str] = field(init=False, default_factory=set)
    _said: dict[str, str] = field(init=False, default_factory=dict)
    _kept_ms: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.book = Book(self.market.facts.deposit_permille)
        self.head = Head(0, "", 0)
        self._by_address = {party.address: party for party in self.parties.values()}

    # -- following --

    async def start(self) -> None:
        """Rebuild the book from the ledger and catch up with the market."""
        key = self.market.chain_key
        entries = await self.ledger.run(partial(store.load_entries, chain=key))
        self.book.apply_all(entries)
        rows = await self.ledger.run(partial(store.load_deliveries, chain=key))
        for trade_id, row in rows.items():
            trade = self.book.trades.get(trade_id)
            if trade is not None:
                self._restore(trade, row)
        since_ms = min((d.start_ms for d in self.plan), default=self.now_ms())
        for edge in await self.ledger.run(partial(store.load_edges, chain=key, since_ms=since_ms)):
            self.plan.meters.remember(edge.device, edge.at_ms, edge.counters)
        kept = await self.ledger.run(partial(store.load_last_readings, chain=key))
        self.plan.meters.come_back(self.now_ms(), [(r.device, r.at_ms, r.counters) for r in kept])
        await self.poll()
        await self._schedule(self.book.pending)
        for delivery in self.plan:
            if delivery.state == "scheduled" and delivery.end_ms > self.now_ms():
                self.listener.scheduled(delivery, self.book.trades[delivery.trade_id])
        self._to_withdraw = {p.address for p in self.parties.values()}

    def _restore(self, trade: BookTrade, row: store.DeliveryRow) -> None:
        buyer, seller = self._by_address.get(trade.buyer), self._by_address.get(trade.seller)
        self.plan.add(
            Delivery(
                trade.id,
                buyer.device if buyer else None,
                seller.device if seller else None,
                trade.qty_wh,
                *row,
            )
        )

    async def poll(self) -> None:
        """Take in what happened on the market and tell the listener."""
        async with self.lock:
            news = await self.market.poll()
            self.head = news.head
            returned = {entry.event for entry in news.undone} & {e.event for e in news.entries}
            if news.undone:
                await self._refold(news, returned)
            matched: list[BookTrade] = []
            for entry in news.entries:
                finished = self.book.apply(entry)
                self._note(entry)
                if entry.event not in returned:
                    self.listener.happened(entry)
                if finished is not None:
                    self._verify(finished)
                    matched.extend(finished.trades)
            await self._schedule(matched)

    async def _refold(self, news: News, returned: Container[MarketEvent]) -> None:
        """Build the book anew without what a reorganisation took back.

        What came back unchanged in another block is not told again, and its delivery goes on.
        """
        undone = [entry for entry in news.undone if entry.event not in returned]
        self.log.warning(
            "the chain was reorganised: of %d events taken back %d did not return",
            len(news.undone),
            len(undone),
        )
        gone = [e.event.trade_id for e in undone if isinstance(e.event, TradeMatched)]
        for trade_id in gone:
            self.plan.drop(trade_id)
        for entry in reversed(undone):
            self.listener.undone(entry)
            if isinstance(entry.event, TradeSettled | TradeExpired):
                delivery = self.plan.get(entry.event.trade_id)
                if delivery is not None:
                    delivery.state = "measured" if delivery.delivered_wh is not None else "unproven"
        key = self.market.chain_key
        first_new = min((e.block for e in news.entries), default=None)
        entries = await self.ledger.run(partial(store.load_entries, chain=key))
        self.book = Book(self.market.facts.deposit_permille)
        self.book.apply_all(e for e in entries if first_new is None or e.block < first_new)
        await self.ledger.run(partial(store.forget_deliveries, chain=key, trade_ids=gone))

    def _note(self, entry: Entry) -> None:
        """Keep the delivery of a trade in step with its end on the market."""
        if isinstance(entry.event, TradeSettled | TradeExpired):
            delivery = self.plan.get(entry.event.trade_id)
            if delivery is not None:
                delivery.state = "settled" if isinstance(entry.event, TradeSettled) else "expired"
            trade = self.book.trades[entry.event.trade_id]
            self._to_withdraw.update((trade.buyer, trade.seller))

    def _verify(self, finished: FinishedRound) -> None:
        found = verification.differences(finished)
        if found:
            self.deviation = f"round {finished.cleared.round}: " + "; ".join(found)
            self.log.error("the contract did not clear as the rules say: %s", self.deviation)
        else:
            self.deviation = ""

    async def _schedule(self, trades: Iterable[BookTrade]) -> None:
        """Give trades of finished rounds their delivery windows, on record before announced."""
        new = []
        for trade in trades:
            if trade.deadline is None or self.plan.get(trade.id) is not None:
                continue
            buyer, seller = self._by_address.get(trade.buyer), self._by_address.get(trade.seller)
            delivery = self.plan.schedule(
                trade.id,
                trade.qty_wh,
                buyer_device=buyer.device if buyer else None,
                seller_device=seller.device if seller else None,
                deadline_ms=trade.deadline * 1000,
                now_ms=self.now_ms(),
            )
            new.append((delivery, trade))
        if not new:
            return
        key = self.market.chain_key
        await self.ledger.run(
            partial(store.save_deliveries, chain=key, changed=[delivery for delivery, _ in new])
        )
        for delivery, trade in new:
            if delivery.state == "scheduled":
                self.listener.scheduled(delivery, trade)
            else:
                self._tell_unproven(delivery)

    # -- clearing --

    async def clear(self, *, only_if_crossing: bool = True) -> str | None:
        """Clear the book; returns the last transaction, None if there was nothing to clear."""
        await self.poll()
        tx = None
        while not self.book.paused:
            now_s = self.now_ms() // 1000
            wanted = self.book.round_is_open or self.book.crosses(now_s)
            if not wanted and (only_if_crossing or tx is not None):
                return tx
            tx = await self.market.match(PAGE, f"match:{self.head.number}:{self.now_ms()}")
            await self.poll()
        return tx

    # -- settlement --

    async def settle(self) -> None:
        """Read the meters at window edges and settle the trades whose windows are over."""
        now_ms = self.now_ms()
        key = self.market.chain_key
        found = self.plan.read_edges(now_ms)
        judged = self.plan.measure(now_ms)
        if found or judged:
            await self.ledger.run(partial(store.save_edges, chain=key, found=found))
            await self.ledger.run(partial(store.save_deliveries, chain=key, changed=judged))
        if now_ms - self._kept_ms >= KEEP_READINGS_MS:
            await self.keep_readings()
        for delivery in judged:
            if delivery.state == "unproven":
                self._tell_unproven(delivery)
            elif delivery.reason:
                self.log.warning("the trade %s is %s", self._named(delivery), delivery.reason)
        measured = sorted(
            (d for d in self.plan if d.state == "measured"), key=lambda d: (d.start_ms, d.end_ms)
        )
        for window, group in groupby(measured, key=lambda d: (d.start_ms, d.end_ms)):
            await self._settle_window(*window, list(group))
        self.plan.forget_closed(now_ms)

    async def keep_readings(self) -> None:
        """Keep what the meters of open deliveries read last: the hub may be away when they end."""
        self._kept_ms = self.now_ms()
        found = self.plan.newest_readings()
        if found:
            key = self.market.chain_key
            await self.ledger.run(partial(store.save_last_readings, chain=key, found=found))

    def _tell_unproven(self, delivery: Delivery) -> None:
        """Say why a trade cannot be settled, when it will expire, and what that costs whom."""
        self.log.warning(
            "the trade %s cannot be settled: %s",
            self._named(delivery),
            unproven(self.book, self.book.trades[delivery.trade_id], delivery.reason),
        )

    def _named(self, delivery: Delivery) -> str:
        return in_words(self.book.trades[delivery.trade_id], self.name_of)

    def name_of(self, address: str) -> str:
        """How people call a trader: the name of its house, or the address."""
        party = self._by_address.get(address)
        return party.name if party is not None else shortened(address)

    async def _settle_window(self, start_ms: int, end_ms: int, group: list[Delivery]) -> None:
        proofs = [
            Proof(d.trade_id, d.delivered_wh, d.received_wh)
            for d in group
            if d.delivered_wh is not None and d.received_wh is not None
        ]
        names = ",".join(str(proof.trade_id) for proof in proofs)
        digest = hashlib.sha256(names.encode()).hexdigest()[:16]
        request_id = f"settle:{start_ms}:{digest}"
        try:
            refused = await self.market.settle(proofs, start_ms // 1000, end_ms // 1000, request_id)
        except Refused as refusal:
            # Perhaps the chain's clock is behind: it is tried again until the deadline.
            self._say_once(request_id, f"settlement of {len(proofs)} trades waits: {refusal}")
            return
        changed = []
        for delivery in group:
            if delivery.trade_id in refused:
                delivery.state = "unproven"
                delivery.reason = refused[delivery.trade_id]
                self._tell_unproven(delivery)
                changed.append(delivery)
        await self.poll()
        changed += [d for d in group if d.state == "settled"]
        key = self.market.chain_key
        await self.ledger.run(partial(store.save_deliveries, chain=key, changed=changed))

    def _say_once(self, about: str, text: str) -> None:
        if self._said.get(about) != text:
            self._said[about] = text
            self.log.warning("%s", text)

    # -- tidying --

    async def tidy(self) -> None:
        """Expire overdue trades, refund expired orders, pay credits out."""
        now_s = self.now_ms() // 1000
        overdue = [t for t in self.book.pending if t.deadline is not None and t.deadline < now_s]
        for trade in overdue[:TIDY_AT_ONCE]:
            await self._quietly(self.market.expire(trade.id, f"expire:{trade.id}"))
        if not self.book.round_is_open:
            dead = self.book.expired_ids(now_s - PRUNE_AFTER_S)[:TIDY_AT_ONCE]
            if dead:
                name = hashlib.sha256(repr(dead).encode()).hexdigest()[:16]
                await self._quietly(self.market.prune(dead, f"prune:{name}:{now_s}"))
        await self._withdraw(now_s)
        await self.poll()

    async def keep_house(self) -> None:
        """Drop what nothing can ask for any more."""
        before_ms = self.now_ms() - OLD_MS
        key = self.market.chain_key
        await self.ledger.run(partial(store.forget_edges, chain=key, before_ms=before_ms))
        await self.ledger.run(
            partial(
                intents.forget_ended, chain=key, before=before_ms / 1000,
                before_block=self.head.number - store.BLOCKS_KEPT,
            )
        )  # fmt: skip
        self._said.clear()

    async def _withdraw(self, now_s: int) -> None:
        if self.withdraw_above_wei is None:
            return
        for address in sorted(self._to_withdraw):
            self._to_withdraw.discard(address)
            if not self.market.can_sign_for(address):
                continue
            funds = await self.market.funds(address)
            if funds.credit_wei > self.withdraw_above_wei:
                await self._quietly(self.market.withdraw(address, f"withdraw:{address}:{now_s}"))

    async def _quietly(self, call: Awaitable[str]) -> None:
        """Carry out a step that the chain may refuse without harm: the next round tries again."""
        try:
            await call
        except Refused as refusal:
            self.log.debug("left for later: %s", refusal)
