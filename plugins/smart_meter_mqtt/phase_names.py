"""Which phase a quantity without one belongs to: makes of meters differ in that."""

from __future__ import annotations

from math import fsum

from .fields import PHASES
from .quick import SUM_DIGITS

#: What is measured on each phase.
_ON_EACH = ("voltage", "current", "power", "reactive_power", "power_factor")


def only_phase(numbers: dict[str, float]) -> dict[str, float]:
    """Return the values of a meter of which nothing but the first conductor is in use."""
    return {quantity.removesuffix("_a"): number for quantity, number in numbers.items()}


def first_phase(numbers: dict[str, float]) -> dict[str, float]:
    """Return the values of a meter that leaves out the name of phase A: what has no phase beside
    phase B or C is that of A, and power is added up. One with a single phase stays as it is.
    """
    for quantity in _ON_EACH:
        if f"{quantity}_b" in numbers or f"{quantity}_c" in numbers:
            if quantity in numbers:
                numbers[f"{quantity}_a"] = numbers.pop(quantity)
            if quantity in ("power", "reactive_power"):
                each = [numbers.get(f"{quantity}_{phase}", 0.0) for phase in PHASES]
                numbers[quantity] = round(fsum(each), SUM_DIGITS)
    return numbers
