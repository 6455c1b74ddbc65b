"""A linear scale with round marks, and how its numbers are written."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

#: About so many marks are on a scale.
MARKS = 5
#: Share of the values' span that is left free above and below them.
AIR = 0.06


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear scale from `low` at the bottom to `high` at the top, with marks between."""

    low: float
    high: float
    marks: tuple[float, ...]
    digits: int

    def percent(self, value: float) -> float:
        """Return the place of a value in percent from the top."""
        return 100 * (self.high - value) / (self.high - self.low)

    def text(self, value: float) -> str:
        return number(value, self.digits)


def number(value: float, digits: int) -> str:
    """Return a number with a fixed number of decimals, thousands set apart and a real minus."""
    text = f"{abs(value):,.{digits}f}".replace(",", "\u202f")
    return f"\u2212{text}" if value < 0 and float(f"{value:.{digits}f}") else text


def scale_for(
    low: float, high: float, *, firm: Collection[float] = (), whole: bool = False
) -> Scale:
    """Return a scale with round marks that holds all from `low` to `high`.

    There is some air beyond both, but not beyond 0 and the values in `firm`.
    """
    if high - low <= abs(high) * 1e-9:
        low, high = low - 0.5, high + 0.5
    air = 0.5 if whole else AIR * (high - low)
    low -= 0 if low == 0 or low in firm else air
    high += 0 if high == 0 or high in firm else air
    step = _round_step((high - low) / MARKS)
    if whole:
        step = max(1.0, step)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    marks = tuple(round(i * step, 12) for i in range(first, last + 1))
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    if step * 10**digits % 1 > 1e-6:
        digits += 1
    return Scale(low, high, marks, digits)


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(n for n in (1, 2, 2.5, 5, 10) if rough <= n * power * (1 + 1e-9)) * power
