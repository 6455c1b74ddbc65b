"""The view of the solver's voltages, held against the solver's own list after all that happens."""

from pathlib import Path

import numpy as np
import pytest

from plugins.opendss_grid.engine import OpenDssEngine
from plugins.opendss_grid.protocol import FaultSpec, ImpedanceSpec, ServiceSpec

FEEDER = Path(__file__).parents[3] / "config/feeders/ieee13/feeder.dss"
HOUSE = ServiceSpec(name="house1", bus="671", phases=(1,), nominal_v=240.0)


def fault(engine: OpenDssEngine) -> None:
    engine.apply_fault(FaultSpec("f1", "671", (1, 2), True, 5.0))


def another_fault(engine: OpenDssEngine) -> None:
    engine.apply_fault(FaultSpec("f2", "634", (3,), True, 0.1))


def moved_fault(engine: OpenDssEngine) -> None:
    engine.apply_fault(FaultSpec("f1", "680", (1, 2, 3), False, 1.0))


def cleared_faults(engine: OpenDssEngine) -> None:
    engine.clear_fault("f1")
    engine.clear_fault("f2")


def motor(engine: OpenDssEngine) -> None:
    engine.set_impedance(ImpedanceSpec("m1", "675", (1, 2, 3), 2e5, 3e5))


def tap(engine: OpenDssEngine) -> None:
    engine.set_tap("reg_b", 3)


def open_branch(engine: OpenDssEngine) -> None:
    engine.set_switch("line.671_680", False)


def open_head(engine: OpenDssEngine) -> None:
    engine.set_head(False)


@pytest.fixture(scope="module")
def engine() -> OpenDssEngine:
    engine = OpenDssEngine()
    engine.compile(FEEDER)
    engine.add_services([HOUSE])
    engine.use_local_regulators(False)
    return engine


@pytest.mark.parametrize(
    "act",
    [fault, another_fault, moved_fault, motor, tap, cleared_faults, open_branch, open_head],
)
def test_voltages_are_those_of_their_nodes_whatever_happens(engine: OpenDssEngine, act) -> None:
    act(engine)
    solution = engine.solve()
    assert solution.converged
    listed = np.array(engine._dss.Circuit.AllBusVolts()).view(np.complex128)
    assert np.array_equal(solution.volts, listed)


def test_a_solution_stays_when_the_solver_goes_on(engine: OpenDssEngine) -> None:
    before = engine.solve()
    kept = before.volts.copy()
    engine.set_tap("reg_a", -4)
    after = engine.solve()
    assert np.array_equal(before.volts, kept)
    assert not np.array_equal(after.volts, kept)
