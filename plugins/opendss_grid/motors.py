"""Large motors without a meter: their starting current is what a fault detector must not fear."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

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
        self._running: set[str] = set()

    def start(self, motor: MotorSpec, when: datetime) -> None:
        """Switch a motor on at a feeder time; GridError if it runs or its bus is not there."""
        if motor.name in self._starting or motor.name in self._running:
            raise GridError(f"motor {motor.name} is running already")
        bus = self._circuit.bus(motor.bus)
        if bus is None:
            raise GridError(f"motor {motor.name}: bus {motor.bus} is not in the circuit")
        self._engine.set_impedance(
            _impedance(motor, bus, motor.rated_va * _START_FACTOR, _START_POWER_FACTOR)
        )
        running = _impedance(motor, bus, motor.rated_va, _RUN_POWER_FACTOR)
        self._starting[motor.name] = (running, when + timedelta(seconds=motor.start_s))

    def stop(self, name: str) -> None:
        """Switch a motor off; one that is off is no error."""
        self._starting.pop(name, None)
        self._running.discard(name)
        self._engine.clear_impedance(name)

    def advance(self, when: datetime) -> None:
        """Let motors that have run up by this feeder time draw their rated power."""
        for running, up_at in [*self._starting.values()]:
            if up_at <= when:
                del self._starting[running.name]
                self._running.add(running.name)
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
