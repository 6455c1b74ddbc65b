import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.simulated_meters.meter import MJ_PER_WH, Meter

NOW = datetime(2026, 6, 21, 12, tzinfo=UTC)


def measure(
    meter: Meter, power_w: float, elapsed_s: float = 60.0, voltage_v: float = 240.0
) -> bool:
    return meter.measure(NOW, elapsed_s, [voltage_v], [power_w], [0.0])


def test_import_and_export_are_counted_apart():
    meter = Meter("house1")
    measure(meter, 1200, 3600)
    measure(meter, -500, 1800)
    assert meter.sample is not None
    assert (meter.sample.import_wh, meter.sample.export_wh) == (1200, 250)


def test_three_phases_are_counted_by_their_balance():
    meter = Meter("head", ("a", "b", "c"))
    meter.measure(NOW, 3600, [240, 240, 240], [1000, -400, 0], [0, 0, 0])
    assert meter.sample is not None
    assert (meter.sample.import_wh, meter.sample.export_wh) == (600, 0)


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(0, 3600)), max_size=50))
def test_counters_never_fall_and_keep_the_energy(steps: list[tuple[float, float]]):
    meter, shown = Meter("house1"), (0, 0)
    for power_w, elapsed_s in steps:
        measure(meter, power_w, elapsed_s)
        assert meter.sample is not None
        now_shown = (meter.sample.import_wh, meter.sample.export_wh)
        assert now_shown >= shown
        assert min(now_shown[0] - shown[0], now_shown[1] - shown[1]) == 0
        shown = now_shown
    net_j = math.fsum(power_w * elapsed_s for power_w, elapsed_s in steps)
    # Each step is rounded to a millijoule once.
    assert abs((meter.import_mj - meter.export_mj) / 1000 - net_j) <= 0.001 * len(steps) + 1e-3


def test_what_is_shown_is_a_multiple_of_the_resolution():
    meter = Meter("house1", resolution_wh=10)
    measure(meter, 1999, 3600)
    assert meter.sample is not None
    assert meter.sample.import_wh == 1990
    assert meter.import_mj == 1999 * MJ_PER_WH


def test_an_inexact_meter_is_off_in_power_and_energy_alike():
    meter = Meter("house1", gain=1.005)
    measure(meter, 1000, 3600)
    assert meter.sample is not None
    assert meter.sample.powers_w == (pytest.approx(1005),)
    assert meter.sample.import_wh == 1005


def test_the_error_of_the_voltage_is_one_of_its_own():
    meter = Meter("m", voltage_gain=1.005)
    meter.measure(NOW, 60, [240.0], [1200.0], [0.0])
    assert meter.sample is not None
    assert meter.sample.voltages_v == (pytest.approx(241.2),)
    assert meter.sample.powers_w == (1200.0,)


def test_current_and_factor_follow_from_power_and_voltage():
    meter = Meter("house1")
    meter.measure(NOW, 1, [240.0], [-720.0], [960.0])
    assert meter.sample is not None
    assert meter.sample.currents_a == (5.0,)
    assert meter.sample.factors == (0.6,)


def test_without_supply_it_lives_as_long_as_its_backup():
    meter = Meter("house1", backup_s=120)
    assert not measure(meter, 100)
    assert measure(meter, 0, voltage_v=0.3)
    assert not meter.supplied
    assert meter.alive
    assert not measure(meter, 0, voltage_v=0.3)
    assert meter.alive
    measure(meter, 0, voltage_v=0.3)
    assert not meter.alive
    assert measure(meter, 100)
    assert meter.alive
    assert meter.without_supply_s == 0


def test_a_meter_without_backup_dies_with_the_supply():
    meter = Meter("house1")
    measure(meter, 100)
    measure(meter, 0, voltage_v=0)
    assert not meter.alive


def test_a_meter_that_is_put_up_in_an_outage_does_not_live_on_a_stray_volt():
    meter = Meter("house1", backup_s=60)
    measure(meter, 0, voltage_v=3)
    assert not meter.supplied
    measure(meter, 0, voltage_v=4)
    assert not meter.supplied
    measure(meter, 100)
    assert meter.supplied


def test_a_dead_wire_shows_nothing():
    meter = Meter("house1", backup_s=60)
    measure(meter, 100)
    measure(meter, 0, voltage_v=0)
    sample = meter.sample
    assert sample is not None
    assert (sample.voltages_v, sample.currents_a, sample.frequency_hz) == ((0,), (0,), 0)
    assert sample.factors == (0,)
