"""Branch powers from node voltages: current is admittance times voltage, for all branches at once.

OpenDSS works out branch powers element by element when it is asked; on a feeder of 1,900 branches
that takes as long as its power flow. The matrices hardly ever change, so they are kept here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .protocol import Circuit, ComplexArray


class Admittances:
    """The primitive admittance matrices of all series and shunt elements of a solved circuit.

    A matrix is OpenDSS's own, over all conductors of all terminals. Call it from the thread of the
    solver only.
    """

    def __init__(self, dss: Any, circuit: Circuit, sizes: NDArray[np.intp]) -> None:
        """`sizes` has the number of conductors of each of `circuit.elements`, all terminals."""
        self._dss = dss
        self._element = dss.to_dss_python().ActiveCircuit.ActiveCktElement
        node_row = {node: row for row, node in enumerate(circuit.nodes)}
        ground = len(circuit.nodes)
        ends = np.cumsum(sizes**2)
        self._blocks = {
            name: slice(int(end - size**2), int(end))
            for name, size, end in zip(circuit.elements, sizes, ends, strict=True)
        }
        self._values: ComplexArray = np.zeros(int(ends[-1]), dtype=np.complex128)
        nodes = []
        for name, size in zip(circuit.elements, sizes.tolist(), strict=True):
            dss.Circuit.SetActiveElement(name)
            if dss.CktElement.Enabled():
                nodes.append(_node_rows(dss, node_row, ground))
                self._read(name)
            else:  # it has no nodes, and an admittance of 0
                nodes.append([ground] * size)
        #: The node of every conductor, the last row standing for ground.
        self._nodes = np.array([row for rows in nodes for row in rows], dtype=np.intp)
        self._columns = np.array(
            [row for rows in nodes for _ in rows for row in rows], dtype=np.intp
        )
        entries = np.repeat(sizes, sizes)
        self._rows: NDArray[np.intp] = np.cumsum(entries) - entries
        self._volts: ComplexArray = np.zeros(ground + 1, dtype=np.complex128)

    def _read(self, name: str) -> None:
        """Take in the matrix of the active element; it is symmetric, so its order is no matter."""
        block = self._blocks[name]
        self._values[block] = self._element.Yprim.view(np.complex128)

    def refresh(self, names: Iterable[str]) -> None:
        """Read anew what was switched or has moved its tap, after the solve that it acts in."""
        for name in names:
            if name in self._blocks:
                self._dss.Circuit.SetActiveElement(name)
                self._read(name)

    def powers_va(self, volts: ComplexArray) -> ComplexArray:
        """Return the power into every conductor, from voltages in the order of `circuit.nodes`."""
        self._volts[:-1] = volts
        products = self._volts.take(self._columns)
        products *= self._values
        currents = np.add.reduceat(products, self._rows)
        np.conjugate(currents, out=currents)
        currents *= self._volts.take(self._nodes)
        return currents


def _node_rows(dss: Any, node_row: dict[str, int], ground: int) -> list[int]:
    """Return the row of the node of each conductor of the active element."""
    buses = [str(bus).split(".", 1)[0].lower() for bus in dss.CktElement.BusNames()]
    conductors = int(dss.CktElement.NumConductors())
    return [
        ground if node == 0 else node_row[f"{buses[at // conductors]}.{node}"]
        for at, node in enumerate(dss.CktElement.NodeOrder())
    ]
