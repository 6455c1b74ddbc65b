"""From what meters say to new tap positions, by questions to a twin.

A plan must hold now and, with `scenarios`, also while announced deliveries change powers: the
voltages of all scenarios are laid side by side and searched as one.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from .ranking import Floats
from .search import Decision, SearchError, Taps, probes, search
from .targets import Goal, Nodes
from .windows import Regulator

PowerW = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Case:
    """A what-if for the twin: taps by regulator, and net import in W by metering device."""

    taps: Mapping[str, int]
    power_w: PowerW = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Request:
    """What to plan for. `nodes` are the twin's, `measured` voltages in pu by node.

    The first scenario is the present, without any change of power. `restore` asks to come to rest
    near the target and not only inside the limits, after a violation on the side `over` or under.
    A meter that is more than `distrust_pu` from what the twin expects now is left out: taps cannot
    mend what is wrong with it, and to try would harm all others.
    """

    regulators: tuple[Regulator, ...]
    present: Mapping[str, int]
    nodes: tuple[str, ...]
    measured: Mapping[str, float]
    goal: Goal
    over: bool
    restore: bool
    scenarios: tuple[PowerW, ...] = ({},)
    distrust_pu: float = 0.1


@dataclass(frozen=True, slots=True)
class Doubt:
    """A meter that is not believed: what it says, and what the twin expects of it, in pu."""

    node: str
    measured_pu: float
    expected_pu: float


@dataclass(frozen=True, slots=True)
class Plan:
    """Where the taps go. Voltages in pu are those at meters, over all scenarios; the excesses say
    by how much limits and target are still violated, 0 if they hold."""

    taps: Mapping[str, int]
    moves: int
    before_highest: float
    before_lowest: float
    after_highest: float
    after_lowest: float
    limit_excess: float
    target_excess: float
    solved: int
    doubted: tuple[Doubt, ...] = ()


#: Yields cases for the twin; is sent one row of voltages per case, empty without a solution.
Planning = Generator[list[Case], Sequence[Sequence[float]], Plan]


def plan(request: Request) -> Planning:
    """Plan; SearchError if the twin has no solution for the present."""
    names = [regulator.name for regulator in request.regulators]
    present = tuple(request.present[name] for name in names)
    count = len(request.scenarios)

    def cases(wanted: Sequence[Taps]) -> list[Case]:
        return [
            Case(dict(zip(names, taps, strict=True)), scenario)
            for taps in wanted
            for scenario in request.scenarios
        ]

    rows = yield cases(probes(request.regulators, present))
    if not len(rows[0]):
        raise SearchError("the power flow has no solution at the present taps")
    solutions = [np.asarray(row, dtype=np.float64) for row in rows if len(row)]
    doubted = _doubted(request, rows[0])
    believed = dict(request.measured)
    for doubt in doubted:
        del believed[doubt.node]
    chosen = Nodes.choose(request.nodes, solutions, believed)
    picked = [chosen.pick(row) for row in rows]
    correction = chosen.correction(believed, picked[0])

    def laid_out(flat: Sequence[Floats]) -> list[Floats]:
        """Return one row per tap position, its scenarios side by side; empty if one failed."""
        laid = []
        for first in range(0, len(flat), count):
            group = flat[first : first + count]
            solved = all(len(row) for row in group)
            laid.append(
                np.concatenate([row + correction for row in group]) if solved else np.empty(0)
            )
        return laid

    if not any(chosen.metered):
        raise SearchError(
            f"no meter agrees with the twin within {request.distrust_pu:g} p.u."
            if doubted
            else "no meter lies behind the regulators"
        )
    metered = chosen.metered * count
    bounds = request.goal.bounds(metered, over=request.over, restore=request.restore)
    steps = search(request.regulators, present, laid_out(picked), bounds)
    try:
        wanted = next(steps)
        while True:
            rows = yield cases(wanted)
            wanted = steps.send(laid_out([chosen.pick(row) for row in rows]))
    except StopIteration as found:
        return _plan(names, found.value, np.array(metered, dtype=bool), doubted)


def _doubted(request: Request, present: Sequence[float]) -> tuple[Doubt, ...]:
    expected = dict(zip(request.nodes, present, strict=True))
    return tuple(
        Doubt(node, pu, float(expected[node]))
        for node, pu in request.measured.items()
        if node in expected and abs(pu - expected[node]) > request.distrust_pu
    )


def _plan(
    names: Sequence[str], found: Decision, metered: np.ndarray, doubted: tuple[Doubt, ...]
) -> Plan:
    before, after = found.before_pu[metered], found.after_pu[metered]
    return Plan(
        taps=dict(zip(names, found.taps, strict=True)),
        moves=found.moves,
        before_highest=float(before.max()),
        before_lowest=float(before.min()),
        after_highest=float(after.max()),
        after_lowest=float(after.min()),
        limit_excess=found.limit_excess,
        target_excess=found.target_excess,
        solved=found.solved,
        doubted=doubted,
    )
