"""Faults along lines: between those at their ends, and gone without a trace."""

from pathlib import Path

import numpy as np
import pytest

from plugins.opendss_grid.engine import OpenDssEngine
from plugins.opendss_grid.protocol import FaultSpec, GridError, Solution

FEEDER = Path(__file__).parents[3] / "config/feeders/ieee13/feeder_substation.dss"
LINE = "line.650_632"


@pytest.fixture
def engine() -> OpenDssEngine:
    engine = OpenDssEngine()
    engine.compile(FEEDER)
    engine.use_local_regulators(False)
    return engine


def fault(
    engine: OpenDssEngine, at: float, line: str = LINE, phase: int = 1, name: str = "f1"
) -> Solution:
    engine.apply_fault(FaultSpec(name, "", (phase,), True, 0.5, line, at))
    solution = engine.solve()
    assert solution.converged
    return solution


def pu(engine: OpenDssEngine, solution: Solution, node: str) -> float:
    return float(solution.voltages_pu[engine.circuit.nodes.index(node)])


def flow_va(engine: OpenDssEngine, solution: Solution, element: str) -> complex:
    row = engine.circuit.elements.index(element)
    return complex(solution.element_w[row], solution.element_var[row])


def test_a_fault_along_a_line_lies_between_those_at_its_ends(engine: OpenDssEngine) -> None:
    before = engine.solve()
    places = (0.0, 0.002, 0.3, 0.6, 0.998, 1.0)
    solutions = [fault(engine, at) for at in places]
    seen = [pu(engine, solution, "632.1") for solution in solutions]
    assert seen == sorted(seen, reverse=True)
    assert seen[0] - seen[-1] > 0.2
    assert seen[0] == pytest.approx(seen[1], abs=0.002)
    assert seen[-1] == pytest.approx(seen[-2], abs=0.002)
    engine.clear_fault("f1")
    np.testing.assert_allclose(engine.solve().voltages_pu, before.voltages_pu, atol=1e-6)


def test_a_cut_line_shows_the_power_into_its_first_end(engine: OpenDssEngine) -> None:
    for at in (0.4, 0.7):
        solution = fault(engine, at)
        engine._dss.Circuit.SetActiveElement("line.cut_f1_3_near")
        first_kva = np.array(engine._dss.CktElement.Powers()).view(np.complex128)[:3].sum()
        assert flow_va(engine, solution, LINE) == pytest.approx(1000 * first_kva, rel=1e-6)
        # The same when the solver is asked for all powers.
        engine._reader.own_switching = True
        assert flow_va(engine, engine.solve(), LINE) == pytest.approx(1000 * first_kva, rel=1e-6)
        engine._reader.own_switching = False


def test_voltages_stay_those_of_their_nodes(engine: OpenDssEngine) -> None:
    solution = fault(engine, 0.4, "line.684_652")
    names = [str(name).lower() for name in engine._dss.Circuit.AllNodeNames()]
    volts = np.array(engine._dss.Circuit.AllBusVolts()).view(np.complex128)
    listed = dict(zip(names, volts.tolist(), strict=True))
    assert [listed[node] for node in engine.circuit.nodes] == solution.volts.tolist()
    assert len(listed) == len(engine.circuit.nodes) + 1


def test_a_faulty_line_is_isolated_by_opening_it_and_stays_open_when_it_is_mended(
    engine: OpenDssEngine,
) -> None:
    fault(engine, 0.5, "line.684_652")
    engine.set_switch("line.684_652", closed=False)
    assert not engine.is_closed("line.684_652", 1)
    solution = engine.solve()
    assert pu(engine, solution, "652.1") < 1e-3
    assert pu(engine, solution, "684.1") > 0.95
    assert abs(flow_va(engine, solution, "line.684_652")) < 1
    engine.clear_fault("f1")
    assert not engine.is_closed("line.684_652", 1)
    assert pu(engine, engine.solve(), "652.1") < 1e-3
    # And a line that is open is cut as an open one.
    assert pu(engine, fault(engine, 0.2, "line.684_652"), "652.1") < 1e-3
    engine.set_switch("line.684_652", closed=True)
    assert 0.01 < pu(engine, engine.solve(), "652.1") < 0.9


def test_a_fault_may_move_to_another_line_and_to_a_bus(engine: OpenDssEngine) -> None:
    fault(engine, 0.5)
    moved = fault(engine, 0.5, "line.671_684", phase=3)
    assert pu(engine, moved, "684.3") < 0.9 < pu(engine, moved, "632.1")
    engine.apply_fault(FaultSpec("f1", "671", (3,), True, 0.5))
    at_bus = engine.solve()
    engine.clear_fault("f1")
    engine.apply_fault(FaultSpec("f1", "", (3,), True, 0.5, "line.671_684", 0.0))
    np.testing.assert_allclose(engine.solve().voltages_pu, at_bus.voltages_pu, atol=1e-6)


@pytest.mark.parametrize(
    ("line", "phase", "at", "message"),
    [
        ("line.nope", 1, 0.5, "line line.nope is not in the circuit"),
        ("line.671_692", 1, 0.5, "line line.671_692 is not in the circuit"),
        ("line.684_652", 2, 0.5, "not possible at line.684_652, which has only phase a"),
        ("line.684_652", 1, 1.2, "expected 'at' from 0 to 1, got 1.2"),
    ],
)
def test_a_place_that_is_not_there_is_refused(engine, line, phase, at, message) -> None:
    with pytest.raises(GridError, match=message):
        engine.apply_fault(FaultSpec("f1", "", (phase,), True, 0.5, line, at))


def test_a_line_has_one_fault_at_a_time(engine: OpenDssEngine) -> None:
    first = fault(engine, 0.2)
    fault(engine, 0.2, "line.684_652", name="f2")
    both = engine.solve()
    with pytest.raises(GridError, match="650_632 has another fault"):
        engine.apply_fault(FaultSpec("f2", "", (2,), True, 0.5, LINE, 0.7))
    # What was refused has changed nothing.
    np.testing.assert_allclose(engine.solve().voltages_pu, both.voltages_pu, atol=1e-6)
    assert not np.allclose(first.voltages_pu, both.voltages_pu, atol=1e-3)
