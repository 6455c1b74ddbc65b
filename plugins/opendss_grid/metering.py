"""What the meters of a feeder would see if they had no error: taken from a solution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .houses import HEAD, HouseSpec
from .protocol import DEAD_PU, Circuit, FloatArray, GridEngine, GridError, Solution

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

    def __init__(
        self, circuit: Circuit, houses: Sequence[HouseSpec], head_device: str = HEAD
    ) -> None:
        order = {load.name: i for i, load in enumerate(circuit.loads)}
        node_of = {node: i for i, node in enumerate(circuit.nodes)}
        devices: list[str] = []
        phases: list[str] = []
        nodes: list[int] = []
        owners: list[int] = []
        for number, house in enumerate(houses):
            load = circuit.loads[order[(house.feeder_load or house.name).lower()]]
            if not load.phases:
                raise GridError(f"house {house.name}: load {load.name} is on none of phases 1 to 3")
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
        measured = [p - 1 for p in (head.phases if head else ()) if p in (1, 2, 3)]
        self._head_phases: NDArray[np.intp] = np.array(measured, dtype=np.intp)
        for phase in measured:
            devices.append(head_device)
            phases.append("abc"[phase])
            nodes.append(node_of[f"{circuit.head_bus}.{phase + 1}"])
        self.devices = tuple(devices)
        self.phases = tuple(phases)
        self._nodes = np.array(nodes, dtype=np.intp)
        self._channels = len(owners)

        self._house_nodes = self._nodes[: self._channels]
        #: Houses cut off at their meter, where the circuit itself shows nothing of it: those that
        #: stand for a load of the circuit have their breaker between its bus and the meter.
        self.cut = np.zeros(len(houses), dtype=bool)
        self._any_cut = False
        self._always_asked = np.flatnonzero(self._ask_solver)

    def open_service(self, house: int, *, opened: bool) -> None:
        """Say that a house's service is open or closed."""
        self.cut[house] = opened and self._ask_solver[house]
        self._any_cut = bool(self.cut.any())
        self._always_asked = np.flatnonzero(self._ask_solver & ~self.cut)

    def energised(self, solution: Solution) -> NDArray[np.bool_]:
        """Return for each house whether its meter has voltage on any phase."""
        if solution.lowest_pu >= DEAD_PU:
            return ~self.cut
        dead = solution.dead[self._house_nodes]
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
        voltages_v = solution.voltages_v.take(self._nodes)
        source_va = solution.source_va.take(self._head_phases)
        powers_w, powers_var = np.empty(len(voltages_v)), np.empty(len(voltages_v))
        houses = self._channels
        powers_w[houses:], powers_var[houses:] = source_va.real, source_va.imag
        if houses:
            np.multiply(net_w.take(self._owners), self._share, out=powers_w[:houses])
            np.multiply(net_var.take(self._owners), self._share, out=powers_var[:houses])
        for house in self._whom_to_ask(solution):
            drawn = engine.load_powers(int(self.load_rows[house]))
            at = slice(int(self._first[house]), int(self._first[house]) + len(drawn))
            powers_w[at], powers_var[at] = drawn.real, drawn.imag
        if self._any_cut:
            without = self.cut[self._owners]
            for values in (voltages_v, powers_w, powers_var):
                values[: self._channels][without] = 0.0
        return Truth(voltages_v, powers_w, powers_var)

    def _whom_to_ask(self, solution: Solution) -> NDArray[np.intp]:
        """Return the houses whose loads may draw something else than they were set to."""
        if solution.lowest_pu >= _BAND_PU[0] and solution.highest_pu <= _BAND_PU[1]:
            return self._always_asked
        ask = self._ask_solver & ~self.cut
        if self._channels:
            voltages_pu = solution.voltages_pu[self._house_nodes]
            beyond = (voltages_pu < _BAND_PU[0]) | (voltages_pu > _BAND_PU[1])
            ask[self._owners[beyond]] = True
            ask &= ~self.cut
        return np.flatnonzero(ask)

    def differing(self, solution: Solution) -> NDArray[np.intp]:
        """Return the houses whose devices may have done something else than they were set to."""
        asked = self._whom_to_ask(solution)
        if not self._any_cut:
            return asked
        return np.union1d(asked, np.flatnonzero(self.cut))

    def per_house(self, values: FloatArray) -> FloatArray:
        """Return the sum of channels for each house."""
        if not self._channels:
            return np.empty(0)
        return np.asarray(np.add.reduceat(values[: self._channels], self._first))

    def currents_a(self, truth: Truth) -> FloatArray:
        """Return the largest phase current of each house in A."""
        if not self._channels:
            return np.empty(0)
        apparent_va = np.hypot(truth.powers_w, truth.powers_var)[: self._channels]
        amps = apparent_va / np.maximum(truth.voltages_v[: self._channels], 1.0)
        return np.asarray(np.maximum.reduceat(amps, self._first))
