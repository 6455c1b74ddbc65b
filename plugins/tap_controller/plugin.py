"""Wires the tap controller: readings and trades in, questions to the twin, commands out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection

from hub.api import (
    Alarm,
    Command,
    Context,
    DeliveryScheduled,
    HubError,
    Plugin,
    PluginState,
    PluginStatus,
    Priority,
    hookimpl,
)

from . import store, words
from .advisor import Advisor
from .configuration import TapControllerConfig
from .deliveries import Deliveries, Delivery, expected_power_w, mean_power_w
from .lookout import Lookout
from .planner import Plan, Request
from .search import SearchError
from .voltage_alarm import VoltageAlarm
from .watch import Do, Sight, State, Watch


class TapController(Plugin[TapControllerConfig]):
    """Holds voltages by moving taps; leaves regulators to themselves when it cannot see."""

    Config = TapControllerConfig
    summary = "keeps voltages within limits by moving tap changers, with a twin to look ahead"

    async def start(self, ctx: Context) -> None:
        self._ctx = ctx
        self._watch = Watch(self.config.settings())
        self._lookout = Lookout(ctx, self.config)
        self._advisor = Advisor(ctx, self.config.twin)
        self._deliveries = Deliveries()
        self._looked_ahead: set[int] = set()
        self._faults: dict[str, str] = {}
        self._alarm = VoltageAlarm(ctx, self.config, self._ledger)
        self._moved: str | None = None
        self._no_plan: str | None = None
        self._last_decision: Mapping[str, Any] | None = None
        self._heard_at = ctx.clock.now()
        if not ctx.virtual:
            await self._recall(ctx)
        ctx.serve(f"taps/{ctx.name}/status", self._status)
        if "taps/status" not in ctx.services:  # the page and the report ask the first of several
            ctx.serve("taps/status", self._status)
        ctx.subscribe("alarm/fault/+", self._on_fault)
        ctx.subscribe("market/+/delivery_scheduled", self._on_delivery)
        ctx.subscribe("plugin/+/status", self._on_plugin)
        await self._ask_for_faults()
        ctx.every(self.config.interval, self._look, name="look")

    async def _recall(self, ctx: Context) -> None:
        await ctx.ledger.create(store.tables)
        day = ctx.clock.now() - timedelta(days=1)
        made = await ctx.ledger.run(lambda c: store.operations_since(c, ctx.name, day))
        self._watch.operations.extend(made)
        if made:
            self._watch.last_operation = made[-1][0]
        alarm_id = await ctx.ledger.run(lambda c: store.standing_alarm(c, ctx.name))
        if alarm_id is not None:
            self._alarm.id, self._watch.alarmed = alarm_id, True

    async def stop(self) -> None:
        """Nobody watches any more: the regulators go back to their own controls.

        A hub that is killed cannot say so; the regulators miss it after `local_after`.
        """
        if hasattr(self, "_watch") and self._watch.state not in (State.STARTING, State.BLIND):
            await self._control("local", "the tap controller stops")

    # -- in ----------------------------------------------------------------------------------------

    def _on_fault(self, alarm: Alarm) -> None:
        if alarm.cleared:
            self._faults.pop(alarm.id, None)
        else:
            self._faults[alarm.id] = alarm.text

    async def _on_plugin(self, status: PluginStatus) -> None:
        if status.plugin_type == "fault_detector" and status.state is PluginState.ONLINE:
            await self._ask_for_faults()

    async def _ask_for_faults(self) -> None:
        """Learn of faults that were raised before this plugin listened."""
        if "faults/alarms" in self._ctx.services:
            answer = await self._ctx.ask("faults/alarms")
            standing = [alarm for alarm in answer["active"] if alarm["kind"] == "fault"]
            self._faults = {alarm["id"]: alarm["text"] for alarm in standing}

    def _on_delivery(self, scheduled: DeliveryScheduled) -> None:
        start, end = scheduled.start, scheduled.end
        power_w = mean_power_w(scheduled.qty_wh, start, end, self._ctx.time_lapse)
        self._deliveries.add(
            Delivery(
                scheduled.trade_id,
                scheduled.buyer,
                scheduled.seller,
                scheduled.qty_wh,
                power_w,
                start,
                end,
            )
        )

    # -- the loop ----------------------------------------------------------------------------------

    async def _look(self) -> None:
        sight = await self._lookout.look(next(iter(self._faults.values()), None))
        for do in self._watch.look(sight):
            match do:
                case Do.TAKE_COMMAND:
                    await self._control("commanded", "voltages, taps and twin are in sight")
                    self._ctx.online()
                case Do.GO_LOCAL:
                    await self._control("local", self._watch.why)
                    self._ctx.degraded(f"blind, regulators act by themselves: {self._watch.why}")
                case Do.RAISE:
                    await self._raise(sight)
                case Do.CLEAR:
                    await self._clear(sight)
                case Do.ACT:
                    await self._act(sight)
        if self.config.mode == "predict" and self._watch.state is State.WATCHING:
            await self._look_ahead(sight)
        await self._be_heard(sight)

    async def _be_heard(self, sight: Sight) -> None:
        """Keep command of the regulators. Last in a look: an agent that fails must be missed."""
        since_s = (sight.at - self._heard_at).total_seconds()
        in_command = self._watch.state not in (State.STARTING, State.BLIND)
        if self.config.local_after and in_command and since_s >= self.config.local_after / 3:
            await self._control("commanded", None)

    async def _control(self, action: str, why: str | None) -> None:
        """Take command or hand it back; without `why` it is the same as before."""
        target = f"grid/{self.config.feeder}/control"
        self._heard_at = self._ctx.clock.now()
        args = {"for_s": self.config.local_after or None} if action == "commanded" else {}
        result = await self._ctx.send(Command(target, action, args, Priority.TAP_CONTROLLER))
        if not result.done:
            self._ctx.log.warning("regulators are not %s: %s", action, result.reason)
        elif why is not None:
            self._ctx.log.info("regulators are %s: %s", action, why)

    async def _raise(self, sight: Sight) -> None:
        self._moved = None
        under_way = self._deliveries.under_way(sight.at)
        sales = [
            f"{d.power_w / 1000:.0f} kW from {self._name(d.seller)} to {self._name(d.buyer)}"
            for d in under_way[:3]
        ]
        trades = [d.trade_id for d in under_way]
        await self._alarm.raise_(sight, self._worst(sight), sales, trades)

    async def _clear(self, sight: Sight) -> None:
        assert self._lookout.layout is not None
        peak = words.highest(sight.voltages_pu, self._lookout.layout.points)
        self._no_plan = None
        await self._alarm.clear(sight, peak, self._moved)

    async def _act(self, sight: Sight) -> None:
        over = self._worst(sight).over
        found = await self._plan(sight, over=over, restore=True, scenarios=({},))
        await self._move(sight, found, self._alarm.id, "a measured violation")

    async def _look_ahead(self, sight: Sight) -> None:
        """Before a delivery begins: move if it would violate a limit, once per trade."""
        new = [d for d in self._deliveries.ahead(sight.at) if d.trade_id not in self._looked_ahead]
        if not new:
            return
        self._looked_ahead = {d.trade_id for d in self._deliveries.ahead(sight.at)}
        devices = {house_id: h.device(house_id) for house_id, h in self._ctx.houses.items()}
        expected = expected_power_w(
            self._deliveries.ahead(sight.at), devices, self._lookout.powers(devices.values())
        )
        found = await self._plan(sight, over=True, restore=False, scenarios=({}, expected))
        if found is not None and found.moves:
            seller, buyer = self._name(new[0].seller), self._name(new[0].buyer)
            reason = f"the delivery from {seller} to {buyer}"
            await self._move(sight, found, f"trade/{new[0].trade_id}", reason)

    async def _plan(
        self, sight: Sight, *, over: bool, restore: bool, scenarios: tuple[Mapping[str, float], ...]
    ) -> Plan | None:
        assert self._lookout.layout is not None
        assert sight.taps is not None
        try:
            return await self._advisor.find(
                Request(
                    regulators=self._lookout.layout.regulators,
                    present=sight.taps,
                    nodes=await self._advisor.nodes(),
                    measured=sight.voltages_pu,
                    goal=self.config.goal(),
                    over=over,
                    restore=restore,
                    scenarios=scenarios,
                    distrust_pu=self.config.distrust,
                )
            )
        except (HubError, SearchError) as error:
            self._say_no_plan(str(error))
            return None

    def _say_no_plan(self, why: str, about: str | None = None) -> None:
        """Say so once, until it is `about` something else: it is tried again after every pause."""
        self._watch.acted(self._ctx.clock.now(), 0)
        if (about or why) != self._no_plan:
            self._ctx.log.warning("no tap positions found: %s", why)
        self._no_plan = about or why

    async def _move(self, sight: Sight, found: Plan | None, cause: str, reason: str) -> None:
        if found is None:
            return
        assert sight.taps is not None
        changed = {name: tap for name, tap in found.taps.items() if sight.taps[name] != tap}
        if not changed:
            assert self._lookout.layout is not None
            doubts = words.doubts(found.doubted, self._lookout.layout.points)
            about = " ".join(doubt.node for doubt in found.doubted)
            self._say_no_plan(doubts or "the present taps are the best there are", about)
            return
        self._no_plan = None
        self._ctx.log.warning(
            "%s", words.decision(sight.taps, found.taps, found.after_highest, found.after_lowest)
        )
        result = await self._ctx.send(
            Command(
                f"grid/{self.config.feeder}/regulators",
                "set_taps",
                {"taps": changed},
                Priority.TAP_CONTROLLER,
                cause,
            )
        )
        now = self._ctx.clock.now()
        self._watch.acted(now, found.moves if result.done else 0)
        if not result.done:
            self._ctx.log.warning("the regulators did not move: %s", result.reason)
            return
        self._moved = words.moves(sight.taps, found.taps)
        self._last_decision = words.record(found, sight.taps, now, reason)
        await self._ledger(
            partial(
                store.add_operation,
                instance=self._ctx.name,
                at=now,
                steps=found.moves,
                moves=self._moved,
            )
        )

    # -- out ---------------------------------------------------------------------------------------

    def _worst(self, sight: Sight) -> words.Worst:
        assert self._lookout.layout is not None
        limits = self.config.limits
        return words.worst(sight.voltages_pu, self._lookout.layout.points, limits.low, limits.high)

    def _name(self, house_id: str) -> str:
        """Return how people call a house, or a trader from elsewhere, who is known by address."""
        house = self._ctx.houses.get(house_id)
        return house.name(house_id) if house else words.shortened(house_id)

    async def _ledger(self, function: Callable[[Connection], None]) -> None:
        if self._ctx.virtual:
            return
        try:
            await self._ctx.ledger.run(function)
        except HubError as error:
            self._ctx.log.error("moves are not counted beyond a restart: %s", error)

    async def _status(self, request: Any) -> Mapping[str, Any]:
        now = self._ctx.clock.now()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return {
            "feeder": self.config.feeder,
            "state": str(self._watch.state),
            "why": self._watch.why,
            "mode": self.config.mode,
            "limits": {"low": self.config.limits.low, "high": self.config.limits.high},
            "last_decision": self._last_decision,
            "operations_today": self._watch.steps_since(midnight),
            "blind": self._watch.state in (State.STARTING, State.BLIND),
            "alarm": self._alarm.id if self._watch.alarmed else None,
        }

    async def probe(self) -> Mapping[str, Any]:
        """Return the state and what is seen."""
        sight = await self._lookout.look(next(iter(self._faults.values()), None))
        return {
            **await self._status(None),
            "voltages_pu": {node: round(pu, 4) for node, pu in sight.voltages_pu.items()},
            "taps": dict(sight.taps or {}),
        }


@hookimpl
def hub_plugin_types() -> Mapping[str, type[Plugin[Any]]]:
    """Register the type `tap_controller`."""
    return {"tap_controller": TapController}
