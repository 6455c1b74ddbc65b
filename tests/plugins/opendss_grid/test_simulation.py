"""The simulated feeder as one deterministic machine."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from plugins.opendss_grid.engine import OpenDssEngine
from plugins.opendss_grid.houses import HouseSpec
from plugins.opendss_grid.protocol import GridError
from plugins.opendss_grid.simulation import Settings, Simulation
from plugins.opendss_grid.simulation_state import restore, snapshot

FEEDER = Path(__file__).parents[3] / "config/feeders/ieee13/feeder.dss"
NOON = datetime(2026, 6, 21, 17, tzinfo=UTC)
PARK = HouseSpec(
    "solar_park", "solar_park", "675", (1, 2, 3), nominal_v=2402, site="plant", drop_m=0,
    fuse_a=1000, profile="none", pv_kwp=3000,
)  # fmt: skip
HOME = HouseSpec("house2", "m2", "671", (1,), pv_kwp=8, battery_kwh=13.5, battery_kw=11)


def simulation(*houses: HouseSpec, **settings) -> Simulation:
    values = {"load_scale": 0.6} | settings
    return Simulation(OpenDssEngine(), FEEDER, houses or (HOME, PARK), Settings(**values), NOON)


def pu(sim: Simulation, result, node: str) -> float:
    return float(result.solution.voltages_pu[sim.circuit.nodes.index(node)])


def metered(sim: Simulation, result, device: str) -> float:
    rows = [i for i, name in enumerate(sim.meters.devices) if name == device]
    return float(result.truth.powers_w[rows].sum())


def highest(sim: Simulation, result) -> float:
    primary = [i for i, n in enumerate(sim.circuit.nodes) if n[0].isdigit() or n.startswith("rg")]
    return float(result.solution.voltages_pu[primary].max())


def test_the_overvoltage_of_the_mission_happens_and_taps_end_it() -> None:
    """Figures of this feeder file; the file shipped with OpenDSS gives 1.056 pu at 1978 kW."""
    sim = simulation()
    start = sim.step(NOON, NOON)
    assert sim.regulators.positions == {"reg_a": 7, "reg_b": 6, "reg_c": 7}
    assert highest(sim, start) == pytest.approx(1.0459, abs=0.0005)

    sim.surroundings.held_w_per_m2 = 1000
    sim.set_power("solar_park", -2_031_000, None)
    sold = sim.step(NOON, NOON)
    assert metered(sim, sold, "solar_park") == pytest.approx(-2_031_000)
    assert pu(sim, sold, "675.2") == highest(sim, sold) == pytest.approx(1.056, abs=0.0003)

    expected = {(7, 5, 7): 1.0496, (0, 0, 0): 1.0178, (2, 0, 4): 1.0173, (-2, 0, 7): 1.0159}
    for taps, voltage in expected.items():
        sim.set_taps(dict(zip(("reg_a", "reg_b", "reg_c"), taps, strict=True)))
        assert pu(sim, sim.step(NOON, NOON), "675.2") == pytest.approx(voltage, abs=0.0005), taps
    assert sim.regulators.operations["reg_b"] == 1 + 5


def test_own_regulators_meet_the_sale_without_a_command() -> None:
    sim = simulation(local_regulators=True)
    sim.surroundings.held_w_per_m2 = 1000
    sim.set_power("solar_park", -2_031_000, None)
    assert highest(sim, sim.step(NOON, NOON)) < 1.05
    assert sum(sim.regulators.operations.values()) > 0
    with pytest.raises(GridError, match="under local control"):
        sim.set_taps({"reg_a": 0})


def sale_at(sim: Simulation, seconds: float) -> float:
    now = NOON + timedelta(seconds=seconds)
    return highest(sim, sim.step(now, now))


def test_regulators_hold_until_who_took_command_is_missed_too_long() -> None:
    sim = simulation()
    sim.surroundings.held_w_per_m2 = 1000
    sim.set_power("solar_park", -2_031_000, None)
    sim.regulators.use_local(False, patience_s=60)
    assert sale_at(sim, 0) > 1.05
    sim.regulators.use_local(False, patience_s=60)
    assert sale_at(sim, 40) > 1.05
    assert sale_at(sim, 100) > 1.05, "60 s from the last command, not from the first"
    late = sim.step(NOON + timedelta(seconds=101), NOON + timedelta(seconds=101))
    assert highest(sim, late) < 1.05
    assert [h.text for h in late.happenings] == [
        "the regulators act by themselves: no command for 60 s from who had taken it"
    ]
    assert sim.step(NOON + timedelta(seconds=200), NOON + timedelta(seconds=200)).happenings == ()


def test_without_a_heartbeat_asked_for_the_last_taps_are_held() -> None:
    sim = simulation()
    sim.set_taps({"reg_a": -4})
    sale_at(sim, 0)
    sale_at(sim, 7 * 86400)
    assert sim.regulators.positions["reg_a"] == -4


@pytest.mark.parametrize(("away_s", "held"), [(59, True), (61, False)])
def test_after_a_restart_command_must_be_heard_again(away_s: float, held: bool) -> None:
    sim = simulation()
    sim.regulators.use_local(False, patience_s=60)
    sim.set_taps({"reg_a": -4})
    sale_at(sim, 0)
    fresh = simulation()
    restore(fresh, snapshot(sim))
    sale_at(fresh, 1000)
    sale_at(fresh, 1000 + away_s)
    assert (fresh.regulators.positions["reg_a"] == -4) is held


def test_a_restart_leaves_local_control_where_it_was() -> None:
    sim = simulation()
    sim.regulators.use_local(True)
    fresh = simulation()
    restore(fresh, snapshot(sim))
    with pytest.raises(GridError, match="under local control"):
        fresh.set_taps({"reg_a": 0})


def test_a_regulator_that_has_just_moved_rests() -> None:
    sim = simulation(tap_dwell_s=120)
    sim.set_taps({"reg_a": 3, "reg_b": 3})
    sim.step(NOON, NOON)
    sim.step(NOON, NOON + timedelta(seconds=60))
    sim.set_taps({"reg_a": 3})
    with pytest.raises(GridError, match="may again in 60 s"):
        sim.set_taps({"reg_c": 1, "reg_a": 4})
    assert sim.step(NOON, NOON).solution.taps == {"reg_a": 3, "reg_b": 3, "reg_c": 7}
    sim.step(NOON, NOON + timedelta(seconds=121))
    sim.set_taps({"reg_c": 1, "reg_a": 4})
    assert sim.step(NOON, NOON).solution.taps == {"reg_a": 4, "reg_b": 3, "reg_c": 1}
    assert sim.regulators.operations == {"reg_a": 5, "reg_b": 3, "reg_c": 6}


def test_energy_at_the_meter_is_the_energy_of_the_devices() -> None:
    sim = simulation()
    sim.step(NOON, NOON)
    charge = sim.fleet.battery.energy_wh[0]
    sim.set_power("house2", -6000, None)
    sim.surroundings.held_w_per_m2 = 0
    exported_wh = used_wh = 0.0
    for minute in range(1, 31):
        result = sim.step(NOON, NOON + timedelta(minutes=minute))
        exported_wh -= metered(sim, result, "m2") * result.elapsed_s / 3600
        used_wh += result.powers.load_w[0] * result.elapsed_s / 3600
    assert exported_wh == pytest.approx(3000, rel=1e-4)
    from_battery = charge - sim.fleet.battery.energy_wh[0]
    assert from_battery == pytest.approx((3000 + used_wh) / np.sqrt(0.92), rel=1e-6)


def test_a_set_point_ends_by_the_time_of_the_hub() -> None:
    sim = simulation()
    sim.set_power("house2", 2000, NOON + timedelta(seconds=10))
    held = sim.step(NOON + timedelta(seconds=9), NOON + timedelta(minutes=9))
    assert metered(sim, held, "m2") == pytest.approx(2000)
    free = sim.step(NOON + timedelta(seconds=10), NOON + timedelta(minutes=10))
    assert metered(sim, free, "m2") != pytest.approx(2000)


def test_a_house_without_supply_uses_and_stores_nothing() -> None:
    sim = simulation()
    sim.step(NOON, NOON)
    sim.set_service("house2", closed=False)
    charge = sim.fleet.battery.energy_wh.copy()
    result = sim.step(NOON, NOON + timedelta(hours=1))
    assert metered(sim, result, "m2") == 0.0
    assert not sim.energised("house2", result)
    np.testing.assert_array_equal(sim.fleet.battery.energy_wh, charge)


def test_an_overloaded_service_blows_its_fuse() -> None:
    ev_home = HouseSpec("h", "h", "671", (1,), fuse_a=30, ev_kw=15, ev_kwh=90)
    sim = simulation(ev_home)
    sim.set_power("h", 15_000, None)
    sim.step(NOON, NOON)
    blown = sim.step(NOON, NOON + timedelta(minutes=30))
    assert [h.text for h in blown.happenings] == ["the service fuse of h (30 A) blew at 63 A"]
    after = sim.step(NOON, NOON + timedelta(minutes=31))
    assert not sim.energised("h", after)
    sim.set_power("h", None, None)
    with pytest.raises(GridError, match="blew at 63 A; 'replace_fuse' puts a new one in"):
        sim.set_service("h", closed=True)
    assert sim.replace_fuse("h").data == {"rating_a": 30, "current_a": pytest.approx(63, abs=1)}
    assert sim.energised("h", sim.step(NOON, NOON + timedelta(minutes=32)))
    with pytest.raises(GridError, match="the fuse of h has not blown"):
        sim.replace_fuse("h")


def test_a_meter_on_a_load_of_the_circuit_sees_that_load() -> None:
    works = HouseSpec("works", "works", "", (), feeder_load="S671", profile="none")
    sim = simulation(works)
    result = sim.step(NOON, NOON)
    assert metered(sim, result, "works") == pytest.approx(0.6 * 1_155_000, rel=1e-4)
    assert result.truth.powers_var[:3].sum() == pytest.approx(0.6 * 660_000, rel=1e-4)
    sim.set_service("works", closed=False)
    cut = sim.step(NOON, NOON)
    assert metered(sim, cut, "works") == 0
    assert list(cut.truth.voltages_v[:3]) == [0, 0, 0]
    assert not sim.energised("works", cut)
    assert pu(sim, cut, "671.1") > 0.95
    assert metered(sim, cut, "head") < metered(sim, result, "head") - 650_000
    sim.set_service("works", closed=True)
    assert metered(sim, sim.step(NOON, NOON), "works") == pytest.approx(693_000, rel=1e-3)


def test_the_head_is_what_all_loads_and_losses_take() -> None:
    sim = simulation()
    result = sim.step(NOON, NOON)
    below = result.solution.source_va.real.sum() - result.solution.losses_va.real
    loads = sum(load.power_w for load in sim.circuit.loads) * 0.6
    # Constant-impedance and constant-current loads draw a little less or more than nominal.
    assert metered(sim, result, "head") == pytest.approx(result.solution.source_va.real.sum())
    assert below == pytest.approx(loads, rel=0.01)


def test_time_never_runs_back() -> None:
    sim = simulation()
    sim.step(NOON, NOON + timedelta(minutes=5))
    result = sim.step(NOON, NOON)
    assert result.elapsed_s == 0.0
    assert sim.time == NOON + timedelta(minutes=5)


def test_no_solution_moves_nothing_and_the_next_one_is_good_again() -> None:
    sim = simulation()
    good = sim.step(NOON, NOON)
    charge = sim.fleet.battery.energy_wh.copy()
    sim.set_power("solar_park", 1e12, None)
    sim.fleet.battery.charge_w[1] = sim.fleet.battery.capacity_wh[1] = 1e15
    bad = sim.step(NOON, NOON + timedelta(minutes=1))
    assert not bad.solution.converged
    assert "converge" in (bad.solution.problem or "")
    assert bad.truth is None
    np.testing.assert_array_equal(sim.fleet.battery.energy_wh, charge)
    sim.set_power("solar_park", None, None)
    again = sim.step(NOON, NOON + timedelta(minutes=1))
    assert pu(sim, again, "675.2") == pytest.approx(pu(sim, good, "675.2"), abs=1e-5)


def test_a_snapshot_brings_back_what_it_holds_and_ignores_strangers() -> None:
    sim = simulation()
    sim.step(NOON, NOON)
    sim.set_taps({"reg_c": -4})
    sim.set_service("house2", closed=False)
    sim.fleet.battery.energy_wh[0] = 4321
    sim.step(NOON, NOON)
    saved = snapshot(sim)
    saved["battery_wh"]["stranger"] = 1.0
    stranger = {**saved["network"]["changed"][0], "name": "stranger"}
    saved["network"]["changed"].append(stranger)
    saved["regulators"]["taps"]["reg_q"] = 3
    fresh = simulation()
    misfits = restore(fresh, saved)
    assert len(misfits) == 1
    assert "stranger" in misfits[0]
    result = fresh.step(NOON, NOON)
    assert fresh.regulators.positions["reg_c"] == -4
    assert fresh.regulators.operations["reg_c"] == 0
    assert fresh.fleet.battery.energy_wh[0] == 4321
    assert not fresh.energised("house2", result)


def test_set_points_outlive_a_restart_until_they_end() -> None:
    sim = simulation()
    sim.step(NOON, NOON)
    sim.set_power("house2", -500.0, NOON + timedelta(minutes=5))
    sim.set_points.move("battery", 0, 700.0, None, NOON)
    assert sim.set_points.lasting_changed
    saved = json.loads(json.dumps(snapshot(sim)))
    fresh = simulation()
    assert restore(fresh, saved) == []
    assert not fresh.set_points.lasting_changed
    assert [point.text for point in fresh.set_points.held] == [
        "the battery of house2 is held at 700 W until it is released",
        "house house2 is held at -500 W until 17:05:00 UTC",
    ]
    held = fresh.step(NOON, NOON + timedelta(minutes=4))
    assert held.powers.battery_w[0] == 700
    # The hub was away for an hour.
    late = simulation()
    restore(late, saved)
    late.step(NOON + timedelta(hours=1), NOON + timedelta(hours=1))
    assert np.isnan(late.fleet.set_point_w[0])
    assert late.fleet.battery_set_w[0] == 700
    saved["set_points"]["held"][0]["house"] = "gone"
    assert restore(simulation(), saved) == ["the set-point of house gone, which is gone"]


def test_what_does_not_fit_is_refused_all_at_once() -> None:
    with pytest.raises(GridError, match=r"bus 999 .*; .*load nope .*"):
        simulation(
            HouseSpec("a", "a", "999", (1,)), HouseSpec("b", "b", "", (), feeder_load="nope")
        )
    with pytest.raises(GridError, match="house nobody is not on this feeder; it has: house2"):
        simulation().set_power("nobody", 0, None)
