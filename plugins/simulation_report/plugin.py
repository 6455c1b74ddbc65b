"""Wiring: what the hub says in a simulation, into the logs that the report is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from hub.api import (
    Alarm,
    BatchCleared,
    CommandResult,
    DeliveryScheduled,
    FeederState,
    MarketEvent,
    Message,
    Notification,
    PenaltyApplied,
    PluginState,
    PluginStatus,
    Priority,
    SimulationRun,
    TradeExpired,
    TradeMatched,
    TradeSettled,
    Watcher,
    hookimpl,
    telegrams,
)

from . import trouble_log
from .alarm_log import AlarmRecord, NotificationRecord
from .bills import GridPrices
from .counter_log import CounterLog
from .market_log import Round, Trade
from .netting_log import NETTED_EACH_S, NettingLog
from .run_data import DEVICE_COUNTERS, About, Customer, RunData, groups_of
from .supply_log import SupplyLog
from .timeline import LEAST_S, Timeline, interval_s
from .trouble_log import Trouble
from .voltage_log import VoltageLog

HEAD = "head"
COUNTERS = ("energy_import", "energy_export")
WELL = (PluginState.LOADED, PluginState.STARTING, PluginState.ONLINE, PluginState.STOPPED)
COMMANDERS = {
    Priority.MARKET: "market",
    Priority.TAP_CONTROLLER: "tap controller",
    Priority.OPERATOR: "operator",
    Priority.FAULT: "fault agent",
}


class ReportWatcher:
    """Collects one run and writes its report into a folder.

    Most messages are readings, and none of them is received after the first interval: counters are
    looked at at the edges of the intervals, voltages come from the power flows.
    """

    def __init__(self, folder: Path) -> None:
        # Only who asked for a report pays for templates, and what is missing shows before the run.
        from .files import write

        self._folder = folder
        self._write = write

    # -- collecting --

    def begin(self, run: SimulationRun) -> None:
        """Listen, from before the first plugin starts."""
        self._run = run
        self._ended = False
        self._limits: tuple[float, float] | None = None
        houses = run.houses
        self._devices = {house: described.device(house) for house, described in houses.items()}
        ids = list(houses)
        total_s = run.feeder_hours * 3600
        customers = tuple(
            Customer(
                i, h.name(i), h.site, h.pv is not None, 1000 * h.battery.kwh if h.battery else 0.0
            )
            for i, h in houses.items()
        )
        self.data = RunData(
            about=About(
                run.file, run.name, run.version, run.seed, run.feeder_hours, run.time_lapse
            ),
            timeline=Timeline(
                run.start.replace(tzinfo=None), interval_s(run.feeder_hours), total_s
            ),
            customers=customers,
            imports=CounterLog(ids),
            exports=CounterLog(ids),
            devices={name: CounterLog(ids) for name in DEVICE_COUNTERS},
            head_imports=CounterLog([HEAD]),
            head_exports=CounterLog([HEAD]),
            netting=NettingLog(groups_of(customers), len(ids)),
            prices=None
            if run.tariff is None
            else GridPrices(run.tariff.buy_wei_per_kwh, run.tariff.sell_wei_per_kwh),
        )
        self._house_of = {device: house for house, device in self._devices.items()}
        self._subscriptions = [
            run.subscribe(topics, handler)
            for topics, handler in (
                ("grid/+/state", self._feeder),
                ("command/grid/+/regulator/+", self._tap_command),
                ("command/grid/+/regulators", self._tap_command),
                ("market/#", self._market),
                ("alarm/#", self._alarm),
                ("notification/#", self._notified),
                ("plugin/+/status", self._plugin),
            )
        ]
        self._counting = run.subscribe_batches(
            [f"reading/+/{quantity}" for quantity in COUNTERS], self._first_readings
        )
        self._looks = 0
        self._look_s = min(self.data.timeline.interval_s, NETTED_EACH_S)
        run.every(self._look_s, self._look)

    def _first_readings(self, messages: Sequence[Message]) -> None:
        for telegram in telegrams(messages):
            house = self._house_of.get(telegram.device)
            of_head = telegram.device == HEAD
            for quantity, value in zip(telegram.quantities, telegram.values, strict=True):
                if quantity not in COUNTERS:
                    continue
                imported = quantity == "energy_import"
                if of_head:
                    log = self.data.head_imports if imported else self.data.head_exports
                    log.begin(HEAD, value)
                elif house is not None:
                    log = self.data.imports if imported else self.data.exports
                    log.begin(house, value)

    async def _look(self) -> None:
        """Look at the counters of all houses, and at the edge of an interval at all others."""
        passed_s = self._looks * self._look_s
        self._looks += 1
        await self._see_places()
        if passed_s:
            self._counting.close()
        line = self.data.timeline
        if self._ended or passed_s >= line.total_s - LEAST_S:
            return  # the last look is taken by `end`
        netted, closed = passed_s % NETTED_EACH_S == 0, passed_s % line.interval_s == 0
        await self._note_counters(netted=netted, closed=closed)

    async def _note_counters(self, *, netted: bool, closed: bool) -> None:
        data, devices = self.data, self._devices.values()
        imports = [self._counter(d, "energy_import") for d in devices]
        exports = [self._counter(d, "energy_export") for d in devices]
        if closed:
            gained = data.imports.look(imports), data.exports.look(exports)
        else:
            gained = data.imports.count(imports), data.exports.count(exports)
        data.netting.count(*gained)
        if netted:
            data.netting.close()
        if not closed:
            return
        data.head_imports.look([self._counter(HEAD, "energy_import")])
        data.head_exports.look([self._counter(HEAD, "energy_export")])
        counters = await self._device_counters()
        for name in DEVICE_COUNTERS:
            data.devices[name].look([counters.get(h, {}).get(name) for h in self._devices])
        charge = [self._counter(d, "state_of_charge") for d in devices]
        data.charge_percent.append(np.array(charge, dtype=np.float64))

    def _counter(self, device: str, quantity: str) -> float | None:
        last = self._run.last(f"reading/{device}/{quantity}")
        return None if last is None else float(last.message.value)

    async def _device_counters(self) -> dict[str, Mapping[str, float]]:
        found: dict[str, Mapping[str, float]] = {}
        for _, states in await self._answers("houses"):
            found |= {house: state.get("counters", {}) for house, state in states.items()}
        return found

    async def _answers(self, what: str) -> list[tuple[str, Any]]:
        """Return what every simulated feeder answers to `grid/<name>/<what>`, by its name."""
        names = [name.split("/") for name in self._run.services]
        feeders = [parts[1] for parts in names if len(parts) == 3 and parts[::2] == ["grid", what]]
        answers = [(f, await self._run.ask(f"grid/{f}/{what}")) for f in feeders]
        return [(feeder, answer) for feeder, answer in answers if answer is not None]

    async def _see_places(self) -> None:
        """Learn where houses are, which limits the voltage is held to and who trades: of each as
        soon as there is who answers.
        """
        data = self.data
        if any(not log.has_houses for log in data.voltages.values()):
            for feeder, topology in await self._answers("topology"):
                self._see_houses(feeder, topology["houses"])
        if self._limits is None:
            status = await self._run.ask("taps/status")
            if status is not None:
                self._limits = (float(status["limits"]["low"]), float(status["limits"]["high"]))
                data.limits_from = "the tap controller's limits"
                for log in data.voltages.values():
                    log.low_pu, log.high_pu = self._limits
        if not data.has_market:
            info = await self._run.ask("market/info")
            data.has_market = "market/info" in self._run.services
            for account in info["accounts"] if info else ():
                data.market.houses[account["address"]] = account["house"]

    def _see_houses(self, feeder: str, houses: Sequence[Mapping[str, Any]]) -> None:
        log = self.data.voltages.get(feeder)
        if log is None or log.has_houses:
            return
        seen: set[str] = set()
        for house in houses:
            nodes = tuple(f"{house['bus']}.{phase}" for phase in house["phases"])
            self.data.house_nodes[house["id"]] = (feeder, nodes)
            seen.update(nodes)
        log.watch_houses(seen)

    def _feeder(self, state: FeederState) -> None:
        data, elapsed_s = self.data, self._run.elapsed_s(state.at)
        log = data.voltages.get(state.feeder)
        if log is None:
            log = data.voltages[state.feeder] = VoltageLog(
                state.nodes, data.timeline.interval_s, data.timeline.intervals
            )
            log.low_pu, log.high_pu = self._limits or (log.low_pu, log.high_pu)
            data.supplies[state.feeder] = SupplyLog()
            if len(data.voltages) == 1:  # of several feeders the first one's clock is told
                self._set_clock(state.feeder_time, elapsed_s)
        if not state.converged:
            data.unsolved_steps += 1
            log.interrupt(elapsed_s)
            data.supplies[state.feeder].interrupt(elapsed_s)
            return
        log.note(elapsed_s, state.voltages_pu)
        data.supplies[state.feeder].note(elapsed_s, state.source_w, state.losses_w)
        data.taps.note(elapsed_s, state.feeder, state.taps)

    def _set_clock(self, feeder_time: datetime, elapsed_s: float) -> None:
        """Tell the time of the report by the clocks of the people on the feeder."""
        line = self.data.timeline
        local = feeder_time.replace(tzinfo=None, microsecond=0)
        start = Timeline(local, line.interval_s, line.total_s).at(-elapsed_s)
        self.data.timeline = Timeline(start, line.interval_s, line.total_s)

    def _tap_command(self, result: CommandResult) -> None:
        if result.done:
            by = COMMANDERS[result.command.priority]
            self.data.taps.commanded(self._run.elapsed_s(result.at), by)

    def _market(self, event: MarketEvent) -> None:
        log, elapsed_s, market = self.data.market, self._run.elapsed_s(event.at), event.market
        match event:
            case BatchCleared() as e:
                cleared = (e.round, e.mcp_wei_per_kwh, e.qty_wh, e.trades)
                log.rounds.append(Round(elapsed_s, market, *cleared))
            case TradeMatched() as e:
                trade = (e.trade_id, e.buyer, e.seller, e.qty_wh, e.price_wei_per_kwh)
                log.matched(Trade(elapsed_s, market, *trade))
            case DeliveryScheduled() as e:
                window = self._run.elapsed_s(e.start), self._run.elapsed_s(e.end)
                log.scheduled(market, e.trade_id, (e.buyer, e.seller), *window)
            case TradeSettled() as e:
                paid_wh = min(e.qty_wh, e.delivered_wh, e.received_wh)
                log.settled(market, e.trade_id, paid_wh, e.paid_wei)
            case TradeExpired() as e:
                log.expired(market, e.trade_id)
            case PenaltyApplied() as e:
                log.penalised(elapsed_s, market, e.trader, e.amount_wei)
            case _:
                pass

    def _alarm(self, alarm: Alarm) -> None:
        at_s = self._run.elapsed_s(alarm.at)
        record = AlarmRecord(alarm.kind, alarm.subject, str(alarm.severity), alarm.text, at_s)
        self.data.alarms.note(alarm.id, record, cleared=alarm.cleared)

    def _notified(self, message: Notification) -> None:
        at_s = self._run.elapsed_s(message.at)
        record = (message.audience, str(message.severity), message.text)
        self.data.alarms.notifications.append(NotificationRecord(at_s, *record))

    def _plugin(self, status: PluginStatus) -> None:
        now_s = self._run.elapsed_s(status.at)
        now = Trouble(status.plugin, str(status.state), status.reason, now_s)
        trouble_log.note(self.data.troubles, now, well=status.state in WELL)

    # -- writing --

    async def end(self) -> None:
        """Take the last look and listen no more: what stopping does is not part of the run."""
        self._ended = True
        while self.data.imports.looks <= self.data.timeline.intervals:
            await self._note_counters(netted=True, closed=True)
        # Energy ends with the last power flow, as it does for the meters.
        for log in self.data.voltages.values():
            log.hold_until(self.data.timeline.total_s)
        for subscription in (*self._subscriptions, self._counting):
            subscription.close()

    def write(self, result: Mapping[str, Any]) -> Path:
        """Write page, CSV files and JSON; returns the page."""
        self.data.result = result
        self.data.market.name_houses()
        return self._write(self.data, self._folder)


@hookimpl
def hub_simulation_watchers(folder: Path) -> Sequence[Watcher]:
    """Offer the report of the energy, the market and the grid."""
    return [ReportWatcher(folder)]
