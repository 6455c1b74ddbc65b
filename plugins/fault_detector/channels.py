"""What is known of each voltage channel: one phase of one meter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

#: The phase of each voltage quantity of a meter that has several.
PHASE_OF = {f"voltage_{phase}": phase for phase in ("a", "b", "c")}


@dataclass(frozen=True, slots=True)
class Meter:
    """A meter that is expected to report. `house` is None for the meter at the head.

    `phases` are letters; empty where the wiring is not known: then the meter itself tells them.
    Nominal voltage is phase to neutral in V.
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
    quantity: str
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


@dataclass(slots=True, eq=False)
class Device:
    """A meter with its channels and when it last reported any of them.

    It is calm while every channel that has reported is inside `band_pu`, where a sample ends all
    alarms on its voltage and begins none. Most telegrams find a calm meter and leave it calm: then
    nothing has to be judged.
    """

    meter: Meter
    heard: datetime
    band_pu: tuple[float, float]
    channels: tuple[Channel, ...] = ()
    calm: bool = False
    _quantities: tuple[str, ...] = ()
    #: Where the channels are in telegrams of these quantities.
    _places: tuple[tuple[int, Channel], ...] = ()

    @property
    def inside(self) -> bool:
        """Whether every channel that has reported is inside the band."""
        low, high = self.band_pu
        return all(c.volts is None or low <= (c.pu or 0.0) <= high for c in self.channels)

    def voltages(self, quantities: tuple[str, ...]) -> tuple[tuple[int, Channel], ...]:
        """Return the places of this meter's voltages in a telegram, with their channels."""
        if quantities != self._quantities:
            if not self.meter.phases:
                self._learn(quantities)
            by_quantity = {channel.quantity: channel for channel in self.channels}
            self._quantities = quantities
            self._places = tuple(
                (place, by_quantity[quantity])
                for place, quantity in enumerate(quantities)
                if quantity in by_quantity
            )
        return self._places

    def _learn(self, quantities: tuple[str, ...]) -> None:
        """Take the phases that a meter tells; a `voltage` that never came is none of them."""
        known = {channel.quantity for channel in self.channels}
        told = [q for q in quantities if q in PHASE_OF and q not in known]
        if told:
            kept = [c for c in self.channels if c.phase or c.seen is not None]
            new = [Channel(self.meter, PHASE_OF[quantity], quantity) for quantity in told]
            self.channels = (*kept, *new)

    def note_calm(
        self, places: tuple[tuple[int, Channel], ...], values: Sequence[float], now: datetime
    ) -> bool:
        """Note the voltages of a telegram while they are inside the band; False at the first that
        is not.
        """
        low, high = self.band_pu
        nominal_v = self.meter.nominal_v
        for place, channel in places:
            volts = values[place]
            if not low <= volts / nominal_v <= high:
                return False
            channel.volts = volts
            channel.seen = now
        self.heard = now
        return True


#: The band in pu in which nothing is to be said of a meter.
Band = Callable[[Meter], tuple[float, float]]


class Channels:
    """All channels, found by device and quantity, by phase, and by meter."""

    def __init__(self, meters: Iterable[Meter], now: datetime, band: Band) -> None:
        """Begin with nothing heard, as if all had reported at `now`."""
        self.devices: dict[str, Device] = {}
        self._by_house: dict[str, Meter] = {}
        self._dark: dict[Channel, None] = {}
        for meter in meters:
            channels = tuple(
                Channel(meter, phase, quantity) for quantity, phase in meter.quantities.items()
            )
            self.devices[meter.device] = Device(meter, now, band(meter), channels)
            if meter.house is not None:
                self._by_house[meter.house] = meter

    def __iter__(self) -> Iterator[Channel]:
        return (channel for device in self.devices.values() for channel in device.channels)

    @property
    def meters(self) -> tuple[Meter, ...]:
        return tuple(device.meter for device in self.devices.values())

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

    def of(self, device: str) -> tuple[Channel, ...]:
        known = self.devices.get(device)
        return () if known is None else known.channels

    def meter_of(self, house: str) -> Meter | None:
        return self._by_house.get(house)

    def witnesses(self, channel: Channel) -> list[Channel]:
        """Return the other meters' channels that share the phase; all others if it is unknown."""
        others = [c for c in self if c.meter.device != channel.meter.device]
        if not channel.phase:
            return others
        return [c for c in others if c.phase in (channel.phase, "")]
