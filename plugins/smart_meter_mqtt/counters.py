"""Energy counters as meters really have them: they start over, roll over, jitter and get swapped.

What is published never decreases: it is the raw count plus an offset, which takes up each new
beginning. The rule for a drop below 90 % as a new cycle is Home Assistant's (`total_increasing`).
What is not sure to have flowed is not counted: trades are paid by these counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

#: A drop of less than this share is noise: the last value is held.
JITTER = 0.1
#: Unless the meter counts on from there: so often, and for so long.
RISES_BELOW = 3
BELOW_S = 600.0
#: Margin on the largest energy a meter can have counted in an interval.
MARGIN = 1.1
#: Meters' clocks are good to a second.
SLACK_S = 1.0
#: Only a counter in the last hundredth of its range is believed to have rolled over.
NEAR_END = 0.99
#: Where counters end: 32 bits of Wh and of tenths of a Wh, and displays of 5 to 7 digits of kWh.
MODULI_MWH = (
    2**32 * 1_000,
    2**32 * 100,
    10**5 * 1_000_000,
    10**6 * 1_000_000,
    10**7 * 1_000_000,
)


class Step(StrEnum):
    """What a new raw count meant."""

    COUNTED = "counted"
    HELD = "held"
    ROLLED_OVER = "rolled over"
    RESET = "reset"
    SWAPPED = "swapped"
    RETURNED = "returned"

    @property
    def certain(self) -> bool:
        """Whether the energy of the interval is known; else it is an estimate."""
        return self not in (Step.RESET, Step.SWAPPED, Step.RETURNED)


@dataclass(slots=True)
class _Below:
    """Counts that were held because they were a little lower than those before."""

    first_mwh: int
    since: datetime
    last_mwh: int
    rises: int = 0


@dataclass(slots=True)
class Counter:
    """One counter of one meter; all counts in mWh. `raw_mwh` is the highest of this cycle."""

    raw_mwh: int
    offset_mwh: int
    at: datetime
    #: The count before it fell to zero, until it counts from there.
    _before_zero_mwh: int | None = field(default=None, compare=False)
    _below: _Below | None = field(default=None, compare=False)

    @property
    def total_mwh(self) -> int:
        """What is published: never decreases."""
        return self.raw_mwh + self.offset_mwh

    def stay(self, at: datetime) -> None:
        """Take the same raw count once more."""
        self.at = at
        self._below = None

    def accept(self, raw_mwh: int, at: datetime, max_power_w: float) -> Step:
        """Take the next raw count at its time, which is not before the last.

        `max_power_w` is the most that can flow, in hub time: more energy than it can carry since
        the last count was not measured by this meter.
        """
        elapsed_s = max(0.0, (at - self.at).total_seconds()) + SLACK_S
        limit_mwh = int(max_power_w * MARGIN * elapsed_s / 3.6)
        self.at = at
        if self._has_returned(raw_mwh, limit_mwh):
            return Step.RETURNED
        if 0 <= raw_mwh - self.raw_mwh <= limit_mwh:
            if raw_mwh > self.raw_mwh:
                self._before_zero_mwh = None
            self.raw_mwh, self._below = raw_mwh, None
            return Step.COUNTED
        step, added_mwh = self._judge(raw_mwh, limit_mwh)
        if step is Step.HELD and (counted_mwh := self._counted_below(raw_mwh, at)) is not None:
            step, added_mwh = Step.SWAPPED, min(counted_mwh, limit_mwh)
        if step is not Step.HELD:
            self._before_zero_mwh = None if raw_mwh else self.raw_mwh
            self._below = None
            self.offset_mwh = self.total_mwh + added_mwh - raw_mwh
            self.raw_mwh = raw_mwh
        return step

    def _has_returned(self, raw_mwh: int, limit_mwh: int) -> bool:
        """Return whether a zero was none, but a meter that had not yet found its count, and if so
        go on from before it.
        """
        before_mwh = self._before_zero_mwh
        if before_mwh is None or not 0 <= raw_mwh - before_mwh <= limit_mwh:
            return False
        self.offset_mwh -= before_mwh - self.raw_mwh
        self.raw_mwh = raw_mwh
        self._before_zero_mwh = None
        return True

    def _counted_below(self, raw_mwh: int, at: datetime) -> int | None:
        """Return what a meter has counted since it went back a little, if it counts on from there;
        None while that may be noise.
        """
        below = self._below
        if below is None or raw_mwh < below.last_mwh:
            self._below = _Below(raw_mwh, at, raw_mwh)
            return None
        below.rises += raw_mwh > below.last_mwh
        below.last_mwh = raw_mwh
        if below.rises < RISES_BELOW or (at - below.since).total_seconds() < BELOW_S:
            return None
        return raw_mwh - below.first_mwh

    def _judge(self, raw_mwh: int, limit_mwh: int) -> tuple[Step, int]:
        """Return what a raw count out of the ordinary means, and the energy since the last one."""
        added_mwh = raw_mwh - self.raw_mwh
        if added_mwh >= 0:
            return Step.SWAPPED, 0
        for modulus in MODULI_MWH:
            if NEAR_END * modulus <= self.raw_mwh < modulus and modulus + added_mwh <= limit_mwh:
                return Step.ROLLED_OVER, modulus + added_mwh
        if raw_mwh > self.raw_mwh * (1 - JITTER):
            return Step.HELD, 0
        if raw_mwh <= limit_mwh:
            return Step.RESET, raw_mwh
        return Step.SWAPPED, 0
