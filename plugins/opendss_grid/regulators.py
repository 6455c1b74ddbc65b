"""The tap changers of a feeder: where they stand, who may move them, and how often they moved."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from .protocol import Circuit, GridEngine, GridError


class TapChangers:
    """Moves taps within their range and dwell, all that are asked for or none.

    `dwell_s` is the least feeder time between two moves of one regulator. Under local control the
    circuit's own controls move the taps, and commands are refused. Whoever takes command may ask
    to be missed: regulators that do not hear it again in time go back to local control, as those
    in the field do when the heartbeat of their control centre stays away.
    """

    def __init__(self, engine: GridEngine, circuit: Circuit, dwell_s: float) -> None:
        self.local = True
        self.positions: dict[str, int] = {}
        self._seen: Mapping[str, int] | None = None
        #: Steps that each regulator has moved, whoever moved it.
        self.operations = {regulator.name: 0 for regulator in circuit.regulators}
        self._engine = engine
        self._data = {regulator.name: regulator for regulator in circuit.regulators}
        self._dwell_s = dwell_s
        self._moved_at: dict[str, datetime] = {}
        #: How long commands may stay away, in s of the hub; None: for ever.
        self.patience_s: float | None = None
        self._heard_at: datetime | None = None

    def use_local(self, local: bool, patience_s: float | None = None) -> None:
        """Let the circuit's own controls move the taps, or leave them to commands."""
        self.local = local
        self.patience_s, self._heard_at = None if local else patience_s, None
        self._engine.use_local_regulators(local)

    def lost_command(self, now: datetime) -> bool:
        """Return whether who took command was not heard for too long; `now` is the hub's."""
        if self.patience_s is None:
            return False
        if self._heard_at is None:
            self._heard_at = now
        return (now - self._heard_at).total_seconds() > self.patience_s

    def move(self, taps: Mapping[str, int], when: datetime) -> None:
        """Move to positions counted from neutral at a feeder time; GridError if one cannot."""
        moves = {name.lower(): tap for name, tap in taps.items()}
        for name, tap in moves.items():
            self._check(name, tap, when)
        for name, tap in moves.items():
            self._engine.set_tap(name, tap)

    def _check(self, name: str, tap: int, when: datetime) -> None:
        data = self._data.get(name)
        if data is None:
            known = ", ".join(self._data) or "none"
            raise GridError(f"regulator {name} is not in the circuit; it has: {known}")
        if self.local:
            raise GridError(f"regulator {name} is under local control")
        if not data.lowest <= tap <= data.highest:
            raise GridError(f"tap {tap} of {name} is out of range {data.lowest}..{data.highest}")
        moved_at = self._moved_at.get(name)
        if moved_at is None or tap == self.positions[name]:
            return
        left_s = self._dwell_s - (when - moved_at).total_seconds()
        if left_s > 0:
            raise GridError(f"regulator {name} has moved just now; it may again in {left_s:.0f} s")

    def note(self, taps: Mapping[str, int], when: datetime) -> None:
        """Take in where the taps stand after a power flow."""
        if taps is self._seen:  # the engine makes a new mapping when a tap has moved
            return
        self._seen = taps
        if taps == self.positions:
            return
        for name, tap in taps.items():
            steps = abs(tap - self.positions.get(name, tap))
            if steps:
                self.operations[name] += steps
                self._moved_at[name] = when
        self.positions = dict(taps)

    def snapshot(self) -> dict[str, Any]:
        """Return what must survive a restart, as plain data."""
        return {"taps": dict(self.positions), "local": self.local, "patience_s": self.patience_s}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Stand where the taps stood before a restart; strangers and local control are left out.

        Who had command then has its whole patience from now to be heard again.
        """
        if self.local or snapshot["local"]:
            self.use_local(True)
            return
        self.patience_s = snapshot["patience_s"]
        for name, data in self._data.items():
            tap = snapshot["taps"].get(name)
            if tap is not None and data.lowest <= tap <= data.highest:
                self._engine.set_tap(name, tap)
                self.positions[name] = tap
                self._seen = None
