"""What every house's devices have taken up and given since the start, as their inverters count it.

The meter sees only the sum of a house; these counters tell production, consumption and storage
apart. Arrays have one entry per house; energy is in Wh and never decreases.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .devices import Powers
from .protocol import FloatArray


class DeviceCounters:
    """Six counters per house; a house without supply stands still."""

    def __init__(self, houses: int) -> None:
        zero: FloatArray = np.zeros(houses)
        self.load_wh = zero.copy()
        self.pv_wh = zero.copy()
        self.battery_in_wh = zero.copy()
        self.battery_out_wh = zero.copy()
        self.ev_in_wh = zero.copy()
        self.ev_out_wh = zero.copy()

    def add(self, powers: Powers, energised: NDArray[np.bool_], hours: float) -> None:
        """Count what flowed for so many hours."""
        live_h = np.where(energised, hours, 0.0)
        self.load_wh += powers.load_w * live_h
        self.pv_wh += powers.pv_w * live_h
        self.battery_in_wh += np.maximum(powers.battery_w, 0) * live_h
        self.battery_out_wh -= np.minimum(powers.battery_w, 0) * live_h
        self.ev_in_wh += np.maximum(powers.ev_w, 0) * live_h
        self.ev_out_wh -= np.minimum(powers.ev_w, 0) * live_h

    def of(self, row: int) -> dict[str, float]:
        """Return the counters of one house by name."""
        return {name: float(count[row]) for name, count in vars(self).items()}
