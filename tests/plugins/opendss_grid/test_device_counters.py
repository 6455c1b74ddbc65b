"""The counters of a house's devices add up to what its meter counts."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from plugins.opendss_grid.device_counters import DeviceCounters
from plugins.opendss_grid.devices import Powers
from plugins.opendss_grid.engine import OpenDssEngine
from plugins.opendss_grid.houses import HouseSpec
from plugins.opendss_grid.simulation import Settings, Simulation

FEEDER = Path(__file__).parents[3] / "config/feeders/ieee13/feeder.dss"
MORNING = datetime(2026, 6, 21, 12, tzinfo=UTC)
HOME = HouseSpec("house2", "m2", "671", (1,), pv_kwp=8, battery_kwh=13.5, battery_kw=11)
DRIVER = HouseSpec("house1", "m1", "671", (1,), ev_kw=11, ev_kwh=60, ev_initial=0.1)


def powers(**values: float) -> Powers:
    zero = np.zeros(1)
    given = {name: np.array([value]) for name, value in values.items()}
    names = ("load_w", "pv_w", "battery_w", "ev_w", "net_w", "net_var")
    return Powers(**{name: given.get(name, zero) for name in names})


def test_each_direction_has_a_counter_of_its_own() -> None:
    counters = DeviceCounters(1)
    live = np.array([True])
    counters.add(powers(load_w=100, pv_w=500, battery_w=300, ev_w=-50), live, 0.5)
    counters.add(powers(load_w=100, pv_w=0, battery_w=-80, ev_w=20), live, 0.25)
    counters.add(powers(load_w=9999, pv_w=9999), np.array([False]), 1.0)
    assert counters.of(0) == {
        "load_wh": 75, "pv_wh": 250, "battery_in_wh": 150, "battery_out_wh": 20,
        "ev_in_wh": 5, "ev_out_wh": 25,
    }  # fmt: skip


def test_the_counters_of_a_house_add_up_to_its_meter() -> None:
    sim = Simulation(OpenDssEngine(), FEEDER, (HOME, DRIVER), Settings(seed=3), MORNING)
    metered_wh = np.zeros(2)
    for minute in range(1, 181):
        result = sim.step(MORNING, MORNING + timedelta(minutes=minute))
        metered_wh += result.powers.net_w / 60
    for row, house in enumerate((HOME, DRIVER)):
        count = sim.counters.of(row)
        storage_wh = count["battery_in_wh"] - count["battery_out_wh"]
        storage_wh += count["ev_in_wh"] - count["ev_out_wh"]
        net_wh = count["load_wh"] - count["pv_wh"] + storage_wh
        assert net_wh == pytest.approx(metered_wh[row], abs=1e-6), house.name
    assert sim.counters.of(0)["pv_wh"] > 1000
    assert sim.counters.of(1)["ev_in_wh"] > 1000
