"""What a feeder answers when it is asked: its topology, and what its houses' devices do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .houses import HouseSpec
from .protocol import Circuit
from .simulation import Simulation, StepResult
from .topology import layout, span


def topology(
    feeder: str,
    circuit: Circuit,
    houses: Sequence[HouseSpec],
    load_rows: NDArray[np.intp],
    device_prefix: str = "",
) -> dict[str, Any]:
    """Return the feeder as plain data for a diagram: places run from 0 to 1, y upwards.

    `load_rows` has the row of each house's load in `circuit.loads`; the device names of regulators
    begin with `device_prefix`.
    """
    tree = span(circuit)
    places = layout(circuit, tree)
    element_row = {name: row for row, name in enumerate(circuit.elements)}
    return {
        "feeder": feeder,
        "circuit": circuit.name,
        "head": circuit.head_bus,
        "nodes": list(circuit.nodes),
        "buses": [
            {
                "name": bus.name,
                "phases": list(bus.phases),
                "base_v": bus.kv_base * 1000,
                "x": places[bus.name][0],
                "y": places[bus.name][1],
                "distance_m": tree.distance_m.get(bus.name),
                "fed_by": tree.parent.get(bus.name),
            }
            for bus in circuit.buses
        ],
        "branches": [
            {
                "name": branch.name,
                "kind": branch.kind,
                "from": branch.bus1,
                "to": branch.bus2,
                "phases": list(branch.phases),
                "length_m": branch.length_m,
                "normal_a": branch.normal_amps,
                "regulator": branch.regulator,
                "element": element_row[branch.name],
            }
            for branch in circuit.branches
        ],
        "regulators": [
            {
                "name": regulator.name,
                "device": device_prefix + regulator.name,
                "bus": regulator.bus,
                "phases": list(regulator.phases),
                "lowest": regulator.lowest,
                "highest": regulator.highest,
                "step_pu": regulator.step_pu,
            }
            for regulator in circuit.regulators
        ],
        "capacitors": [
            {"name": c.name, "bus": c.bus, "phases": list(c.phases), "power_var": c.power_var}
            for c in circuit.capacitors
        ],
        "houses": [
            {
                "id": house.name,
                "device": house.device,
                "bus": circuit.loads[row].bus,
                "phases": list(circuit.loads[row].phases),
                "site": house.site,
            }
            for house, row in zip(houses, load_rows, strict=True)
        ],
    }


def device_states(simulation: Simulation, result: StepResult) -> dict[str, dict[str, Any]]:
    """Return what every house's devices do, by house id; without supply nothing."""
    fleet, powers, presence = simulation.fleet, result.powers, simulation.presence
    live = simulation.meters.energised(result.solution)
    percent = fleet.charge_percent()
    states = {}
    for row, house in enumerate(simulation.houses):
        set_point = float(fleet.set_point_w[row])
        states[house.name] = {
            "energised": bool(live[row]),
            "service_closed": not simulation.network.is_open(house.name),
            "load_w": float(powers.load_w[row]) if live[row] else 0.0,
            "pv_w": float(powers.pv_w[row]) if live[row] else 0.0,
            "battery_w": float(powers.battery_w[row]) if live[row] else 0.0,
            "ev_w": float(powers.ev_w[row]) if live[row] else 0.0,
            "net_w": float(powers.net_w[row]) if live[row] else 0.0,
            "set_point_w": None if np.isnan(set_point) else set_point,
            "battery_percent": None if np.isnan(percent[row]) else float(percent[row]),
            "battery_wh": float(fleet.battery.energy_wh[row]),
            "ev_wh": float(fleet.ev.energy_wh[row]),
            "ev_away": presence is not None and bool(presence.away[row]),
            "counters": simulation.counters.of(row),
        }
    return states
