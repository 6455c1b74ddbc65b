"""Which readings are worth keeping: changes, and now and then a sign of life."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """Seconds and shares. A value is kept if it changed by more than `significant` of the last
    one kept, if it changed at all and `min_interval_s` passed, or if `heartbeat_s` passed."""

    min_interval_s: float = 5.0
    heartbeat_s: float = 60.0
    significant: float = 0.02


@dataclass(slots=True, eq=False)
class Series:
    """One quantity of one device, and what was kept last of it."""

    device: str
    quantity: str
    value: float = math.nan
    at_s: float = -math.inf


class Selection:
    """Remembers what was kept last of each series."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._series: dict[tuple[str, str], Series] = {}
        self._of_telegrams: dict[tuple[str, tuple[str, ...]], tuple[Series, ...]] = {}

    def choose(
        self, device: str, quantities: tuple[str, ...], values: Iterable[float], at_s: float
    ) -> list[tuple[Series, float]]:
        """Return the values to keep of those that a device reported at a time. One that is not
        newer than the last of its series is never kept.
        """
        rule = self._rule
        heartbeat_s, min_interval_s = rule.heartbeat_s, rule.min_interval_s
        kept = []
        for series, value in zip(self._all(device, quantities), values, strict=True):
            age_s = at_s - series.at_s
            before = series.value
            change = abs(value - before)
            if age_s < heartbeat_s and (
                not change
                or age_s <= 0
                or (
                    age_s < min_interval_s
                    and change <= rule.significant * max(abs(before), abs(value))
                )
            ):
                continue
            series.value, series.at_s = value, at_s
            kept.append((series, value))
        return kept

    def _all(self, device: str, quantities: tuple[str, ...]) -> tuple[Series, ...]:
        found = self._of_telegrams.get((device, quantities))
        if found is None:
            found = tuple(
                self._series.setdefault((device, quantity), Series(device, quantity))
                for quantity in quantities
            )
            self._of_telegrams[device, quantities] = found
        return found
