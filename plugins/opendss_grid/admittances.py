"""Branch powers from node voltages: current is admittance times voltage, for all branches at once.

OpenDSS works out branch powers element by element when it is asked; on a feeder of 1,900 branches
that takes as long as its power flow. The matrices hardly ever change, so they are kept here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .node_voltages import NodeVoltages
from .protocol import ComplexArray


class Admittances:
    """The primitive admittance matrices of all series and shunt elements of a solved circuit.

    A matrix is OpenDSS's own, over all conductors of all terminals. Conductors come in two parts:
    the first terminals of all elements, element after element, and then all other terminals in the
    same order. Call it from the thread of the solver only.
    """

    def __init__(
        self,
        dss: Any,
        elements: Sequence[str],
        conductors: NDArray[np.intp],
        terminals: NDArray[np.intp],
        voltages: NodeVoltages,
    ) -> None:
        """`conductors` has the number of each terminal of an element, `terminals` that of it."""
        self._dss = dss
        self._element = dss.to_dss_python().ActiveCircuit.ActiveCktElement
        sizes = conductors * terminals
        first = np.cumsum(conductors * sizes)
        other = first[-1] + np.cumsum((sizes - conductors) * sizes)
        #: Where the matrix rows of an element's first terminal end, those of its others, and how
        #: many entries both have.
        self._blocks = {
            name: (int(first_end), int(other_end), int(count * size), int((size - count) * size))
            for name, first_end, other_end, count, size in zip(
                elements, first, other, conductors, sizes, strict=True
            )
        }
        self._values: ComplexArray = np.zeros(int(other[-1]), dtype=np.complex128)
        near, far = [], []
        for name, count, size in zip(elements, conductors.tolist(), sizes.tolist(), strict=True):
            dss.Circuit.SetActiveElement(name)
            rows = [0] * size  # what is disabled has no nodes, and an admittance of 0
            if dss.CktElement.Enabled():
                rows = _node_rows(dss, voltages)
                self._read(name)
            near.append((rows[:count], rows))
            far.append((rows[count:], rows))
        parts = near + far
        #: The node of every conductor.
        self._nodes = np.array([row for own, _ in parts for row in own], dtype=np.intp)
        self._columns = np.array(
            [row for own, rows in parts for _ in own for row in rows], dtype=np.intp
        )
        entries = np.array([len(rows) for own, rows in parts for _ in own], dtype=np.intp)
        self._rows: NDArray[np.intp] = np.cumsum(entries) - entries

    def _read(self, name: str) -> None:
        """Take in the matrix of the active element; it is symmetric, so its order is no matter."""
        first_end, other_end, first, other = self._blocks[name]
        values = self._element.Yprim.view(np.complex128)
        self._values[first_end - first : first_end] = values[:first]
        self._values[other_end - other : other_end] = values[first:]

    def refresh(self, names: Iterable[str]) -> None:
        """Read anew what was switched or has moved its tap, after the solve that it acts in."""
        for name in names:
            if name in self._blocks:
                self._dss.Circuit.SetActiveElement(name)
                self._read(name)

    def powers_va(self, volts: ComplexArray) -> ComplexArray:
        """Return the power into every conductor, from voltages in the solver's own order."""
        products = volts.take(self._columns)
        products *= self._values
        currents = np.add.reduceat(products, self._rows)
        np.conjugate(currents, out=currents)
        currents *= volts.take(self._nodes)
        return currents


def _node_rows(dss: Any, voltages: NodeVoltages) -> list[int]:
    """Return the row of the node of each conductor of the active element."""
    buses = [str(bus).split(".", 1)[0].lower() for bus in dss.CktElement.BusNames()]
    conductors = int(dss.CktElement.NumConductors())
    return [
        voltages.row(buses[at // conductors], int(node))
        for at, node in enumerate(dss.CktElement.NodeOrder())
    ]
