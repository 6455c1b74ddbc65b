"""What travels on the bus about a feeder: its state, its metering points, and what-if questions.

Magnitudes are per unit of each node's own base; power is W and var, positive when imported.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from hub.messages import Message


@dataclass(frozen=True, slots=True)
class FeederState(Message):
    """A whole feeder after one power flow; arrays share one order from step to step.

    `voltages_pu[i]` is the magnitude at `nodes[i]` (`bus.phase`, lower case), 0 where de-energised.
    `powers_w[i]` and `powers_var[i]` flow into the first terminal of `elements[i]`, all phases
    together. `feeder_time` is local there. `converged` False means that the arrays are those of the
    last good solution and `problem` says why.
    """

    feeder: str
    at: datetime
    feeder_time: datetime
    nodes: tuple[str, ...]
    voltages_pu: Sequence[float]
    taps: Mapping[str, int]
    elements: tuple[str, ...]
    powers_w: Sequence[float]
    powers_var: Sequence[float]
    source_w: float
    source_var: float
    losses_w: float
    converged: bool = True
    problem: str | None = None

    conflated: ClassVar[bool] = True

    @property
    def topic(self) -> str:
        return f"grid/{self.feeder}/state"

    def finite(self) -> bool:
        return math.isfinite(math.fsum(self.voltages_pu) + self.source_w + self.source_var)


@dataclass(frozen=True, slots=True)
class MeteringPoints(Message):
    """What is true at every metering point of a simulated feeder; for simulated meters only.

    One entry per channel: `devices[i]` with phase `phases[i]` (`a`, `b`, `c`; empty for a
    single-phase meter). Voltage is phase to neutral at the meter. `elapsed_s` is the feeder time
    since the message before.
    """

    feeder: str
    at: datetime
    feeder_time: datetime
    elapsed_s: float
    devices: tuple[str, ...]
    phases: tuple[str, ...]
    voltages_v: Sequence[float]
    powers_w: Sequence[float]
    powers_var: Sequence[float]

    @property
    def topic(self) -> str:
        return f"grid/{self.feeder}/metering"

    def finite(self) -> bool:
        return math.isfinite(math.fsum(self.voltages_v) + math.fsum(self.powers_w))


@dataclass(frozen=True, slots=True)
class ShortCircuit:
    """A fault at a bus: `type` has its phases, and `g` for ground, such as `ag`, `bc` or `abcg`."""

    bus: str
    type: str
    ohm: float


@dataclass(frozen=True, slots=True)
class PowerFlowCase:
    """One what-if question to a twin; what is not named stays as it is.

    `power_w` and `power_var` map a metering device to its net import, summed over its phases.
    `opened` names houses whose service is open, `faults` what is short-circuited.
    """

    taps: Mapping[str, int] = field(default_factory=dict)
    power_w: Mapping[str, float] = field(default_factory=dict)
    power_var: Mapping[str, float] = field(default_factory=dict)
    opened: frozenset[str] = frozenset()
    faults: tuple[ShortCircuit, ...] = ()


@dataclass(frozen=True, slots=True)
class PowerFlowQuestion:
    """Cases for the service `twin/<name>/solve`; every case starts from the twin's base state."""

    cases: tuple[PowerFlowCase, ...]


@dataclass(frozen=True, slots=True)
class PowerFlowAnswer:
    """One row per case: `voltages_pu[case][node]` in the order of `nodes`; rows of cases that did
    not converge are empty.
    """

    nodes: tuple[str, ...]
    voltages_pu: tuple[Sequence[float], ...]
    source_w: tuple[float, ...]
    converged: tuple[bool, ...]
