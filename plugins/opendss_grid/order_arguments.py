"""An order to an actuator, and its arguments: they come from strangers, so each is checked."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .protocol import GridError
from .simulation import Simulation, StepResult

#: A set-point is not held for longer than a week of the hub.
MAX_HOLD_S = 7 * 86400.0
#: Returns figures for the answer from the step after the order; GridError if it did not work.
Verify = Callable[[Simulation, StepResult], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Order:
    """What to do to which actuator: `kind` as in `orders.ACTIONS`, `name` which one, `at` when it
    was given.
    """

    kind: str
    name: str
    action: str
    args: Mapping[str, Any]
    at: datetime

    def fail(self, what: str) -> GridError:
        """Return the error that says what is wrong with this order."""
        return GridError(f"{self.kind} {self.name}: {what}")


#: Does what an order says; the next step shows it, and the function returned verifies it.
Action = Callable[[Simulation, Order], Verify]


def finite(value: object) -> float | None:
    """Return a number, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def number(order: Order, key: str, default: float | None = None) -> float:
    """Return a number that must be there, unless it has a default."""
    value = order.args.get(key, default)
    found = finite(value)
    if found is None:
        raise order.fail(f"expected a number for {key!r}, got {value!r}")
    return found


def end(order: Order) -> datetime | None:
    """Return when a set-point ends: `until` is a time with zone, `until_s` counts from now."""
    if "until_s" in order.args:
        seconds = number(order, "until_s")
        if not 0 <= seconds <= MAX_HOLD_S:
            raise order.fail(f"expected 0 to {MAX_HOLD_S:.0f} s for 'until_s', got {seconds:g}")
        return order.at + timedelta(seconds=seconds)
    value = order.args.get("until")
    if value is None:
        return None
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise order.fail(f"expected a time with zone for 'until', got {value!r}")
    return moment
