"""The scratch twin: what the controller believes of the feeder, and its answers to what-ifs.

The twin knows the circuit, where the houses hang, and what meters and the head last said. Loads
without a meter are unknown: they keep the proportions of the circuit's file, and one factor per
phase is fitted so that the power at the head is the measured one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .houses import HouseSpec, problems
from .metering import MeterMap
from .protocol import Circuit, FaultSpec, FloatArray, GridEngine, GridError, Solution

#: Fitting stops when the head's power is met this well, or after so many solves.
_HEAD_TOLERANCE = 0.002
_MAX_FITS = 6
#: Factors of unmetered loads outside this range mean that a meter is missing or wrong.
_FACTOR_RANGE = (0.0, 3.0)


@dataclass(frozen=True, slots=True)
class Case:
    """One what-if; what is not named stays as in the twin's base. Powers are net imports."""

    taps: Mapping[str, int] = field(default_factory=dict)
    power_w: Mapping[str, float] = field(default_factory=dict)
    power_var: Mapping[str, float] = field(default_factory=dict)
    opened: frozenset[str] = frozenset()
    faults: tuple[FaultSpec, ...] = ()


class Twin:
    """A circuit of its own with the same houses. All calls come from one thread."""

    def __init__(
        self, engine: GridEngine, feeder: Path, houses: Sequence[HouseSpec], load_scale: float
    ) -> None:
        """`load_scale` is assumed of unmetered loads until the head has been measured."""
        found = problems(engine.compile(feeder), list(houses))
        if found:
            raise GridError("; ".join(found))
        drawn = [house for house in houses if house.feeder_load is None]
        self.circuit: Circuit = engine.add_services([h.service(engine.circuit) for h in drawn])
        self._engine = engine
        engine.use_local_regulators(False)
        #: The row of each house's load in `Circuit.loads`.
        self.load_rows = rows = MeterMap(self.circuit, houses).load_rows
        self._row = {house.device: int(row) for house, row in zip(houses, rows, strict=True)}
        self._load_of = {
            house.name: self.circuit.loads[int(row)].name
            for house, row in zip(houses, rows, strict=True)
        }
        self._file_w = np.array([load.power_w for load in self.circuit.loads])
        self._file_var = np.array([load.power_var for load in self.circuit.loads])
        metered = np.zeros(len(self._file_w), dtype=bool)
        metered[rows] = True
        self._unmetered = ~metered
        # The share of each load on each phase: a delta load counts on the phases it lies between.
        self._phase_share = np.zeros((len(self._file_w), 3))
        for row, load in enumerate(self.circuit.loads):
            for phase in load.phases:
                self._phase_share[row, phase - 1] = 1 / len(load.phases)
        self._factors = np.full(3, load_scale)
        self._base_w = self._file_w * load_scale
        self._base_var = self._file_var * load_scale
        self._taps = dict(engine.solve().taps)

    def update(
        self,
        taps: Mapping[str, int],
        power_w: Mapping[str, float],
        power_var: Mapping[str, float],
        head_w: Sequence[float] | None,
    ) -> float:
        """Take in measurements and fit the unmetered loads; returns the head's misfit in W.

        Devices that are not named keep what they last had. `head_w` is power per phase.
        """
        self._taps.update(taps)
        self._place(power_w, power_var, self._base_w, self._base_var)
        if head_w is None:
            return 0.0
        measured = np.array(head_w)
        self._move_taps(self._taps)
        misfit = np.zeros(3)
        for _ in range(_MAX_FITS):
            self._engine.set_loads(self._base_w, self._base_var)
            solution = self._engine.solve()
            if not solution.converged:
                raise GridError(f"the twin found no solution: {solution.problem}")
            misfit = measured - solution.source_va.real
            if np.abs(misfit).max() <= _HEAD_TOLERANCE * max(np.abs(measured).max(), 1.0):
                break
            self._scale_unmetered(misfit)
        return float(np.abs(misfit).sum())

    def _scale_unmetered(self, misfit_w: FloatArray) -> None:
        shares = self._phase_share[self._unmetered]
        per_phase = self._file_w[self._unmetered] @ shares
        step = np.divide(misfit_w, per_phase, out=np.zeros(3), where=per_phase > 0)
        self._factors = np.clip(self._factors + step, *_FACTOR_RANGE)
        factor = shares @ self._factors
        self._base_w[self._unmetered] = self._file_w[self._unmetered] * factor
        self._base_var[self._unmetered] = self._file_var[self._unmetered] * factor

    def solve(self, case: Case) -> Solution:
        """Answer one what-if. GridError for a device, tap, house or bus that is not there."""
        power_w, power_var = self._base_w.copy(), self._base_var.copy()
        self._place(case.power_w, case.power_var, power_w, power_var)
        self._move_taps({**self._taps, **case.taps})
        unknown = case.opened - self._load_of.keys()
        if unknown:
            raise GridError(f"house {', '.join(sorted(unknown))} is not on the twin")
        self._engine.set_loads(power_w, power_var)
        try:
            for house in case.opened:
                self._engine.set_service(self._load_of[house], closed=False)
            for fault in case.faults:
                self._engine.apply_fault(fault)
            return self._engine.solve()
        finally:
            # What was not done is undone at no cost.
            for fault in case.faults:
                self._engine.clear_fault(fault.name)
            for house in case.opened:
                self._engine.set_service(self._load_of[house], closed=True)

    def _move_taps(self, taps: Mapping[str, int]) -> None:
        for name, tap in taps.items():
            self._engine.set_tap(name, tap)

    def _place(
        self,
        power_w: Mapping[str, float],
        power_var: Mapping[str, float],
        into_w: FloatArray,
        into_var: FloatArray,
    ) -> None:
        for powers, into in ((power_w, into_w), (power_var, into_var)):
            for device, value in powers.items():
                row = self._row.get(device)
                if row is None:
                    raise GridError(f"meter {device} is not on the twin")
                into[row] = value
