"""Short circuits and impedances that are put on the buses of a compiled circuit and taken away."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from .cut_lines import line_of
from .dss_errors import user_errors
from .protocol import BusData, Circuit, FaultSpec, GridError, ImpedanceSpec


class Shunts:
    """Writes them as OpenDSS commands. What was once made is changed and switched, never removed:
    the solver's lists keep their order.
    """

    def __init__(self, command: Callable[[str], None]) -> None:
        """`command` carries out a line of OpenDSS text."""
        self._command = command
        self._faults: set[str] = set()
        self._impedances: set[str] = set()

    def apply_fault(self, fault: FaultSpec, bus: str) -> None:
        """Put a short circuit on a bus, or change the one of that name."""
        first, second = _fault_nodes(fault)
        verb = "Edit" if fault.name in self._faults else "New"
        with user_errors(f"fault {fault.name}"):
            self._command(
                f"{verb} Fault.{fault.name} phases={len(first)} bus1={_join(bus, first)}"
                f" bus2={_join(bus, second)} r={fault.ohm:g} enabled=yes"
            )
        self._faults.add(fault.name)

    def clear_fault(self, name: str) -> None:
        """Take a short circuit away; one that is not there is no error."""
        if name in self._faults:
            self._command(f"Fault.{name}.enabled=no")

    def set_impedance(self, circuit: Circuit, spec: ImpedanceSpec) -> None:
        """Put an impedance on a bus, or change the one of that name.

        It is a load behind those of `circuit.loads`, so their order and number stay.
        """
        bus = _bus(circuit, spec.name, spec.bus)
        kv = bus.kv_base * (math.sqrt(3) if len(spec.phases) > 1 else 1)
        verb = "Edit" if spec.name in self._impedances else "New"
        with user_errors(spec.name):
            self._command(
                f"{verb} Load.impedance_{spec.name} phases={len(spec.phases)} model=2"
                f" bus1={_join(spec.bus, spec.phases)} kV={kv:.8g} enabled=yes"
                f" kW={spec.power_w / 1000:.8g} kvar={spec.power_var / 1000:.8g}"
            )
        self._impedances.add(spec.name)

    def clear_impedance(self, name: str) -> None:
        """Take an impedance away; one that is not there is no error."""
        if name in self._impedances:
            self._command(f"Load.impedance_{name}.enabled=no")


def check_fault(circuit: Circuit, fault: FaultSpec) -> None:
    """GridError if a fault cannot be where it is said to be."""
    if fault.line is None:
        what, there = f"bus {fault.bus}", _bus(circuit, f"fault {fault.name}", fault.bus).phases
    else:
        line = line_of(circuit, fault.line)
        what, there = line.name, line.phases
    if set(fault.phases) - set(there):
        letters = "".join("abc"[phase - 1] for phase in there if phase in (1, 2, 3))
        raise GridError(
            f"fault {fault.name}: {fault.type} is not possible at {what}, which has only "
            f"phase{'s' if len(letters) > 1 else ''} {letters}"
        )
    if len(fault.phases) == 1 and not fault.ground:
        raise GridError(
            f"fault {fault.name}: one phase alone is no fault; expected {fault.type}g, or several"
        )
    if not 1e-6 <= fault.ohm <= 1e6:
        raise GridError(f"fault {fault.name}: expected 1e-6 to 1e6 ohm, got {fault.ohm}")
    if not 0 <= fault.at <= 1:
        raise GridError(f"fault {fault.name}: expected 'at' from 0 to 1, got {fault.at:g}")


def _bus(circuit: Circuit, what: str, name: str) -> BusData:
    bus = circuit.bus(name)
    if bus is None:
        raise GridError(f"{what}: bus {name} is not in the circuit")
    return bus


def _fault_nodes(fault: FaultSpec) -> tuple[list[int], list[int]]:
    """Return the two ends of the fault's resistors: to ground, or from phase to phase."""
    phases = list(fault.phases)
    if fault.ground:
        return phases, [0] * len(phases)
    return phases[:-1], phases[1:]


def _join(bus: str, nodes: Sequence[int]) -> str:
    return '"' + bus + "".join(f".{node}" for node in nodes) + '"'
