"""Time in a report: intervals of equal length on the feeder's own clock."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

#: Longest run in hours for each length of the intervals in minutes.
INTERVALS = ((6, 5), (7 * 24, 15), (31 * 24, 60))
LONGEST_MINUTES = 6 * 60
LEAST_S = 1.0
#: Distances of marks on a time axis in hours; the first that gives few enough marks is taken.
MARKS_H = (0.25, 0.5, 1, 2, 3, 6, 12, 24, 48, 168, 336, 720)
MOST_MARKS = 9


def interval_s(hours: float) -> float:
    """Return a length of intervals with which a run of so many hours can be read."""
    minutes = next((m for longest, m in INTERVALS if hours <= longest), LONGEST_MINUTES)
    return minutes * 60.0


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark on the time axis; `share` of the run, 0 to 1."""

    share: float
    label: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """A run from `start` (local time on the feeder) over `total_s` feeder seconds."""

    start: datetime
    interval_s: float
    total_s: float

    @property
    def intervals(self) -> int:
        """How many intervals there are; a rest of less than a second belongs to the last one."""
        return max(1, math.ceil((self.total_s - LEAST_S) / self.interval_s))

    @property
    def end(self) -> datetime:
        return self.start + timedelta(seconds=self.total_s)

    def at(self, elapsed_s: float) -> datetime:
        """Return the local time so many feeder seconds after the start, in whole seconds."""
        return self.start + timedelta(seconds=round(elapsed_s))

    def text(self, elapsed_s: float) -> str:
        """Return a time as people read it: day and time of the day, on the feeder."""
        return self.at(elapsed_s).strftime("%Y-%m-%d %H:%M")

    def edges_s(self) -> list[float]:
        """Return the edges of all intervals; the last interval may be shorter."""
        return [*(i * self.interval_s for i in range(self.intervals)), self.total_s]

    def shares(self) -> list[float]:
        """Return the edges as shares of the run, 0 to 1."""
        return [edge / self.total_s for edge in self.edges_s()]

    def interval_text(self, index: int) -> str:
        """Return an interval as people read it."""
        edges = self.edges_s()
        return f"{self.text(edges[index])}\u2013{self.at(edges[index + 1]):%H:%M}"

    def marks(self) -> list[Mark]:
        """Return the marks of a time axis, at round times of the day."""
        hours = self.total_s / 3600
        step_h = next((h for h in MARKS_H if hours / h <= MOST_MARKS), MARKS_H[-1])
        return [Mark(share, label) for share, label in self._marks(timedelta(hours=step_h))]

    def _marks(self, step: timedelta) -> Iterator[tuple[float, str]]:
        midnight = self.start.replace(hour=0, minute=0, second=0, microsecond=0)
        moment = midnight + -(-(self.start - midnight) // step) * step
        daily = step >= timedelta(days=1)
        while moment <= self.end:
            new_day = moment.hour == 0 and moment.minute == 0
            label = f"{moment:%d %b}" if daily or new_day else f"{moment:%H:%M}"
            yield (moment - self.start).total_seconds() / self.total_s, label
            moment += step
