"""What the meters of a feeder would see if they had no error: taken from a solution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .houses import HouseSpec
from .protocol import Circuit, FloatArray, GridEngine, Solution

#: The device name of the measurement at the head of the feeder.
HEAD = "head"
#: Drawn loads keep constant power within this band; it is a little narrower than the solver's.
_BAND_PU = (0.71, 1.29)


@dataclass(frozen=True, slots=True)
class Truth:
    """One entry per channel, in the order of `MeterMap.devices` and `.phases`."""

    voltages_v: FloatArray
    powers_w: FloatArray
    powers_var: FloatArray


class MeterMap:
    """Which nodes and loads the channels of all meters see.

    A single-phase meter is one channel with the phase `""`, any other has one per phase (`a`, `b`,
    `c`); the head is the last device.
    """

    def __init__(self, circuit: Circuit, houses: Sequence[HouseSpec]) -> None:
        order = {load.name: i for i, load in enumerate(circuit.loads)}
        node_of = {node: i for i, node in enumerate(circuit.nodes)}
        devices: list[str] = []
        phases: list[str] = []
        nodes: list[int] = []
        owners: list[int] = []
        for number, house in enumerate(houses):
            load = circuit.loads[order[(house.feeder_load or house.name).lower()]]
            for phase in load.phases:
                devices.append(house.device)
                phases.append("abc"[phase - 1] if len(load.phases) > 1 else "")
                nodes.append(node_of[f"{load.bus}.{phase}"])
                owners.append(number)
        #: The row of each house's load in `Circuit.loads`.
        self.load_rows: NDArray[np.intp] = np.array(
            [order[(house.feeder_load or house.name).lower()] for house in houses], dtype=np.intp
        )
        self._owners = np.array(owners, dtype=np.intp)
        self._share = 1 / np.bincount(self._owners, minlength=len(houses))[self._owners]
        self._ask_solver = np.array([house.feeder_load is not None for house in houses], dtype=bool)
        self._first = np.searchsorted(self._owners, np.arange(len(houses)))
        head = circuit.bus(circuit.head_bus)
        self._head_phases = [p - 1 for p in (head.phases if head else ()) if p in (1, 2, 3)]
        for phase in self._head_phases:
            devices.append(HEAD)
            phases.append("abc"[phase])
            nodes.append(node_of[f"{circuit.head_bus}.{phase + 1}"])
        self.devices = tuple(devices)
        self.phases = tuple(phases)
        self._nodes = np.array(nodes, dtype=np.intp)
        self._channels = len(owners)

        #: Houses cut off at their meter, where the circuit itself shows nothing of it: those that
        #: stand for a load of the circuit have their breaker between its bus and the meter.
        self.cut = np.zeros(len(houses), dtype=bool)

    def open_service(self, house: int, *, opened: bool) -> None:
        """Say that a house's service is open or closed."""
        self.cut[house] = opened and self._ask_solver[house]

    def energised(self, solution: Solution) -> NDArray[np.bool_]:
        """Return for each house whether its meter has voltage on any phase."""
        dead = solution.dead[self._nodes[: self._channels]]
        live = np.zeros(len(self.load_rows), dtype=bool)
        live[self._owners[~dead]] = True
        return live & ~self.cut

    def read(
        self, engine: GridEngine, solution: Solution, net_w: FloatArray, net_var: FloatArray
    ) -> Truth:
        """Return the truth after a solve in which houses were set to `net_w` and `net_var`.

        Within their band loads draw what they were set to. Beyond it, and for loads of the
        circuit with their own voltage dependence, the solver is asked, which costs more.
        """
        voltages_v = np.abs(solution.volts[self._nodes])
        voltages_pu = solution.voltages_pu[self._nodes[: self._channels]]
        powers_w = np.empty(len(self._nodes))
        powers_var = np.empty(len(self._nodes))
        powers_w[: self._channels] = net_w[self._owners] * self._share
        powers_var[: self._channels] = net_var[self._owners] * self._share
        ask = self._ask_solver.copy()
        ask[self._owners[(voltages_pu < _BAND_PU[0]) | (voltages_pu > _BAND_PU[1])]] = True
        without = self.cut[self._owners]
        for house in np.flatnonzero(ask & ~self.cut):
            drawn = engine.load_powers(int(self.load_rows[house]))
            at = slice(int(self._first[house]), int(self._first[house]) + len(drawn))
            powers_w[at], powers_var[at] = drawn.real, drawn.imag
        for values in (voltages_v, powers_w, powers_var):
            values[: self._channels][without] = 0.0
        powers_w[self._channels :] = solution.source_va.real[self._head_phases]
        powers_var[self._channels :] = solution.source_va.imag[self._head_phases]
        return Truth(voltages_v, powers_w, powers_var)

    def currents_a(self, truth: Truth) -> FloatArray:
        """Return the largest phase current of each house in A."""
        apparent = np.hypot(truth.powers_w, truth.powers_var)[: self._channels]
        amps = apparent / np.maximum(truth.voltages_v[: self._channels], 1.0)
        largest = np.zeros(len(self.load_rows))
        np.maximum.at(largest, self._owners, amps)
        return largest
