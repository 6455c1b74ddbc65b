"""Which power a house must keep so that its meters prove what it traded.

A delivery of `qty_wh` in a window of the hub takes the constant power that brings that energy on
the meter, which on a simulated feeder counts `time_lapse` times as fast. Overlapping deliveries add
up. A device follows a moment late, so the power of a window is set a little ahead of it, and kept a
little beyond its end, where the market interpolates between two readings: what is delivered
outside the window costs nothing, what is missing in it is a penalty.

Pure. Times are seconds since the epoch, power is W, import positive.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Task:
    """One trade of one house: energy to import (positive) or export (negative) in a window."""

    trade_id: int
    house: str
    net_wh: int
    start_s: float
    end_s: float

    def power_w(self, time_lapse: float) -> float:
        """The constant power that meets it."""
        return self.net_wh * 3600 / ((self.end_s - self.start_s) * time_lapse)


class Dispatch:
    """All tasks of the houses, and the set-point of each house over time."""

    def __init__(self, time_lapse: float, ahead_s: float) -> None:
        self._time_lapse = time_lapse
        self._ahead_s = ahead_s
        #: By house, then by trade.
        self._tasks: dict[str, dict[int, Task]] = {}

    def add(self, task: Task) -> bool:
        """Take a task in; False if it is known."""
        of_house = self._tasks.setdefault(task.house, {})
        if task.trade_id in of_house:
            return False
        of_house[task.trade_id] = task
        return True

    def tasks(self, house: str) -> Iterator[Task]:
        """The tasks of one house."""
        return iter(tuple(self._tasks.get(house, {}).values()))

    def moments(self, task: Task) -> tuple[float, ...]:
        """When the set-point of its house may change because of a task."""
        ahead_s = self._ahead_s
        return task.start_s - ahead_s, task.start_s, task.end_s, task.end_s + ahead_s

    def next_moment_s(self, house: str, now_s: float) -> float:
        """When the set-point of a house may change next; infinity if it will not."""
        moments = (at_s for task in self.tasks(house) for at_s in self.moments(task))
        return min((at_s for at_s in moments if at_s > now_s), default=math.inf)

    def set_point_w(self, house: str, now_s: float) -> float | None:
        """The power to keep now; None if the house is free."""
        running, soon, past = (
            self._power(self.tasks(house), at_s)
            for at_s in (now_s, now_s + self._ahead_s, now_s - self._ahead_s)
        )
        first = next((power for power in (running, soon, past) if power is not None), None)
        if first is None:
            return None
        alike = [p for p in (running, soon, past) if p is not None and p * first >= 0]
        return max(alike, key=abs)

    def until_s(self, house: str, now_s: float) -> float:
        """When the last task that is running, about to run or just over is let go."""
        ahead_s = self._ahead_s
        ends = (
            task.end_s + ahead_s
            for task in self.tasks(house)
            if task.start_s - ahead_s <= now_s < task.end_s + ahead_s
        )
        return max(ends, default=now_s)

    def _power(self, tasks: Iterable[Task], at_s: float) -> float | None:
        powers = [t.power_w(self._time_lapse) for t in tasks if t.start_s <= at_s < t.end_s]
        return sum(powers) if powers else None

    def committed_wh(self, house: str, start_s: float, end_s: float) -> tuple[float, float]:
        """Energy sold and bought that falls into a span, each at least 0."""
        sold_wh = bought_wh = 0.0
        for task in self.tasks(house):
            common_s = min(end_s, task.end_s) - max(start_s, task.start_s)
            if common_s > 0:
                part_wh = task.net_wh * common_s / (task.end_s - task.start_s)
                sold_wh += max(0.0, -part_wh)
                bought_wh += max(0.0, part_wh)
        return sold_wh, bought_wh

    def forget_ended(self, now_s: float) -> None:
        """Drop tasks whose windows are over."""
        kept_s = now_s - self._ahead_s
        for house, tasks in self._tasks.items():
            self._tasks[house] = {t.trade_id: t for t in tasks.values() if t.end_s > kept_s}

    def drop_house(self, house: str) -> None:
        """Drop all tasks of a house that cannot deliver any more."""
        self._tasks.pop(house, None)
