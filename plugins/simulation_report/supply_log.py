"""What went into a feeder at its source, and what was lost in its lines and transformers.

As for voltages, every power flow counts for the time until the next one. What is after the last one
is not counted: no meter has told of it either.
"""

from __future__ import annotations

S_PER_H = 3600.0


class SupplyLog:
    """The energies of one feeder in Wh. Times are feeder seconds since the start."""

    def __init__(self) -> None:
        self.supplied_wh = 0.0
        self.returned_wh = 0.0
        self.lost_wh = 0.0
        self._held: tuple[float, float] | None = None
        self._since_s = 0.0

    def note(self, elapsed_s: float, source_w: float, losses_w: float) -> None:
        """Take in a power flow; `source_w` is positive where the feeder draws from the source."""
        self._count_until(elapsed_s)
        self._held = source_w, losses_w

    def _count_until(self, elapsed_s: float) -> None:
        hours, self._since_s = (elapsed_s - self._since_s) / S_PER_H, elapsed_s
        if self._held is None or hours <= 0:
            return
        source_w, losses_w = self._held
        self.supplied_wh += max(0.0, source_w) * hours
        self.returned_wh += max(0.0, -source_w) * hours
        self.lost_wh += losses_w * hours

    def interrupt(self, elapsed_s: float) -> None:
        """There is no solution from here on: what was last is counted no further."""
        self._count_until(elapsed_s)
        self._held = None
