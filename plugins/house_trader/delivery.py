"""Has the houses deliver what was traded: from market messages to set-points."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Set
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

from hub.api import Command, Context, DeliveryScheduled, House, Priority

from .dispatch import Dispatch, Task

#: A set-point holds by itself so long after its last window, for the next one may be late.
GRACE_S = 5.0
#: Called with a house, what was ordered, and why it was refused; empty if it was not.
Refused = Callable[[str, str, str], None]


class _Held(NamedTuple):
    """The set-point of a house, and until when it holds by itself."""

    power_w: float
    until_s: float


class Deliveries:
    """The set-points of the houses, as their trades want them."""

    def __init__(
        self,
        ctx: Context,
        houses: Iterable[str],
        dispatch: Dispatch,
        dark: Set[str],
        changed: Callable[[str, float | None], None],
        refused: Refused,
    ) -> None:
        """`dark` are the houses without supply now; `changed` is told of each new set-point: the
        house, and W or None for none."""
        self._ctx = ctx
        self._dispatch = dispatch
        self._dark = dark
        self._changed = changed
        self._refused = refused
        self._houses = frozenset(houses)
        self._led = {house for house in self._houses if can_follow(ctx.houses[house])}
        self._held: dict[str, _Held] = {}
        #: Houses whose set-point may change, by the moment.
        self._due: dict[float, dict[str, None]] = {}

    def _now_s(self) -> float:
        return self._ctx.clock.now().timestamp()

    def scheduled(self, delivery: DeliveryScheduled) -> None:
        """Take on a trade that was just matched."""
        start_s, end_s = delivery.start.timestamp(), delivery.end.timestamp()
        for house, net_wh in (
            (delivery.seller, -delivery.qty_wh),
            (delivery.buyer, delivery.qty_wh),
        ):
            self._take_on(Task(delivery.trade_id, house, net_wh, start_s, end_s))

    async def take_up(self) -> None:
        """After a restart: go on with the deliveries that are under way or planned."""
        for trade in await self._ctx.ask("market/trades", {"limit": 200}):
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

    def _take_on(self, task: Task) -> None:
        house = task.house
        if house not in self._houses or house in self._dark or not self._dispatch.add(task):
            return
        if house not in self._led:
            return
        for moment_s in self._dispatch.moments(task):
            if moment_s not in self._due:
                at = datetime.fromtimestamp(moment_s, UTC)
                self._ctx.at(at, partial(self._apply_due, moment_s), name="apply")
            self._due.setdefault(moment_s, {})[house] = None

    async def drop(self, house: str) -> None:
        """Let go of a house that cannot deliver any more."""
        self._dispatch.drop_house(house)
        await self._apply(house)

    async def _apply_due(self, moment_s: float) -> None:
        """Bring all houses to their set-points at once: a feeder then solves once for all."""
        houses = self._due.pop(moment_s)
        await asyncio.gather(*(self._apply(house) for house in houses))

    async def _apply(self, house: str) -> None:
        """Bring a house to the set-point of this moment, or let go of it."""
        if house not in self._led:
            return
        now_s = self._now_s()
        wanted_w = self._dispatch.set_point_w(house, now_s)
        held = self._held.get(house)
        if wanted_w is None:
            if held is not None:
                del self._held[house]
                self._changed(house, None)
                await self._send(house, "release_power")
            return
        # What holds until the next moment need not be said again, but it must hold that long: two
        # trades in a row often want the same power.
        if held is not None and held.power_w == wanted_w:
            if held.until_s >= self._dispatch.next_moment_s(house, now_s):
                return
        else:
            self._changed(house, wanted_w)
        until_s = self._dispatch.until_s(house, now_s) + GRACE_S
        self._held[house] = _Held(wanted_w, until_s)
        await self._send(house, "set_power", net_w=round(wanted_w, 1), until_s=until_s - now_s)

    async def _send(self, house: str, action: str, **args: float) -> None:
        result = await self._ctx.send(Command(f"house/{house}", action, args, Priority.MARKET))
        self._refused(house, action, "" if result.done else result.reason)

    async def release(self) -> None:
        """Leave no house at a set-point of a market that nobody follows any more."""
        for house in self._held:
            await self._ctx.send(
                Command(f"house/{house}", "release_power", {}, Priority.MARKET, deadline_s=2)
            )


def can_follow(house: House) -> bool:
    """Whether a set-point does a house any good. Without storage its load cannot follow one, and
    its PV only by throwing sun away, which helps neither side of a trade; a plant waits to be told.
    """
    return house.battery is not None or house.ev is not None or house.site == "plant"
