"""Energy counters read at the edges of intervals, and what they gained in between.

Counters come as Wh and are kept as whole mWh, so that sums are exact: what the houses gained in the
intervals adds up to what their counters show.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


class CounterLog:
    """Many counters, looked at together: rows of `gained_mwh` are intervals, columns counters."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.known: NDArray[np.bool_] = np.zeros(len(self.names), dtype=bool)
        self.looks = 0
        self._column = {name: column for column, name in enumerate(self.names)}
        self._shown_mwh: IntArray = np.zeros(len(self.names), dtype=np.int64)
        self._fell: NDArray[np.bool_] = np.zeros(len(self.names), dtype=bool)
        self._under_way: IntArray = np.zeros(len(self.names), dtype=np.int64)
        self._rows: list[IntArray] = []

    def begin(self, name: str, value_wh: float) -> None:
        """Note the first reading of a counter: what it shows here was counted before the run."""
        column = self._column.get(name)
        if column is not None and not self.known[column]:
            self.known[column] = True
            self._shown_mwh[column] = round(value_wh * 1000)

    def count(self, values_wh: Sequence[float | None]) -> IntArray:
        """Take in what all counters show, None where one has shown nothing yet; return what each
        has gained.

        A counter that is silent gains nothing until it speaks again, and one that falls gains
        nothing (`fell` names it). One that nobody saw begin begins with what it shows first.
        """
        values = np.array(values_wh, dtype=np.float64)
        heard = ~np.isnan(values)
        shown = np.rint(np.nan_to_num(values) * 1000).astype(np.int64)
        gained = np.where(heard & self.known, shown - self._shown_mwh, 0)
        self._fell |= gained < 0
        self._shown_mwh = np.where(heard, shown, self._shown_mwh)
        self.known = self.known | heard
        gained = np.maximum(gained, 0)
        self._under_way += gained
        return gained

    def look(self, values_wh: Sequence[float | None]) -> IntArray:
        """Count at the edge of an interval, which ends here; the first look begins the first."""
        gained = self.count(values_wh)
        if self.looks:
            self._rows.append(self._under_way)
            self._under_way = np.zeros_like(self._under_way)
        self.looks += 1
        return gained

    def gained_mwh(self) -> IntArray:
        """Return what each counter gained in each interval."""
        return np.array(self._rows, dtype=np.int64).reshape(len(self._rows), len(self.names))

    @property
    def fell(self) -> tuple[str, ...]:
        """Counters that showed less than before."""
        return tuple(name for name, fell in zip(self.names, self._fell, strict=True) if fell)
