"""The twin against a plant whose loads it does not know."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from plugins.opendss_grid.engine import OpenDssEngine
from plugins.opendss_grid.houses import HouseSpec
from plugins.opendss_grid.protocol import FaultSpec, GridError
from plugins.opendss_grid.simulation import Settings, Simulation
from plugins.opendss_grid.twin import Case, Twin

FEEDER = Path(__file__).parents[3] / "config/feeders/ieee13/feeder.dss"
NOON = datetime(2026, 6, 21, 17, tzinfo=UTC)
HOUSES = (
    HouseSpec("house1", "m1", "671", (1,), ev_kw=11, ev_kwh=60),
    HouseSpec(
        "park", "park", "675", (1, 2, 3), nominal_v=2402, drop_m=0, fuse_a=1000, profile="none",
        pv_kwp=3000, site="plant",
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def plant() -> Simulation:
    return Simulation(OpenDssEngine(), FEEDER, HOUSES, Settings(load_scale=0.55), NOON)


@pytest.fixture
def twin() -> Twin:
    return Twin(OpenDssEngine(), FEEDER, HOUSES, load_scale=1.0)


def measure(plant: Simulation, twin: Twin) -> float:
    result = plant.step(NOON, NOON)
    powers = dict.fromkeys(("m1", "park"), 0.0)
    for device, power_w in zip(plant.meters.devices, result.truth.powers_w, strict=True):
        if device in powers:
            powers[device] += float(power_w)
    head_w = result.solution.source_va.real.tolist()
    return twin.update(plant.regulators.positions, powers, dict.fromkeys(powers, 0.0), head_w)


def test_the_head_tells_the_twin_how_much_is_unmetered(plant, twin) -> None:
    assert measure(plant, twin) < 10_000
    here = plant.step(NOON, NOON).solution.voltages_pu
    np.testing.assert_allclose(twin.solve(Case()).voltages_pu, here, atol=0.001)


def test_predictions_hold_when_the_plant_follows(plant, twin) -> None:
    measure(plant, twin)
    predicted = twin.solve(
        Case(taps={"reg_a": 1, "reg_b": -2}, power_w={"park": -1.5e6, "m1": 9000})
    )
    plant.surroundings.held_w_per_m2 = 1000
    plant.set_power("park", -1.5e6, None)
    plant.set_power("house1", 9000, None)
    before = dict(plant.regulators.positions)
    plant.set_taps({"reg_a": 1, "reg_b": -2})
    actual = plant.step(NOON, NOON).solution.voltages_pu
    plant.set_taps(before)
    plant.set_power("park", None, None)
    plant.set_power("house1", None, None)
    np.testing.assert_allclose(predicted.voltages_pu, actual, atol=0.002)


def test_every_case_starts_from_the_same_base(twin) -> None:
    base = twin.solve(Case()).voltages_pu
    twin.solve(Case(taps={"reg_a": -16}, power_w={"park": -2e6}, opened=frozenset({"house1"})))
    np.testing.assert_allclose(twin.solve(Case()).voltages_pu, base, atol=1e-6)


def test_an_open_service_is_dead_in_its_case_only(twin) -> None:
    node = twin.circuit.nodes.index("house1.1")
    assert twin.solve(Case(opened=frozenset({"house1"}))).dead[node]
    assert not twin.solve(Case()).dead[node]


def test_voltages_are_nearly_linear_in_taps(twin) -> None:
    """What a controller's sensitivities rest on: one step is 0.00625 on its own phase."""
    node = twin.circuit.nodes.index("671.2")
    steps = [twin.solve(Case(taps={"reg_b": tap})).voltages_pu[node] for tap in (3, 4, 5)]
    assert np.diff(steps) == pytest.approx([0.0065, 0.0065], abs=0.0006)


@pytest.mark.parametrize(
    "case",
    [
        Case(taps={"reg_x": 1}),
        Case(taps={"reg_a": 99}),
        Case(power_w={"m9": 1.0}),
        Case(opened=frozenset({"house9"})),
    ],
)
def test_a_case_about_what_is_not_there_is_refused(twin, case) -> None:
    with pytest.raises(GridError):
        twin.solve(case)


@pytest.mark.parametrize(("kind", "ohm"), [("ag", 5.0), ("bc", 2.0), ("abg", 1.0), ("abc", 3.0)])
def test_the_twin_predicts_a_fault_and_forgets_it(plant, twin, kind: str, ohm: float) -> None:
    measure(plant, twin)
    healthy = twin.solve(Case()).voltages_pu
    fault = FaultSpec.of_type("f", kind, "671", ohm)
    predicted = twin.solve(Case(faults=(fault,)))
    plant.network.apply_fault(fault, NOON)
    happened = plant.step(NOON, NOON).solution
    plant.network.clear_fault("f")
    np.testing.assert_allclose(predicted.voltages_pu, happened.voltages_pu, atol=0.002)
    assert np.abs(predicted.voltages_pu - healthy).max() > 0.05
    np.testing.assert_allclose(twin.solve(Case()).voltages_pu, healthy, atol=1e-6)


def test_a_fault_that_cannot_be_leaves_the_twin_as_it_was(plant, twin) -> None:
    measure(plant, twin)
    healthy = twin.solve(Case()).voltages_pu
    good, bad = (FaultSpec.of_type(f"f{bus}", "ag", bus, 1) for bus in ("671", "645"))
    with pytest.raises(GridError, match="not possible at bus 645, which has only phases bc"):
        twin.solve(Case(faults=(good, bad), opened=frozenset({"house1"})))
    np.testing.assert_allclose(twin.solve(Case()).voltages_pu, healthy, atol=1e-6)
