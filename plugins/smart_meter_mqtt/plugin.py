"""Wiring: subscribes to the meters' topics and publishes `Reading`s."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, field_validator

from hub.api import (
    Alarm,
    CheckContext,
    ConfigProblemError,
    Context,
    Duration,
    House,
    Link,
    LinkMessage,
    Plugin,
    PluginConfig,
    Quality,
    Reading,
    Severity,
    hookimpl,
    new_id,
    unit_of,
)

from .device import Device, troubles
from .preset import AvailabilityMap, Preset, PresetError, TopicMap, load_preset
from .store import TABLES, load_counters, save_counters
from .topics import check_names, filters_for, topic_of

HEAD = "head"
#: A link that is away for longer is an alarm; shorter is a hiccup.
BROKER_LOST_AFTER_S = 5.0
REVIEW_EVERY_S = 1.0
SAVE_EVERY_S = 30.0
#: Presets that come with the hub.
PRESETS = Path(__file__).parents[2] / "config" / "meters"


class Config(PluginConfig):
    """Meters on an MQTT broker."""

    broker: str = Field(
        "mqtt://127.0.0.1:1883", description="address of the broker, mqtt:// or mqtts://"
    )
    username: str | None = Field(None, description="user name at the broker")
    password: SecretStr | None = Field(None, description="password at the broker (use !secret)")
    preset: str = Field(
        "tasmota",
        description="make of the meters: a name in config/meters, or the path of a YAML file",
    )
    map: Preset | None = Field(None, description="a field map of your own, instead of a preset")
    topic: str | None = Field(
        None, description="overrides the preset's first topic, such as home/{device}/tele/SENSOR"
    )
    availability_topic: str | None = Field(
        None, description="overrides the topic on which a meter says whether it is online"
    )
    devices: tuple[str, ...] | dict[str, str] | None = Field(
        None,
        description="meters to read, or a mapping from the hub's name to the name at the broker; "
        "default: the meters of all houses, and head",
    )
    timezone: str = Field("UTC", description="zone of meter times that name none")
    stale_after: Duration = Field(30.0, description="a meter silent for longer is reported")
    max_power_w: float = Field(
        10_000_000.0,
        gt=0,
        description="the most power one meter can see; counters that run faster were swapped",
    )

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("expected a time zone such as UTC or Europe/Berlin") from None
        return name

    @field_validator("broker")
    @classmethod
    def _known_scheme(cls, url: str) -> str:
        if not url.startswith(("mqtt://", "mqtts://")):
            raise ValueError("expected an address such as mqtt://127.0.0.1:1883")
        return url

    def names(self, houses: Mapping[str, House]) -> dict[str, str]:
        """Return the meters: name in the hub and name at the broker."""
        if isinstance(self.devices, dict):
            return self.devices
        if self.devices is not None:
            return {device: device for device in self.devices}
        return {name: name for name in [*(h.device(i) for i, h in houses.items()), HEAD]}

    def read_preset(self, base_dir: Path) -> Preset:
        """Return the field map with the overrides in it; PresetError if there is none."""
        preset = self.map or load_preset(self._preset_path(base_dir))
        for topic in preset.topics:
            for field in topic.fields:
                _check_unit(field.quantity, field.hub_unit)
        update: dict[str, object] = {}
        if self.topic is not None:
            first = preset.topics[0].model_copy(update={"topic": self.topic})
            update["topics"] = (first, *preset.topics[1:])
        if self.availability_topic is not None:
            where = preset.availability or AvailabilityMap(topic="")
            update["availability"] = where.model_copy(update={"topic": self.availability_topic})
        return preset.model_copy(update=update)

    def _preset_path(self, base_dir: Path) -> Path:
        if self.preset.endswith((".yaml", ".yml")):
            return base_dir / self.preset
        own = base_dir / "config" / "meters" / f"{self.preset}.yaml"
        path = own if own.is_file() else PRESETS / f"{self.preset}.yaml"
        if not path.is_file():
            known = ", ".join(sorted(each.stem for each in PRESETS.glob("*.yaml")))
            raise PresetError(f"no preset {self.preset!r} in config/meters; there are: {known}")
        return path


class SmartMeterMqtt(Plugin[Config]):
    """Reads meters on MQTT. Says which meters are silent and whether the broker is away."""

    Config = Config
    summary: ClassVar[str] = "reads smart meters on MQTT: Tasmota, Shelly, Zigbee2MQTT, ESPHome, …"

    @classmethod
    def check(cls, config: Any, check: CheckContext) -> list[str]:
        """Look whether the preset can be read and the names can be topics."""
        problems = []
        try:
            preset = config.read_preset(check.base_dir)
            wrong = check_names(config.names(check.houses), (t.topic for t in preset.topics))
        except PresetError as error:
            wrong = str(error)
        if wrong is not None:
            problems.append(wrong)
        check.unchecked.append("whether the broker answers")
        return problems

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
        devices = {name: Device(name, preset, zone, max_power_w) for name in names}
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
        now = self.ctx.clock.now()
        for device, topic in self.readings.get(message.topic, ()):
            measured = device.receive(topic, message.payload, now, retained=message.retained)
            for each in measured:
                quality = Quality.ESTIMATED if each.estimated else Quality.GOOD
                self.ctx.publish(
                    Reading(device.name, each.quantity, each.value, each.unit, each.at, quality)
                )
            line = device.log_line(now)
            if line is not None:
                self.ctx.log.warning("%s", line)

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

    async def _save(self) -> None:
        counters = {
            name: {quantity: replace(counter) for quantity, counter in device.counters.items()}
            for name, device in self.devices.items()
        }
        await self.ctx.history.run(lambda c: save_counters(c, self.ctx.name, counters))


def _check_unit(quantity: str, unit: str) -> None:
    try:
        expected = unit_of(quantity)
    except KeyError as error:
        raise PresetError(f"preset: {error.args[0]}") from error
    if unit != expected:
        raise PresetError(f"preset: {quantity} is in {expected}, but its field is in {unit}")


@hookimpl
def hub_plugin_types() -> Mapping[str, type[Plugin[Any]]]:
    """Provide the plugin type."""
    return {"smart_meter_mqtt": SmartMeterMqtt}
