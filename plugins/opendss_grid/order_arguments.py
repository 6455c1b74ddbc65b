"""An order to an actuator, and its arguments: they come from strangers, so each is checked."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from .protocol import GridError
from .simulation import Simulation, StepResult

#: A set-point is not held for longer than a week of the hub.
MAX_HOLD_S = 7 * 86400.0
#: Returns figures for the answer from the step after the order; GridError if it did not work.
Verify = Callable[[Simulation, StepResult], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Order:
    """What to do to which actuator: `kind` as in `orders.ACTIONS`, `name` which one, `at` when it
    was given; of two that contradict each other the one with the higher `priority` stands.
    """

    kind: str
    name: str
    action: str
    args: Mapping[str, Any]
    at: datetime
    priority: int = 0

    def fail(self, what: str) -> GridError:
        """Return the error that says what is wrong with this order."""
        who = self.kind if self.name in ("", self.kind) else f"{self.kind} {self.name}"
        return GridError(f"{who}: {what}")

    def one_of(self, *keys: str) -> None:
        """GridError if there are several of these arguments: one would be ignored."""
        given = [key for key in keys if self.args.get(key) is not None]
        if len(given) > 1:
            raise self.fail(f"expected one of {' and '.join(map(repr, given))}, got both")


#: Does what an order says; the next step shows it, and the function returned verifies it.
Doing = Callable[[Simulation, Order], Verify]


class Action(NamedTuple):
    """What is done, and which arguments it takes: a misspelt one is no argument left out."""

    do: Doing
    takes: tuple[str, ...] = ()

    def check(self, order: Order) -> None:
        """GridError if an order has an argument that means nothing here."""
        strange = [key for key in order.args if key not in self.takes]
        if strange:
            takes = ", ".join(self.takes) or "no arguments"
            raise order.fail(f"{order.action} has no argument {strange[0]!r}; it takes {takes}")


def finite(value: object) -> float | None:
    """Return a number, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:  # a whole number of hundreds of digits
        return None
    return number if math.isfinite(number) else None


def number(order: Order, key: str, default: float | None = None) -> float:
    """Return a number that must be there, unless it has a default."""
    value = order.args.get(key, default)
    found = finite(value)
    if found is None:
        raise order.fail(f"expected a number for {key!r}, got {reprlib.repr(value)}")
    return found


#: Arguments of whatever holds for a while.
END = ("until_s", "until")


def end(order: Order) -> datetime | None:
    """Return when a set-point ends: `until` is a time with zone, `until_s` counts from now.

    GridError if that is over, as nothing would be held: who asked for it must know.
    """
    order.one_of(*END)
    if "until_s" in order.args:
        seconds = number(order, "until_s")
        if not 0 < seconds <= MAX_HOLD_S:
            raise order.fail(
                f"expected more than 0 and up to {MAX_HOLD_S:.0f} s for 'until_s', got {seconds:g}"
            )
        return order.at + timedelta(seconds=seconds)
    value = order.args.get("until")
    if value is None:
        return None
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise order.fail(f"expected a time with zone for 'until', got {reprlib.repr(value)}")
    left_s = (moment - order.at).total_seconds()
    if not 0 < left_s <= MAX_HOLD_S:
        when = "over" if left_s <= 0 else "more than a week ahead"
        raise order.fail(f"'until' is {when}: {moment.isoformat()}")
    return moment
