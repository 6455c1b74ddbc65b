"""What devices do where a house has no supply, or half of one: what its meter sees, no more."""

from datetime import timedelta

import numpy as np
import pytest

from plugins.opendss_grid.houses import HouseSpec
from plugins.opendss_grid.protocol import FaultSpec
from plugins.opendss_grid.simulation import Simulation

from .test_orders import Bench
from .test_simulation import NOON, metered, simulation

#: A battery that is told to charge, alone in its house, on one phase and on three.
ONE = HouseSpec(
    "one", "one", "671", (1,), profile="none", battery_kwh=500, battery_kw=9, battery_initial=0.2
)
THREE = HouseSpec(
    "three", "three", "675", (1, 2, 3), profile="none",
    battery_kwh=500, battery_kw=9, battery_initial=0.2,
)  # fmt: skip


def charged(sim: Simulation, house: str) -> tuple[float, float]:
    """Step for an hour; return what a house's meter saw and what its battery took up, in Wh."""
    row = sim.number(house)
    stored_wh = float(sim.fleet.battery.energy_wh[row])
    result = sim.step(NOON, sim.time + timedelta(hours=1))
    assert result.powers.net_w[row] == pytest.approx(metered(sim, result, house))
    gained_wh = float(sim.fleet.battery.energy_wh[row]) - stored_wh
    return metered(sim, result, house), gained_wh / float(sim.fleet.battery.one_way[row])


def charging(*houses: HouseSpec) -> Simulation:
    sim = simulation(*houses)
    for row in range(len(houses)):
        sim.set_points.move("battery", row, 9000.0, None, NOON)
    return sim


def test_a_house_that_has_lost_a_phase_takes_up_what_the_others_bring() -> None:
    sim = charging(ONE, THREE)
    assert charged(sim, "three") == pytest.approx((9000, 9000))
    sim.network.set_branch("line.692_675", closed=False, phase=1, at=NOON, when=NOON)
    assert charged(sim, "three") == pytest.approx((6000, 6000))
    assert sim.counters.of(1)["battery_in_wh"] == pytest.approx(15_000)
    assert sim.counters.of(0)["battery_in_wh"] == pytest.approx(18_000)


def test_a_battery_in_a_sag_takes_up_no_more_than_its_meter_sees() -> None:
    sim = charging(ONE)
    for bus, ohm in (("671", 0.5), ("one", 0.2)):
        sim.network.apply_fault(FaultSpec.of_type(f"at_{bus}", "ag", bus, ohm), NOON)
    seen_wh, stored_wh = charged(sim, "one")
    assert 0 < seen_wh < 8000
    assert stored_wh == pytest.approx(seen_wh)


def test_a_load_of_the_circuit_draws_by_its_voltage_and_the_battery_behind_it_does_not() -> None:
    """Load 692 draws constant current: less than it is rated for where the voltage is low."""
    yard = HouseSpec(
        "yard", "yard", "", (), feeder_load="s692", battery_kwh=500, battery_kw=9,
        battery_initial=0.2,
    )  # fmt: skip
    sim = charging(yard)
    result = sim.step(NOON, NOON + timedelta(hours=1))
    devices_w = result.powers.load_w + result.powers.battery_w
    assert devices_w[0] == pytest.approx(metered(sim, result, "yard"))
    assert result.powers.battery_w[0] == 9000
    assert abs(result.powers.load_w[0] - 0.6 * 170_000) > 100


def test_what_cannot_be_done_without_supply_is_not_said_to_be_done() -> None:
    bench = Bench(HouseSpec("home", "home", "671", (1,), pv_kwp=8, battery_kwh=13.5, battery_kw=9))
    bench("house", "home", "open_service")
    assert bench("house", "home", "set_power", net_w=5000)["achieved_w"] == 0
    assert bench("house", "home", "set_battery", power_w=3000)["achieved_w"] == 0
    assert bench("house", "home", "limit_pv", percent=50)["achieved_w"] == 0
    assert not np.any(bench.result.powers.load_w)
    bench("house", "home", "close_service")
    assert bench.result.powers.battery_w[0] == 3000
