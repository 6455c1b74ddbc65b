"""A feeder beside its published solution: what differs, and by how much."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .engine import OpenDssEngine
from .protocol import GridError
from .published_figures import read_figures

#: How far a solution may be from the published one: half of the last printed digit and what
#: differs between solvers. Shares are of the total.
MAX_VOLTAGE_PU = 0.0005
MAX_ANGLE_DEG = 0.06
MAX_SOURCE_W = 0.0005
MAX_SOURCE_VAR = 0.0015


@dataclass(frozen=True, slots=True)
class NodeRow:
    """One node: published and solved."""

    node: str
    published_pu: float
    solved_pu: float
    published_deg: float
    solved_deg: float

    @property
    def error_pu(self) -> float:
        return self.solved_pu - self.published_pu

    @property
    def error_deg(self) -> float:
        return (self.solved_deg - self.published_deg + 180) % 360 - 180


@dataclass(frozen=True, slots=True)
class TotalRow:
    """One total: published and solved; `allowed` is a share, None where it is only shown."""

    name: str
    unit: str
    published: float
    solved: float
    allowed: float | None

    @property
    def error(self) -> float:
        if self.published == 0:
            return 0.0 if self.solved == 0 else math.inf
        return self.solved / self.published - 1


@dataclass(frozen=True, slots=True)
class Comparison:
    """The whole comparison."""

    source: str
    taps: Mapping[str, int]
    nodes: tuple[NodeRow, ...]
    totals: tuple[TotalRow, ...]

    @property
    def agrees(self) -> bool:
        """Whether every figure is within its limit."""
        return (
            all(abs(row.error_pu) <= MAX_VOLTAGE_PU for row in self.nodes)
            and all(abs(row.error_deg) <= MAX_ANGLE_DEG for row in self.nodes)
            and all(row.allowed is None or abs(row.error) <= row.allowed for row in self.totals)
        )


def compare(feeder: Path, published: Path) -> Comparison:
    """Solve a feeder with the published taps and hold it against the published figures.

    `published` is a folder with what `read_figures` reads. GridError if it is not, or names a node
    or a tap that the feeder does not have.
    """
    figures = read_figures(published)
    engine = OpenDssEngine()
    circuit = engine.compile(feeder)
    engine.use_local_regulators(False)
    for name, tap in figures.taps.items():
        engine.set_tap(name, tap)
    solution = engine.solve()
    if not solution.converged:
        raise GridError(f"{feeder}: {solution.problem}")
    row_of = {node: row for row, node in enumerate(circuit.nodes)}
    nodes = []
    for figure in figures.nodes:
        at = row_of.get(figure.node)
        if at is None:
            text = f"node {figure.node} is not in the circuit {circuit.name}"
            raise GridError(f"{figure.where}: {text}")
        nodes.append(
            NodeRow(
                node=figure.node,
                published_pu=figure.pu,
                solved_pu=float(solution.voltages_pu[at]),
                published_deg=figure.deg,
                solved_deg=float(solution.angles_deg[at]),
            )
        )
    source, losses = solution.source_va, solution.losses_va
    return Comparison(
        source=figures.source,
        taps=figures.taps,
        nodes=tuple(nodes),
        totals=(
            TotalRow("source", "W", sum(figures.source_w), float(source.real.sum()), MAX_SOURCE_W),
            TotalRow(
                "source", "var", sum(figures.source_var), float(source.imag.sum()), MAX_SOURCE_VAR
            ),
            TotalRow("losses", "W", figures.losses_w, losses.real, None),
            TotalRow("losses", "var", figures.losses_var, losses.imag, None),
        ),
    )
