"""The solver's own node voltages, read where they lie.

`AllBusVolts` walks over all buses, copies into a buffer of its own and is copied once more; a view
of the solver's array costs one call, whatever the size of the circuit. The function is one of
`dss_capi.h`, which comes with the library; OpenDSSDirect.py has no name for it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .protocol import ComplexArray
from .solver_library import ffi, lib


class NodeVoltages:
    """Complex voltages to ground in V of one compiled circuit, ground itself in row 0.

    Rows are in the solver's order of nodes, which new shunts on existing nodes do not change. Ends
    with the next compile. Call it from the thread of its context only.
    """

    def __init__(self, context: Any) -> None:
        # The handle of the context has no public name; dss_capi.h wants it first everywhere.
        self._context = context._api_util.ctx
        names = [str(name).lower() for name in context.Circuit.YNodeOrder()]
        self._row = {name: row for row, name in enumerate(names, start=1)}
        self._pointer = ffi.new("double**")
        self._last: Any = None
        self._view: ComplexArray = np.empty(0, dtype=np.complex128)

    def row(self, bus: str, node: int) -> int:
        """Return the row of one node of a bus; node 0 is ground."""
        return self._row[f"{bus}.{node}"] if node else 0

    def rows(self, nodes: tuple[str, ...]) -> NDArray[np.intp]:
        """Return the rows of nodes by their names, `bus.phase`."""
        return np.array([self._row[node] for node in nodes], dtype=np.intp)

    def read(self) -> ComplexArray:
        """Return a view of the last solution, which the next one changes."""
        lib.ctx_YMatrix_getVpointer(self._context, self._pointer)
        if self._pointer[0] != self._last:
            self._last = self._pointer[0]
            size = 16 * (len(self._row) + 1)
            self._view = np.frombuffer(ffi.buffer(self._last, size), dtype=np.complex128)
        return self._view
