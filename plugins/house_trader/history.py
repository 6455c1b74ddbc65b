"""What a house does by itself, seen through its energy counters.

Pure. Energies are Wh as the meter counts them, times seconds since the epoch. Net energy is
positive when it is imported.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

#: Less than this part of a window says too little about it.
SHORTEST_PART = 0.5
#: A house that misses its set-point by more than this cannot keep it; what it does is its own.
MISSED_SHARE = 0.02
MISSED_WH = 10.0


class Stretch(NamedTuple):
    """A stretch of time, and the net energy of a window at the mean power in it."""

    start_s: float
    end_s: float
    window_wh: float

    @property
    def middle_s(self) -> float:
        return (self.start_s + self.end_s) / 2


@dataclass(slots=True)
class History:
    """Net counters of one house over about a window. While the market moves the house, what it does
    by itself cannot be seen, unless it misses its set-point: then its devices are at their limits,
    and what is measured is its own."""

    window_s: float
    _commanded_wh: float | None = None
    _readings: deque[tuple[float, float]] = field(default_factory=deque)

    def note(self, at_s: float, net_wh: float) -> None:
        """Take in a reading of the counters, import less export; late and repeated ones are not."""
        readings = self._readings
        if readings and at_s <= readings[-1][0]:
            return
        readings.append((at_s, net_wh))
        while len(readings) > 2 and readings[1][0] <= at_s - self.window_s:
            readings.popleft()

    def interrupt(self, commanded_wh: float | None = None) -> None:
        """Begin anew: from now on the market wants this net energy a window, or (None) nothing."""
        self._commanded_wh = commanded_wh
        self._readings.clear()

    def natural(self) -> Stretch | None:
        """The last window or so by itself; None if it cannot be told."""
        if not self._readings:
            return None
        (start_s, first_wh), (end_s, last_wh) = self._readings[0], self._readings[-1]
        if end_s - start_s < SHORTEST_PART * self.window_s:
            return None
        window_wh = (last_wh - first_wh) * self.window_s / (end_s - start_s)
        if self._commanded_wh is not None and not _missed(window_wh, self._commanded_wh):
            return None
        return Stretch(start_s, end_s, window_wh)


def _missed(measured_wh: float, commanded_wh: float) -> bool:
    return abs(measured_wh - commanded_wh) > max(MISSED_WH, MISSED_SHARE * abs(commanded_wh))
