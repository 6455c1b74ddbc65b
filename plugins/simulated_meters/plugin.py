"""Wiring: takes what is true at the metering points and speaks MQTT about it."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, SecretStr, model_validator

from hub.api import (
    CheckContext,
    Command,
    Context,
    Duration,
    HubError,
    MeteringPoints,
    Plugin,
    PluginConfig,
    Rejected,
    hookimpl,
)

from .dialect import ALONE, DIALECTS
from .meter import MJ_PER_WH, Meter
from .store import TABLES, load_counts, save_counts

#: Takes the values of one meter's channels out of those of all.
Picker = Callable[[Sequence[float]], Sequence[float]]

#: A step this much early still counts as one interval later; steps are not exact.
EARLY_S = 0.05
#: So many meters are named in one message.
MOST_NAMED = 10


class Config(PluginConfig):
    """Meters at every metering point of a simulated feeder."""

    feeder: str = Field("grid", description="the plugin instance that simulates the feeder")
    broker: str = Field("mqtt://127.0.0.1:1883", description="address of the MQTT broker")
    username: str | None = Field(None, description="user name at the broker")
    password: SecretStr | None = Field(None, description="password at the broker (use !secret)")
    preset: Literal["tasmota", "shelly_gen2", "zigbee2mqtt", "esphome", "dsmr"] = Field(
        "tasmota", description="make of meter to speak like; the reader needs the same"
    )
    devices: list[str] | None = Field(
        None, description="names of the meters to put up; default one at every metering point"
    )
    interval: Duration = Field(1.0, description="time between the messages of one meter")
    resolution_wh: int = Field(1, ge=1, description="what the last digit of the counters is, in Wh")
    accuracy_percent: float = Field(
        0.0, ge=0, le=10, description="class of the meters: each is off by up to this, at random"
    )
    voltage_accuracy_percent: float = Field(
        0.0, ge=0, le=10, description="the same for the voltages they show"
    )
    clock_error: Duration = Field(
        0.0, description="each meter's clock is off by up to this, at random"
    )
    loss_percent: float = Field(0.0, ge=0, le=100, description="messages that never arrive")
    backup: Duration = Field(
        86_400.0, description="feeder time for which a meter goes on speaking without supply"
    )
    last_gasp: bool = Field(
        True,
        description="whether a meter that loses its supply says so at once, with its last power",
    )
    frequency_hz: float = Field(60.0, gt=0, description="frequency the meters show")

    @model_validator(mode="after")
    def _one_of_its_make(self) -> Self:
        if self.preset in ALONE and len(self.devices or ()) != 1:
            raise ValueError(
                f"there is one {self.preset} meter per broker; expected 'devices' with one name, "
                "such as [house1]"
            )
        return self


class SimulatedMeters(Plugin[Config]):
    """One meter per metering point, all on one link."""

    Config = Config
    summary: ClassVar[str] = "simulated smart meters that speak real MQTT"

    @classmethod
    def check(cls, config: Any, check: CheckContext) -> list[str]:
        """Say so if there is no plugin of the feeder's name."""
        if config.feeder not in check.plugins:
            text = f"there is no plugin {config.feeder!r}; there are: {', '.join(check.plugins)}"
            check.problem(("plugins", check.name, "feeder"), text)
        return []

    async def start(self, ctx: Context) -> None:
        self.ctx = ctx
        self.dialect = DIALECTS[self.config.preset]
        self.seed = ctx.random.getrandbits(64)
        self.meters: dict[str, Meter] = {}
        self.interval = timedelta(seconds=self.config.interval - EARLY_S)
        self.online: set[str] = set()
        self._names: tuple[Sequence[str], Sequence[str]] = ((), ())
        self._channels: list[tuple[Meter, Picker]] = []
        self.problems: dict[str, str] = {}
        self.saved: dict[str, tuple[int, int]] = {}
        if not ctx.virtual:
            await ctx.history.create(TABLES)
            counts = await ctx.history.run(lambda c: load_counts(c, ctx.name))
            self.saved = {device: (imported, exported) for device, imported, exported in counts}
        password = self.config.password
        self.link = await ctx.connect(
            self.config.broker,
            username=self.config.username,
            password=None if password is None else password.get_secret_value(),
        )
        self._link_changed(self.link.connected)
        self.link.on_change(self._link_changed)
        ctx.subscribe(f"grid/{self.config.feeder}/metering", self._step)
        ctx.handle(f"meters/{ctx.name}/+", self._command)

    async def stop(self) -> None:
        if not hasattr(self, "link"):
            return
        for device in sorted(self.online):
            await self._say_online(device, online=False)

    async def probe(self) -> Mapping[str, Any]:
        """Return what each meter shows."""
        return {
            device: {
                "import_wh": meter.sample.import_wh,
                "export_wh": meter.sample.export_wh,
                "power_w": sum(meter.sample.powers_w),
                "voltages_v": meter.sample.voltages_v,
                "supplied": meter.supplied,
                "alive": meter.alive,
            }
            for device, meter in self.meters.items()
            if meter.sample is not None
        }

    async def _command(self, command: Command) -> Mapping[str, Any]:
        """Start a meter's counters over, as when it is exchanged or has lost its memory."""
        device = command.target.rsplit("/", 1)[-1]
        meter = self.meters.get(device)
        if meter is None:
            known = ", ".join(self.meters) or "none yet"
            raise Rejected(f"meter {device} is not here; there are: {known}")
        if command.action != "restart_counters":
            raise Rejected(f"a meter has no action {command.action!r}; it has: restart_counters")
        before = {"import_mj": meter.import_mj, "export_mj": meter.export_mj}
        meter.import_mj = meter.export_mj = 0
        await self._save()
        return {key.replace("_mj", "_wh"): mj // MJ_PER_WH for key, mj in before.items()}

    async def _step(self, points: MeteringPoints) -> None:
        names = (points.devices, points.phases)
        if names != self._names:
            self._names, self._channels = names, self._connect(*names)
        volts, watts, vars_ = points.voltages_v, points.powers_w, points.powers_var
        changed = set()
        for meter, own in self._channels:
            if meter.measure(points.at, points.elapsed_s, own(volts), own(watts), own(vars_)):
                changed.add(meter.device)
        await self._save()
        for meter, _ in self._channels:
            await self._speak(meter, points.at, supply_changed=meter.device in changed)

    def _connect(self, devices: Sequence[str], phases: Sequence[str]) -> list[tuple[Meter, Picker]]:
        """Return the meters of a feeder, each with what picks its channels."""
        channels: dict[str, list[int]] = {}
        for index, device in enumerate(devices):
            channels.setdefault(device, []).append(index)
        if self.config.devices is not None:
            self._complain_of_missing(channels)
            wanted = set(self.config.devices)
            channels = {device: own for device, own in channels.items() if device in wanted}
        return [
            (
                self.meters.get(device) or self._install(device, tuple(phases[i] for i in indices)),
                _picker(indices),
            )
            for device, indices in channels.items()
        ]

    def _complain_of_missing(self, there: Collection[str]) -> None:
        """Say which of the meters in `devices` the feeder has no metering point for."""
        missing = [device for device in self.config.devices or () if device not in there]
        if missing:
            known = [*list(there)[:MOST_NAMED], *(["…"] if len(there) > MOST_NAMED else [])]
            self.problems["devices"] = (
                f"the feeder has no metering point for {', '.join(missing[:MOST_NAMED])}; "
                f"it has: {', '.join(known)}"
            )
        else:
            self.problems.pop("devices", None)
        self._show_state()

    async def _speak(self, meter: Meter, now: datetime, *, supply_changed: bool) -> None:
        """Send what is due. A meter that loses its supply says so before its interval is over."""
        device, sample, alive = meter.device, meter.sample, meter.alive
        if alive and device not in self.online:
            await self._say_online(device, online=True)
        at_once = supply_changed and (meter.supplied or self.config.last_gasp)
        if sample is not None and (at_once or (alive and self._is_due(meter, now))):
            meter.spoke_at = now
            if at_once or not self._is_lost():
                for message in self.dialect.measurement(device, sample, meter.clock_offset):
                    await self.link.publish(*message)
        if not alive and device in self.online:
            await self._say_online(device, online=False)

    def _is_due(self, meter: Meter, now: datetime) -> bool:
        return meter.spoke_at is None or now - meter.spoke_at >= self.interval

    def _is_lost(self) -> bool:
        """Return whether chance has it that a message does not arrive."""
        loss = self.config.loss_percent
        return loss > 0 and self.ctx.random.random() * 100 < loss

    async def _say_online(self, device: str, *, online: bool) -> None:
        if online:
            self.online.add(device)
        else:
            self.online.discard(device)
        message = self.dialect.availability(device, online=online)
        if message is not None:
            await self.link.publish(*message, retain=True)

    def _install(self, device: str, phases: tuple[str, ...]) -> Meter:
        """Put up a meter. Its flaws depend on its name and the hub's seed alone."""
        chance = random.Random(f"{self.seed} {device}")
        imported, exported = self.saved.get(device, (0, 0))
        meter = Meter(
            device,
            phases,
            gain=1 + chance.uniform(-1, 1) * self.config.accuracy_percent / 100,
            voltage_gain=1 + chance.uniform(-1, 1) * self.config.voltage_accuracy_percent / 100,
            resolution_wh=self.config.resolution_wh,
            frequency_hz=self.config.frequency_hz,
            clock_offset=timedelta(seconds=chance.uniform(-1, 1) * self.config.clock_error),
            backup_s=self.config.backup,
            import_mj=imported,
            export_mj=exported,
        )
        self.meters[device] = meter
        return meter

    def _link_changed(self, up: bool) -> None:
        if up:
            self.problems.pop("link", None)
            # A broker that was restarted has forgotten who is there.
            self.online.clear()
        else:
            self.problems["link"] = self.link.problem or "not connected to the broker"
        self._show_state()

    async def _save(self) -> None:
        """Save what was counted, before a word is said of it: a meter does not forget.

        A meter that cannot save goes on counting and speaking.
        """
        if self.ctx.virtual:
            return
        counts = [(m.device, m.import_mj, m.export_mj) for m in self.meters.values()]
        try:
            await self.ctx.history.run(lambda c: save_counts(c, self.ctx.name, counts))
        except HubError as error:
            self.problems["save"] = f"counters cannot be saved: {error}"
        else:
            self.problems.pop("save", None)
        self._show_state()

    def _show_state(self) -> None:
        if self.problems:
            self.ctx.degraded("; ".join(self.problems.values()))
        else:
            self.ctx.online()


def _picker(indices: Sequence[int]) -> Picker:
    """Return what picks the values at ascending indices, which are almost always in a row."""
    first, end = indices[0], indices[-1] + 1
    if end - first == len(indices):
        return itemgetter(slice(first, end))
    return itemgetter(*indices)


@hookimpl
def hub_plugin_types() -> Mapping[str, type[Plugin[Any]]]:
    """Provide the plugin type."""
    return {"simulated_meters": SimulatedMeters}
