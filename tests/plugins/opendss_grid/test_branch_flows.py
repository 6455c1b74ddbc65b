"""Branch powers, losses and the head, on circuits that a list of elements could mislead."""

from pathlib import Path

import pytest

from plugins.opendss_grid.engine import OpenDssEngine
from plugins.opendss_grid.protocol import Solution

HEAD = "Clear\nNew Circuit.x basekv=4.16 bus1=s\n"
TAIL = "\nSet VoltageBases=[4.16]\nCalcVoltageBases\n"


def solve(tmp_path: Path, body: str) -> tuple[OpenDssEngine, Solution]:
    path = tmp_path / "feeder.dss"
    path.write_text(HEAD + body + TAIL)
    engine = OpenDssEngine()
    engine.compile(path)
    solution = engine.solve()
    assert solution.converged
    return engine, solution


def test_a_disabled_line_carries_nothing_and_moves_no_other_figure(tmp_path: Path) -> None:
    engine, solution = solve(
        tmp_path,
        "New Line.one bus1=s bus2=a length=1 units=km\n"
        "New Line.off bus1=a bus2=b length=1 units=km enabled=no\n"
        "New Capacitor.bank bus1=a kv=4.16 kvar=100\n"
        "New Line.two bus1=a bus2=d length=1 units=km\n"
        "New Load.far bus1=d kv=4.16 kw=100 kvar=20",
    )
    flow_w = dict(zip(engine.circuit.elements, solution.element_w, strict=True))
    assert flow_w["line.off"] == 0
    assert flow_w["line.two"] == pytest.approx(100e3, rel=0.01)
    assert flow_w["line.one"] == pytest.approx(solution.source_va.real.sum())
    assert solution.losses_va == pytest.approx(complex(*engine._dss.Circuit.Losses()), rel=1e-9)


@pytest.mark.parametrize(
    "body",
    [
        "New Load.near bus1=s kv=4.16 kw=90 kvar=30",
        "New Capacitor.bank bus1=s kv=4.16 kvar=60\nNew Load.near bus1=s kv=4.16 kw=90 kvar=90",
    ],
)
def test_a_circuit_without_lines_has_a_head_and_no_losses(tmp_path: Path, body: str) -> None:
    _, solution = solve(tmp_path, body)
    assert solution.source_va.sum() == pytest.approx(90e3 + 30e3j, rel=0.01)
    assert solution.losses_va == 0
