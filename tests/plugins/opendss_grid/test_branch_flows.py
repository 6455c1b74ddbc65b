"""Branch powers, losses and the head, on circuits that a list of elements could mislead."""

from pathlib import Path

import numpy as np
import pytest

from plugins.opendss_grid.engine import OpenDssEngine
from plugins.opendss_grid.protocol import FaultSpec, ServiceSpec, Solution

FEEDERS = Path(__file__).parents[3] / "config/feeders/ieee13"
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


def check_against_solver(engine: OpenDssEngine) -> None:
    """Hold the flows of a solution against those that the solver itself works out."""
    solution = engine.solve()
    assert solution.converged
    own_va = engine._reader._flows.read(solution.volts, None)
    element_va = solution.element_w + 1j * solution.element_var
    np.testing.assert_allclose(element_va, own_va.element_va, atol=0.01)
    np.testing.assert_allclose(solution.source_va, own_va.head_va, atol=0.01)
    assert solution.losses_va == pytest.approx(own_va.losses_va, abs=0.1)


@pytest.mark.parametrize("file", ["feeder.dss", "feeder_substation.dss"])
def test_flows_are_those_of_the_solver_whatever_is_switched(file: str) -> None:
    engine = OpenDssEngine()
    engine.compile(FEEDERS / file)
    engine.add_services([ServiceSpec("house1", "671", (2,), nominal_v=240.0)])
    engine.use_local_regulators(False)
    check_against_solver(engine)
    for act in (
        lambda: engine.set_tap("reg_b", -12),
        lambda: engine.set_capacitor("CAP675", closed=False),
        lambda: engine.set_switch("line.671_692", closed=False, phase=3),
        lambda: engine.set_service("house1", closed=False),
        lambda: engine.apply_fault(FaultSpec("f1", "680", (1, 2), ground=True, ohm=5)),
        lambda: engine.set_switch("line.671_692", closed=True, phase=3),
        lambda: engine.set_head(closed=False),
        lambda: engine.set_head(closed=True),
        lambda: engine.use_local_regulators(True),
    ):
        act()
        check_against_solver(engine)


def test_what_the_circuit_switches_by_itself_is_seen(tmp_path: Path) -> None:
    engine, before = solve(
        tmp_path,
        "New Line.one bus1=s bus2=a length=20 units=km\n"
        "New Capacitor.bank bus1=a kv=4.16 kvar=300 states=[0]\n"
        "New Load.far bus1=a kv=4.16 kw=300 kvar=300\n"
        "New CapControl.c capacitor=bank element=line.one type=kvar ONsetting=400 OFFsetting=-100",
    )
    engine.use_local_regulators(False)
    row = engine.circuit.elements.index("capacitor.bank")
    assert before.element_var[row] == 0
    engine.set_loads(np.array([300e3]), np.array([600e3]))
    after = engine.solve()
    assert after.element_var[row] < -100e3
    check_against_solver(engine)


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
