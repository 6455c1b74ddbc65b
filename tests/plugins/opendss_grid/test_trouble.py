"""Trouble of the solver: kinds of it are told apart, and old figures are never given as new."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from hub.grid_messages import MeteringPoints
from hub.messages import Command, PluginState
from hub.testing import Recording, in_virtual_time, running
from plugins.opendss_grid import engine as engine_module
from plugins.opendss_grid.engine import OpenDssEngine
from plugins.opendss_grid.houses import HouseSpec
from plugins.opendss_grid.protocol import GridError
from plugins.opendss_grid.simulation import Settings, Simulation

FEEDER = Path(__file__).parents[3] / "config/feeders/ieee13/feeder.dss"
NOON = datetime(2026, 6, 21, 17, tzinfo=UTC)
#: Two controls of one tap that want different voltages.
QUARREL = """
New Circuit.quarrel basekv=12.47 bus1=s
New Transformer.one phases=3 windings=2 buses=(s c) kvs=(12.47 12.47) kvas=(5000 5000) XHL=1
New RegControl.low transformer=one winding=2 vreg=118 band=1 ptratio=60
New RegControl.high transformer=one winding=2 vreg=126 band=1 ptratio=60
New Load.x bus1=c kv=12.47 kw=1000 kvar=300
Set VoltageBases=[12.47]
CalcVoltageBases
"""
SLOW = """
New Circuit.slow basekv=12.47 bus1=s
New Transformer.one phases=3 windings=2 buses=(s c) kvs=(12.47 12.47) kvas=(5000 5000) XHL=1
New RegControl.low transformer=one winding=2 vreg=128 band=1 ptratio=60 maxtapchange=1
New Load.x bus1=c kv=12.47 kw=1000 kvar=300
Set VoltageBases=[12.47]
CalcVoltageBases
Set MaxControlIter=5
Solve
"""


@pytest.mark.parametrize(("text", "place"), [(QUARREL, ""), (SLOW, ":9")])
def test_a_circuit_whose_controls_do_not_settle_says_so_and_what_to_do(
    tmp_path: Path, text: str, place: str
) -> None:
    path = tmp_path / "feeder.dss"
    path.write_text(text)
    expected = rf"feeder\.dss{place}: the controls of the circuit do not settle: two work against"
    with pytest.raises(GridError, match=expected) as caught:
        OpenDssEngine().compile(path)
    assert "Set MaxControlIter=100" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_controls_that_do_not_settle_are_not_a_power_flow_that_does_not_converge() -> None:
    engine = OpenDssEngine()
    engine.compile(FEEDER)
    good = engine.solve()
    engine.set_tap("reg_a", -16)
    engine._text("Set MaxControlIter=1")
    unsettled = engine.solve()
    assert not unsettled.converged
    assert unsettled.problem == "the controls did not settle in 100 iterations"
    engine._text(f"Set MaxControlIter={engine_module.MAX_CONTROL_ITERATIONS}")
    again = engine.solve()
    assert again.converged
    np.testing.assert_allclose(again.voltages_pu, good.voltages_pu, atol=0.01)


@pytest.mark.parametrize("factor", [1e6, np.inf, np.nan, -1e9])
def test_absurd_loads_while_the_matrix_is_rebuilt_are_got_over(factor: float) -> None:
    engine = OpenDssEngine()
    loads = engine.compile(FEEDER).loads
    engine.use_local_regulators(False)
    power_w = np.array([load.power_w for load in loads])
    power_var = np.array([load.power_var for load in loads])
    good = engine.solve()
    engine.set_tap("reg_a", 5)  # has the solver rebuild its matrix
    engine.set_loads(power_w * factor, power_var)
    engine.solve()  # what a million times the load gives, a solution or none, is not the question
    engine.set_tap("reg_a", good.taps["reg_a"])
    engine.set_loads(power_w, power_var)
    again = engine.solve()
    assert again.converged
    np.testing.assert_allclose(again.voltages_pu, good.voltages_pu, atol=1e-6)


@pytest.mark.parametrize("factor", [1e6, np.inf, np.nan, -1e9])
def test_they_are_got_over_without_another_switch(factor: float) -> None:
    engine = OpenDssEngine()
    loads = engine.compile(FEEDER).loads
    engine.use_local_regulators(False)
    power_w = np.array([load.power_w for load in loads])
    power_var = np.array([load.power_var for load in loads])
    for _ in range(2):
        engine.set_loads(power_w * factor, power_var)
        engine.solve()
    engine.set_loads(power_w, power_var)
    assert engine.solve().converged


def simulation(*houses: HouseSpec) -> Simulation:
    return Simulation(OpenDssEngine(), FEEDER, houses, Settings(load_scale=0.6), NOON)


def test_nodes_that_lose_their_supply_are_told_once_and_when_they_have_it_again() -> None:
    sim = simulation()
    assert sim.step(NOON, NOON).happenings == ()
    sim._engine.set_switch("line.671_692", closed=False)
    (cut,) = sim.step(NOON, NOON).happenings
    assert cut.kind == "island"
    assert cut.text == "without supply: 692.1, 692.2, 692.3, 675.1, 675.2, 675.3"
    assert sim.step(NOON, NOON + timedelta(seconds=1)).happenings == ()
    sim._engine.set_switch("line.671_692", closed=True)
    (back,) = sim.step(NOON, NOON).happenings
    assert back.text == cut.text.replace("without supply", "supplied again")
    sim._engine.set_head(closed=False)
    (dark,) = sim.step(NOON, NOON).happenings
    assert dark.text.endswith(" and 32 more")


def test_an_island_with_a_seller_is_dead_too() -> None:
    """Its inverters follow the grid: without one they feed nothing."""
    park = HouseSpec(
        "park", "park", "675", (1, 2, 3), nominal_v=2402, site="plant", drop_m=0, fuse_a=1000,
        profile="none", pv_kwp=3000,
    )  # fmt: skip
    sim = simulation(park)
    sim.surroundings.held_w_per_m2 = 1000
    sim.set_power("park", -1_500_000, None)
    assert sim.step(NOON, NOON).truth.powers_w[:3].sum() == pytest.approx(-1_500_000)
    sim._engine.set_switch("line.671_692", closed=False)
    cut = sim.step(NOON, NOON + timedelta(seconds=1))
    assert cut.solution.converged
    rows = [row for row, node in enumerate(sim.circuit.nodes) if node.startswith(("675", "park"))]
    assert (cut.solution.voltages_pu[rows] < 1e-3).all()
    assert abs(cut.truth.powers_w[:3]).max() < 1


def test_trouble_on_one_feeder_leaves_the_other_fresh(tmp_path: Path) -> None:
    text = f"""
