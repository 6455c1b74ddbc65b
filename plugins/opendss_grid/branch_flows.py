"""Reads branches, head and losses out of OpenDSS's one flat array of all branch powers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import circuit_reader
from .protocol import Circuit, ComplexArray, FloatArray


class BranchFlows:
    """Where the first terminals, the head and the series elements lie in `PDElements.AllPowers`.

    The array holds, element after element, terminal after terminal, the complex power into each
    conductor. Reading it once is many times faster than asking element by element.
    """

    def __init__(self, dss: Any, circuit: Circuit) -> None:
        conductors = np.asarray(dss.PDElements.AllNumConductors(), dtype=np.intp)
        sizes = conductors * np.asarray(dss.PDElements.AllNumTerminals(), dtype=np.intp)
        starts = np.concatenate(([0], np.cumsum(sizes)[:-1])).astype(np.intp)
        self._columns: NDArray[np.intp] = np.concatenate(
            [np.arange(s, s + n) for s, n in zip(starts, conductors, strict=True)]
        )
        self._rows: NDArray[np.intp] = np.concatenate(([0], np.cumsum(conductors)[:-1]))
        self._series: FloatArray = np.repeat(_series_elements(dss), sizes)
        name, terminal = circuit_reader.head_element(dss)
        dss.Circuit.SetActiveElement(name)
        count = int(dss.CktElement.NumConductors())
        order = dss.CktElement.NodeOrder()[(terminal - 1) * count : terminal * count]
        self._head_name = name
        self._head_phases = np.array([node - 1 for node in order[:3] if node in (1, 2, 3)])
        # Power enters the feeder through the head: out of a transformer's secondary and out of
        # the source, into the first terminal of a line.
        self._head_sign = 1.0 if name.startswith("line.") and terminal == 1 else -1.0
        self._head_start: int | None = None
        if name in circuit.elements:
            row = circuit.elements.index(name)
            self._head_start = int(starts[row]) + (terminal - 1) * count

    def first_terminals_va(self, flows_va: ComplexArray) -> ComplexArray:
        """Return what flows into each element's first terminal, all conductors together."""
        return np.asarray(np.add.reduceat(flows_va[self._columns], self._rows))

    def losses_va(self, flows_va: ComplexArray) -> complex:
        """Return what flows into series elements and does not come out again."""
        return complex(flows_va @ self._series)

    def head_va(self, flows_va: ComplexArray, dss: Any) -> ComplexArray:
        """Return what enters the feeder, per phase."""
        if self._head_start is None:
            dss.Circuit.SetActiveElement(self._head_name)
            flows_va = np.array(dss.CktElement.Powers()).view(np.complex128) * 1000
        start = self._head_start or 0
        result = np.zeros(3, dtype=np.complex128)
        result[self._head_phases] = (
            self._head_sign * flows_va[start : start + len(self._head_phases)]
        )
        return result


def _series_elements(dss: Any) -> FloatArray:
    """Return 1 for each element between two buses and 0 for each shunt, which has no losses."""
    series = []
    more = dss.PDElements.First()
    while more:
        series.append(0.0 if dss.PDElements.IsShunt() else 1.0)
        more = dss.PDElements.Next()
    return np.array(series)
