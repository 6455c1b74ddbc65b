"""Bounds per node: tight where a meter watches, wide elsewhere, narrower after a violation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .ranking import Bounds, Floats

#: A node that moves less than this in pu per tap step is before the regulators.
_UNMOVED_PU = 1e-4
#: A node below this in pu has no supply.
_DEAD_PU = 0.1


@dataclass(frozen=True, slots=True)
class Goal:
    """All in pu. `margin` is kept from the limits. After a violation voltages come to rest between
    `restore_low` and `restore_high` on the side of the violation, and `guard` off the other limit.
    """

    low: float = 0.95
    high: float = 1.05
    margin: float = 0.002
    restore_low: float = 0.97
    restore_high: float = 1.0165
    guard: float = 0.005
    unmetered_low: float = 0.95
    unmetered_high: float = 1.058

    def bounds(self, metered: Sequence[bool], *, over: bool, restore: bool) -> Bounds:
        """Return the bounds of nodes; `restore` after a violation on the side `over` or under."""
        watched = np.array(metered, dtype=bool)
        limit_low = np.where(watched, self.low + self.margin, self.unmetered_low)
        limit_high = np.where(watched, self.high - self.margin, self.unmetered_high)
        if not restore:
            return Bounds(limit_low, limit_high, limit_low, limit_high)
        low = self.low + self.guard if over else self.restore_low
        high = self.restore_high if over else self.high - self.guard
        return Bounds(
            limit_low,
            limit_high,
            np.where(watched, np.maximum(low, limit_low), limit_low),
            np.where(watched, np.minimum(high, limit_high), limit_high),
        )


@dataclass(frozen=True, slots=True)
class Nodes:
    """Which nodes of the twin count, in the twin's order: those that live and that taps can move.

    `rows` picks them from the twin's arrays; `metered` says which of them a meter watches.
    """

    names: tuple[str, ...]
    rows: tuple[int, ...]
    metered: tuple[bool, ...]

    @classmethod
    def choose(
        cls, names: Sequence[str], solutions: Sequence[Floats], metered: Mapping[str, float]
    ) -> Nodes:
        """Choose from solutions with different taps."""
        table = np.array(solutions)
        living = table.min(axis=0) > _DEAD_PU
        movable = np.ptp(table, axis=0) > _UNMOVED_PU
        rows = [int(row) for row in np.flatnonzero(living & movable)]
        chosen = tuple(names[row] for row in rows)
        return cls(chosen, tuple(rows), tuple(name in metered for name in chosen))

    def pick(self, solution: Sequence[float]) -> Floats:
        """Return the voltages of these nodes; empty if there is no solution."""
        if not len(solution):
            return np.empty(0)
        return np.asarray(solution, dtype=np.float64)[list(self.rows)]

    def correction(self, measured: Mapping[str, float], solved: Floats) -> Floats:
        """Return what meters say less what the model says; 0 where nobody measures."""
        return np.array(
            [
                measured[name] - solved[i] if name in measured else 0.0
                for i, name in enumerate(self.names)
            ]
        )
