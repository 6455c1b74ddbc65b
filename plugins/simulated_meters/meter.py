"""One electricity meter: what it measures, counts and how long it lives without supply."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

#: Below this share of the highest voltage it ever saw, a meter has no supply.
NO_SUPPLY_PU = 0.1
MJ_PER_WH = 3_600_000


class Sample(NamedTuple):
    """What a meter shows at an instant. Power is import.

    Arrays have one entry per phase that is connected, named by `phases`; a single-phase meter has
    one, without a name.
    """

    at: datetime
    phases: tuple[str, ...]
    voltages_v: tuple[float, ...]
    currents_a: tuple[float, ...]
    powers_w: tuple[float, ...]
    powers_var: tuple[float, ...]
    frequency_hz: float
    import_wh: int
    export_wh: int

    @property
    def factors(self) -> tuple[float, ...]:
        """Power factor per phase, 0 to 1; 0 without power, as Tasmota reports it."""
        pairs = zip(self.powers_w, self.powers_var, strict=True)
        return tuple([abs(w) / math.hypot(w, var) if w else 0.0 for w, var in pairs])


@dataclass(slots=True)
class Meter:
    """A meter with one channel per phase and two counters, which never decrease.

    The counters hold millijoules as integers, so that counting adds no rounding error however long
    it goes on; they count the balance over the phases, as meters for billing do. `gain` is the
    error of its power and energy (1.005 shows half a percent too much), `voltage_gain` that of
    its voltage.
    """

    device: str
    phases: tuple[str, ...] = ("",)
    gain: float = 1.0
    voltage_gain: float = 1.0
    resolution_wh: int = 1
    frequency_hz: float = 60.0
    backup_s: float = 0.0
    import_mj: int = 0
    export_mj: int = 0
    supplied: bool = True
    without_supply_s: float = 0.0
    highest_v: float = 0.0
    sample: Sample | None = field(default=None)

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
        supplied = highest_v > NO_SUPPLY_PU * self.highest_v
        changed, self.supplied = supplied is not self.supplied, supplied
        self.without_supply_s = 0.0 if supplied else self.without_supply_s + elapsed_s
        shown_w = tuple([w * self.gain for w in powers_w])
        shown_var = tuple([var * self.gain for var in powers_var])
        counted_mj = round(math.fsum(shown_w) * elapsed_s * 1000)
        if counted_mj >= 0:
            self.import_mj += counted_mj
        else:
            self.export_mj -= counted_mj
        shown = zip(voltages_v, shown_w, shown_var, strict=True)
        self.sample = Sample(
            at,
            self.phases,
            tuple([v * self.voltage_gain for v in voltages_v]),
            tuple([math.hypot(w, var) / v if v > 0 else 0.0 for v, w, var in shown]),
            shown_w,
            shown_var,
            self.frequency_hz if supplied else 0.0,
            self._shown(self.import_mj),
            self._shown(self.export_mj),
        )
        return changed

    def _shown(self, count_mj: int) -> int:
        count_wh = count_mj // MJ_PER_WH
        return count_wh - count_wh % self.resolution_wh
