"""Which readings are worth keeping: changes, and now and then a sign of life."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """Seconds and shares. A value is kept if it changed by more than `significant` of the last
    one kept, if it changed at all and `min_interval_s` passed, or if `heartbeat_s` passed."""

    min_interval_s: float = 5.0
    heartbeat_s: float = 60.0
    significant: float = 0.02


class Selection:
    """Remembers what was kept last of each series."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._kept: dict[tuple[str, str], tuple[float, float]] = {}

    def keep(self, device: str, quantity: str, value: float, at_s: float) -> bool:
        """Return whether to keep a value. One that is not newer than the last is never kept."""
        key = device, quantity
        last = self._kept.get(key)
        if last is not None and not self._worth(last, value, at_s):
            return False
        self._kept[key] = (value, at_s)
        return True

    def _worth(self, last: tuple[float, float], value: float, at_s: float) -> bool:
        before, kept_at_s = last
        age_s = at_s - kept_at_s
        if age_s <= 0:
            return False
        change = abs(value - before)
        if change > self._rule.significant * max(abs(before), abs(value)):
            return True
        if change > 0 and age_s >= self._rule.min_interval_s:
            return True
        return age_s >= self._rule.heartbeat_s
