"""What a feeder says on the bus after a step, made from arrays on the thread that solved."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from hub.api import FeederState, Message, MeteringPoints, Quality, ReadingBatch

from .protocol import DEAD_PU, FloatArray
from .simulation import Simulation, StepResult


@dataclass(frozen=True, slots=True)
class StepReport:
    """A step and what is to be published of it; `state` is None where there is no solution."""

    result: StepResult
    state: FeederState | None = None
    others: tuple[Message, ...] = ()


class StepMessages:
    """Puts the steps of one simulation into messages. What never changes is made once."""

    def __init__(self, feeder: str, simulation: Simulation, device_prefix: str = "") -> None:
        self._feeder = feeder
        self._simulation = simulation
        self._circuit = simulation.circuit
        self._zone = simulation.surroundings.zone
        self._regulators = tuple(regulator.name for regulator in simulation.circuit.regulators)
        self._tap_devices = tuple(device_prefix + name for name in self._regulators)
        self._batteries = np.flatnonzero(simulation.fleet.battery.capacity_wh > 0)
        self._battery_devices = tuple(
            simulation.houses[row].device for row in self._batteries.tolist()
        )

    def local_time(self, result: StepResult) -> datetime:
        """Return the feeder's time as people there read it off their clocks."""
        return result.feeder_time.astimezone(self._zone)

    def report(self, at: datetime, result: StepResult, *, measured: bool) -> StepReport:
        """Return a step's messages; with `measured` also what meters and inverters have seen."""
        if not result.solution.converged:
            return StepReport(result)
        others: list[Message] = []
        if self._tap_devices:
            others.append(self._taps(at, result))
        if measured:
            others.append(self._metering(at, result))
            if self._battery_devices:
                others.append(self._charge(at))
        return StepReport(result, self._state(at, result), tuple(others))

    def _state(self, at: datetime, result: StepResult) -> FeederState:
        """De-energised nodes read exactly 0."""
        solution = result.solution
        voltages_pu = solution.voltages_pu
        if solution.lowest_pu < DEAD_PU:
            voltages_pu = np.where(solution.dead, 0.0, voltages_pu)
        source_va = sum(solution.source_va.tolist())
        return FeederState(
            feeder=self._feeder,
            at=at,
            feeder_time=self.local_time(result),
            nodes=self._circuit.nodes,
            voltages_pu=_floats(voltages_pu),
            taps=solution.taps,
            elements=self._circuit.elements,
            powers_w=_floats(solution.element_w),
            powers_var=_floats(solution.element_var),
            source_w=source_va.real,
            source_var=source_va.imag,
            losses_w=solution.losses_va.real,
        )

    def _taps(self, at: datetime, result: StepResult) -> ReadingBatch:
        """The position of every regulator as its own motor drive reports it."""
        taps = result.solution.taps
        return ReadingBatch(
            source=self._feeder,
            quantity="tap",
            unit="1",
            devices=self._tap_devices,
            values=array("d", map(taps.__getitem__, self._regulators)),
            at=at,
            quality=Quality.GOOD,
        )

    def _metering(self, at: datetime, result: StepResult) -> MeteringPoints:
        """What the meters would see without error."""
        truth = result.truth
        assert truth is not None  # there was a solution
        return MeteringPoints(
            feeder=self._feeder,
            at=at,
            feeder_time=result.feeder_time,
            elapsed_s=result.elapsed_s,
            devices=self._simulation.meters.devices,
            phases=self._simulation.meters.phases,
            voltages_v=_floats(truth.voltages_v),
            powers_w=_floats(truth.powers_w),
            powers_var=_floats(truth.powers_var),
        )

    def _charge(self, at: datetime) -> ReadingBatch:
        """The state of charge of every battery as its inverter reports it."""
        battery = self._simulation.fleet.battery
        percent = 100 * battery.energy_wh[self._batteries] / battery.capacity_wh[self._batteries]
        return ReadingBatch(
            source=self._feeder,
            quantity="state_of_charge",
            unit="%",
            devices=self._battery_devices,
            values=_floats(percent),
            at=at,
            quality=Quality.GOOD,
        )


def _floats(values: FloatArray) -> array[float]:
    """Return an array as a sequence of plain floats, without making thousands of objects."""
    return array("d", values.tobytes())
