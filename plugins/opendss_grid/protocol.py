"""What the simulation asks of a power-flow engine, and the plain data it gets back.

Powers are in W and var, positive when they flow into a load. Voltages are per unit of the bus's
phase-to-neutral base. A node is `bus.phase`, lower case, such as `671.1`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

#: Below this magnitude a node counts as de-energised: an island reads 0, a bolted fault does not.
DEAD_PU = 1e-3


class GridError(Exception):
    """A mistake of the user or trouble of the solver, in one line that says what and where."""


@dataclass(frozen=True, slots=True)
class BusData:
    """One bus. `kv_base` is phase to neutral; `xy` is None where the circuit gives no place."""

    name: str
    phases: tuple[int, ...]
    kv_base: float
    xy: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class BranchData:
    """A line, switch, transformer or other series element between two buses.

    `name` is the engine's full name (`line.650_632`), `length_m` is 0 where there is none and
    `regulator` names the regulator that moves its taps.
    """

    name: str
    kind: str
    bus1: str
    bus2: str
    phases: tuple[int, ...]
    length_m: float = 0.0
    normal_amps: float = 0.0
    regulator: str | None = None


@dataclass(frozen=True, slots=True)
class LoadData:
    """A load of the circuit as its file gives it; `nodes` are those of its terminals."""

    name: str
    bus: str
    phases: tuple[int, ...]
    power_w: float
    power_var: float
    delta: bool = False


@dataclass(frozen=True, slots=True)
class RegulatorData:
    """A transformer winding whose tap moves: `tap` counts steps from the neutral position."""

    name: str
    element: str
    winding: int
    bus: str
    phases: tuple[int, ...]
    lowest: int
    highest: int
    step_pu: float


@dataclass(frozen=True, slots=True)
class CapacitorData:
    """A switchable capacitor bank."""

    name: str
    bus: str
    phases: tuple[int, ...]
    power_var: float


@dataclass(frozen=True, slots=True)
class HeadTerminal:
    """A terminal at which power comes into the feeder: into the element there with `enters`, such
    as a line at its first bus, or else out of it, such as a source or a transformer's secondary.
    """

    element: str
    terminal: int
    enters: bool


@dataclass(frozen=True, slots=True)
class Circuit:
    """What does not change from step to step. `nodes` is the order of every node array.

    Nodes are those of phases 1 to 3: a neutral that the circuit draws is no place to hold a voltage
    in limits. `heads` together are where all that the feeder takes is measured, `head_bus` the bus
    of the first.
    """

    name: str
    head_bus: str
    nodes: tuple[str, ...]
    node_bases_v: FloatArray
    buses: tuple[BusData, ...]
    branches: tuple[BranchData, ...]
    loads: tuple[LoadData, ...]
    regulators: tuple[RegulatorData, ...]
    capacitors: tuple[CapacitorData, ...]
    elements: tuple[str, ...]
    heads: tuple[HeadTerminal, ...] = ()

    def bus(self, name: str) -> BusData | None:
        """Return the bus of that name, whatever its case, or None."""
        wanted = name.lower()
        return next((bus for bus in self.buses if bus.name == wanted), None)


@dataclass(frozen=True, slots=True)
class Solution:
    """One power flow. Arrays are copies: they stay true when the engine solves again.

    `volts` are complex phase-to-ground voltages in V at `Circuit.nodes`, `voltages_v` and
    `voltages_pu` their magnitudes; `element_w/var` flow into the first terminal of
    `Circuit.elements`; `source_va[p]` enters the feeder at its head on phase `p` (complex, P + jQ).
    """

    volts: ComplexArray
    voltages_v: FloatArray
    voltages_pu: FloatArray
    lowest_pu: float
    highest_pu: float
    taps: Mapping[str, int]
    element_w: FloatArray
    element_var: FloatArray
    source_va: ComplexArray
    losses_va: complex
    converged: bool
    iterations: int
    problem: str | None = None

    @property
    def angles_deg(self) -> FloatArray:
        """Phase-to-ground angles in degrees, in the order of `Circuit.nodes`."""
        return np.degrees(np.angle(self.volts))

    @property
    def dead(self) -> NDArray[np.bool_]:
        """Which nodes are de-energised."""
        return self.voltages_pu < DEAD_PU


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """A customer's connection: service transformer, drop with its switch, one metered load.

    `nominal_v` is phase to neutral at the meter. Without `kva` there is no transformer and
    `nominal_v` is that of the bus. Impedances of the drop are per conductor.
    """

    name: str
    bus: str
    phases: tuple[int, ...]
    nominal_v: float
    kva: float | None = 25.0
    r_percent: float = 1.2
    x_percent: float = 2.04
    drop_m: float = 30.0
    drop_ohm_per_km: float = 0.42
    drop_x_ohm_per_km: float = 0.08


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """A short circuit between `phases`, and to ground with `ground`: at a bus, or on a line at a
    share of its length from its first bus.
    """

    name: str
    bus: str
    phases: tuple[int, ...]
    ground: bool
    ohm: float
    line: str | None = None
    at: float = 0.5

    @classmethod
    def of_type(
        cls, name: str, type_: str, bus: str, ohm: float, line: str | None = None, at: float = 0.5
    ) -> FaultSpec:
        """Return a fault by its type as engineers write it: `ag`, `bc`, `bcg`, `abc`."""
        kind = type_.lower()
        phases = tuple(sorted({"abc".index(letter) + 1 for letter in kind if letter in "abc"}))
        if not phases or set(kind) - set("abcg"):
            raise GridError(
                f"fault {name}: expected a type such as ag, bc, bcg or abc, got {type_!r}"
            )
        return cls(name.lower(), bus.lower(), phases, "g" in kind, ohm, line, at)

    @property
    def type(self) -> str:
        """The type as engineers write it."""
        return "".join("abc"[phase - 1] for phase in self.phases) + "g" * self.ground

    @property
    def place(self) -> str:
        """Where it is, in words."""
        return self.bus if self.line is None else f"{self.at:.0%} of {self.line}"


@dataclass(frozen=True, slots=True)
class ImpedanceSpec:
    """A shunt impedance at a bus, by what it draws at the nominal voltage, all phases together."""

    name: str
    bus: str
    phases: tuple[int, ...]
    power_w: float
    power_var: float


class GridEngine(Protocol):
    """One circuit in one solver. Not safe for threads: all calls come from one thread."""

    circuit: Circuit

    def compile(self, path: Path) -> Circuit:
        """Read a feeder file; GridError names file and line of a mistake."""
        ...

    def add_services(self, services: Sequence[ServiceSpec]) -> Circuit:
        """Draw customers; their loads follow those of the file, in the order given."""
        ...

    def use_local_regulators(self, local: bool) -> None:
        """Let the circuit's own regulator controls act, or leave taps to `set_tap`."""
        ...

    def set_loads(self, power_w: FloatArray, power_var: FloatArray) -> None:
        """Set all loads, in the order of `circuit.loads`."""
        ...

    def load_powers(self, index: int) -> ComplexArray:
        """Return what one load draws per phase in VA after the last solve."""
        ...

    def set_tap(self, regulator: str, tap: int) -> None: ...

    def set_switch(self, branch: str, closed: bool, phase: int | None = None) -> None:
        """Open or close one branch of `circuit.branches`, one conductor of it with `phase`."""
        ...

    def is_closed(self, branch: str, phase: int) -> bool:
        """Return whether one conductor of a branch of `circuit.branches` conducts."""
        ...

    def set_head(self, closed: bool) -> None:
        """Open or close the breaker at the head: the whole feeder."""
        ...

    def set_service(self, load: str, closed: bool) -> None:
        """Open or close a customer's service by the name of its load."""
        ...

    def set_capacitor(self, name: str, closed: bool) -> None: ...

    def apply_fault(self, fault: FaultSpec) -> None: ...

    def clear_fault(self, name: str) -> None: ...

    def set_impedance(self, spec: ImpedanceSpec) -> None:
        """Put an impedance on a bus, or change the one of that name."""
        ...

    def clear_impedance(self, name: str) -> None: ...

    def solve(self) -> Solution:
        """Solve; a solution that did not converge says so in `problem` and is not to be used."""
        ...
