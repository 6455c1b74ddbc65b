"""Which of many tap positions is the best: limits first, then the target, moves, evenness."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Rank = tuple[int, ...]

#: Excess below this is rounding, in pu.
_TOLERANCE_PU = 1e-4
#: Excesses beyond this many tolerances, 1 pu, are alike.
_MOST_WHOLE = 10_000
#: Voltages that are held at once: 32 MB.
_MOST_VOLTAGES = 4_000_000


@dataclass(frozen=True, slots=True)
class Bounds:
    """Per node in pu: `limit_*` must hold; between `target_*` is where it should come to rest."""

    limit_low: Floats
    limit_high: Floats
    target_low: Floats
    target_high: Floats

    def excess(self, voltages_pu: Floats) -> tuple[Floats, Floats]:
        """Return per row the largest violation of the limits, and of the target."""
        return (
            _largest(voltages_pu, self.limit_low, self.limit_high),
            _largest(voltages_pu, self.target_low, self.target_high),
        )

    def total(self, voltages_pu: Floats) -> Floats:
        """Return per row the sum over nodes of what is beyond the target."""
        above = np.maximum(voltages_pu - self.target_high, 0.0)
        below = np.maximum(self.target_low - voltages_pu, 0.0)
        total: Floats = (above + below).sum(axis=-1)
        return total


def _largest(voltages_pu: Floats, low: Floats, high: Floats) -> Floats:
    above = (voltages_pu - high).max(axis=-1)
    below = (low - voltages_pu).max(axis=-1)
    excess: Floats = np.round(np.maximum(np.maximum(above, below), 0.0), 4)
    excess[excess <= _TOLERANCE_PU] = 0.0
    return excess


@dataclass(frozen=True, slots=True)
class Ranks:
    """One row per combination; what is less is better, the first column first."""

    rows: Ints

    def best(self, few: int) -> Ints:
        """Return the rows of the best few, best first."""
        order: Ints = np.lexsort(self.rows.T[::-1])[:few]
        return order

    def of(self, row: int) -> Rank:
        """Return what compares one combination with those of other tables."""
        return tuple(int(part) for part in self.rows[row])


def rank(
    predict: Callable[[Ints], Floats],
    combinations: Ints,
    present: tuple[int, ...],
    bounds: Bounds,
    *,
    by_total: bool = False,
) -> Ranks:
    """Rank combinations, one per row. `predict` returns their voltages in pu, one row each.

    `by_total` prefers less violation in sum where the largest is the same. Who looks at a few
    regulators at a time needs that: of several places that are equally bad it mends one first.
    """
    count = len(combinations)
    at_once = max(1, _MOST_VOLTAGES // max(1, len(bounds.limit_low)))
    parts = [combinations[start : start + at_once] for start in range(0, count, at_once)]
    tables = [
        rank_solved(predict(part), part, present, bounds, by_total=by_total) for part in parts
    ]
    return Ranks(np.concatenate([table.rows for table in tables]))


def rank_solved(
    voltages: Floats,
    combinations: Ints,
    present: tuple[int, ...],
    bounds: Bounds,
    *,
    by_total: bool = False,
) -> Ranks:
    """Rank combinations whose voltages are known; criteria count in whole tolerances."""
    beyond, beside = bounds.excess(voltages)
    moves = np.abs(combinations - np.array(present)).sum(axis=1)
    uneven = np.maximum(voltages.max(axis=1) - 1.0, 1.0 - voltages.min(axis=1))
    total = _whole(bounds.total(voltages)) if by_total else np.zeros(len(moves), dtype=np.int64)
    return Ranks(
        np.column_stack(
            (_limited(_whole(beyond)), _limited(_whole(beside)), total, moves, _whole(uneven))
        )
    )


def _whole(pu: Floats) -> Ints:
    whole: Ints = np.rint(pu / _TOLERANCE_PU).astype(np.int64)
    return whole


def _limited(whole: Ints) -> Ints:
    return np.minimum(whole, _MOST_WHOLE)
