"""Commands to houses and their devices that hold for a while."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from .devices import Fleet

#: What can be held: the net power of a house, that of its battery and vehicle, the most its PV
#: gives.
KINDS = ("power", "battery", "ev", "pv")


class SetPoints:
    """Holds values in the arrays of a fleet until a time of the hub, or until they are released."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._held = {
            "power": (fleet.set_point_w, np.nan),
            "battery": (fleet.battery_set_w, np.nan),
            "ev": (fleet.ev_set_w, np.nan),
            "pv": (fleet.pv_cap_w, np.inf),
        }
        self._until: dict[tuple[str, int], datetime] = {}

    def hold(self, kind: str, row: int, value_w: float, until: datetime | None) -> None:
        """Hold a power in W for a house; without `until` it is held for good."""
        self._held[kind][0][row] = value_w
        self._until.pop((kind, row), None)
        self._fleet.devices_commanded |= kind in ("battery", "ev")
        if until is not None:
            self._until[kind, row] = until

    def release(self, kind: str, row: int) -> None:
        """Let a house or its device go on by itself."""
        values, free = self._held[kind]
        values[row] = free
        self._until.pop((kind, row), None)
        fleet = self._fleet
        fleet.devices_commanded = not (
            np.isnan(fleet.battery_set_w).all() and np.isnan(fleet.ev_set_w).all()
        )

    def end(self, now: datetime) -> None:
        """Release what ends by this time of the hub."""
        if not self._until:
            return
        for kind, row in [key for key, until in self._until.items() if until <= now]:
            self.release(kind, row)
