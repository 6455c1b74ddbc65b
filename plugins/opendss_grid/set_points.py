"""Commands to houses and their devices that hold for a while."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from .devices import Fleet
from .protocol import GridError

#: What can be held: the net power of a house, that of its battery and vehicle, the most its PV
#: gives.
KINDS = ("power", "battery", "ev", "pv")
_WORDS = {
    "power": "house {} is held at",
    "battery": "the battery of {} is held at",
    "ev": "the vehicle of {} is held at",
    "pv": "the PV of {} is limited to",
}


@dataclass(frozen=True, slots=True)
class SetPoint:
    """A power in W that is held at a house, until a time of the hub or, without one, for good.

    Who holds it with a higher `priority` is not overruled: an operator not by the market.
    """

    kind: str
    house: str
    value_w: float
    until: datetime | None
    priority: int = 0

    @property
    def text(self) -> str:
        """Say what is held."""
        until = "until it is released" if self.until is None else f"until {self.until:%H:%M:%S} UTC"
        return f"{_WORDS[self.kind].format(self.house)} {self.value_w:.0f} W {until}"


class SetPoints:
    """Holds values in the arrays of a fleet until a time of the hub, or until they are released.

    `dwell_s` of feeder time must lie between two new values of one device. A release is always
    heard: it hands the device back to itself.
    """

    def __init__(self, fleet: Fleet, dwell_s: float = 0.0) -> None:
        #: How often a device was given a new value, by `house/kind`.
        self.operations: dict[str, int] = {}
        #: Whether something that holds for good has begun or ended; who keeps it says it is kept.
        self.lasting_changed = False
        self._fleet = fleet
        self._dwell_s = dwell_s
        self._held = {
            "power": (fleet.set_point_w, np.nan),
            "battery": (fleet.battery_set_w, np.nan),
            "ev": (fleet.ev_set_w, np.nan),
            "pv": (fleet.pv_cap_w, np.inf),
        }
        self._now: dict[tuple[str, int], SetPoint] = {}
        self._ending: set[tuple[str, int]] = set()
        self._moved_at: dict[str, datetime] = {}

    @property
    def held(self) -> Sequence[SetPoint]:
        """Return all that is held, by house and kind. May be asked from another thread."""
        return sorted(self._now.values(), key=lambda point: (point.house, point.kind))

    def guard(self, kind: str, row: int, priority: int, now: datetime) -> None:
        """GridError if somebody with a higher priority holds this at a time of the hub."""
        held = self._now.get((kind, row))
        if held is None or held.priority <= priority:
            return
        if held.until is None or held.until > now:
            raise GridError(f"{held.text}, which has the higher priority")

    def move(
        self,
        kind: str,
        row: int,
        value_w: float,
        until: datetime | None,
        when: datetime,
        priority: int = 0,
    ) -> int:
        """Hold a device at a value from a feeder time on; return how often it has been moved.

        GridError if the move before is too short ago. The same value again is no move.
        """
        house = self._fleet.names[row]
        name = f"{house}/{kind}"
        before = self._now.get((kind, row))
        if before is None or before.value_w != value_w:
            moved_at = self._moved_at.get(name)
            left_s = self._dwell_s - (when - moved_at).total_seconds() if moved_at else 0.0
            if left_s > 0:
                raise GridError(
                    f"the {kind} of {house} has a new set-point just now; it may have another in "
                    f"{math.ceil(left_s)} s"
                )
            self.operations[name] = self.operations.get(name, 0) + 1
            self._moved_at[name] = when
        self.hold(kind, row, value_w, until, priority)
        return self.operations[name]

    def hold(
        self, kind: str, row: int, value_w: float, until: datetime | None, priority: int = 0
    ) -> None:
        """Hold a power in W for a house; without `until` it is held for good."""
        self.release(kind, row)
        key = (kind, row)
        self._held[kind][0][row] = value_w
        self._now[key] = SetPoint(kind, self._fleet.names[row], value_w, until, priority)
        self._fleet.devices_commanded |= kind in ("battery", "ev")
        if until is None:
            self.lasting_changed = True
        else:
            self._ending.add(key)

    def release(self, kind: str, row: int) -> None:
        """Let a house or its device go on by itself."""
        before = self._now.pop((kind, row), None)
        if before is None:
            return
        self.lasting_changed |= before.until is None
        self._ending.discard((kind, row))
        values, free = self._held[kind]
        values[row] = free
        fleet = self._fleet
        fleet.devices_commanded = not (
            np.isnan(fleet.battery_set_w).all() and np.isnan(fleet.ev_set_w).all()
        )

    def end(self, now: datetime) -> None:
        """Release what ends by this time of the hub."""
        if not self._ending:
            return
        for kind, row in sorted(self._ending):
            until = self._now[kind, row].until
            if until is not None and until <= now:
                self.release(kind, row)

    def snapshot(self) -> dict[str, Any]:
        """Return what must survive a restart, as plain data."""
        return {
            "operations": dict(self.operations),
            "held": [
                {
                    "kind": point.kind,
                    "house": point.house,
                    "value_w": point.value_w,
                    "until": None if point.until is None else point.until.isoformat(),
                    "priority": point.priority,
                }
                for point in self.held
            ],
        }

    def restore(self, snapshot: Mapping[str, Any]) -> list[str]:
        """Hold again what was held; what has ended meanwhile ends with the next step.

        Returns sentences on houses that are gone.
        """
        rows = {name: row for row, name in enumerate(self._fleet.names)}
        misfits = []
        for entry in snapshot["held"]:
            until = None if entry["until"] is None else datetime.fromisoformat(entry["until"])
            if entry["house"] in rows:
                row, priority = rows[entry["house"]], entry.get("priority", 0)
                self.hold(entry["kind"], row, entry["value_w"], until, priority)
            else:
                misfits.append(f"the set-point of house {entry['house']}, which is gone")
        self.operations = dict(snapshot["operations"])
        self.lasting_changed = False
        return misfits
