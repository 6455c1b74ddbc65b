"""Commands to the feeder: what each actuator understands.

Arguments come from other plugins, a page or a file, so each is checked. GridError says in one
sentence why an order is not carried out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from . import feeder_orders, house_orders
from .order_arguments import Action, Order, Verify
from .protocol import GridError
from .simulation import Simulation, StepResult

#: Names that orders bring along end up in the solver's text: nothing else may pass.
_NEW_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_-]{0,31}\Z")

#: Kinds of which a feeder has several, each with a name: `grid/<feeder>/<kind>/<name>`.
NAMED = ("regulator", "capacitor", "branch", "fault", "motor")
#: Kinds of which it has one: `grid/<feeder>/<kind>`.
SINGLE = ("regulators", "control", "feeder", "sky")
#: What each kind of actuator understands.
ACTIONS: Mapping[str, Mapping[str, Action]] = {
    "house": house_orders.ACTIONS,
    **feeder_orders.ACTIONS,
}


def carry_out(simulation: Simulation, order: Order) -> Verify:
    """Do what an order says; the next step shows it, and the returned function verifies it."""
    if order.kind in ("fault", "motor") and not _NEW_NAME.match(order.name):
        raise GridError(
            f"{order.kind} {order.name!r}: expected a name of letters, digits, _ or -, up to 32"
        )
    actions = ACTIONS[order.kind]
    action = actions.get(order.action)
    if action is None:
        known = ", ".join(actions)
        raise order.fail(f"no action {order.action!r}; it has: {known}")
    action.check(order)
    simulation.now = order.at
    return action.do(simulation, order)


def carry_out_all(
    simulation: Simulation, orders: Sequence[Order]
) -> tuple[StepResult | None, Sequence[Mapping[str, Any] | Exception]]:
    """Carry out orders and verify them in one power flow, in which no time passes: meters go on
    counting with the next step.

    Returns the step, None where there was nothing to do, and an answer or what was wrong for each.
    """
    done: list[Verify | GridError] = []
    for order in orders:
        try:
            done.append(carry_out(simulation, order))
        except GridError as error:
            done.append(error)
    refused = [outcome for outcome in done if isinstance(outcome, GridError)]
    if len(refused) == len(done):
        return None, refused
    result = simulation.step(orders[0].at, simulation.time)
    return result, [_verified(verify, simulation, result) for verify in done]


def _verified(
    verify: Verify | GridError, simulation: Simulation, result: StepResult
) -> Mapping[str, Any] | Exception:
    if isinstance(verify, GridError):
        return verify
    if not result.solution.converged:
        return {"problem": result.solution.problem}
    try:
        return verify(simulation, result)
    except GridError as error:
        return error
