"""Reads branches, head and losses out of OpenDSS's one flat array of all branch powers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .admittances import Admittances
from .node_voltages import NodeVoltages
from .protocol import Circuit, ComplexArray


@dataclass(frozen=True, slots=True)
class Flows:
    """Powers in VA of one power flow: into the first terminal of every element of the circuit, lost
    in all of them, and into the feeder at its head on phases 1 to 3.
    """

    element_va: ComplexArray
    losses_va: complex
    head_va: ComplexArray


@dataclass(frozen=True, slots=True)
class _Head:
    """One terminal of the head: its conductors in the solver's element, their phases (0 to 2), and
    where they are in the array of powers. `sign` is 1 where power enters the feeder into it.
    """

    name: str
    conductors: list[int]
    phases: list[int]
    sign: float
    at: NDArray[np.intp] | None


class BranchFlows:
    """Where the first terminals, the head and the series elements lie in one array of powers.

    The array holds the complex power into each conductor in the order of `Admittances`: it is
    OpenDSS's `PDElements.AllPowers` put in that order, or the same from voltages and admittances.
    One sum by terminals then gives all figures.
    """

    def __init__(
        self,
        dss: Any,
        circuit: Circuit,
        voltages: NodeVoltages,
        stand_ins: Mapping[str, str] | None = None,
    ) -> None:
        """`stand_ins` names those elements of the solver that stand for others."""
        self._dss = dss
        self._powers = dss.to_dss_python().ActiveCircuit.PDElements
        self._count = len(circuit.elements)
        stand_ins = stand_ins or {}
        self._has_cuts = bool(stand_ins)
        solved = [stand_ins.get(name, name) for name in circuit.elements]
        conductors_of = np.asarray(dss.PDElements.AllNumConductors(), dtype=np.intp)
        terminals_of = np.asarray(dss.PDElements.AllNumTerminals(), dtype=np.intp)
        conductors, terminals = conductors_of[: self._count], terminals_of[: self._count]
        #: How many conductors each terminal has, the first ones of all elements before the others.
        widths = np.concatenate((conductors, np.repeat(conductors, terminals - 1)))
        self._starts: NDArray[np.intp] = np.cumsum(widths) - widths
        sizes = conductors_of * terminals_of
        begins = np.cumsum(sizes) - sizes
        if stand_ins:
            row = {str(name).lower(): at for at, name in enumerate(dss.PDElements.AllNames())}
            begins = begins[[row[name] for name in solved]]
        self._order = _first_terminals_first(begins[: self._count], conductors, terminals)
        shunts = _shunts(dss)
        series = np.array([name not in shunts for name in circuit.elements], dtype=bool)
        #: 1 for terminals of series elements: what flows into all of them is lost.
        self._lossy: ComplexArray = np.concatenate(
            (series, np.repeat(series, terminals - 1))
        ).astype(np.complex128)
        self._heads = tuple(self._find_heads(circuit, stand_ins, terminals))
        #: Whether it is one terminal with phases 1 to 3 in order, as nearly always.
        self._one_head = [head.phases for head in self._heads] == [[0, 1, 2]]
        self._admittances = (
            Admittances(dss, solved, conductors, terminals, voltages) if self._count else None
        )

    def _find_heads(
        self, circuit: Circuit, stand_ins: Mapping[str, str], terminals: NDArray[np.intp]
    ) -> Iterator[_Head]:
        """Yield which conductors the heads have, and where they are in the array, if they are."""
        element = self._dss.CktElement
        for head in circuit.heads:
            solved = stand_ins.get(head.element, head.element)
            self._dss.Circuit.SetActiveElement(solved)
            count = int(element.NumConductors())
            begin = (head.terminal - 1) * count
            order = element.NodeOrder()[begin : begin + count]
            conductors = [at for at, node in enumerate(order) if node in (1, 2, 3)]
            at = None
            if head.element in circuit.elements:
                row = circuit.elements.index(head.element)
                if head.terminal > 1:
                    row = self._count + int((terminals[:row] - 1).sum()) + head.terminal - 2
                at = int(self._starts[row]) + np.array(conductors, dtype=np.intp)
            yield _Head(
                name=solved,
                conductors=[begin + conductor for conductor in conductors],
                phases=[int(order[conductor]) - 1 for conductor in conductors],
                sign=1.0 if head.enters else -1.0,
                at=at,
            )

    def read(self, volts: ComplexArray, changed: Iterable[str] | None) -> Flows:
        """Return the flows of the last solve, which gave these voltages in the solver's order.

        `changed` names the elements whose taps or switches have moved since the call before; None
        if that is not known, and then the solver is asked.
        """
        if self._admittances is None:  # a source with loads beside it, and nothing between
            return Flows(np.empty(0, np.complex128), 0j, self._at_heads(None))
        if changed is None:
            powers_va = self._powers.AllPowers.view(np.complex128).take(self._order) * 1000
        else:
            if changed:
                self._admittances.refresh(changed)
            powers_va = self._admittances.powers_va(volts)
        terminals_va = np.add.reduceat(powers_va, self._starts)
        return Flows(
            element_va=terminals_va[: self._count],
            losses_va=self._losses(terminals_va),
            head_va=self._at_heads(powers_va),
        )

    def _losses(self, terminals_va: ComplexArray) -> complex:
        if self._has_cuts:  # of a cut line only the first part is among the elements
            return complex(*self._dss.Circuit.Losses())
        return complex(terminals_va.dot(self._lossy))

    def _at_heads(self, powers_va: ComplexArray | None) -> ComplexArray:
        """Return what enters the feeder; without the powers of all branches the solver is asked."""
        entering_va = [
            head.sign
            * (self._ask(head) if powers_va is None or head.at is None else powers_va.take(head.at))
            for head in self._heads
        ]
        if self._one_head:
            return entering_va[0]
        head_va = np.zeros(3, dtype=np.complex128)
        for head, va in zip(self._heads, entering_va, strict=True):
            np.add.at(head_va, head.phases, va)
        return head_va

    def _ask(self, head: _Head) -> ComplexArray:
        self._dss.Circuit.SetActiveElement(head.name)
        powers_kva = np.array(self._dss.CktElement.Powers()).view(np.complex128)
        return np.asarray(powers_kva[head.conductors] * 1000)


def _first_terminals_first(
    starts: NDArray[np.intp], conductors: NDArray[np.intp], terminals: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Return where OpenDSS has the conductors: it lists them element by element."""
    sizes = conductors * terminals
    near = [np.arange(s, s + c) for s, c in zip(starts, conductors, strict=True)]
    far = [np.arange(s + c, s + size) for s, c, size in zip(starts, conductors, sizes, strict=True)]
    return np.concatenate((*near, *far)).astype(np.intp) if near else np.empty(0, dtype=np.intp)


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
