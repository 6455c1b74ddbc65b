"""Commands to the feeder: what each actuator understands, and how it is known to have worked.

Arguments come from other plugins, a page or a file, so each is checked here. GridError says in one
sentence why an order is not carried out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .motors import MotorSpec
from .protocol import DEAD_PU, FaultSpec, GridError
from .simulation import Simulation, StepResult

#: A set-point is not held for longer than a week of the hub.
MAX_HOLD_S = 7 * 86400.0
MAX_MOTOR_VA = 20e6
#: Names that orders bring along end up in the solver's text: nothing else may pass.
_NEW_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_-]{0,31}\Z")
#: Returns figures for the answer from the step after the order; GridError if it did not work.
Verify = Callable[[Simulation, StepResult], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Order:
    """What to do to which actuator: `kind` is `regulator`, `regulators`, `control`, `house`,
    `capacitor`, `branch`, `fault`, `motor` or `sky`, `name` which one, `at` when it was given.
    """

    kind: str
    name: str
    action: str
    args: Mapping[str, Any]
    at: datetime


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
        raise GridError(f"{order.kind} {order.name}: no action {order.action!r}; it has: {known}")
    return action(simulation, order)


def _set_tap(simulation: Simulation, order: Order) -> Verify:
    name, tap = order.name.lower(), _tap(order.name, order.args.get("tap"))
    before = simulation.regulators.positions.get(name)
    verify_all = _move(simulation, {name: tap})

    def verify(simulation: Simulation, result: StepResult) -> Mapping[str, Any]:
        verify_all(simulation, result)
        return {
            "tap": tap,
            "before": before,
            "operations": simulation.regulators.operations[name],
        }

    return verify


def _set_taps(simulation: Simulation, order: Order) -> Verify:
    """Move several regulators at once: all of them, or, if one cannot, none."""
    asked = order.args.get("taps")
    if not isinstance(asked, Mapping) or not asked:
        raise GridError(f"expected 'taps' as a mapping of regulators to positions, got {asked!r}")
    return _move(simulation, {str(name).lower(): _tap(str(name), t) for name, t in asked.items()})


def _move(simulation: Simulation, taps: Mapping[str, int]) -> Verify:
    before = dict(simulation.regulators.positions)
    simulation.set_taps(taps)

    def verify(_: Simulation, result: StepResult) -> Mapping[str, Any]:
        seen = dict(result.solution.taps)
        wrong = {name: seen[name] for name, tap in taps.items() if seen[name] != tap}
        if wrong:
            raise GridError(f"regulators stand at {wrong} after the command to {dict(taps)}")
        return {"taps": seen, "before": before}

    return verify


def _control(local: bool) -> Callable[[Simulation, Order], Verify]:
    def act(simulation: Simulation, order: Order) -> Verify:
        simulation.regulators.use_local(local, _patience_s(order))
        return lambda _, result: {"local": local, "taps": dict(result.solution.taps)}

    return act


def _patience_s(order: Order) -> float | None:
    """Return `for_s`: without another command in that time, local control takes over."""
    if order.args.get("for_s") is None:
        return None
    seconds = _number(order, "for_s")
    if not 0 < seconds <= MAX_HOLD_S:
        raise GridError(f"control: expected 0 to {MAX_HOLD_S:.0f} s for 'for_s', got {seconds:g}")
    return seconds


def _service(closed: bool) -> Callable[[Simulation, Order], Verify]:
    def act(simulation: Simulation, order: Order) -> Verify:
        simulation.set_service(order.name, closed=closed)

        def verify(simulation: Simulation, result: StepResult) -> Mapping[str, Any]:
            live = simulation.energised(order.name, result)
            if live and not closed:
                raise GridError(f"house {order.name} still has voltage after its service opened")
            return {"closed": closed, "energised": live}

        return verify

    return act


def _set_power(simulation: Simulation, order: Order) -> Verify:
    net_w = _number(order, "net_w")
    simulation.set_power(order.name, net_w, _end(order))
    return _power_answer(order.name, net_w)


def _release_power(simulation: Simulation, order: Order) -> Verify:
    simulation.set_power(order.name, None, None)
    return _power_answer(order.name, None)


def _power_answer(house: str, requested_w: float | None) -> Verify:
    def verify(simulation: Simulation, result: StepResult) -> Mapping[str, Any]:
        achieved_w = float(result.powers.net_w[simulation.number(house)])
        return {"requested_w": requested_w, "achieved_w": round(achieved_w, 1)}

    return verify


def _capacitor(closed: bool) -> Callable[[Simulation, Order], Verify]:
    def act(simulation: Simulation, order: Order) -> Verify:
        simulation.set_capacitor(order.name, closed=closed)
        return lambda *_: {"closed": closed}

    return act


def _branch(closed: bool) -> Callable[[Simulation, Order], Verify]:
    def act(simulation: Simulation, order: Order) -> Verify:
        phase = _phase(order)
        simulation.set_switch(order.name, closed=closed, phase=phase)

        def verify(_: Simulation, result: StepResult) -> Mapping[str, Any]:
            dead = int((result.solution.voltages_pu < DEAD_PU).sum())
            return {"closed": closed, "dead_nodes": dead}

        return verify

    return act


def _apply_fault(simulation: Simulation, order: Order) -> Verify:
    """`type` is written as engineers do: the phases and `g` for ground, such as `ag` or `bc`."""
    kind = str(order.args.get("type", "")).lower()
    phases = tuple(sorted({"abc".index(letter) + 1 for letter in kind if letter in "abc"}))
    if not phases or set(kind) - set("abcg"):
        raise GridError(
            f"fault {order.name}: expected a type such as ag, bc, bcg or abc, got {kind!r}"
        )
    bus = str(order.args.get("bus", "")).lower()
    ohm = _number(order, "ohm", default=0.01)
    simulation.apply_fault(FaultSpec(order.name.lower(), bus, phases, "g" in kind, ohm))

    def verify(simulation: Simulation, result: StepResult) -> Mapping[str, Any]:
        rows = [simulation.circuit.nodes.index(f"{bus}.{phase}") for phase in phases]
        volts = result.solution.voltages_pu[rows].round(4).tolist()
        return {"voltages_pu": dict(zip(phases, volts, strict=True))}

    return verify


def _clear_fault(simulation: Simulation, order: Order) -> Verify:
    simulation.clear_fault(order.name.lower())
    return lambda *_: {}


def _start_motor(simulation: Simulation, order: Order) -> Verify:
    rated_va, start_s = 1000 * _number(order, "kva"), _number(order, "start_s", default=10.0)
    if not (0 < rated_va <= MAX_MOTOR_VA and 0 <= start_s <= 600):
        raise GridError(
            f"motor {order.name}: expected kva up to {MAX_MOTOR_VA / 1000:.0f} and start_s up to "
            f"600, got {rated_va / 1000:g} and {start_s:g}"
        )
    bus = str(order.args.get("bus", "")).lower()
    motor = MotorSpec(order.name.lower(), bus, rated_va, start_s)
    simulation.motors.start(motor, simulation.time)
    return lambda *_: {}


def _stop_motor(simulation: Simulation, order: Order) -> Verify:
    simulation.motors.stop(order.name.lower())
    return lambda *_: {}


def _set_sky(simulation: Simulation, order: Order) -> Verify:
    light = _number(order, "irradiance_w_per_m2")
    if not 0 <= light <= 1500:
        raise GridError(f"sky: expected 0 to 1500 W/m2, got {light:g}")
    simulation.surroundings.held_w_per_m2 = light
    return lambda *_: {"irradiance_w_per_m2": light}


def _release_sky(simulation: Simulation, _: Order) -> Verify:
    simulation.surroundings.held_w_per_m2 = None
    return lambda *_: {}


#: What each kind of actuator understands.
ACTIONS: Mapping[str, Mapping[str, Callable[[Simulation, Order], Verify]]] = {
    "regulator": {"set_tap": _set_tap},
    "regulators": {"set_taps": _set_taps},
    "control": {"local": _control(local=True), "commanded": _control(local=False)},
    "house": {
        "open_service": _service(closed=False),
        "close_service": _service(closed=True),
        "set_power": _set_power,
        "release_power": _release_power,
    },
    "capacitor": {"open": _capacitor(closed=False), "close": _capacitor(closed=True)},
    "branch": {"open": _branch(closed=False), "close": _branch(closed=True)},
    "fault": {"apply": _apply_fault, "clear": _clear_fault},
    "motor": {"start": _start_motor, "stop": _stop_motor},
    "sky": {"set": _set_sky, "release": _release_sky},
}


def _finite(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _number(order: Order, key: str, default: float | None = None) -> float:
    value = order.args.get(key, default)
    number = _finite(value)
    if number is None:
        raise GridError(f"{order.kind} {order.name}: expected a number for {key!r}, got {value!r}")
    return number


def _phase(order: Order) -> int | None:
    value = order.args.get("phase")
    if value not in (None, 1, 2, 3):
        raise GridError(f"{order.kind} {order.name}: expected phase 1, 2 or 3, got {value!r}")
    return value


def _tap(regulator: str, value: object) -> int:
    number = _finite(value)
    if number is None or number != int(number):
        raise GridError(f"regulator {regulator}: expected a whole number as tap, got {value!r}")
    return int(number)


def _end(order: Order) -> datetime | None:
    """Return when a set-point ends: `until` is a time with zone, `until_s` counts from now."""
    if "until_s" in order.args:
        seconds = _number(order, "until_s")
        if not 0 <= seconds <= MAX_HOLD_S:
            raise GridError(
                f"{order.kind} {order.name}: expected 0 to {MAX_HOLD_S:.0f} s for 'until_s', "
                f"got {seconds:g}"
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
        raise GridError(
            f"{order.kind} {order.name}: expected a time with zone for 'until', got {value!r}"
        )
    return moment
