"""Wiring: readings and market messages in, orders and set-points out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

from hub.api import (
    Alarm,
    CheckContext,
    Command,
    Context,
    DeliveryScheduled,
    House,
    NotServed,
    Plugin,
    PluginConfig,
    Priority,
    TradeMatched,
    Unavailable,
    hookimpl,
)

from .configuration import Config, check_houses
from .delivery import Deliveries
from .dispatch import Dispatch
from .offers import Storage, needed_wh, sellable_wh
from .outlooks import SAVE_EVERY_S, Outlooks
from .quoting import Concession, OpenOrder, Quote, Rules, change, quantity

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
        #: From a match to its delivery window, as last seen.
        self._lead_s = 0.0
        self._houses = self._own_houses(info)
        self._outlooks = Outlooks(
            ctx, self._houses, self._window_s, self.config.confidence, self._rules.min_qty_wh / 2
        )
        await self._outlooks.take_up()
        self._sides = {
            (house, is_bid): Side() for house in self._houses for is_bid in (True, False)
        }
        self._side_of: dict[int, Side] = {}
        self._outages: set[str] = set()
        self._refusals: dict[tuple[str, str], str] = {}
        self._dispatch = Dispatch(ctx.time_lapse, self.config.ahead)
        self._deliveries = Deliveries(
            ctx,
            self._houses,
            self._dispatch,
            self._outages,
            self._outlooks.set_point_changed,
            self._note,
        )
        ctx.subscribe(f"market/{self.config.market}/delivery_scheduled", self._scheduled)
        ctx.subscribe(f"market/{self.config.market}/trade_matched", self._matched)
        ctx.subscribe("alarm/outage/+", self._outage)
        await self._deliveries.take_up()
        if self.config.quote:
            # Half a window before the first review is just enough to know a house by then.
            every_s = self.config.every or self._window_s
            first_look = ctx.clock.now() + timedelta(seconds=every_s - self._window_s / 2)
            ctx.at(first_look, self._outlooks.look, name="first look")
            ctx.every(every_s, self._review, name="review orders")
            ctx.every(SAVE_EVERY_S, self._outlooks.save, name="save what was learned")

    async def stop(self) -> None:
        if hasattr(self, "_deliveries"):
            await self._deliveries.release()
            if self.config.quote:
                await self._outlooks.save()

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

    def _now_s(self) -> float:
        return self.ctx.clock.now().timestamp()

    def _outage(self, alarm: Alarm) -> None:
        house = alarm.subject
        if house not in self._houses:
            return
        if alarm.cleared:
            self._outages.discard(house)
            self.ctx.log.info("%s has supply again: trading goes on", house)
        else:
            self._outages.add(house)
            self.ctx.log.warning("%s has no supply: no trading until it has", house)
            self._outlooks.interrupt(house)
            self.ctx.at(self.ctx.clock.now(), lambda: self._withdraw(house))

    # -- orders --

    async def _review(self) -> None:
        """Look at every house: what it can sell or needs, and which orders it should have."""
        self._dispatch.forget_ended(self._now_s())
        await self._outlooks.look()
        book = await self.ctx.ask("market/book")
        window = await self._next_window()
        standing: dict[str, list[Any]] = {}
        for order in book["orders"]:
            standing.setdefault(order["house"], []).append(order)
        for house in self._houses:
            for is_bid in (True, False):
                await self._review_side(house, standing.get(house, []), window, is_bid=is_bid)

    async def _next_window(self) -> tuple[float, float]:
        """When that will be delivered which is matched next: start and end in seconds."""
        info = await self.ctx.ask("market/info")
        next_match = info["next_match_at"]
        match_s = datetime.fromisoformat(next_match).timestamp() if next_match else 0.0
        start_s = max(match_s, self._now_s()) + self._lead_s
        return start_s, start_s + self._window_s

    async def _review_side(
        self, house: str, standing: list[Any], window: tuple[float, float], *, is_bid: bool
    ) -> None:
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
        wanted = self._wanted(house, window, theirs_wh, side.unanswered, is_bid=is_bid)
        todo = change(wanted, tuple(ours))
        for order_id in todo.cancel:
            await self._cancel(house, side, order_id)
        if todo.place is not None:
            await self._place(house, side, todo.place, is_bid=is_bid)

    def _wanted(
        self, house: str, window: tuple[float, float], theirs_wh: int, step: int, *, is_bid: bool
    ) -> Quote | None:
        """The order a house should have; None if it should have none."""
        net = self._outlooks.ahead(house, *window)
        if net is None or house in self._outages:
            return None
        sold_wh, bought_wh = self._dispatch.committed_wh(house, *window)
        if is_bid:
            energy_wh = needed_wh(net) - bought_wh
        else:
            energy_wh = sellable_wh(
                net, self._stored_wh(house, window), self.config.battery_share
            ) - sold_wh  # fmt: skip
        qty_wh = quantity(energy_wh - theirs_wh, self._rules)
        if not qty_wh:
            return None
        limits = self.config.limits(house)
        limit = limits.buy_max if is_bid else limits.sell_min
        concession = Concession(self.config.opening_permille, self.config.steps)
        return Quote(concession.price(limit, step, self._rules.price_tick, is_bid=is_bid), qty_wh)

    def _stored_wh(self, house: str, window: tuple[float, float]) -> float:
        """What the battery of a house can give in a window, besides what is sold until then."""
        described = self.ctx.houses[house]
        storage = _storage(described)
        device = described.device(house)
        last = self.ctx.last(f"reading/{device}/state_of_charge", stale_after_s=CHARGE_STALE_S)
        if storage is None or last is None or last.stale:
            return 0.0
        promised_wh, _ = self._dispatch.committed_wh(house, self._now_s(), window[0])
        window_h = self._window_s * self.ctx.time_lapse / 3600
        return storage.can_give_wh(float(last.message.value), window_h, promised_wh)

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

    async def _withdraw(self, house: str) -> None:
        """Let go of a house without supply: of its orders and of what it was to deliver."""
        for is_bid in (True, False):
            side = self._sides[house, is_bid]
            for order_id in tuple(side.order_ids):
                await self._cancel(house, side, order_id)
        await self._deliveries.drop(house)

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

    def _scheduled(self, delivery: DeliveryScheduled) -> None:
        self._lead_s = max(0.0, delivery.start.timestamp() - self._now_s())
        self._deliveries.scheduled(delivery)

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
