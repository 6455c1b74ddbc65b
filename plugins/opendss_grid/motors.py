"""Large motors without a meter: their starting current is what a fault detector must not fear."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .protocol import BusData, Circuit, GridEngine, GridError, ImpedanceSpec

#: A direct-on-line start draws about six times the rated current, nearly all of it reactive.
_START_FACTOR = 6.0
_START_POWER_FACTOR = 0.25
_RUN_POWER_FACTOR = 0.85


@dataclass(frozen=True, slots=True)
class MotorSpec:
    """A motor at a bus: rating in VA, and how long it takes to run up in feeder seconds."""

    name: str
    bus: str
    rated_va: float
    start_s: float


class Motors:
    """Motors that are starting or running. They draw as impedances do."""

    def __init__(self, engine: GridEngine, circuit: Circuit) -> None:
        self._engine = engine
        self._circuit = circuit
        self._starting: dict[str, tuple[ImpedanceSpec, datetime]] = {}
        #: Motors that are on, whether they run up or have.
        self.on: dict[str, MotorSpec] = {}

    def start(self, motor: MotorSpec, when: datetime) -> None:
        """Switch a motor on at a feeder time; GridError if it runs or its bus is not there."""
        if motor.name in self.on:
            raise GridError(f"motor {motor.name} is running already")
        bus = self._circuit.bus(motor.bus)
        if bus is None:
            raise GridError(f"motor {motor.name}: bus {motor.bus} is not in the circuit")
        self._engine.set_impedance(
            _impedance(motor, bus, motor.rated_va * _START_FACTOR, _START_POWER_FACTOR)
        )
        running = _impedance(motor, bus, motor.rated_va, _RUN_POWER_FACTOR)
        self.on[motor.name] = motor
        self._starting[motor.name] = (running, when + timedelta(seconds=motor.start_s))

    def stop(self, name: str) -> None:
        """Switch a motor off; one that is off is no error."""
        self._starting.pop(name, None)
        self.on.pop(name, None)
        self._engine.clear_impedance(name)

    def stop_all(self) -> list[str]:
        """Switch all motors off; returns their names."""
        names = sorted(self.on)
        for name in names:
            self.stop(name)
        return names

    def snapshot(self) -> list[dict[str, Any]]:
        """Return what must survive a restart, as plain data."""
        return [{"name": m.name, "bus": m.bus, "rated_va": m.rated_va} for m in self.on.values()]

    def restore(self, snapshot: Sequence[Mapping[str, Any]], when: datetime) -> list[str]:
        """Let motors run on; returns sentences on those whose bus is gone."""
        misfits = []
        for entry in snapshot:
            try:
                self.start(MotorSpec(entry["name"], entry["bus"], entry["rated_va"], 0.0), when)
            except GridError as error:
                misfits.append(str(error))
        return misfits

    def advance(self, when: datetime) -> None:
        """Let motors that have run up by this feeder time draw their rated power."""
        if not self._starting:
            return
        for running, up_at in [*self._starting.values()]:
            if up_at <= when:
                del self._starting[running.name]
                self._engine.set_impedance(running)


def _impedance(
    motor: MotorSpec, bus: BusData, apparent_va: float, power_factor: float
) -> ImpedanceSpec:
    return ImpedanceSpec(
        name=motor.name,
        bus=bus.name,
        phases=tuple(phase for phase in bus.phases if phase in (1, 2, 3)),
        power_w=apparent_va * power_factor,
        power_var=apparent_va * math.sqrt(1 - power_factor**2),
    )
