"""What can be ordered of a house: its service, its fuse, its net power, each of its devices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .order_arguments import END, Action, Doing, Order, Verify, end, finite, number
from .protocol import FloatArray, GridError
from .simulation import Simulation, StepResult


def _service(closed: bool) -> Doing:
    def act(simulation: Simulation, order: Order) -> Verify:
        simulation.set_service(order.name, closed=closed)
        return _supply(order.name, closed=closed)

    return act


def _blow_fuse(simulation: Simulation, order: Order) -> Verify:
    """As fuses do that have aged: at no more than the usual current."""
    row = simulation.number(order.name)
    simulation.network.blow_fuse(order.name, simulation.houses[row].fuse_a, None, order.at)
    simulation.meters.open_service(row, opened=True)
    return _supply(order.name, closed=False)


def _replace_fuse(simulation: Simulation, order: Order) -> Verify:
    blown = simulation.replace_fuse(order.name)
    supply = _supply(order.name, closed=True)
    return lambda simulation, result: {**supply(simulation, result), **blown.data}


def _supply(house: str, *, closed: bool) -> Verify:
    def verify(simulation: Simulation, result: StepResult) -> Mapping[str, Any]:
        live = simulation.energised(house, result)
        if live and not closed:
            raise GridError(f"house {house} still has voltage after its service opened")
        count = simulation.network.operations.get(house, 0)
        return {"closed": closed, "energised": live, "operations": count}

    return verify


def _set_power(simulation: Simulation, order: Order) -> Verify:
    net_w, until = number(order, "net_w"), end(order)
    _guarded(simulation, order, "power")
    simulation.set_power(order.name, net_w, until, order.priority)
    return _power_answer(order.name, net_w)


def _guarded(simulation: Simulation, order: Order, kind: str) -> int:
    """Return a house's row; GridError if what is to change is held by somebody who stands above."""
    row = simulation.number(order.name)
    simulation.set_points.guard(kind, row, order.priority, order.at)
    return row


def _release_power(simulation: Simulation, order: Order) -> Verify:
    _guarded(simulation, order, "power")
    simulation.set_power(order.name, None, None)
    return _power_answer(order.name, None)


def _power_answer(house: str, requested_w: float | None) -> Verify:
    def verify(simulation: Simulation, result: StepResult) -> Mapping[str, Any]:
        achieved_w = float(result.powers.net_w[simulation.number(house)])
        return {"requested_w": requested_w, "achieved_w": round(achieved_w, 1) + 0.0}  # no -0.0

    return verify


def _set_battery(simulation: Simulation, order: Order) -> Verify:
    """`power_w` charges, or with a minus discharges."""
    row = simulation.number(order.name)
    battery = simulation.fleet.battery
    if not battery.capacity_wh[row] > 0:
        raise order.fail("it has no battery")
    power_w = _within_limits(
        order, "battery", float(battery.discharge_w[row]), float(battery.charge_w[row])
    )
    return _move(simulation, order, "battery", power_w)


def _set_ev(simulation: Simulation, order: Order) -> Verify:
    """`power_w` charges, or with a minus feeds the grid where the vehicle may."""
    row = simulation.number(order.name)
    vehicle = simulation.fleet.ev
    if not vehicle.capacity_wh[row] > 0:
        raise order.fail("it has no vehicle")
    power_w = _within_limits(
        order, "vehicle", float(vehicle.discharge_w[row]), float(vehicle.charge_w[row])
    )
    returns_at = simulation.surroundings.returns_at(row, simulation.time)
    if returns_at is not None:
        raise order.fail(f"its vehicle is away until {returns_at:%H:%M} on the feeder's clock")
    return _move(simulation, order, "ev", power_w)


def _within_limits(order: Order, device: str, discharge_w: float, charge_w: float) -> float:
    power_w = number(order, "power_w")
    if power_w < 0 == discharge_w:
        raise order.fail(f"its {device} may not feed the grid, got {power_w:g} W")
    if not -discharge_w <= power_w <= charge_w:
        raise order.fail(
            f"its {device} takes {0 - discharge_w:.0f} to {charge_w:.0f} W, got {power_w:g}"
        )
    return power_w


def _limit_pv(simulation: Simulation, order: Order) -> Verify:
    """The most that PV may give: `power_w`, or `percent` of the modules' peak power."""
    row = simulation.number(order.name)
    peak_w = float(simulation.fleet.pv_peak_w[row])
    if not peak_w > 0:
        raise order.fail("it has no PV")
    order.one_of("power_w", "percent")
    if "percent" in order.args:
        percent = finite(order.args["percent"])
        if percent is None or not 0 <= percent <= 100:
            raise order.fail(f"expected 0 to 100 for 'percent', got {order.args['percent']!r}")
        limit_w = peak_w * percent / 100
    else:
        limit_w = number(order, "power_w")
        if limit_w < 0:
            raise order.fail(f"expected 0 W or more for 'power_w', got {limit_w:g}")
    return _move(simulation, order, "pv", limit_w)


def _move(simulation: Simulation, order: Order, kind: str, power_w: float) -> Verify:
    row = _guarded(simulation, order, kind)
    simulation.set_points.move(kind, row, power_w, end(order), simulation.time, order.priority)
    return _device_answer(kind, row, power_w)


def _release(kind: str) -> Doing:
    def act(simulation: Simulation, order: Order) -> Verify:
        row = _guarded(simulation, order, kind)
        simulation.set_points.release(kind, row)
        return _device_answer(kind, row, None)

    return act


def _device_answer(kind: str, row: int, requested_w: float | None) -> Verify:
    """Answer what the device does; a battery that is full or empty does less than it was told."""

    def verify(simulation: Simulation, result: StepResult) -> Mapping[str, Any]:
        done: Mapping[str, FloatArray] = {
            "battery": result.powers.battery_w,
            "ev": result.powers.ev_w,
            "pv": result.powers.pv_w,
        }
        achieved_w = float(done[kind][row])
        if kind == "pv" and requested_w is not None and achieved_w > requested_w + 1e-6:
            raise GridError(f"PV gives {achieved_w:.0f} W after its limit of {requested_w:.0f} W")
        house = simulation.houses[row].name
        return {
            "requested_w": requested_w,
            "achieved_w": round(achieved_w, 1) + 0.0,
            "operations": simulation.set_points.operations.get(f"{house}/{kind}", 0),
        }

    return verify


ACTIONS: Mapping[str, Action] = {
    "open_service": Action(_service(closed=False)),
    "close_service": Action(_service(closed=True)),
    "blow_fuse": Action(_blow_fuse),
    "replace_fuse": Action(_replace_fuse),
    "set_power": Action(_set_power, ("net_w", *END)),
    "release_power": Action(_release_power),
    "set_battery": Action(_set_battery, ("power_w", *END)),
    "release_battery": Action(_release("battery")),
    "set_ev": Action(_set_ev, ("power_w", *END)),
    "release_ev": Action(_release("ev")),
    "limit_pv": Action(_limit_pv, ("power_w", "percent", *END)),
    "release_pv": Action(_release("pv")),
}
