"""Voltages of a feeder over a run: extremes, time outside the limits, and the band per phase.

Every power flow counts for the time until the next one. A node without voltage is dead for that
time and has no part in the extremes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

#: Below this a node counts as de-energised.
DEAD_PU = 0.1
PHASES = "abc"


@dataclass(frozen=True, slots=True)
class NodeVoltages:
    """One node (`bus.phase`) over the whole run; extremes are None if it was never alive."""

    node: str
    lowest_pu: float | None
    highest_pu: float | None
    mean_pu: float | None
    above_s: float
    below_s: float
    dead_s: float


class Bands:
    """The lowest and the highest voltage of some nodes, per interval and phase."""

    def __init__(self, nodes: Iterable[tuple[int, str]], intervals: int) -> None:
        """`nodes` are their places in the arrays and their names."""
        rows: tuple[list[int], ...] = ([], [], [])
        for place, node in nodes:
            phase = node.rpartition(".")[2]
            if phase in ("1", "2", "3"):
                rows[int(phase) - 1].append(place)
        self._rows = [np.array(found, dtype=np.int64) for found in rows]
        self._low: FloatArray = np.full((3, intervals), np.nan)
        self._high: FloatArray = np.full((3, intervals), np.nan)

    def of(self, phase: int) -> tuple[FloatArray, FloatArray]:
        """Return lowest and highest of a phase per interval, NaN where there was no voltage."""
        return self._low[phase], self._high[phase]

    def note(self, interval: int, volts: FloatArray) -> None:
        """Take in a power flow."""
        for phase, rows in enumerate(self._rows):
            values = volts[rows]
            values = values[values > DEAD_PU]
            if len(values):
                low, high = self._low[phase], self._high[phase]
                low[interval] = np.fmin(low[interval], values.min())
                high[interval] = np.fmax(high[interval], values.max())


@dataclass(slots=True)
class Outside:
    """How long any of some nodes was outside the limits."""

    above_s: float = 0.0
    below_s: float = 0.0
    either_s: float = 0.0

    def note(self, passed_s: float, *, above: bool, below: bool) -> None:
        """Count some time."""
        self.above_s += passed_s * above
        self.below_s += passed_s * below
        self.either_s += passed_s * (above or below)


class VoltageLog:
    """All nodes of one feeder. Times are feeder seconds since the start."""

    def __init__(self, nodes: Sequence[str], interval_s: float, intervals: int) -> None:
        self.nodes = tuple(nodes)
        self.low_pu, self.high_pu = 0.95, 1.05
        self._interval_s = interval_s
        self._intervals = intervals
        size = len(self.nodes)
        self._lowest: FloatArray = np.full(size, np.inf)
        self._highest: FloatArray = np.full(size, -np.inf)
        self._sum: FloatArray = np.zeros(size)
        self._live_s: FloatArray = np.zeros(size)
        self._above_s: FloatArray = np.zeros(size)
        self._below_s: FloatArray = np.zeros(size)
        self._dead_s: FloatArray = np.zeros(size)
        self.nodes_band = Bands(enumerate(self.nodes), intervals)
        self.houses_band = Bands((), intervals)
        self._held: FloatArray | None = None
        self._since_s = 0.0
        self.at_any_node, self.at_houses = Outside(), Outside()
        self._house_rows: NDArray[np.int64] = np.array([], dtype=np.int64)
        self.solutions = 0

    def watch_houses(self, nodes: Collection[str]) -> None:
        """From now on, keep figures of these nodes, too: those of the houses' meters."""
        places = [(place, node) for place, node in enumerate(self.nodes) if node in nodes]
        self.houses_band = Bands(places, self._intervals)
        self._house_rows = np.array([place for place, _ in places], dtype=np.int64)
        if self._held is not None:
            self.houses_band.note(self._interval(self._since_s), self._held)

    def note(self, elapsed_s: float, voltages_pu: Sequence[float]) -> None:
        """Take in a power flow."""
        self.hold_until(elapsed_s)
        volts = np.asarray(voltages_pu, dtype=np.float64)
        self._held = volts
        self.solutions += 1
        live = volts > DEAD_PU
        self._lowest = np.minimum(self._lowest, np.where(live, volts, np.inf))
        self._highest = np.maximum(self._highest, np.where(live, volts, -np.inf))
        interval = self._interval(elapsed_s)
        self.nodes_band.note(interval, volts)
        self.houses_band.note(interval, volts)

    def _interval(self, elapsed_s: float) -> int:
        return min(int(elapsed_s // self._interval_s), self._intervals - 1)

    def hold_until(self, elapsed_s: float) -> None:
        """Count the last power flow for the time that has passed since."""
        passed_s, self._since_s = elapsed_s - self._since_s, elapsed_s
        if self._held is None or passed_s <= 0:
            return
        volts = self._held
        live = volts > DEAD_PU
        above, below = volts > self.high_pu, live & (volts < self.low_pu)
        self._sum += np.where(live, volts, 0) * passed_s
        self._live_s += live * passed_s
        self._dead_s += ~live * passed_s
        self._above_s += above * passed_s
        self._below_s += below * passed_s
        rows = self._house_rows
        self.at_any_node.note(passed_s, above=bool(above.any()), below=bool(below.any()))
        self.at_houses.note(passed_s, above=bool(above[rows].any()), below=bool(below[rows].any()))

    @property
    def has_houses(self) -> bool:
        """Whether any house's meter is on this feeder."""
        return len(self._house_rows) > 0

    @property
    def outside(self) -> Outside:
        """Where limits count: at the houses' meters, where there are any, else at every node."""
        return self.at_houses if self.has_houses else self.at_any_node

    def interrupt(self, elapsed_s: float) -> None:
        """There is no solution from here on: what was last is counted no further."""
        self.hold_until(elapsed_s)
        self._held = None

    def of(self, node: str) -> NodeVoltages:
        """Return the figures of one node; ValueError if there is none of that name."""
        row = self.nodes.index(node)
        alive, live_s = bool(np.isfinite(self._lowest[row])), float(self._live_s[row])
        return NodeVoltages(
            node=node,
            lowest_pu=round(float(self._lowest[row]), 6) if alive else None,
            highest_pu=round(float(self._highest[row]), 6) if alive else None,
            mean_pu=round(float(self._sum[row]) / live_s, 6) if live_s else None,
            above_s=round(float(self._above_s[row]), 3),
            below_s=round(float(self._below_s[row]), 3),
            dead_s=round(float(self._dead_s[row]), 3),
        )

    def all(self) -> list[NodeVoltages]:
        """Return the figures of all nodes, in the order of the feeder."""
        return [self.of(node) for node in self.nodes]

    def extremes(self) -> tuple[NodeVoltages, NodeVoltages] | None:
        """Return the nodes with the lowest and the highest voltage; None if there was none."""
        alive = [node for node in self.all() if node.lowest_pu is not None]
        if not alive:
            return None
        lowest = min(alive, key=lambda n: n.lowest_pu or 0.0)
        return lowest, max(alive, key=lambda n: n.highest_pu or 0.0)