houses:
  house1: {{bus: 671.1, ev: {{kw: 11}}}}
plugins:
  ill: {{use: opendss_grid, feeder: {FEEDER}, houses: [house1]}}
  well: {{use: opendss_grid, feeder: {FEEDER}, houses: []}}
"""

    async def program():
        async with running(tmp_path, text) as hub:
            await hub.settled()
            seen = Recording(hub)
            good = hub.bus.last("grid/ill/state").message
            fleet = hub.plugins["ill"].plugin._simulation.fleet
            fleet.battery.charge_w[0] = fleet.battery.capacity_wh[0] = 1e15
            await hub.commands.send(Command("house/house1", "set_power", {"net_w": 1e12}))
            began = hub.clock.now()
            await asyncio.sleep(2.5)
            states = [hub.bus.last(f"grid/{name}/state").message for name in ("ill", "well")]
            told = [
                m.feeder for m in seen.messages if isinstance(m, MeteringPoints) and m.at > began
            ]
            return good, *states, set(told), [hub.plugins[n].state for n in ("ill", "well")]

    good, ill, well, told, plugin_states = in_virtual_time(program)
    assert not ill.converged
    assert "did not converge" in ill.problem
    assert list(ill.voltages_pu) == list(good.voltages_pu)
    assert well.converged
    assert told == {"well"}
    assert plugin_states == [PluginState.DEGRADED, PluginState.ONLINE]
