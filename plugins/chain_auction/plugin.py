"""Wiring of the market: configuration, commands, questions, messages and the schedule."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar

from hub.api import (
    BatchCleared,
    CheckContext,
    Command,
    ConfigProblemError,
    Context,
    DeliveryScheduled,
    House,
    MarketEvent,
    MarketStatus,
    Message,
    OrderCancelled,
    OrderPlaced,
    PenaltyApplied,
    Plugin,
    PluginConfig,
    Quality,
    Rejected,
    TradeExpired,
    TradeMatched,
    TradeSettled,
    Unavailable,
    hookimpl,
    telegrams,
)

from . import views
from .announcements import announcement, moment
from .answerer import Answerer
from .book import BookTrade
from .clearing_house import ClearingHouse, Party
from .coin import wei
from .configuration import SPARE_S, Config, check_market
from .deliveries import Delivery, DeliveryPlan, WindowRule
from .events import Entry
from .metering import QUANTITIES, Gaps, Meters
from .order_desk import OrderDesk
from .problems import (
    ChainReplaced,
    MarketError,
    Misconfigured,
    Refused,
    StillPending,
    Unreachable,
)
from .tables import metadata
from .venue import Venue

SETTLE_EVERY_S = 1.0
TIDY_EVERY_S = 10.0
LOOK_AFTER_S = 2.0
NODE_CHECK_S = 0.5
KEEP_STATE_S = 600.0
KEEP_HOUSE_S = 3600.0
MESSAGES: Mapping[str, type[MarketEvent]] = {
    message.__name__: message
    for message in (
        OrderPlaced, OrderCancelled, BatchCleared, TradeMatched, TradeSettled, TradeExpired,
        PenaltyApplied,
    )
}  # fmt: skip


class ChainAuction(Plugin[Config]):
    """The market of the microgrid."""

    Config: ClassVar[type[PluginConfig]] = Config
    summary: ClassVar[str] = "the double auction on an Ethereum chain: clearing and settlement"

    async def start(self, ctx: Context) -> None:
        self.ctx = ctx
        self.house: ClearingHouse
        self._venue = Venue(ctx, self.config)
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._next_match_at = ctx.clock.now()
        self._status: tuple[object, ...] = ()
        await ctx.ledger.create(metadata)
        async with self._problems():
            await self._venue.open()
            await self._open_house()
        self._serve()
        self._schedule()

    async def stop(self) -> None:
        try:
            if hasattr(self, "house"):
                await self.house.keep_readings()
        finally:
            await self._venue.close()

    async def _open_house(self) -> None:
        ctx, config, addresses = self.ctx, self.config, self._venue.addresses
        rule = WindowRule(
            lead_ms=round(config.lead * 1000),
            length_ms=round(config.window * 1000),
            aligned=config.aligned,
            spare_ms=round(SPARE_S * 1000),
        )
        gaps = Gaps(round(config.meter_gap * 1000), away_ms=round(config.outage_gap * 1000))
        self.house = ClearingHouse(
            market=self._venue.market,
            ledger=ctx.ledger,
            plan=DeliveryPlan(rule, Meters(gaps), config.meter_accuracy_permille),
            parties={
                house: _party(house, ctx.houses[house], address)
                for house, address in addresses.items()
            },
            now_ms=self._now_ms,
            lock=asyncio.Lock(),
            listener=self,
            log=ctx.log,
            withdraw_above_wei=None
            if config.withdraw_above is None
            else wei(config.withdraw_above),
        )
        self._names = views.Names(
            {address: house for house, address in addresses.items()},
            {house: ctx.houses[house].name(house) for house in addresses},
        )
        ctx.subscribe_batches([f"reading/+/{q}" for q in QUANTITIES], self._metered)
        self._desk = OrderDesk(self.house, int(config.order_ttl))
        await self.house.start()

    def _metered(self, messages: Sequence[Message]) -> None:
        add = self.house.plan.meters.add
        at, at_ms = None, 0
        for telegram in telegrams(messages):
            if telegram.quality is Quality.BAD:
                continue
            if telegram.at is not at:  # meters often speak at the same time
                at = telegram.at
                at_ms = round(at.timestamp() * 1000)
            add(telegram.device, telegram.quantities, at_ms, telegram.values)

    def _now_ms(self) -> int:
        return round(self.ctx.clock.now().timestamp() * 1000)

    # -- schedule --

    def _schedule(self) -> None:
        ctx, config = self.ctx, self.config
        ctx.every(config.poll_every, self._poll, name="poll", now=True)
        ctx.every(SETTLE_EVERY_S, self._settle, name="settle")
        ctx.every(config.match_every, self._match, name="match")
        ctx.every(TIDY_EVERY_S, self._tidy, name="tidy")
        self._next_match_at = ctx.clock.now() + timedelta(seconds=config.match_every)
        ctx.every(KEEP_HOUSE_S, self.house.keep_house, name="keep house")
        if self.house.market.facts.on_chain:
            ctx.every(LOOK_AFTER_S, self._look_after, name="transactions")
            ctx.background(self._watch(), name="chain")
        if self._venue.embedded:
            ctx.every(KEEP_STATE_S, self._venue.keep_state, name="keep state")

    async def _poll(self) -> None:
        async with self._problems():
            await self.house.poll()
        self._tell_status()

    async def _settle(self) -> None:
        async with self._problems(absence_is_news=False):
            await self.house.settle()

    async def _match(self) -> None:
        self._next_match_at = self.ctx.clock.now() + timedelta(seconds=self.config.match_every)
        async with self._problems(absence_is_news=False):
            await self.house.clear()

    async def _tidy(self) -> None:
        async with self._problems(absence_is_news=False):
            await self.house.tidy()

    async def _look_after(self) -> None:
        async with self._problems(absence_is_news=False):
            await self.house.market.retry_pending()

    async def _watch(self) -> None:
        """End the plugin, so that it starts anew, when the chain under it is gone."""
        while not self._broken.done():
            if fault := self._venue.fault():
                raise Unavailable(fault)
            await self.ctx.clock.sleep(NODE_CHECK_S)
        await self._broken

    @asynccontextmanager
    async def _problems(self, *, absence_is_news: bool = True) -> AsyncIterator[None]:
        """Tell the hub how permanent a problem with the market is.

        That the chain is away is said once, by the job that reads it, and not by every other.
        """
        try:
            yield
        except Misconfigured as error:
            raise ConfigProblemError(str(error)) from error
        except StillPending as error:
            self.ctx.log.warning("%s", error)
        except MarketError as error:
            if isinstance(error, ChainReplaced) and not self._broken.done():
                self._broken.set_exception(Unavailable(str(error)))
            if absence_is_news or not isinstance(error, Unreachable):
                raise Unavailable(str(error)) from error

    # -- messages --

    def happened(self, entry: Entry) -> None:
        """Publish an event of the market."""
        house = self.house
        on_chain = house.market.facts.on_chain
        told = announcement(entry, house.book, house.plan, house.head, on_chain=on_chain)
        if told is not None:
            name, figures = told
            self.ctx.publish(MESSAGES[name](market=self.ctx.name, **figures))

    def undone(self, entry: Entry) -> None:
        """Say that an event did not happen after all."""
        self.ctx.log.warning("taken back by the chain: %s", entry.event)

    def scheduled(self, delivery: Delivery, trade: BookTrade) -> None:
        """Publish a delivery window."""
        buyer, seller = self._names.house(trade.buyer), self._names.house(trade.seller)
        self.ctx.publish(
            DeliveryScheduled(
                market=self.ctx.name, at=self.ctx.clock.now(), block=trade.block, tx=trade.tx,
                trade_id=trade.id, buyer=buyer or trade.buyer, seller=seller or trade.seller,
                qty_wh=trade.qty_wh, start=moment(delivery.start_ms / 1000),
                end=moment(delivery.end_ms / 1000),
            )
        )  # fmt: skip

    def _tell_status(self) -> None:
        facts, book = self.house.market.facts, self.house.book
        problem = self.house.deviation or None
        status = (facts.chain_id, book.paused, facts.contract, problem)
        if status != self._status:
            self._status = status
            self.ctx.publish(
                MarketStatus(
                    market=self.ctx.name, at=self.ctx.clock.now(), block=self.house.head.number,
                    chain_id=facts.chain_id, paused=book.paused, contract=facts.contract,
                    embedded=facts.embedded, problem=problem,
                )
            )  # fmt: skip
            if problem:
                self.ctx.degraded(f"the contract did not clear as the rules say: {problem}")
            else:
                self.ctx.online()

    # -- questions and commands --

    def _serve(self) -> None:
        ctx = self.ctx
        answerer = Answerer(
            self.house, self._names, lambda: self._next_match_at, self.config.window,
            ctx.time_lapse,
        )  # fmt: skip
        for name, answer in answerer.answers.items():
            ctx.serve(f"market/{name}", partial(self._answer, answer))
        ctx.handle(f"market/{ctx.name}/orders", self._order)

    async def _answer(self, answer: Callable[[Any], Awaitable[Any]], request: Any) -> Any:
        async with self._problems():
            return await answer(request)

    async def _order(self, command: Command) -> Mapping[str, Any]:
        try:
            return await self._desk.carry_out(command.action, command.args, command.id)
        except Refused as refusal:
            raise Rejected(str(refusal)) from refusal
        except StillPending as pending:
            return {"order_id": None, "tx": pending.tx, "pending": str(pending)}
        except MarketError as error:
            raise Rejected(f"the market cannot be reached: {error}") from error

    async def probe(self) -> Mapping[str, Any]:
        async with self._problems():
            await self.house.poll()
        facts = self.house.market.facts
        return {
            "chain": facts.chain_id,
            "contract": facts.contract,
            "block": self.house.head.number,
            "orders": len(self.house.book.resting()),
            "pending trades": len(self.house.book.pending),
        }

    @classmethod
    def check(cls, config: Any, check: CheckContext) -> list[str]:
        return check_market(config, check)


def _party(house_id: str, house: House, address: str) -> Party:
    return Party(house_id, house.name(house_id), address, house.device(house_id))


@hookimpl
def hub_plugin_types() -> Mapping[str, type[Plugin[Any]]]:
    """Register the market."""
    return {"chain_auction": ChainAuction}
