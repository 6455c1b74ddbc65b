"""How much energy a house will have left or need in the next window: as in the last one.

Pure. Energies are Wh as the meter counts them, powers W, times seconds since the epoch. Net energy
is positive when it is imported.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

#: Less than this part of a window says too little about it.
SHORTEST_PART = 0.5
#: A house that misses its set-point by more than this cannot keep it; what it does is its own.
MISSED_SHARE = 0.02
MISSED_WH = 10.0


@dataclass(frozen=True, slots=True)
class Storage:
    """A battery: what it holds, keeps back, and how fast it gives."""

    capacity_wh: float
    power_w: float
    reserve_percent: float


@dataclass(slots=True)
class History:
    """Net energy counters of one house over the last windows: its next offer rests on what it does
    by itself. While the market moves the house that cannot be seen, unless the house misses its
    set-point: then its devices are at their limits, and what is measured is its own."""

    window_s: float
    _commanded_wh: float | None = None
    _readings: deque[tuple[float, float]] = field(default_factory=deque)
    _imported_wh: float | None = None
    _exported_wh: float | None = None
    _natural_wh: float | None = None

    def note(
        self, at_s: float, *, imported_wh: float | None = None, exported_wh: float | None = None
    ) -> None:
        """Take a reading of one of the two counters in; both together make the net energy."""
        if imported_wh is not None:
            self._imported_wh = imported_wh
        if exported_wh is not None:
            self._exported_wh = exported_wh
        if self._imported_wh is None or self._exported_wh is None:
            return
        self._readings.append((at_s, self._imported_wh - self._exported_wh))
        self._imported_wh = self._exported_wh = None
        while self._readings[0][0] < at_s - 1.5 * self.window_s:
            self._readings.popleft()

    def interrupt(self, commanded_wh: float | None = None) -> None:
        """Begin anew: from now on the market wants this net energy a window, or (None) nothing."""
        self.natural_wh()
        self._commanded_wh = commanded_wh
        self._readings.clear()
        self._imported_wh = self._exported_wh = None

    def natural_wh(self) -> float | None:
        """Net energy of one window by itself, as last seen; None if never seen."""
        recent = [r for r in self._readings if r[0] >= self._readings[-1][0] - self.window_s]
        if recent:
            span_s = recent[-1][0] - recent[0][0]
            if span_s >= SHORTEST_PART * self.window_s:
                measured_wh = (recent[-1][1] - recent[0][1]) * self.window_s / span_s
                if self._commanded_wh is None or _missed(measured_wh, self._commanded_wh):
                    self._natural_wh = measured_wh
        return self._natural_wh


def _missed(measured_wh: float, commanded_wh: float) -> bool:
    return abs(measured_wh - commanded_wh) > max(MISSED_WH, MISSED_SHARE * abs(commanded_wh))


def sellable_wh(
    natural_wh: float,
    window_h: float,
    storage: Storage | None,
    charge_percent: float | None,
    share: float,
) -> float:
    """What a house can sell in a window of `window_h` hours by its meter.

    Its surplus, and from a battery whose charge is known the `share` of what it could give.
    """
    surplus_wh = max(0.0, -natural_wh)
    if storage is None or charge_percent is None:
        return surplus_wh
    above_reserve_wh = (charge_percent - storage.reserve_percent) / 100 * storage.capacity_wh
    from_storage_wh = share * max(0.0, min(storage.power_w * window_h, above_reserve_wh))
    own_need_wh = max(0.0, natural_wh)
    return surplus_wh + max(0.0, from_storage_wh - own_need_wh)


def needed_wh(natural_wh: float) -> float:
    """What a house will import in a window."""
    return max(0.0, natural_wh)
