"""One electricity meter: what it measures, counts and how long it lives without supply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import fsum, hypot
from typing import NamedTuple

#: Below this share of the highest voltage it ever saw, a meter has no supply; nor below what no
#: meter runs on, so that one that is put up in an outage does not live on a stray volt.
NO_SUPPLY_PU = 0.1
NO_SUPPLY_V = 10.0
MJ_PER_WH = 3_600_000
#: The names of conductors, in their order.
PHASES = ("a", "b", "c")


class Sample(NamedTuple):
    """What a meter shows at an instant. Power is import; power factors are 0 to 1, 0 without power.

    Arrays have one entry per phase that is connected, named by `phases`; a single-phase meter has
    one, without a name.
    """

    at: datetime
    phases: tuple[str, ...]
    voltages_v: tuple[float, ...]
    currents_a: tuple[float, ...]
    powers_w: tuple[float, ...]
    powers_var: tuple[float, ...]
    factors: tuple[float, ...]
    frequency_hz: float
    import_wh: int
    export_wh: int


@dataclass(slots=True)
class Meter:
    """A meter with one channel per phase and two counters, which never decrease.

    The counters hold millijoules as integers, so that counting adds no rounding error however long
    it goes on; they count the balance over the phases, as meters for billing do. `gain` is the
    error of its power and energy (1.005 shows half a percent too much), `voltage_gain` that of
    its voltage; `clock_offset` is by how much its clock is ahead.
    """

    device: str
    phases: tuple[str, ...] = ("",)
    gain: float = 1.0
    voltage_gain: float = 1.0
    resolution_wh: int = 1
    frequency_hz: float = 60.0
    backup_s: float = 0.0
    clock_offset: timedelta = timedelta()
    import_mj: int = 0
    export_mj: int = 0
    supplied: bool = True
    without_supply_s: float = 0.0
    highest_v: float = 0.0
    sample: Sample | None = None
    spoke_at: datetime | None = None

    @property
    def alive(self) -> bool:
        """Whether it can speak: it has supply, or its backup still lasts."""
        return self.supplied or self.without_supply_s <= self.backup_s

    def measure(
        self,
        at: datetime,
        elapsed_s: float,
        voltages_v: Sequence[float],
        powers_w: Sequence[float],
        powers_var: Sequence[float],
    ) -> bool:
        """Take what is true at the meter for the last `elapsed_s` of the feeder's time.

        Returns whether supply was lost or came back with this.
        """
        highest_v = max(voltages_v)
        self.highest_v = max(self.highest_v, highest_v)
        supplied = highest_v > max(NO_SUPPLY_PU * self.highest_v, NO_SUPPLY_V)
        changed, self.supplied = supplied is not self.supplied, supplied
        self.without_supply_s = 0.0 if supplied else self.without_supply_s + elapsed_s
        gain, voltage_gain = self.gain, self.voltage_gain
        volts, amps, watts, vars_, factors = [], [], [], [], []
        # One loop, and no list comprehensions: this is most of what a simulated meter costs.
        for v, w, var in zip(voltages_v, powers_w, powers_var, strict=True):
            shown_w, shown_var = w * gain, var * gain
            apparent_va = hypot(shown_w, shown_var)
            volts.append(v * voltage_gain)
            amps.append(apparent_va / v if v > 0 else 0.0)
            watts.append(shown_w)
            vars_.append(shown_var)
            factors.append(abs(shown_w) / apparent_va if shown_w else 0.0)
        counted_mj = round(fsum(watts) * elapsed_s * 1000)
        if counted_mj >= 0:
            self.import_mj += counted_mj
        else:
            self.export_mj -= counted_mj
        digit_mj = self.resolution_wh * MJ_PER_WH
        self.sample = Sample(
            at,
            self.phases,
            tuple(volts),
            tuple(amps),
            tuple(watts),
            tuple(vars_),
            tuple(factors),
            self.frequency_hz if supplied else 0.0,
            self.import_mj // digit_mj * self.resolution_wh,
            self.export_mj // digit_mj * self.resolution_wh,
        )
        return changed
