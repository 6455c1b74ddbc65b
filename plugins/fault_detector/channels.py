"""What is known of each voltage channel: one phase of one meter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Meter:
    """A meter that is expected to report. `house` is None for the meter at the head.

    `phases` are letters; empty where the wiring is not known. Nominal voltage is phase to neutral
    in V.
    """

    device: str
    nominal_v: float
    phases: tuple[str, ...] = ()
    house: str | None = None
    label: str = ""

    @property
    def name(self) -> str:
        return self.label or self.house or self.device

    @property
    def quantities(self) -> dict[str, str]:
        """The phase of each voltage quantity: `voltage`, or `voltage_a` and so on."""
        if len(self.phases) <= 1:
            return {"voltage": self.phases[0] if self.phases else ""}
        return {f"voltage_{phase}": phase for phase in self.phases}


@dataclass(slots=True, eq=False)
class Channel:
    """The state of one channel; `volts` is None until it reported."""

    meter: Meter
    phase: str
    volts: float | None = None
    seen: datetime | None = None
    dead_since: datetime | None = None
    dead_samples: int = 0

    @property
    def pu(self) -> float | None:
        return None if self.volts is None else self.volts / self.meter.nominal_v

    @property
    def label(self) -> str:
        return f"{self.meter.device}.{self.phase}" if self.phase else self.meter.device

    def fresh(self, now: datetime, stale_after: timedelta) -> bool:
        return self.seen is not None and now - self.seen <= stale_after

    def take(self, volts: float, now: datetime, dead_below_pu: float) -> None:
        """Note a sample."""
        self.volts = volts
        self.seen = now
        if abs(volts) / self.meter.nominal_v < dead_below_pu:
            self.dead_samples += 1
            if self.dead_since is None:
                self.dead_since = now
        else:
            self.dead_samples = 0
            self.dead_since = None


class Channels:
    """All channels, found by device and quantity, by phase, and by meter."""

    def __init__(self, meters: Iterable[Meter]) -> None:
        self.meters = {meter.device: meter for meter in meters}
        self._by_reading: dict[tuple[str, str], Channel] = {}
        self._by_device: dict[str, list[Channel]] = {}
        self._by_house = {m.house: m for m in self.meters.values() if m.house is not None}
        self._dark: dict[Channel, None] = {}
        for meter in self.meters.values():
            for quantity, phase in meter.quantities.items():
                channel = Channel(meter, phase)
                self._by_reading[meter.device, quantity] = channel
                self._by_device.setdefault(meter.device, []).append(channel)

    def __iter__(self) -> Iterator[Channel]:
        return iter(self._by_reading.values())

    @property
    def dark(self) -> tuple[Channel, ...]:
        """The channels without voltage, in the order in which they lost it."""
        return tuple(self._dark)

    def take(self, channel: Channel, volts: float, now: datetime, dead_below_pu: float) -> None:
        """Note a sample of one channel."""
        channel.take(volts, now, dead_below_pu)
        if channel.dead_since is None:
            self._dark.pop(channel, None)
        else:
            self._dark.setdefault(channel)

    def find(self, device: str, quantity: str) -> Channel | None:
        return self._by_reading.get((device, quantity))

    def of(self, device: str) -> list[Channel]:
        return self._by_device.get(device, [])

    def meter_of(self, house: str) -> Meter | None:
        return self._by_house.get(house)

    def witnesses(self, channel: Channel) -> list[Channel]:
        """Return the other meters' channels that share the phase; all others if it is unknown."""
        others = [c for c in self if c.meter.device != channel.meter.device]
        if not channel.phase:
            return others
        return [c for c in others if c.phase in (channel.phase, "")]
