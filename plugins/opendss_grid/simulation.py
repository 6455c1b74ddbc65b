"""The simulated feeder: devices, power flow and time in one deterministic step.

One step advances the feeder's time, lets every device decide its power for the time elapsed, sets
the loads, solves, and moves the energy. Equal seeds, times and commands give equal results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from . import cloud_drift
from .device_counters import DeviceCounters
from .devices import Fleet, Powers
from .fuses import FuseBox
from .houses import HEAD, HouseSpec, problems
from .metering import MeterMap, Truth
from .motors import Motors
from .network import Deviation, Network
from .protocol import DEAD_PU, Circuit, GridEngine, GridError, Solution
from .regulators import TapChangers
from .set_points import SetPoints
from .surroundings import Place, Surroundings
from .vehicles import Presence

#: So many nodes are named when they lose their supply; the rest is counted.
_NODES_TOLD = 6


@dataclass(frozen=True, slots=True)
class Settings:
    """How the feeder is simulated.

    `load_scale` multiplies the loads of the circuit, `load_profile` shapes them over the day
    (`flat` leaves them). With `local_regulators` the circuit's own regulator controls act;
    without, taps stay where the controls settled at the start until they are commanded, and
    `tap_dwell_s` of feeder time must lie between two commands that move one, `switch_dwell_s`
    between two operations of one switch, `device_dwell_s` between two set-points of one device.
    The device names of head and regulators begin with `device_prefix`.
    """

    seed: int = 0
    load_scale: float = 1.0
    load_profile: str = "flat"
    place: Place = field(default_factory=Place)
    local_regulators: bool = False
    tap_dwell_s: float = 0.0
    switch_dwell_s: float = 0.0
    device_dwell_s: float = 0.0
    device_prefix: str = ""


@dataclass(frozen=True, slots=True)
class Happening:
    """Something to tell of a step: a fuse blew, nodes lost their supply."""

    kind: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class StepResult:
    """One step. Where the power flow found no solution `truth` is None and no energy moved."""

    feeder_time: datetime
    elapsed_s: float
    solution: Solution
    truth: Truth | None
    powers: Powers
    happenings: tuple[Happening, ...] = ()


class Simulation:
    """A feeder with its houses. All calls come from the thread that owns the engine."""

    def __init__(
        self,
        engine: GridEngine,
        feeder: Path,
        houses: Sequence[HouseSpec],
        settings: Settings,
        start: datetime,
    ) -> None:
        """Compile and draw, and let the circuit's own controls settle; `start` is feeder time."""
        filed = engine.compile(feeder)
        found = problems(filed, list(houses))
        if found:
            raise GridError("; ".join(found))
        drawn = [house for house in houses if house.feeder_load is None]
        circuit = engine.add_services([house.service(engine.circuit) for house in drawn])
        self.circuit: Circuit = circuit
        self.houses = tuple(houses)
        self.fleet = Fleet(houses)
        self.counters = DeviceCounters(len(houses))
        self.meters = MeterMap(circuit, houses, settings.device_prefix + HEAD)
        self.time = start
        #: Which vehicles were there in the last step; None where none ever leaves.
        self.presence: Presence | None = None
        #: The hub's time of the step or command under way.
        self.now = start
        self.regulators = TapChangers(engine, circuit, settings.tap_dwell_s)
        self.motors = Motors(engine, circuit)
        loads = {
            house.name: circuit.loads[row].name
            for house, row in zip(houses, self.meters.load_rows, strict=True)
        }
        self.network = Network(engine, circuit, loads, settings.switch_dwell_s)
        self.set_points = SetPoints(self.fleet, settings.device_dwell_s)
        self._engine = engine
        self._settings = settings
        self._number = {house.name: i for i, house in enumerate(houses)}
        self._fuses = FuseBox([house.fuse_a for house in houses])
        lags_s = cloud_drift.lags_s(filed, houses, settings.place)
        self.surroundings = Surroundings(houses, settings.place, settings.seed, lags_s)
        self._base_w = np.array([load.power_w for load in circuit.loads])
        self._base_var = np.array([load.power_var for load in circuit.loads])
        self._own_load = np.array([house.feeder_load is None for house in houses], dtype=bool)
        rows = self.meters.load_rows[~self._own_load]
        base_w, base_var = self._base_w[rows], self._base_var[rows]
        var_per_w = np.divide(base_var, base_w, out=np.zeros(len(rows)), where=base_w != 0)
        self.fleet.var_per_w[~self._own_load] = var_per_w
        #: The rows of nodes that had no voltage in the last solution.
        self._dead: frozenset[int] = frozenset()
        none = np.zeros(0)
        self._nothing = Powers(none, none, none, none, none, none)
        self._settle()

    def _settle(self) -> None:
        self.regulators.use_local(True)
        factor = self._feeder_factor()
        self._set_loads(self._decide(0.0, factor), factor)
        first = self._engine.solve()
        if not first.converged:
            raise GridError(f"circuit {self.circuit.name}: {first.problem}")
        self.regulators.note(first.taps, self.time)
        self.regulators.use_local(self._settings.local_regulators)

    # --- time ---------------------------------------------------------------------------------

    def step(self, now: datetime, feeder_time: datetime) -> StepResult:
        """Advance the feeder to `feeder_time`; `now` is the hub's, for set-points that end."""
        before = self.time
        elapsed_s = max(0.0, (feeder_time - before).total_seconds())
        self.time = max(self.time, feeder_time)
        self.now = now
        self.set_points.end(now)
        happenings = self._let_go_of_taps(now)
        self.motors.advance(self.time)
        hours = elapsed_s / 3600
        factor = self._feeder_factor()
        powers = self._decide(hours, factor)
        self._set_loads(powers, factor)
        solution = self._engine.solve()
        if not solution.converged:
            return StepResult(self.time, elapsed_s, solution, None, powers, happenings)
        self.regulators.note(solution.taps, self.time)
        happenings += self._tell_islands(solution)
        truth = self.meters.read(self._engine, solution, powers.net_w, powers.net_var)
        if self.houses:
            energised = self.meters.energised(solution)
            powers = self._as_metered(powers, solution, truth, energised)
            driven_wh = self.surroundings.driven_wh(before, self.time)
            self.fleet.integrate(powers, energised, hours, driven_wh)
            self.counters.add(powers, energised, hours)
            happenings += self._blow_fuses(truth, elapsed_s)
        return StepResult(self.time, elapsed_s, solution, truth, powers, happenings)

    def _decide(self, hours: float, factor: float) -> Powers:
        if not self.houses:
            return self._nothing
        load_w = np.where(
            self._own_load,
            self.surroundings.consumption_w(self.time),
            self._base_w[self.meters.load_rows] * factor,
        )
        self.presence = self.surroundings.presence(self.time)
        light = self.surroundings.light_w_per_m2(self.time)
        return self.fleet.dispatch(load_w, light, hours, self.presence)

    def _as_metered(
        self, powers: Powers, solution: Solution, truth: Truth, energised: NDArray[np.bool_]
    ) -> Powers:
        """Return what devices did at the voltages there were: no more than their meters saw."""
        rows = self.meters.differing(solution)
        if not len(rows):
            return powers
        net_w = self.meters.per_house(truth.powers_w)[rows]
        net_var = self.meters.per_house(truth.powers_var)[rows]
        return powers.as_metered(rows, net_w, net_var, energised[rows], self._own_load[rows])

    def _feeder_factor(self) -> float:
        shape = self.surroundings.factor(self._settings.load_profile, self.time)
        return self._settings.load_scale * shape

    def _set_loads(self, powers: Powers, factor: float) -> None:
        power_w, power_var = self._base_w * factor, self._base_var * factor
        if self.houses:
            power_w[self.meters.load_rows] = powers.net_w
            power_var[self.meters.load_rows] = powers.net_var
        self._engine.set_loads(power_w, power_var)

    def _let_go_of_taps(self, now: datetime) -> tuple[Happening, ...]:
        if not self.regulators.lost_command(now):
            return ()
        text = (
            f"the regulators act by themselves: no command for {self.regulators.patience_s:g} s "
            f"from who had taken it"
        )
        self.regulators.use_local(True)
        return (Happening("regulators", self.circuit.name, text),)

    def _tell_islands(self, solution: Solution) -> tuple[Happening, ...]:
        """Tell which nodes have lost their supply or have it again since the step before."""
        if solution.lowest_pu >= DEAD_PU and not self._dead:
            return ()
        dead = frozenset(np.flatnonzero(solution.dead).tolist())
        lost, back, self._dead = dead - self._dead, self._dead - dead, dead
        return tuple(
            Happening("island", self.circuit.name, f"{text}: {self._some_nodes(nodes)}")
            for nodes, text in ((lost, "without supply"), (back, "supplied again"))
            if nodes
        )

    def _some_nodes(self, rows: frozenset[int]) -> str:
        names = [self.circuit.nodes[row] for row in sorted(rows)]
        more = len(names) - _NODES_TOLD
        return ", ".join(names[:_NODES_TOLD]) + (f" and {more} more" if more > 0 else "")

    def _blow_fuses(self, truth: Truth, elapsed_s: float) -> tuple[Happening, ...]:
        happenings = []
        currents_a = self.meters.currents_a(truth)
        for number in self._fuses.expose(currents_a, elapsed_s):
            house = self.houses[number]
            amps = float(currents_a[number])
            blown = self.network.blow_fuse(house.name, house.fuse_a, amps, self.now)
            self.meters.open_service(int(number), opened=True)
            happenings.append(Happening("fuse", house.name, blown.text))
        return tuple(happenings)

    # --- commands; the next step shows what they did ------------------------------------------

    def set_taps(self, taps: Mapping[str, int]) -> None:
        """Move regulators to these positions, all or none."""
        self.regulators.move(taps, self.time)

    def set_service(self, house: str, *, closed: bool) -> None:
        """Open or close a house's service."""
        number = self.number(house)
        self.network.set_service(house, closed=closed, at=self.now, when=self.time)
        self.meters.open_service(number, opened=not closed)

    def replace_fuse(self, house: str) -> Deviation:
        """Put a new service fuse in; returns what was known of the one that blew."""
        number = self.number(house)
        blown = self.network.replace_fuse(house, self.time)
        self._fuses.replace(number)
        self.meters.open_service(number, opened=False)
        return blown

    def put_back(self) -> list[str]:
        """Bring the feeder back to what its file says; returns what was not so."""
        put = self.network.put_back(self.now)
        for number in range(len(self.houses)):
            self.meters.open_service(number, opened=False)
        put += [f"motor {name} ran" for name in self.motors.stop_all()]
        sky = self.surroundings.held_sky
        self.surroundings.hold_sky()
        return put if sky is None else [*put, sky]

    def set_power(
        self, house: str, power_w: float | None, until: datetime | None, priority: int = 0
    ) -> None:
        """Hold a net import at a house's meter, until a time of the hub; None releases it."""
        number = self.number(house)
        if power_w is None:
            self.set_points.release("power", number)
        else:
            self.set_points.hold("power", number, power_w, until, priority)

    def number(self, name: str) -> int:
        """Return a house's row in the arrays of the fleet; GridError if it is not here."""
        number = self._number.get(name)
        if number is None:
            known = ", ".join(self._number)
            raise GridError(f"house {name} is not on this feeder; it has: {known}")
        return number

    def energised(self, house: str, result: StepResult) -> bool:
        """Return whether a house's meter had voltage in a step."""
        return bool(self.meters.energised(result.solution)[self.number(house)])
