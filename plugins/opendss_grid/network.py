"""What on a feeder is not as its file has it: open services, switches, lines and banks, blown
fuses, short circuits, the whole feeder; since when, and what puts it back.

As in the field it stays so until somebody puts it back, over restarts of the hub, too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .protocol import Circuit, FaultSpec, GridEngine, GridError

#: Feeder time for which a capacitor bank stays open: it must discharge first (IEEE 1036).
DISCHARGE_S = 300.0


@dataclass(frozen=True, slots=True)
class Deviation:
    """One thing that is not as in the circuit's file.

    `kind` is `service`, `fuse`, `branch`, `capacitor`, `feeder` or `fault`; `name` which one;
    `since` a time of the hub; `data` what is needed to bring it about again.
    """

    kind: str
    name: str
    since: datetime
    text: str
    data: Mapping[str, Any]


class Network:
    """Switches everything on a feeder that can be switched, and remembers what it left changed.

    Times `at` are the hub's and say since when; `when` is feeder time, in which `dwell_s` must lie
    between two operations of one switch.
    """

    def __init__(
        self, engine: GridEngine, circuit: Circuit, loads: Mapping[str, str], dwell_s: float
    ) -> None:
        """`loads` has the circuit's load of every house."""
        #: How often each thing was operated, by its name in `Deviation`.
        self.operations: dict[str, int] = {}
        self._engine = engine
        self._circuit = circuit
        self._loads = loads
        self._dwell_s = dwell_s
        self._changed: dict[tuple[str, str], Deviation] = {}
        self._as_filed: dict[str, bool] = {}
        self._moved_at: dict[str, datetime] = {}

    @property
    def deviations(self) -> Sequence[Deviation]:
        """Return what is not as in the file, oldest first."""
        return sorted(self._changed.values(), key=lambda d: (d.since, d.kind, d.name))

    def is_open(self, house: str) -> bool:
        """Return whether a house is cut off, by its switch or by its fuse."""
        return ("service", house) in self._changed or ("fuse", house) in self._changed

    # --- customers ----------------------------------------------------------------------------

    def set_service(self, house: str, *, closed: bool, at: datetime, when: datetime) -> None:
        """Open or close a house's service; a blown fuse must be replaced before it closes."""
        blown = self._changed.get(("fuse", house))
        if closed and blown is not None:
            raise GridError(f"{blown.text}; 'replace_fuse' puts a new one in")
        if closed is self.is_open(house):
            self._operate(house, when)
        if not closed and blown is not None:
            return
        self._engine.set_service(self._loads[house], closed)
        text = f"the service of {house} is open"
        self._note(Deviation("service", house, at, text, {}), as_filed=closed)

    def blow_fuse(
        self, house: str, rating_a: float, current_a: float | None, at: datetime
    ) -> Deviation:
        """Take a house's supply away because its fuse blew at this current, or None for an event
        of which that is not known. GridError if it has blown already.
        """
        if ("fuse", house) in self._changed:
            raise GridError(f"the fuse of {house} has blown already")
        self._engine.set_service(self._loads[house], False)
        why = "has blown" if current_a is None else f"blew at {current_a:.0f} A"
        text = f"the service fuse of {house} ({rating_a:g} A) {why}"
        amps = None if current_a is None else round(current_a, 1)
        data = {"rating_a": rating_a, "current_a": amps}
        deviation = Deviation("fuse", house, at, text, data)
        self._note(deviation, as_filed=False)
        return deviation

    def replace_fuse(self, house: str, when: datetime) -> Deviation:
        """Put a new fuse in and close the service; GridError if the fuse is good."""
        blown = self._changed.pop(("fuse", house), None)
        if blown is None:
            raise GridError(f"the fuse of {house} has not blown")
        self._changed.pop(("service", house), None)
        self._engine.set_service(self._loads[house], True)
        self._operate(house, when)
        return blown

    # --- the feeder -----------------------------------------------------------------------------

    def set_branch(
        self, name: str, *, closed: bool, phase: int | None, at: datetime, when: datetime
    ) -> None:
        """Open or close a branch, or one conductor of it."""
        branch = name.lower()
        known = next((b for b in self._circuit.branches if b.name == branch), None)
        if known is None:
            raise GridError(f"branch {name} is not in the circuit; expected such as line.<name>")
        phases = known.phases if phase is None else (phase,)
        before = {p: self._engine.is_closed(branch, p) for p in phases if p in known.phases}
        if any(state is not closed for state in before.values()):
            self._operate(branch, when)
        self._engine.set_switch(branch, closed, phase)
        for each, state in before.items():
            key = f"{branch}/{'abc'[each - 1]}"
            filed = self._as_filed.setdefault(key, state)
            text = f"{branch} is {'closed' if closed else 'open'} on phase {'ABC'[each - 1]}"
            data = {"branch": branch, "phase": each, "closed": closed}
            self._note(Deviation("branch", key, at, text, data), as_filed=closed is filed)

    def set_capacitor(self, name: str, *, closed: bool, at: datetime, when: datetime) -> None:
        """Switch a bank; one that was opened must discharge before it closes again."""
        bank = name.lower()
        was_open = ("capacitor", bank) in self._changed
        if closed and was_open:
            self._await(bank, DISCHARGE_S, when, "it discharges first")
        if closed is was_open:
            self._operate(bank, when)
        self._engine.set_capacitor(bank, closed)
        text = f"capacitor bank {bank} is open"
        self._note(Deviation("capacitor", bank, at, text, {}), as_filed=closed)

    def set_head(self, *, closed: bool, at: datetime, when: datetime) -> None:
        """Open or close the breaker at the head: the whole feeder."""
        if closed is (("feeder", "head") in self._changed):
            self._operate("head", when)
        self._engine.set_head(closed)
        text = "the breaker at the head of the feeder is open"
        self._note(Deviation("feeder", "head", at, text, {}), as_filed=closed)

    def apply_fault(self, fault: FaultSpec, at: datetime) -> None:
        """Put a short circuit in."""
        self._engine.apply_fault(fault)
        text = f"fault {fault.name}: {fault.type} at {fault.place} with {fault.ohm:g} ohm"
        data: dict[str, Any] = {"bus": fault.bus, "type": fault.type, "ohm": fault.ohm}
        if fault.line is not None:
            data |= {"line": fault.line, "at": fault.at}
        self._note(Deviation("fault", fault.name, at, text, data), as_filed=False)

    def clear_fault(self, name: str) -> None:
        """Take a short circuit away; GridError if there is none of that name."""
        if self._changed.pop(("fault", name), None) is None:
            raise GridError(f"there is no fault {name}")
        self._engine.clear_fault(name)

    # --- putting back, and over a restart ---------------------------------------------------------

    def put_back(self, at: datetime) -> list[str]:
        """Bring everything back to what the file says, whatever the dwell; returns what was."""
        put = self.deviations
        for deviation in put:
            self._moved_at.clear()
            self._undo(deviation, at)
        return [deviation.text for deviation in put]

    def _undo(self, deviation: Deviation, at: datetime) -> None:
        name, data = deviation.name, deviation.data
        match deviation.kind:
            case "service" if ("fuse", name) not in self._changed:
                self.set_service(name, closed=True, at=at, when=at)
            case "fuse":
                self.replace_fuse(name, at)
            case "branch":
                self.set_branch(
                    data["branch"], closed=not data["closed"], phase=data["phase"], at=at, when=at
                )
            case "capacitor":
                self.set_capacitor(name, closed=True, at=at, when=at)
            case "feeder":
                self.set_head(closed=True, at=at, when=at)
            case "fault":
                self.clear_fault(name)

    def snapshot(self) -> dict[str, Any]:
        """Return what must survive a restart, as plain data."""
        return {
            "operations": dict(self.operations),
            "changed": [
                {"kind": d.kind, "name": d.name, "since": d.since.isoformat(), "data": dict(d.data)}
                for d in self.deviations
            ],
        }

    def restore(self, snapshot: Mapping[str, Any]) -> list[str]:
        """Change again what was changed; returns sentences on what no longer fits the circuit."""
        misfits = []
        for entry in snapshot["changed"]:
            self._moved_at.clear()
            try:
                self._redo(entry["kind"], entry["name"], entry["data"], entry["since"])
            except (GridError, KeyError) as error:
                misfits.append(f"{entry['kind']} {entry['name']} is no longer there: {error}")
        self.operations = dict(snapshot["operations"])
        self._moved_at.clear()
        return misfits

    def _redo(self, kind: str, name: str, data: Mapping[str, Any], since: str) -> None:
        at = datetime.fromisoformat(since)
        match kind:
            case "service":
                self.set_service(name, closed=False, at=at, when=at)
            case "fuse":
                self.blow_fuse(name, data["rating_a"], data["current_a"], at)
            case "branch":
                self.set_branch(
                    data["branch"], closed=data["closed"], phase=data["phase"], at=at, when=at
                )
            case "capacitor":
                self.set_capacitor(name, closed=False, at=at, when=at)
            case "feeder":
                self.set_head(closed=False, at=at, when=at)
            case "fault":
                line, share = data.get("line"), data.get("at", 0.5)
                fault = FaultSpec.of_type(name, data["type"], data["bus"], data["ohm"], line, share)
                self.apply_fault(fault, at)

    # --- bookkeeping ------------------------------------------------------------------------------

    def _note(self, deviation: Deviation, *, as_filed: bool) -> None:
        key = (deviation.kind, deviation.name)
        if as_filed:
            self._changed.pop(key, None)
        elif deviation.kind == "fault":
            self._changed[key] = deviation  # a fault may be changed while it is in
        else:
            self._changed.setdefault(key, deviation)

    def _operate(self, name: str, when: datetime) -> None:
        """Count an operation; GridError if the one before is too short ago."""
        self._await(name, self._dwell_s, when, "it has moved just now")
        self.operations[name] = self.operations.get(name, 0) + 1
        self._moved_at[name] = when

    def _await(self, name: str, dwell_s: float, when: datetime, why: str) -> None:
        moved_at = self._moved_at.get(name)
        left_s = 0.0 if moved_at is None else dwell_s - (when - moved_at).total_seconds()
        if left_s > 0:
            raise GridError(f"{name} may be operated again in {math.ceil(left_s)} s: {why}")
