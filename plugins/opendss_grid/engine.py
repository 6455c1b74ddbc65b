"""OpenDSS behind `GridEngine`.

Facts this module rests on (measured with DSS C-API 0.14.5):

- A context shared by threads silently returns values of the wrong element, so an engine belongs to
  one thread, and every engine has a context of its own.
- `compile` moves the working directory of the process unless `AllowChangeDir(False)`.
- Setting loads by text or by property marks their admittance as changed and makes the next solve
  three times slower; `Loads.kW` and `LoadBatch` do not.
- Non-convergence raises nothing: it is asked for after each solve.
- The solver's array of voltages has the order of `YNodeOrder`, `AllNodeNames` has another.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import circuit_reader
from .circuit_mistakes import circuit_mistakes, earth_fault_va
from .circuit_source import check_file, defined_at, encoding
from .cut_lines import CutLines
from .dss_errors import CONTROL_ITERATIONS_EXCEEDED, one_line, user_errors
from .load_batch import LoadBatch, fold_multipliers
from .protocol import (
    Circuit,
    ComplexArray,
    FaultSpec,
    FloatArray,
    GridError,
    ImpedanceSpec,
    ServiceSpec,
    Solution,
)
from .service_drawing import buses_drawn, service_commands
from .shunts import Shunts, check_fault
from .solution_reader import SolutionReader
from .solver_library import DSSException, dss
from .voltage_bases import bases_behind_switches

#: Tight enough that a solution does not depend on the one before (2e-5 pu at the default 1e-4).
TOLERANCE = 1e-7
MAX_ITERATIONS = 100
#: Enough for three regulators to travel all 32 steps one at a time.
MAX_CONTROL_ITERATIONS = 100
#: Controls of a circuit that go on acting when its regulators are commanded from outside.
_OTHER_CONTROLS = (
    "capcontrol", "swtcontrol", "fuse", "relay", "recloser", "invcontrol", "expcontrol",
    "storagecontroller", "gendispatcher", "upfccontrol", "espvlcontrol",
)  # fmt: skip


class OpenDssEngine:
    """One OpenDSS context holding one circuit. Call it from one thread only."""

    circuit: Circuit

    def __init__(self) -> None:
        self._dss: Any = dss.NewContext()
        self._dss.Basic.AllowChangeDir(False)
        # A `Show` at the end of a circuit's file would open a window wherever the hub runs.
        self._dss.Basic.AllowEditor(False)
        self._shunts = Shunts(self._text)
        self._cuts = CutLines(self._dss, self._text)
        self._reader: SolutionReader
        self._loads: LoadBatch
        #: What all loads are to draw, in W and var, and which of them are cut off.
        self._wanted_loads: tuple[FloatArray, FloatArray]
        self._cut_loads: NDArray[np.bool_]
        #: What all loads draw as the file has them, in W and var.
        self._file_loads: tuple[FloatArray, FloatArray]

    # --- building -----------------------------------------------------------------------------

    def compile(self, path: Path) -> Circuit:
        """Read a feeder file and solve it once with its own controls."""
        check_file(path)
        self._dss._api_util.codec = encoding(path)
        with user_errors(path):
            self._text("ClearAll")
            self._read_file(path)
            if not self._dss.Basic.NumCircuits():
                raise GridError(f"{path}: defines no circuit; expected 'New Circuit.<name> ...'")
            self._text(f"Set Mode=Snapshot Tolerance={TOLERANCE} MaxIter={MAX_ITERATIONS}")
            self._text(f"Set MaxControlIter={MAX_CONTROL_ITERATIONS}")
            self._dss.Solution.Solve()
            fold_multipliers(self._dss)
            self._shunts = Shunts(self._text)
            self._cuts = CutLines(self._dss, self._text)
            try:
                self._read_circuit()
                return self._correct_bases()
            except circuit_reader.LooseEndError as error:
                where = defined_at(path, error.element) or path
                raise GridError(f"{where}: {error}") from None
            except GridError as error:
                raise GridError(f"{path}: {error}") from None

    def _read_file(self, path: Path) -> None:
        """Let OpenDSS read a file. What it shows, exports or saves goes nowhere: beside the circuit
        it would overwrite the user's files at every start.
        """
        with TemporaryDirectory(prefix="opendss-") as folder:
            self._dss.Basic.DataPath(folder)
            # `Compile` would put the path back to where the circuit is.
            file = str(path.resolve())
            opening, closing = ("'", "'") if '"' in file else ('"', '"')
            self._text(f"Redirect {opening}{file}{closing}")

    def _correct_bases(self) -> Circuit:
        solution = self._reader.read(None)
        wrong = bases_behind_switches(self.circuit, solution.voltages_pu)
        for bus, kv_base in wrong.items():
            self._text(f"SetkVBase bus={bus} kVLN={kv_base:.8g}")
        return self._read_circuit() if wrong else self.circuit

    def mistakes(self, path: Path) -> list[str]:
        """Return what OpenDSS accepted in silence: loads on a phase that nothing feeds, edits of
        elements that are not there, voltage bases that cannot be. `path` is the file compiled.
        """
        nothing = np.zeros(len(self.circuit.loads))
        self._loads.set(nothing, nothing)
        no_load_pu = self.solve().voltages_pu
        self._loads.set(*self._file_loads)
        self._solve_once()
        return list(circuit_mistakes(self._dss, self.circuit, path, no_load_pu))

    def earth_fault_va(self, bus: str, phase: int) -> float:
        """Return what a short circuit from one phase of a bus to earth would draw."""
        return earth_fault_va(self._dss, bus, phase)

    def add_services(self, services: Sequence[ServiceSpec]) -> Circuit:
        """Draw customers; their loads follow those of the file, in the order given."""
        if not services:
            return self.circuit
        with user_errors("houses"):
            for spec in services:
                for command in service_commands(self.circuit, spec):
                    self._text(command)
            self._text("MakeBusList")
            for spec in services:
                for bus in buses_drawn(spec):
                    self._text(f"SetkVBase bus={bus} kVLN={spec.nominal_v / 1000:.8g}")
            self._dss.Solution.Solve()
            return self._read_circuit()

    def _read_circuit(self) -> Circuit:
        self.circuit = circuit_reader.read_circuit(self._dss)
        self._reader = SolutionReader(self._dss, self.circuit, self._cuts)
        loads = self.circuit.loads
        self._file_loads = (
            np.array([load.power_w for load in loads]),
            np.array([load.power_var for load in loads]),
        )
        self._wanted_loads = self._file_loads
        self._cut_loads = np.zeros(len(loads), dtype=bool)
        self._loads = LoadBatch(self._dss, [load.name for load in loads], *self._file_loads)
        return self.circuit

    def use_local_regulators(self, local: bool) -> None:
        """Let the circuit's own regulator controls act, or leave taps to `set_tap`."""
        for regulator in self.circuit.regulators:
            enabled = "yes" if local else "no"
            self._text(f'Edit "RegControl.{regulator.name}" enabled={enabled}')
        self._reader.own_taps = local
        kinds = {str(name).split(".")[0].lower() for name in self._dss.Circuit.AllElementNames()}
        self._reader.own_switching = not kinds.isdisjoint(_OTHER_CONTROLS)
        controlled = local or self._reader.own_switching
        self._text(f"Set ControlMode={'Static' if controlled else 'Off'}")

    # --- setting ------------------------------------------------------------------------------

    def set_loads(self, power_w: FloatArray, power_var: FloatArray) -> None:
        """Set all loads, in the order of `circuit.loads`."""
        self._wanted_loads = power_w, power_var
        if self._cut_loads.any():
            power_w, power_var = np.where(self._cut_loads, 0.0, (power_w, power_var))
        self._loads.set(power_w, power_var)

    def set_tap(self, regulator: str, tap: int) -> None:
        """Move a tap to a position counted from neutral; GridError if there is none such."""
        data = next((r for r in self.circuit.regulators if r.name == regulator.lower()), None)
        if data is None:
            known = ", ".join(r.name for r in self.circuit.regulators) or "none"
            raise GridError(f"regulator {regulator} is not in the circuit; it has: {known}")
        if not data.lowest <= tap <= data.highest:
            raise GridError(
                f"tap {tap} of {regulator} is out of range {data.lowest}..{data.highest}"
            )
        self._dss.Transformers.Name(data.element.split(".", 1)[1])
        self._dss.Transformers.Wdg(data.winding)
        self._dss.Transformers.Tap(1 + tap * data.step_pu)
        self._reader.note_tap(data.name, data.element, tap)

    def set_switch(self, branch: str, closed: bool, phase: int | None = None) -> None:
        """Open or close one branch, or with `phase` one conductor of it, at its first terminal."""
        data = next((b for b in self.circuit.branches if b.name == branch.lower()), None)
        if data is None:
            raise GridError(f"branch {branch} is not in the circuit; expected such as line.<name>")
        if phase is not None and phase not in data.phases:
            raise GridError(f"branch {branch} has no phase {phase}")
        self._switch(data.name, closed, 0 if phase is None else data.phases.index(phase) + 1)

    def is_closed(self, branch: str, phase: int) -> bool:
        """Return whether one conductor of a branch of the circuit conducts."""
        data = next(b for b in self.circuit.branches if b.name == branch)
        self._dss.Circuit.SetActiveElement(self._cuts.stand_ins.get(branch, branch))
        return not self._dss.CktElement.IsOpen(1, data.phases.index(phase) + 1)

    def set_head(self, closed: bool) -> None:
        """Open or close all conductors where the feeder's head is measured."""
        for head in self.circuit.heads:
            self._switch(head.element, closed, 0, head.terminal)

    def set_service(self, load: str, closed: bool) -> None:
        """Open or close a customer: the drop of a drawn one; any other draws nothing while open.

        A load itself cannot be opened: OpenDSS lets it draw again from the second solve on.
        """
        branch = f"line.{load}"
        if any(b.name == branch and b.bus2 == load for b in self.circuit.branches):
            self._switch(branch, closed, 0)
            return
        row = next((i for i, known in enumerate(self.circuit.loads) if known.name == load), None)
        if row is None:
            raise GridError(f"load {load} is not in the circuit")
        self._cut_loads[row] = not closed
        self.set_loads(*self._wanted_loads)

    def _switch(self, element: str, closed: bool, conductor: int, terminal: int = 1) -> None:
        solved = self._cuts.stand_ins.get(element, element)
        self._dss.Circuit.SetActiveElement(solved)
        act = self._dss.CktElement.Close if closed else self._dss.CktElement.Open
        act(terminal, conductor)
        self._reader.changed.add(solved)

    def set_capacitor(self, name: str, closed: bool) -> None:
        """Switch all steps of a capacitor bank."""
        if all(capacitor.name != name.lower() for capacitor in self.circuit.capacitors):
            known = ", ".join(c.name for c in self.circuit.capacitors) or "none"
            raise GridError(f"capacitor {name} is not in the circuit; it has: {known}")
        self._dss.Capacitors.Name(name)
        self._dss.Capacitors.States([int(closed)] * int(self._dss.Capacitors.NumSteps()))
        self._reader.changed.add(f"capacitor.{name.lower()}")

    def apply_fault(self, fault: FaultSpec) -> None:
        """Put a short circuit on a bus or a line, or change the one of that name."""
        check_fault(self.circuit, fault)
        if fault.line is None:
            self._cuts.mend(fault.name)
            bus = fault.bus
        else:
            bus = self._cuts.cut(self.circuit, fault.name, fault.line, fault.at)
        self._shunts.apply_fault(fault, bus)

    def clear_fault(self, name: str) -> None:
        """Take a short circuit away; one that is not there is no error."""
        self._shunts.clear_fault(name)
        self._cuts.mend(name)

    def set_impedance(self, spec: ImpedanceSpec) -> None:
        """Put an impedance on a bus, or change the one of that name."""
        self._shunts.set_impedance(self.circuit, spec)

    def clear_impedance(self, name: str) -> None:
        """Take an impedance away; one that is not there is no error."""
        self._shunts.clear_impedance(name)

    # --- solving ------------------------------------------------------------------------------

    def solve(self) -> Solution:
        """Solve from the solution before; if that diverges, once more from a linear start, and
        then with the solver's matrix built anew.
        """
        problem = self._solve_once()
        if problem is not None:
            self._text("Set LoadModel=Admittance")
            self._solve_once()
            self._text("Set LoadModel=PowerFlow")
            problem = self._solve_once()
        # Quarrelling controls are no fault of the matrix: the power flow itself has converged.
        if problem is not None and not self._dss.Solution.Converged():
            self._mend_matrix()
            problem = self._solve_once()
        return self._reader.read(problem)

    def _mend_matrix(self) -> None:
        """Rebuild the solver's matrix with the loads of the file, which have a solution.

        It holds the loads' admittances as they were when it was last rebuilt, at a switch or a tap.
        If they were absurd then, no power flow would converge any more.
        """
        wanted = self._loads.last
        self._loads.set(*self._file_loads, renew=True)
        self._solve_once()
        self._loads.set(*wanted)

    def _solve_once(self) -> str | None:
        try:
            self._dss.Solution.Solve()
        except DSSException as error:
            if error.args[0] == CONTROL_ITERATIONS_EXCEEDED:
                return f"the controls did not settle in {MAX_CONTROL_ITERATIONS} iterations"
            return one_line(str(error.args[-1]), "OpenDSS")
        if not self._dss.Solution.Converged():
            return f"the power flow did not converge in {MAX_ITERATIONS} iterations"
        return None

    def load_powers(self, index: int) -> ComplexArray:
        """Return what one load draws per phase in VA after the last solve: against its neutral,
        where it has one, as its meter would see it.
        """
        load = self.circuit.loads[index]
        # By name: an index would count loads that the file has disabled.
        self._dss.Loads.Name(load.name)
        values = np.array(self._dss.CktElement.Powers()).view(np.complex128)
        phases = len(load.phases)
        through_neutral = values[phases:].sum() / phases
        return np.asarray((values[:phases] + through_neutral) * 1000)

    def _text(self, command: str) -> None:
        self._dss.Text.Command(command)
