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
        self._column = {name: column for column, name in enumerate(self.names)}
        self._first_wh: FloatArray = np.full(len(self.names), np.nan)
        self._looks: list[FloatArray] = []

    def begin(self, name: str, value_wh: float) -> None:
        """Note the first reading of a counter: what it shows here was counted before the run."""
        column = self._column.get(name)
        if column is not None and np.isnan(self._first_wh[column]):
            self._first_wh[column] = value_wh

    def look(self, values_wh: Sequence[float | None]) -> None:
        """Note what all counters show at an edge; None where one has shown nothing yet."""
        self._looks.append(np.array(values_wh, dtype=np.float64))

    @property
    def looks(self) -> int:
        """How often all counters were looked at."""
        return len(self._looks)

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which counters have ever shown anything."""
        known = ~np.isnan(self._first_wh)
        for look in self._looks:
            known |= ~np.isnan(look)
        return known

    def gained_mwh(self) -> IntArray:
        """Return what each counter gained between two looks.

        A counter that is silent gains nothing until it speaks again, and one that falls gains
        nothing in that interval (`fell` names it).
        """
        return np.maximum(np.diff(self._shown_mwh(), axis=0), 0)

    @property
    def fell(self) -> tuple[str, ...]:
        """Counters that showed less than before."""
        falls = np.any(np.diff(self._shown_mwh(), axis=0) < 0, axis=0).tolist()
        return tuple(name for name, fell in zip(self.names, falls, strict=True) if fell)

    def _shown_mwh(self) -> IntArray:
        shown: list[IntArray] = []
        last = self._first_wh
        for later in reversed(self._looks):  # a counter nobody saw begin begins with its first look
            last = np.where(np.isnan(self._first_wh) & ~np.isnan(later), later, last)
        for look in self._looks:
            last = np.where(np.isnan(look), last, look)
            shown.append(np.rint(np.nan_to_num(last) * 1000).astype(np.int64))
        return np.array(shown, dtype=np.int64).reshape(len(shown), len(self.names))
