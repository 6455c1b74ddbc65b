"""Wiring: subscribes to the meters' topics and publishes `Reading`s."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from hub.api import (
    Alarm,
    CheckContext,
    ConfigProblemError,
    Context,
    Link,
    LinkMessage,
    Plugin,
    Quality,
    Severity,
    Telegram,
    hookimpl,
    new_id,
)

from .configuration import Config
from .device import Device, troubles
from .preset import AvailabilityMap, Preset, PresetError, TopicMap
from .store import TABLES, load_counters, save_counters
from .topics import check_names, filters_for, topic_of

#: A link that is away for longer is an alarm; shorter is a hiccup.
BROKER_LOST_AFTER_S = 5.0
REVIEW_EVERY_S = 1.0
SAVE_EVERY_S = 30.0


class SmartMeterMqtt(Plugin[Config]):
    """Reads meters on MQTT. Says which meters are silent and whether the broker is away."""

    Config = Config
    summary: ClassVar[str] = "reads smart meters on MQTT: Tasmota, Shelly, Zigbee2MQTT, ESPHome, …"

    @classmethod
    def check(cls, config: Any, check: CheckContext) -> list[str]:
        """Look whether the preset can be read and the names can be topics."""
        try:
            preset = config.read_preset(check.base_dir)
            wrong = check_names(config.names(check.houses), (t.topic for t in preset.topics))
        except PresetError as error:
            wrong = str(error)
        check.unchecked.append("whether the broker answers")
        return [] if wrong is None else [wrong]

    async def start(self, ctx: Context) -> None:
        self.ctx = ctx
        try:
            preset = self.config.read_preset(ctx.base_dir)
        except PresetError as error:
            raise ConfigProblemError(str(error)) from error
        names = self.config.names(ctx.houses)
        wrong = check_names(names, (topic.topic for topic in preset.topics))
        if wrong is not None:
            raise ConfigProblemError(wrong)
        self.devices = await self._make_devices(preset, names)
        self.saved_cycles = 0
        self.turn_began: datetime | None = None
        self.telegrams: list[Telegram] = []
        self.listening_since = ctx.clock.now()
        self.alarm: Alarm | None = None
        self.down_since: datetime | None = self.listening_since
        password = self.config.password
        self.link = await ctx.connect(
            self.config.broker,
            username=self.config.username,
            password=None if password is None else password.get_secret_value(),
        )
        self._subscribe(self.link, preset, names)
        self.link.on_change(self._link_changed)
        self._review()
        ctx.every(REVIEW_EVERY_S, self._review_regularly, name="review")
        if not ctx.virtual:
            ctx.every(SAVE_EVERY_S, self._save, name="save counters")
            ctx.every(REVIEW_EVERY_S, self._save_new_cycles, name="save new cycles")

    async def stop(self) -> None:
        if hasattr(self, "devices") and not self.ctx.virtual:
            await self._save()

    async def probe(self) -> Mapping[str, Any]:
        """Return what is known of the link and of each meter."""
        return {
            "link": self.link.problem or "connected",
            "devices": {
                name: {
                    "heard_at": device.heard_at and device.heard_at.isoformat(),
                    "offline": device.offline,
                    "problem": device.problem,
                    "clock_behind_s": device.clock.behind.total_seconds(),
                    "accepted": device.counts.accepted,
                    "unusable": device.counts.unusable,
                    "duplicate": device.counts.duplicate,
                    "late": device.counts.late,
                    "counter_cycles": device.counts.cycles,
                }
                for name, device in self.devices.items()
            },
        }

    async def _make_devices(self, preset: Preset, names: Mapping[str, str]) -> dict[str, Device]:
        # What one second of hub time can carry grows with the time lapse of a simulated feeder.
        max_power_w = self.config.max_power_w * self.ctx.time_lapse
        zone = ZoneInfo(self.config.timezone)
        single_phase = self.config.single_phase(self.ctx.houses, preset)
        devices = {
            name: Device(name, preset, zone, max_power_w, single_phase=name in single_phase)
            for name in names
        }
        if not self.ctx.virtual:
            await self.ctx.history.create(TABLES)
            saved = await self.ctx.history.run(lambda c: load_counters(c, self.ctx.name))
            for name, counters in saved.items():
                if name in devices:
                    devices[name].counters.update(counters)
        return devices

    def _subscribe(self, link: Link, preset: Preset, names: Mapping[str, str]) -> None:
        self.readings: dict[str, list[tuple[Device, TopicMap]]] = {}
        self.availability: dict[str, tuple[Device, AvailabilityMap]] = {}
        for topic in preset.topics:
            for device, name in names.items():
                routes = self.readings.setdefault(topic_of(topic.topic, name), [])
                routes.append((self.devices[device], topic))
        filters = [f for topic in preset.topics for f in filters_for(topic.topic, names.values())]
        for topic_filter in dict.fromkeys(filters):
            link.subscribe(topic_filter, self._receive)
        where = preset.availability
        if where is not None:
            for device, name in names.items():
                self.availability[topic_of(where.topic, name)] = (self.devices[device], where)
            for topic_filter in filters_for(where.topic, names.values()):
                link.subscribe(topic_filter, self._receive_availability)

    def _receive(self, message: LinkMessage) -> None:
        """Read a message. All that arrive in one turn of the loop are taken to have come at one
        time, and are published together at its end.
        """
        now = self.turn_began or self._begin_turn()
        for device, topic in self.readings.get(message.topic, ()):
            reports = device.receive(topic, message.payload, now, retained=message.retained)
            for quantities, values, at, estimated in reports:
                quality = Quality.ESTIMATED if estimated else Quality.GOOD
                self.telegrams.append(Telegram(device.name, quantities, values, at, quality))
            if device.problem is not None or device.news is not None:
                line = device.log_line(now)
                if line is not None:
                    self.ctx.log.warning("%s", line)

    def _begin_turn(self) -> datetime:
        asyncio.get_running_loop().call_soon(self._end_turn)
        now = self.turn_began = self.ctx.clock.now()
        return now

    def _end_turn(self) -> None:
        self.turn_began = None
        telegrams, self.telegrams = self.telegrams, []
        self.ctx.publish_all(telegrams)

    def _receive_availability(self, message: LinkMessage) -> None:
        route = self.availability.get(message.topic)
        if route is not None:
            route[0].receive_availability(route[1], message.payload)

    def _link_changed(self, up: bool) -> None:
        if up:
            if self.alarm is not None:
                self.ctx.log.info("connected to the broker again")
            self.down_since = None
            self.listening_since = self.ctx.clock.now()
        elif self.down_since is None:
            self.down_since = self.ctx.clock.now()
        self._review()

    async def _review_regularly(self) -> None:
        self._review()

    def _review(self) -> None:
        """Say what is missing: the broker, or single meters."""
        self._review_link()
        if self.down_since is not None:
            self.ctx.degraded(self.link.problem or "not connected to the broker")
            return
        now = self.ctx.clock.now()
        trouble = troubles(self.devices, now, self.listening_since, self.config.stale_after)
        if trouble is None:
            self.ctx.online()
        else:
            self.ctx.degraded(trouble)

    def _review_link(self) -> None:
        now = self.ctx.clock.now()
        if self.down_since is None:
            if self.alarm is not None:
                self._publish_alarm(self.alarm.id, now, cleared=True)
                self.alarm = None
        elif self.alarm is None and (now - self.down_since).total_seconds() > BROKER_LOST_AFTER_S:
            self.ctx.log.warning("%s", self.link.problem or "not connected to the broker")
            self.alarm = self._publish_alarm(new_id(), now, cleared=False)

    def _publish_alarm(self, alarm_id: str, now: datetime, *, cleared: bool) -> Alarm:
        problem = self.link.problem or "connected"
        alarm = Alarm(
            kind="broker_lost",
            subject=self.ctx.name,
            severity=Severity.WARNING,
            at=now,
            text="The broker of the meters is back."
            if cleared
            else f"No meter can be read: {problem}",
            evidence={"problem": problem},
            cleared=cleared,
            id=alarm_id,
        )
        self.ctx.publish(alarm)
        return alarm

    async def _save_new_cycles(self) -> None:
        """Save at once when a counter began anew: its offset exists nowhere else."""
        if self._cycles() != self.saved_cycles:
            await self._save()

    def _cycles(self) -> int:
        return sum(device.counts.cycles for device in self.devices.values())

    async def _save(self) -> None:
        self.saved_cycles = self._cycles()
        counters = {
            name: {quantity: replace(counter) for quantity, counter in device.counters.items()}
            for name, device in self.devices.items()
        }
        await self.ctx.history.run(lambda c: save_counters(c, self.ctx.name, counters))


@hookimpl
def hub_plugin_types() -> Mapping[str, type[Plugin[Any]]]:
    """Provide the plugin type."""
    return {"smart_meter_mqtt": SmartMeterMqtt}
