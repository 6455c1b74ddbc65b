"""Wiring: readings and market messages in, orders and set-points out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar

from hub.api import (
    Alarm,
    CheckContext,
    Command,
    Context,
    DeliveryScheduled,
    House,
    Message,
    NotServed,
    Plugin,
    PluginConfig,
    Priority,
    Quality,
    TradeMatched,
    Unavailable,
    hookimpl,
    telegrams,
)

from .configuration import Config, check_houses
from .dispatch import Dispatch, Task
from .forecast import History, Storage, needed_wh, sellable_wh
from .quoting import (
    Concession,
    OpenOrder,
    Quote,
    Rules,
    change,
    quantity,
)

#: A state of charge older than this says nothing about what a battery can give.
CHARGE_STALE_S = 60.0
#: An order lives for so many rounds of quoting, so that a dead hub's offers do not outlive it long.
ORDER_ROUNDS = 4
#: A market may take so long to open before its absence is worth a word.
PATIENCE_S = 30.0


@dataclass(slots=True)
class Side:
    """One house's orders on one side: those that stand, and how often nobody took them."""

    order_ids: list[int] = field(default_factory=list)
    unanswered: int = 0


class HouseTrader(Plugin[Config]):
    """One trader for several houses."""

    Config: ClassVar[type[PluginConfig]] = Config
    summary: ClassVar[str] = "offers surplus, buys needs, and has the devices deliver"

    async def start(self, ctx: Context) -> None:
        self.ctx = ctx
        info = await self._market_info()
        self._rules = Rules(info["price_tick_wei"], info["lot_wh"], info["min_qty_wh"])
        self._window_s = float(info["window_s"])
        self._dispatch = Dispatch(ctx.time_lapse, self.config.ahead)
        self._houses = self._own_houses(info)
        self._histories = {house: History(self._window_s) for house in self._houses}
        self._sides = {
            (house, is_bid): Side() for house in self._houses for is_bid in (True, False)
        }
        self._side_of: dict[int, Side] = {}
        #: Houses whose set-point may change, by the moment.
        self._due: dict[float, dict[str, None]] = {}
        self._set_points: dict[str, float | None] = dict.fromkeys(self._houses)
        self._outages: set[str] = set()
        self._refusals: dict[tuple[str, str], str] = {}
        self._listen()
        await self._take_up_deliveries()
        if self.config.quote:
            ctx.every(self.config.every or self._window_s, self._review, name="review orders")

    async def _market_info(self) -> Mapping[str, Any]:
        """What the market says about itself; waits a while for one that is just opening."""
        waited_s = 0.0
        while "market/info" not in self.ctx.services and waited_s < PATIENCE_S:
            await self.ctx.clock.sleep(0.2)
            waited_s += 0.2
        try:
            info: Mapping[str, Any] = await self.ctx.ask("market/info")
        except NotServed as error:
            raise Unavailable(f"the market {self.config.market!r} is not open yet") from error
        return info

    def _own_houses(self, info: Mapping[str, Any]) -> tuple[str, ...]:
        trading = [account["house"] for account in info["accounts"]]
        wanted = self.config.houses if self.config.houses is not None else trading
        return tuple(house for house in wanted if house in trading and house in self.ctx.houses)

    def _listen(self) -> None:
        ctx, market = self.ctx, self.config.market
        ctx.subscribe(f"market/{market}/delivery_scheduled", self._scheduled)
        ctx.subscribe(f"market/{market}/trade_matched", self._matched)
        ctx.subscribe("alarm/outage/+", self._outage)
        self._devices = {ctx.houses[house].device(house): house for house in self._houses}
        ctx.subscribe_batches(("reading/+/energy_import", "reading/+/energy_export"), self._metered)

    def _now_s(self) -> float:
        return self.ctx.clock.now().timestamp()

    # -- what the house does by itself --

    def _metered(self, messages: Sequence[Message]) -> None:
        at, at_s = None, 0.0
        for telegram in telegrams(messages):
            house = self._devices.get(telegram.device)
            if house is not None and telegram.quality is not Quality.BAD:
                if telegram.at is not at:  # meters often speak at the same time
                    at = telegram.at
                    at_s = at.timestamp()
                self._histories[house].note(
                    at_s,
                    imported_wh=telegram.get("energy_import"),
                    exported_wh=telegram.get("energy_export"),
                )

    def _outage(self, alarm: Alarm) -> None:
        if alarm.subject not in self._houses:
            return
        if alarm.cleared:
            self._outages.discard(alarm.subject)
            self.ctx.log.info("%s has supply again: trading goes on", alarm.subject)
        else:
            self._outages.add(alarm.subject)
            self.ctx.log.warning("%s has no supply: no trading until it has", alarm.subject)
            self._dispatch.drop_house(alarm.subject)
            self._histories[alarm.subject].interrupt()
            self.ctx.at(self.ctx.clock.now(), lambda: self._withdraw_orders(alarm.subject))

    # -- orders --

    async def _review(self) -> None:
        """Look at every house: what it can sell or needs, and which orders it should have."""
        self._dispatch.forget_ended(self._now_s())
        book = await self.ctx.ask("market/book")
        standing: dict[str, list[Any]] = {}
        for order in book["orders"]:
            standing.setdefault(order["house"], []).append(order)
        for house in self._houses:
            for is_bid in (True, False):
                await self._review_side(house, standing.get(house, []), is_bid=is_bid)

    async def _review_side(self, house: str, standing: list[Any], *, is_bid: bool) -> None:
        side = self._sides[house, is_bid]
        ours, theirs_wh = [], 0
        for order in standing:
            left_wh = order["qty_wh"] - order["filled_wh"]
            if order["is_bid"] is is_bid and order["id"] in side.order_ids:
                ours.append(OpenOrder(order["id"], order["price_wei_per_kwh"], left_wh))
            elif order["is_bid"] is is_bid:
                theirs_wh += left_wh  # placed by the household itself, on the trading page
        # An order that expired unanswered counts like one that still stands.
        side.unanswered = side.unanswered + 1 if side.order_ids else 0
        for gone in set(side.order_ids) - {order.order_id for order in ours}:
            self._side_of.pop(gone, None)
        side.order_ids = [order.order_id for order in ours]
        wanted = self._wanted(house, theirs_wh, side.unanswered, is_bid=is_bid)
        todo = change(wanted, tuple(ours))
        for order_id in todo.cancel:
            await self._cancel(house, side, order_id)
        if todo.place is not None:
            await self._place(house, side, todo.place, is_bid=is_bid)

    def _wanted(self, house: str, theirs_wh: int, step: int, *, is_bid: bool) -> Quote | None:
        """The order a house should have; None if it should have none."""
        natural_wh = self._histories[house].natural_wh()
        if natural_wh is None or house in self._outages:
            return None
        now_s = self._now_s()
        sold_wh, bought_wh = self._dispatch.committed_wh(house, now_s, now_s + self._window_s)
        limits = self.config.limits(house)
        concession = Concession(self.config.opening_permille, self.config.steps)
        if is_bid:
            energy_wh, limit = needed_wh(natural_wh) - bought_wh, limits.buy_max
        else:
            window_h = self._window_s * self.ctx.time_lapse / 3600
            described = self.ctx.houses[house]
            energy_wh = sellable_wh(
                natural_wh, window_h, _storage(described), self._charge_percent(house),
                self.config.battery_share,
            ) - sold_wh  # fmt: skip
            limit = limits.sell_min
        qty_wh = quantity(energy_wh - theirs_wh, self.config.safety_permille, self._rules)
        if not qty_wh:
            return None
        return Quote(concession.price(limit, step, self._rules.price_tick, is_bid=is_bid), qty_wh)

    def _charge_percent(self, house: str) -> float | None:
        device = self.ctx.houses[house].device(house)
        last = self.ctx.last(f"reading/{device}/state_of_charge", stale_after_s=CHARGE_STALE_S)
        return None if last is None or last.stale else float(last.message.value)

    async def _place(self, house: str, side: Side, quote: Quote, *, is_bid: bool) -> None:
        every_s = self.config.every or self._window_s
        data = await self._order(
            house,
            "place_bid" if is_bid else "place_ask",
            price_wei_per_kwh=quote.price,
            qty_wh=quote.qty_wh,
            ttl_s=max(60.0, ORDER_ROUNDS * every_s),
        )
        if data is not None and data.get("order_id") is not None:
            order_id = int(data["order_id"])
            side.order_ids.append(order_id)
            self._side_of[order_id] = side

    async def _cancel(self, house: str, side: Side, order_id: int) -> None:
        if await self._order(house, "cancel", order_id=order_id) is not None:
            side.order_ids.remove(order_id)

    async def _withdraw_orders(self, house: str) -> None:
        for is_bid in (True, False):
            side = self._sides[house, is_bid]
            for order_id in tuple(side.order_ids):
                await self._cancel(house, side, order_id)
        await self._apply(house)

    async def _order(self, house: str, action: str, **args: Any) -> Mapping[str, Any] | None:
        """Send one order command; a refusal is logged when its reason is new."""
        target = f"market/{self.config.market}/orders"
        result = await self.ctx.send(
            Command(target, action, {"house": house, **args}, Priority.MARKET, deadline_s=30)
        )
        self._note(house, action, "" if result.done else result.reason)
        return result.data if result.done else None

    def _note(self, house: str, action: str, reason: str) -> None:
        if reason and self._refusals.get((house, action)) != reason:
            self.ctx.log.warning("%s: %s refused: %s", house, action.replace("_", " "), reason)
        self._refusals[house, action] = reason

    def _matched(self, trade: TradeMatched) -> None:
        for order_id in (trade.bid_id, trade.ask_id):
            side = self._side_of.get(order_id)
            if side is not None and order_id in side.order_ids:
                side.unanswered = -1  # somebody took it: the next price starts afresh

    # -- delivery --

    def _scheduled(self, delivery: DeliveryScheduled) -> None:
        start_s, end_s = delivery.start.timestamp(), delivery.end.timestamp()
        for house, net_wh in (
            (delivery.seller, -delivery.qty_wh),
            (delivery.buyer, delivery.qty_wh),
        ):
            self._take_on(Task(delivery.trade_id, house, net_wh, start_s, end_s))

    def _take_on(self, task: Task) -> None:
        house = task.house
        if house not in self._houses or house in self._outages or not self._dispatch.add(task):
            return
        for moment_s in self._dispatch.moments(task):
            if moment_s not in self._due:
                at = datetime.fromtimestamp(moment_s, UTC)
                self.ctx.at(at, partial(self._apply_due, moment_s), name="apply")
            self._due.setdefault(moment_s, {})[house] = None

    async def _take_up_deliveries(self) -> None:
        """After a restart: go on with the deliveries that are under way or planned."""
        for trade in await self.ctx.ask("market/trades", {"limit": 200}):
            if trade["state"] not in ("matched", "delivering") or not trade["window_end"]:
                continue
            start_s = datetime.fromisoformat(trade["window_start"]).timestamp()
            end_s = datetime.fromisoformat(trade["window_end"]).timestamp()
            if end_s <= self._now_s():
                continue
            for house, sign in ((trade["seller_house"], -1), (trade["buyer_house"], 1)):
                if house is not None:
                    net_wh = sign * trade["qty_wh"]
                    self._take_on(Task(int(trade["trade_id"]), house, net_wh, start_s, end_s))

    async def _apply_due(self, moment_s: float) -> None:
        """Bring all houses to their set-points at once: a feeder then solves once for all."""
        houses = self._due.pop(moment_s)
        await asyncio.gather(*(self._apply(house) for house in houses))

    async def _apply(self, house: str) -> None:
        """Bring a house to the set-point of this moment, or let go of it."""
        now_s = self._now_s()
        wanted_w = self._dispatch.set_point_w(house, now_s)
        before_w = self._set_points[house]
        if wanted_w == before_w:
            return
        self._set_points[house] = wanted_w
        window_h = self._window_s * self.ctx.time_lapse / 3600
        self._histories[house].interrupt(None if wanted_w is None else wanted_w * window_h)
        if wanted_w is None:
            command = Command(f"house/{house}", "release_power", {}, Priority.MARKET)
        else:
            args = {
                "net_w": round(wanted_w, 1),
                "until_s": self._dispatch.until_s(house, now_s) - now_s,
            }
            command = Command(f"house/{house}", "set_power", args, Priority.MARKET)
        result = await self.ctx.send(command)
        self._note(house, command.action, "" if result.done else result.reason)

    async def stop(self) -> None:
        """Leave no house at a set-point of a market that nobody follows any more."""
        for house, power_w in getattr(self, "_set_points", {}).items():
            if power_w is not None:
                await self.ctx.send(
                    Command(f"house/{house}", "release_power", {}, Priority.MARKET, deadline_s=2)
                )

    @classmethod
    def check(cls, config: Any, check: CheckContext) -> list[str]:
        return check_houses(config, check)


def _storage(house: House) -> Storage | None:
    battery = house.battery
    if battery is None:
        return None
    return Storage(battery.kwh * 1000, battery.kw * 1000, battery.reserve_percent)


@hookimpl
def hub_plugin_types() -> Mapping[str, type[Plugin[Any]]]:
    """Register the trader."""
    return {"house_trader": HouseTrader}
