"""What a simulated feeder keeps over a restart of the hub, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .simulation import Simulation


def snapshot(simulation: Simulation) -> dict[str, Any]:
    """Return taps, charge, what is switched, what runs and what is held."""
    fleet, surroundings = simulation.fleet, simulation.surroundings
    return {
        "regulators": simulation.regulators.snapshot(),
        "battery_wh": dict(zip(fleet.names, fleet.battery.energy_wh.tolist(), strict=True)),
        "ev_wh": dict(zip(fleet.names, fleet.ev.energy_wh.tolist(), strict=True)),
        "network": simulation.network.snapshot(),
        "set_points": simulation.set_points.snapshot(),
        "motors": simulation.motors.snapshot(),
        "light_w_per_m2": surroundings.held_w_per_m2,
        "clearness": surroundings.held_clearness,
    }


def restore(simulation: Simulation, saved: Mapping[str, Any]) -> list[str]:
    """Take up where a snapshot was made; returns sentences on what no longer fits.

    A part that is missing was saved before that part was kept, and stays as it starts.
    """
    misfits: list[str] = []
    fleet = simulation.fleet
    rows = {house.name: row for row, house in enumerate(simulation.houses)}
    for storage, key in ((fleet.battery, "battery_wh"), (fleet.ev, "ev_wh")):
        for name, energy_wh in saved[key].items():
            if name in rows:
                storage.energy_wh[rows[name]] = min(energy_wh, storage.capacity_wh[rows[name]])
    if "network" in saved:
        misfits += simulation.network.restore(saved["network"])
        for name, row in rows.items():
            simulation.meters.open_service(row, opened=simulation.network.is_open(name))
        misfits += simulation.motors.restore(saved["motors"], simulation.time)
        simulation.surroundings.hold_sky(
            light_w_per_m2=saved["light_w_per_m2"], clearness=saved.get("clearness")
        )
    if "set_points" in saved:
        misfits += simulation.set_points.restore(saved["set_points"])
    if "regulators" in saved:
        simulation.regulators.restore(saved["regulators"])
    return misfits
