"""What can be ordered of a feeder: regulators, switches, banks, the whole of it, and events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .cut_lines import line_of
from .motors import MotorSpec
from .order_arguments import MAX_HOLD_S, Action, Doing, Order, Verify, finite, number
from .protocol import DEAD_PU, FaultSpec, GridError
from .simulation import Simulation, StepResult

MAX_MOTOR_VA = 20e6
#: Power that still counts as none when a flow was interrupted.
_NO_FLOW_VA = 1.0


# --- regulators -----------------------------------------------------------------------------------


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
            "max_pu_after": round(float(result.solution.voltages_pu.max()), 5),
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


def _tap(regulator: str, value: object) -> int:
    tap = finite(value)
    if tap is None or tap != int(tap):
        raise GridError(f"regulator {regulator}: expected a whole number as tap, got {value!r}")
    return int(tap)


def _control(local: bool) -> Doing:
    def act(simulation: Simulation, order: Order) -> Verify:
        simulation.regulators.use_local(local, _patience_s(order))
        return lambda _, result: {"local": local, "taps": dict(result.solution.taps)}

    return act


def _patience_s(order: Order) -> float | None:
    """Return `for_s`: without another command in that time, local control takes over."""
    if order.args.get("for_s") is None:
        return None
    seconds = number(order, "for_s")
    if not 0 < seconds <= MAX_HOLD_S:
        raise GridError(f"control: expected 0 to {MAX_HOLD_S:.0f} s for 'for_s', got {seconds:g}")
    return seconds


# --- switches -------------------------------------------------------------------------------------


def _capacitor(closed: bool) -> Doing:
    def act(simulation: Simulation, order: Order) -> Verify:
        simulation.network.set_capacitor(
            order.name, closed=closed, at=order.at, when=simulation.time
        )
        name = order.name.lower()

        def verify(simulation: Simulation, result: StepResult) -> Mapping[str, Any]:
            given_var = -_flow_va(simulation, result, f"capacitor.{name}").imag
            if not closed and abs(given_var) > _NO_FLOW_VA:
                raise GridError(f"capacitor {name} still gives {given_var:.0f} var")
            return {"closed": closed, "power_var": round(given_var), **_count(simulation, name)}

        return verify

    return act


def _branch(closed: bool) -> Doing:
    def act(simulation: Simulation, order: Order) -> Verify:
        phase, name = _phase(order), order.name.lower()
        simulation.network.set_branch(
            name, closed=closed, phase=phase, at=order.at, when=simulation.time
        )

        def verify(simulation: Simulation, result: StepResult) -> Mapping[str, Any]:
            flow_va = _flow_va(simulation, result, name)
            if not closed and phase is None and abs(flow_va) > _NO_FLOW_VA:
                raise GridError(f"{name} still carries {abs(flow_va):.0f} VA after it opened")
            return {"closed": closed, **_dead(result), **_count(simulation, name)}

        return verify

    return act


def _head(closed: bool) -> Doing:
    def act(simulation: Simulation, order: Order) -> Verify:
        simulation.network.set_head(closed=closed, at=order.at, when=simulation.time)

        def verify(simulation: Simulation, result: StepResult) -> Mapping[str, Any]:
            source_va = float(np.abs(result.solution.source_va).sum())
            if not closed and source_va > _NO_FLOW_VA:
                raise GridError(f"the head still carries {source_va:.0f} VA after it opened")
            return {"closed": closed, **_dead(result), **_count(simulation, "head")}

        return verify

    return act


def _put_back(simulation: Simulation, _: Order) -> Verify:
    put = simulation.put_back()
    return lambda _, result: {"put_back": put, **_dead(result)}


def _flow_va(simulation: Simulation, result: StepResult, element: str) -> complex:
    row = simulation.circuit.elements.index(element)
    return complex(result.solution.element_w[row], result.solution.element_var[row])


def _dead(result: StepResult) -> Mapping[str, int]:
    return {"dead_nodes": int((result.solution.voltages_pu < DEAD_PU).sum())}


def _count(simulation: Simulation, name: str) -> Mapping[str, int]:
    return {"operations": simulation.network.operations.get(name, 0)}


def _phase(order: Order) -> int | None:
    value = order.args.get("phase")
    phase = finite(value)
    if value is not None and phase not in (1, 2, 3):
        raise order.fail(f"expected phase 1, 2 or 3, got {value!r}")
    return None if phase is None else int(phase)


# --- events ---------------------------------------------------------------------------------------


def _apply_fault(simulation: Simulation, order: Order) -> Verify:
    """`type` is written as engineers do: the phases and `g` for ground, such as `ag` or `bc`.

    It is at a `bus`, or `at` a share of a `line` from its first bus. The answer has the voltages
    there, or at the line's first bus.
    """
    kind, bus = str(order.args.get("type", "")), str(order.args.get("bus", "")).lower()
    ohm, line = number(order, "ohm", default=0.01), order.args.get("line")
    if (line is None) is (not bus) or (bus and "at" in order.args):
        raise order.fail("expected either 'bus', or 'line' and 'at'")
    if line is not None:
        branch = line_of(simulation.circuit, str(line))
        line, bus = branch.name, ""
    fault = FaultSpec.of_type(order.name, kind, bus, ohm, line, number(order, "at", default=0.5))
    simulation.network.apply_fault(fault, order.at)

    def verify(simulation: Simulation, result: StepResult) -> Mapping[str, Any]:
        volts_pu = _voltages_pu(simulation, result, bus if line is None else branch.bus1)
        return {"voltages_pu": {phase: volts_pu[phase] for phase in fault.phases}}

    return verify


def _voltages_pu(simulation: Simulation, result: StepResult, bus: str) -> Mapping[int, float]:
    """Return the voltage of every phase of a bus."""
    phases = {f"{bus}.{phase}": phase for phase in (1, 2, 3)}
    return {
        phases[node]: round(float(voltage_pu), 4)
        for node, voltage_pu in zip(
            simulation.circuit.nodes, result.solution.voltages_pu, strict=True
        )
        if node in phases
    }


def _clear_fault(simulation: Simulation, order: Order) -> Verify:
    simulation.network.clear_fault(order.name.lower())
    return lambda *_: {}


def _start_motor(simulation: Simulation, order: Order) -> Verify:
    rated_va, start_s = 1000 * number(order, "kva"), number(order, "start_s", default=10.0)
    if not (0 < rated_va <= MAX_MOTOR_VA and 0 <= start_s <= 600):
        raise order.fail(
            f"expected kva up to {MAX_MOTOR_VA / 1000:.0f} and start_s up to 600, got "
            f"{rated_va / 1000:g} and {start_s:g}"
        )
    bus = str(order.args.get("bus", "")).lower()
    if not bus:
        raise order.fail("expected 'bus', such as 671")
    motor = MotorSpec(order.name.lower(), bus, rated_va, start_s)
    simulation.motors.start(motor, simulation.time)

    def verify(simulation: Simulation, result: StepResult) -> Mapping[str, Any]:
        return {"voltages_pu": _voltages_pu(simulation, result, bus)}

    return verify


def _stop_motor(simulation: Simulation, order: Order) -> Verify:
    name = order.name.lower()
    if name not in simulation.motors.on:
        raise order.fail("it is not running")
    simulation.motors.stop(name)
    return lambda *_: {}


def _set_sky(simulation: Simulation, order: Order) -> Verify:
    """Hold the clouds: `clearness` is the share of the clear sky's light that comes through.

    `irradiance_w_per_m2` holds the light itself on every roof, by night, too.
    """
    surroundings = simulation.surroundings
    order.one_of("irradiance_w_per_m2", "clearness")
    if "irradiance_w_per_m2" in order.args:
        light = number(order, "irradiance_w_per_m2")
        if not 0 <= light <= 1500:
            raise order.fail(f"expected 0 to 1500 W/m2, got {light:g}")
        surroundings.hold_sky(light_w_per_m2=light)
        return lambda *_: {"irradiance_w_per_m2": light}
    clearness = finite(order.args.get("clearness"))
    if clearness is None or not 0 <= clearness <= 1:
        got = order.args.get("clearness")
        raise order.fail(f"expected 'clearness' from 0 to 1, or irradiance_w_per_m2, got {got!r}")
    surroundings.hold_sky(clearness=clearness)
    return lambda *_: {"clearness": clearness}


def _release_sky(simulation: Simulation, _: Order) -> Verify:
    simulation.surroundings.hold_sky()
    return lambda *_: {}


ACTIONS: Mapping[str, Mapping[str, Action]] = {
    "regulator": {"set_tap": Action(_set_tap, ("tap",))},
    "regulators": {"set_taps": Action(_set_taps, ("taps",))},
    "control": {
        "local": Action(_control(local=True)),
        "commanded": Action(_control(local=False), ("for_s",)),
    },
    "capacitor": {
        "open": Action(_capacitor(closed=False)),
        "close": Action(_capacitor(closed=True)),
    },
    "branch": {
        "open": Action(_branch(closed=False), ("phase",)),
        "close": Action(_branch(closed=True), ("phase",)),
    },
    "feeder": {
        "open": Action(_head(closed=False)),
        "close": Action(_head(closed=True)),
        "put_back": Action(_put_back),
    },
    "fault": {
        "apply": Action(_apply_fault, ("type", "ohm", "bus", "line", "at")),
        "clear": Action(_clear_fault),
    },
    "motor": {
        "start": Action(_start_motor, ("bus", "kva", "start_s")),
        "stop": Action(_stop_motor),
    },
    "sky": {
        "set": Action(_set_sky, ("clearness", "irradiance_w_per_m2")),
        "release": Action(_release_sky),
    },
}
