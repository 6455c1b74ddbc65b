"""Reads branches, head and losses out of OpenDSS's one flat array of all branch powers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import circuit_reader
from .admittances import Admittances
from .protocol import Circuit, ComplexArray


@dataclass(frozen=True, slots=True)
class Flows:
    """Powers in VA of one power flow: into the first terminal of every element of the circuit, lost
    in all of them, and into the feeder at its head on phases 1 to 3.
    """

    element_va: ComplexArray
    losses_va: complex
    head_va: ComplexArray


class BranchFlows:
    """Where the first terminals, the head and the series elements lie in one array of powers.

    The array holds, element after element, terminal after terminal, the complex power into each
    conductor: OpenDSS's `PDElements.AllPowers`, or the same from voltages and admittances. One
    gather and one sum by segments then give all figures.
    """

    def __init__(self, dss: Any, circuit: Circuit) -> None:
        self._dss = dss
        self._powers = dss.to_dss_python().ActiveCircuit.PDElements
        self._count = len(circuit.elements)
        conductors = np.asarray(dss.PDElements.AllNumConductors(), dtype=np.intp)[: self._count]
        terminals = np.asarray(dss.PDElements.AllNumTerminals(), dtype=np.intp)[: self._count]
        sizes = conductors * terminals
        starts = np.cumsum(sizes) - sizes
        self._admittances = Admittances(dss, circuit, sizes) if self._count else None
        shunts = _shunts(dss)
        series = np.flatnonzero(np.repeat([n not in shunts for n in circuit.elements], sizes))
        # A segment must not be empty; what a circuit of shunts only has in its place is not read.
        self._lossless = not len(series)
        head_start = self._find_head(dss, circuit, starts)
        segments = [np.arange(s, s + n) for s, n in zip(starts, conductors, strict=True)]
        segments.append(np.zeros(1, dtype=np.intp) if self._lossless else series)
        if head_start is not None:
            segments += [np.array([head_start + at]) for at in self._head_conductors]
        lengths = np.array([len(segment) for segment in segments])
        self._columns: NDArray[np.intp] = np.concatenate(segments).astype(np.intp)
        self._rows: NDArray[np.intp] = np.cumsum(lengths) - lengths

    def _find_head(self, dss: Any, circuit: Circuit, starts: NDArray[np.intp]) -> int | None:
        """Note which conductors the head has; return where they begin, None if not in the array."""
        name, terminal = circuit_reader.head_element(dss)
        dss.Circuit.SetActiveElement(name)
        count = int(dss.CktElement.NumConductors())
        order = dss.CktElement.NodeOrder()[(terminal - 1) * count : terminal * count]
        self._head_name = name
        self._head_conductors = [at for at, node in enumerate(order) if node in (1, 2, 3)]
        self._head_phases = [int(order[at]) - 1 for at in self._head_conductors]
        # Power enters the feeder through the head: out of a transformer's secondary and out of
        # the source, into the first terminal of a line.
        self._head_sign = 1.0 if name.startswith("line.") and terminal == 1 else -1.0
        if name not in circuit.elements:
            return None
        return int(starts[circuit.elements.index(name)]) + (terminal - 1) * count

    def read(self, volts: ComplexArray, changed: Iterable[str] | None) -> Flows:
        """Return the flows of the last solve, which gave these voltages.

        `changed` names the elements whose taps or switches have moved since the call before; None
        if that is not known, and then the solver is asked.
        """
        if self._admittances is None:  # a source with loads beside it, and nothing between
            return Flows(np.empty(0, np.complex128), 0j, self._at_head(self._ask_head()))
        if changed is None:
            powers_va = self._powers.AllPowers.view(np.complex128) * 1000
        else:
            self._admittances.refresh(changed)
            powers_va = self._admittances.powers_va(volts)
        sums_va = np.add.reduceat(powers_va.take(self._columns), self._rows)
        entering_va = sums_va[self._count + 1 :]
        return Flows(
            element_va=sums_va[: self._count],
            losses_va=0j if self._lossless else complex(sums_va[self._count]),
            head_va=self._at_head(entering_va if len(entering_va) else self._ask_head()),
        )

    def _ask_head(self) -> ComplexArray:
        self._dss.Circuit.SetActiveElement(self._head_name)
        powers_kva = np.array(self._dss.CktElement.Powers()).view(np.complex128)
        return np.asarray(powers_kva[self._head_conductors] * 1000)

    def _at_head(self, entering_va: ComplexArray) -> ComplexArray:
        if self._head_phases == [0, 1, 2]:
            return np.asarray(entering_va * self._head_sign)
        head_va = np.zeros(3, dtype=np.complex128)
        head_va[self._head_phases] = entering_va * self._head_sign
        return head_va


def _shunts(dss: Any) -> set[str]:
    """Return the elements with one bus only, which have no losses: what flows in is consumed."""
    found = set()
    # Disabled elements are in all lists of names and powers, but are skipped here.
    more = dss.PDElements.First()
    while more:
        if dss.PDElements.IsShunt():
            found.add(str(dss.PDElements.Name()).lower())
        more = dss.PDElements.Next()
    return found
