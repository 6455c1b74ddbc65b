"""Reads a power flow out of OpenDSS: in few calls, and only what may have changed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .branch_flows import BranchFlows
from .cut_lines import CutLines
from .node_voltages import NodeVoltages
from .protocol import Circuit, ComplexArray, Solution


class SolutionReader:
    """Reads the solutions of one solved circuit. Ends with the next compile.

    Who moves a tap or a switch says so in `changed` by the element's name in the solver.
    """

    def __init__(self, dss: Any, circuit: Circuit, cuts: CutLines) -> None:
        #: Elements whose taps or switches have moved since their flows were read.
        self.changed: set[str] = set()
        #: Whether controls of the circuit may switch what nobody here knows of.
        self.own_switching = True
        #: Whether controls of the circuit may move the taps.
        self.own_taps = True
        self._dss = dss
        self._circuit = circuit
        self._cuts = cuts
        self._taps = self._read_taps()
        self._renew()

    def _renew(self) -> None:
        """Find out anew where the solver has what is read; it must have solved the circuit."""
        self._voltages = NodeVoltages(self._dss)
        self._node_rows = self._voltages.rows(self._circuit.nodes)
        self._flows = BranchFlows(self._dss, self._circuit, self._voltages, self._cuts.stand_ins)
        self._cuts_read = self._cuts.changes

    def note_tap(self, regulator: str, element: str, tap: int) -> None:
        """Take in that a tap was moved."""
        # Solutions hold the mapping: it is replaced, never changed.
        self._taps = {**self._taps, regulator: tap}
        self.changed.add(element)

    def read(self, problem: str | None) -> Solution:
        """Return the last solution; `problem` says what was wrong with it."""
        if self.own_taps:
            self._look_for_moved_taps()
        if self._cuts.changes != self._cuts_read:
            self._renew()
        all_volts = self._voltages.read()
        volts: ComplexArray = all_volts.take(self._node_rows)
        voltages_v = np.abs(volts)
        voltages_pu = voltages_v / self._circuit.node_bases_v
        # Both are NaN if one value is. On few nodes this takes a third of the time of min and max.
        lowest_pu = float(voltages_pu.item(voltages_pu.argmin()))
        highest_pu = float(voltages_pu.item(voltages_pu.argmax()))
        if problem is None and not math.isfinite(highest_pu):
            problem = "the power flow gave voltages that are not numbers"
        known = problem is None and not self.own_switching
        flows = self._flows.read(all_volts, self.changed if known else None)
        if problem is None and self.changed:
            self.changed.clear()
        return Solution(
            volts=volts,
            voltages_v=voltages_v,
            voltages_pu=voltages_pu,
            lowest_pu=lowest_pu,
            highest_pu=highest_pu,
            taps=self._taps,
            element_w=flows.element_va.real,
            element_var=flows.element_va.imag,
            source_va=flows.head_va,
            losses_va=flows.losses_va,
            converged=problem is None,
            iterations=int(self._dss.Solution.Iterations()),
            problem=problem,
        )

    def _look_for_moved_taps(self) -> None:
        taps = self._read_taps()
        for regulator in self._circuit.regulators:
            if taps[regulator.name] != self._taps[regulator.name]:
                self.changed.add(regulator.element)
        self._taps = taps

    def _read_taps(self) -> dict[str, int]:
        taps = {}
        transformers = self._dss.Transformers
        for regulator in self._circuit.regulators:
            transformers.Name(regulator.element.split(".", 1)[1])
            transformers.Wdg(regulator.winding)
            taps[regulator.name] = round((float(transformers.Tap()) - 1) / regulator.step_pu)
        return taps
