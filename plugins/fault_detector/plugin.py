"""Wires the fault detector to the hub: readings in, alarms out, state in the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection

from hub.api import (
    Alarm,
    Context,
    HubError,
    Message,
    Plugin,
    PluginState,
    PluginStatus,
    Quality,
    Severity,
    Telegram,
    hookimpl,
    telegrams,
)

from . import store
from .alarms import BROKER_LOST, Finding
from .channels import Meter
from .configuration import FaultDetectorConfig
from .delays import Delays
from .rules import Detector

VOLTAGES = ("voltage", "voltage_a", "voltage_b", "voltage_c")
#: A meter that tells one of these is not silent, even if it has no voltage to tell.
SIGNS_OF_LIFE = ("power", "energy_import")
#: How often everything is judged as of now; silence and dwell times end on such a tick.
TICK_S = 0.5
#: How long cleared alarms are kept in the ledger, and how far back they are shown.
KEEP = timedelta(days=30)
SHOWN = timedelta(days=1)
#: An alarm waits no longer than this for the disk.
WRITE_S = 0.5
#: Plugin types whose trouble silences meters.
METER_TYPES = frozenset({"smart_meter_mqtt"})
GOOD = Quality.GOOD


class FaultDetector(Plugin[FaultDetectorConfig]):
    """Raises and clears alarms on what the meters deliver."""

    Config = FaultDetectorConfig
    summary = "finds outages, lost meters and violated voltage limits in the meters' readings"

    async def start(self, ctx: Context) -> None:
        self._ctx = ctx
        self._found: asyncio.Queue[Finding] = asyncio.Queue()
        self._told: list[Finding] = []
        self._delays = Delays(timedelta(seconds=self.config.stale_after))
        self._settling = False
        now = ctx.clock.now()
        standing: list[Finding] = []
        self._past: list[Finding] = []
        if not ctx.virtual:
            await ctx.ledger.create(store.tables)
            standing = await ctx.ledger.run(lambda c: store.standing(c, ctx.name))
            for finding in await ctx.ledger.run(lambda c: store.untold(c, ctx.name)):
                self._tell(finding)
            await ctx.ledger.run(lambda c: store.forget_old(c, ctx.name, now, KEEP))
            self._past = await ctx.ledger.run(lambda c: store.recent(c, ctx.name, now - SHOWN))
        self._detector = Detector(self._meters(ctx), self.config.rules(), now, standing)
        self._put(self._detector.clear_unwatched(now))
        if not ctx.virtual:
            ctx.background(self._keep_telling(), name="tell")
        ctx.serve("faults/alarms", self._alarms)
        ctx.subscribe(f"alarm/{BROKER_LOST}/+", self._on_broker)
        ctx.subscribe("plugin/+/status", self._on_plugin)
        ctx.subscribe_batches(
            [f"reading/+/{q}" for q in VOLTAGES + SIGNS_OF_LIFE], self._on_readings
        )
        ctx.every(TICK_S, self._tick, name="judge")

    def _meters(self, ctx: Context) -> list[Meter]:
        meters = [
            Meter(
                device=house.device(house_id),
                nominal_v=house.nominal_v,
                phases=house.phases,
                house=house_id,
                label=house.name(house_id),
            )
            for house_id, house in ctx.houses.items()
        ]
        if self.config.head is not None:
            head = self.config.head
            meters.append(Meter(head.device, head.nominal_v, ("a", "b", "c")))
        return meters

    # -- in --

    def _on_readings(self, messages: Sequence[Message]) -> None:
        now = self._ctx.clock.now()
        is_current, hear = self._delays.is_current, self._detector.hear
        for telegram in telegrams(messages):
            if telegram.quality is not GOOD and self._may_be_old(telegram, now):
                continue
            device = telegram.device
            if is_current(device, telegram.at, now):
                found = hear(device, telegram.quantities, telegram.values, now)
                if found:
                    self._put(found)
        if self._detector.waiting and not self._settling:
            self._settling = True
            due = now + timedelta(seconds=self.config.settle)
            self._ctx.at(due, self._settled, name="settle")

    def _may_be_old(self, telegram: Telegram, now: datetime) -> bool:
        """What is not certain may be old: a retained message, say, tells how things were."""
        late_s = (now - telegram.at).total_seconds()
        return telegram.quality is Quality.BAD or late_s > self.config.stale_after

    def _on_broker(self, alarm: Alarm) -> None:
        self._detector.link_changed(alarm.subject, alarm.cleared, self._ctx.clock.now())

    def _on_plugin(self, status: PluginStatus) -> None:
        """A meter plugin that does not run reports no reading: that is not the meters' fault.

        While it is only degraded, it runs; a broker that is away is an alarm of its own.
        """
        if status.plugin_type in METER_TYPES:
            up = status.state in (PluginState.ONLINE, PluginState.DEGRADED)
            self._detector.link_changed(f"plugin {status.plugin}", up, self._ctx.clock.now())

    async def _settled(self) -> None:
        self._settling = False
        await self._tick()

    async def _tick(self) -> None:
        self._put(self._detector.check(self._ctx.clock.now()))
        told, self._told = self._told, []
        for finding in told:
            await self._ledger(partial(store.mark_told, instance=self._ctx.name, finding=finding))

    # -- out --

    def _put(self, found: list[Finding]) -> None:
        for finding in found:
            log = self._ctx.log.info if finding.cleared else self._ctx.log.warning
            log("%s", finding.text)
            if self._ctx.virtual:
                self._ctx.publish(_alarm(finding))
            else:
                self._found.put_nowait(finding)

    async def _keep_telling(self) -> None:
        while True:
            finding = await self._found.get()
            kept = await self._ledger(
                partial(store.write, instance=self._ctx.name, finding=finding)
            )
            # Told in any case: a full or slow disk must not silence an alarm.
            self._tell(finding)
            if kept:
                self._ctx.online()

    def _tell(self, finding: Finding) -> None:
        self._ctx.publish(_alarm(finding))
        # Marked on the next tick: those who hear the alarm need the disk more urgently.
        self._told.append(finding)

    async def _ledger(self, function: Callable[[Connection], None]) -> bool:
        try:
            async with asyncio.timeout(WRITE_S):
                await self._ctx.ledger.run(function)
        except TimeoutError:
            self._ctx.degraded("alarms are told but not kept: the ledger is slow to write")
        except HubError as error:
            self._ctx.degraded(f"alarms are told but not kept: {error}")
        else:
            return True
        return False

    async def _alarms(self, request: Any) -> Mapping[str, Any]:
        recent = {(f.id, f.cleared, f.at): f for f in (*self._past, *self._detector.recent)}
        return {
            "active": [_plain(finding) for finding in self._detector.active],
            "recent": [_plain(finding) for finding in recent.values()],
        }

    async def probe(self) -> Mapping[str, Any]:
        """Return the alarms that stand."""
        return await self._alarms(None)


def _alarm(finding: Finding) -> Alarm:
    return Alarm(
        kind=finding.kind,
        subject=finding.subject,
        severity=Severity(finding.severity),
        at=finding.at,
        text=finding.text,
        evidence=finding.evidence,
        cleared=finding.cleared,
        id=finding.id,
    )


def _plain(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.id,
        "kind": finding.kind,
        "subject": finding.subject,
        "severity": finding.severity,
        "since": finding.since.isoformat(),
        "at": finding.at.isoformat(),
        "text": finding.text,
        "evidence": dict(finding.evidence),
        "cleared": finding.cleared,
    }


@hookimpl
def hub_plugin_types() -> Mapping[str, type[Plugin[Any]]]:
    """Register the type `fault_detector`."""
    return {"fault_detector": FaultDetector}
