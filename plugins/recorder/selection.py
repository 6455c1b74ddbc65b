"""Which readings are worth keeping: changes, and now and then a sign of life.

They are judged by the column, all that came together at once: a thousand meters say eight values
each, every second, which is too much to look at one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .buffer import SAMPLE, Samples

#: Which series: device and quantity.
Name = tuple[str, str]
Numbers = NDArray[np.intp]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rule:
    """Seconds and shares. A value is kept if it changed by more than `significant` of the last
    one kept, if it changed at all and `min_interval_s` passed, or if `heartbeat_s` passed."""

    min_interval_s: float = 5.0
    heartbeat_s: float = 60.0
    significant: float = 0.02


class Report(Protocol):
    """What one device said at one time: `values[i]` is of `quantities[i]`."""

    @property
    def device(self) -> str: ...
    @property
    def quantities(self) -> tuple[str, ...]: ...
    @property
    def values(self) -> Sequence[float]: ...
    @property
    def at(self) -> datetime: ...


class Selection:
    """Remembers what was kept last of each series. A series goes by its place in `names`."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self.names: list[Name] = []
        self._numbers: dict[Name, int] = {}
        self._of_reports: dict[tuple[str, tuple[str, ...]], Numbers] = {}
        # The last value kept of each series and its time; longer than `names`, to grow seldom.
        self._values = np.zeros(0)
        self._at_s = np.zeros(0)

    def choose(self, reports: Sequence[Report]) -> Samples:
        """Return what to keep of some reports, each series in order. A value that is not newer than
        the last of its series is never kept.
        """
        if not reports:
            return np.empty(0, SAMPLE)
        of_reports = [self._series(report.device, report.quantities) for report in reports]
        series = np.concatenate(of_reports)
        values = np.fromiter(chain.from_iterable([r.values for r in reports]), float, len(series))
        at_s = np.repeat([r.at.timestamp() for r in reports], [len(s) for s in of_reports])
        kept = [self._keep(series[t], values[t], at_s[t]) for t in _turns(series)]
        return kept[0] if len(kept) == 1 else np.concatenate(kept)

    def _keep(self, series: Numbers, values: Floats, at_s: Floats) -> Samples:
        """Return what to keep of some values, of each series one."""
        kept = self._is_worth_keeping(series, values, at_s)
        series, values, at_s = series[kept], values[kept], at_s[kept]
        self._values[series] = values
        self._at_s[series] = at_s
        samples = np.empty(len(series), SAMPLE)
        samples["series"] = series
        samples["at_ms"] = np.rint(at_s * 1000)
        samples["value"] = values
        return samples

    def _is_worth_keeping(self, series: Numbers, values: Floats, at_s: Floats) -> NDArray[np.bool_]:
        rule = self._rule
        before = self._values[series]
        age_s = at_s - self._at_s[series]
        change = np.abs(values - before)
        largest = np.maximum(np.abs(before), np.abs(values))
        is_news = change > rule.significant * largest
        is_due = (change > 0) & (age_s >= rule.min_interval_s)
        worth: NDArray[np.bool_] = (age_s >= rule.heartbeat_s) | ((age_s > 0) & (is_news | is_due))
        return worth

    def _series(self, device: str, quantities: tuple[str, ...]) -> Numbers:
        """Return the numbers of a device's series."""
        found = self._of_reports.get((device, quantities))
        if found is None:
            found = np.array([self._number((device, quantity)) for quantity in quantities], np.intp)
            self._of_reports[device, quantities] = found
        return found

    def _number(self, name: Name) -> int:
        number = self._numbers.setdefault(name, len(self.names))
        if number == len(self.names):
            self.names.append(name)
            if number == len(self._values):
                more = max(64, number)
                self._values = np.append(self._values, np.zeros(more))
                self._at_s = np.append(self._at_s, np.full(more, -np.inf))
        return number


def _turns(series: Numbers) -> list[slice] | list[NDArray[np.bool_]]:
    """Return the places of the first value of every series, then of the second, and so on: what is
    kept of a value depends on what was kept of the one before.
    """
    most = int(np.bincount(series).max(initial=0))
    if most <= 1:
        return [slice(None)]
    order = np.argsort(series, kind="stable")
    sorted_series = series[order]
    turn = np.empty(len(series), np.intp)
    turn[order] = np.arange(len(series)) - np.searchsorted(sorted_series, sorted_series)
    return [turn == number for number in range(most)]
