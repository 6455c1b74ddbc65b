"""When a cloud that is over the feeder's head reaches each house: clouds drift with the wind.

Circuits tell how long their lines are and, at best, where their buses are drawn, in units of their
own. A drawing is taken for a map whose scale is found from the farthest bus: as long as the way to
it along the lines.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .houses import HouseSpec
from .protocol import Circuit, FloatArray
from .surroundings import Place
from .topology import layout, span


def lags_s(circuit: Circuit, houses: Sequence[HouseSpec], place: Place) -> FloatArray | None:
    """Return for each house how many seconds later than the head it has a cloud; negative is
    earlier. None without clouds, or where all of the feeder is in one place.

    `circuit` is as its file has it. Clouds are as wide as the feeder: houses side by side across
    the wind have them at once.
    """
    if place.clouds <= 0:
        return None
    tree = span(circuit)
    places = layout(circuit, tree)
    x0, y0 = places[circuit.head_bus]
    reach = {bus: math.hypot(places[bus][0] - x0, places[bus][1] - y0) for bus in tree.distance_m}
    farthest = max(reach, key=lambda bus: reach[bus])
    if not reach[farthest] > 0:
        return None
    metres = tree.distance_m[farthest] / reach[farthest]
    # The wind blows towards the opposite of where it comes from.
    towards = math.radians(place.wind_from_deg + 180)
    east, north = math.sin(towards), math.cos(towards)
    bus_of_load = {load.name: load.bus for load in circuit.loads}
    along_m = []
    for house in houses:
        load = house.feeder_load
        x, y = places[house.bus.lower() if load is None else bus_of_load[load.lower()]]
        along_m.append(metres * ((x - x0) * east + (y - y0) * north))
    return np.array(along_m, dtype=np.float64) / place.wind_m_per_s
