"""Consumption and light of many houses: the right amount, the right place."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from plugins.opendss_grid.csv_profile import CsvProfile
from plugins.opendss_grid.engine import OpenDssEngine
from plugins.opendss_grid.houses import HouseSpec
from plugins.opendss_grid.simulation import Settings, Simulation
from plugins.opendss_grid.surroundings import Place, Surroundings

FEEDER = Path(__file__).parents[3] / "config/feeders/ieee13/feeder.dss"
NOON = datetime(2026, 6, 21, 17, tzinfo=UTC)


def houses(count: int, **changes) -> list[HouseSpec]:
    return [HouseSpec(f"h{i}", f"h{i}", "671", (1,), **changes) for i in range(count)]


def test_houses_differ_and_consume_their_yearly_energy_together() -> None:
    surroundings = Surroundings(houses(40, annual_kwh=3650), Place(), seed=1)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    hours = range(0, 8760, 7)
    powers = np.array([surroundings.consumption_w(start + timedelta(hours=h)) for h in hours])
    assert powers.mean() * 8.760 == pytest.approx(3650, rel=0.01)
    assert powers[0].std() > 50


def test_light_follows_the_place_and_the_roof() -> None:
    roofs = [
        HouseSpec("s", "s", "671", (1,), pv_kwp=5, tilt_deg=30, azimuth_deg=180),
        HouseSpec("n", "n", "671", (1,), pv_kwp=5, tilt_deg=60, azimuth_deg=0),
    ]
    here = Surroundings(roofs, Place(40.0, -75.0), seed=1).light_w_per_m2(NOON)
    assert here[0] > 850
    assert here[1] < 400
    there = Surroundings(roofs, Place(40.0, 105.0), seed=1).light_w_per_m2(NOON)
    assert list(there) == [0, 0]


def test_clouds_take_light_and_an_event_holds_it() -> None:
    clear = Surroundings(houses(1, pv_kwp=5), Place(), seed=1)
    dull = Surroundings(houses(1, pv_kwp=5), Place(clouds=1.0), seed=1)
    assert dull.light_w_per_m2(NOON)[0] == pytest.approx(0.3 * clear.light_w_per_m2(NOON)[0])
    midnight = NOON - timedelta(hours=12)
    clear.hold_sky(clearness=0.5)
    assert clear.light_w_per_m2(NOON)[0] == pytest.approx(0.5 / 0.3 * dull.light_w_per_m2(NOON)[0])
    assert list(clear.light_w_per_m2(midnight)) == [0.0]
    dull.hold_sky(light_w_per_m2=800.0)
    assert list(dull.light_w_per_m2(midnight)) == [800.0]
    dull.hold_sky()
    assert list(dull.light_w_per_m2(midnight)) == [0.0]


def test_profiles_go_by_local_time() -> None:
    west = Surroundings(houses(1), Place(longitude_deg=-75.0), seed=1)
    assert west.factor("business", datetime(2026, 1, 14, 15, 30, tzinfo=UTC)) > 1.8
    assert west.factor("business", datetime(2026, 1, 14, 7, 30, tzinfo=UTC)) < 0.6


def test_roofs_look_towards_the_equator_unless_told_otherwise() -> None:
    january = datetime(2026, 1, 10, 2, tzinfo=UTC)
    roofs = [
        HouseSpec("default", "d", "671", (1,), pv_kwp=5),
        HouseSpec("none", "x", "671", (1,)),
        HouseSpec("north", "n", "671", (1,), pv_kwp=5, azimuth_deg=0.0),
        HouseSpec("south", "s", "671", (1,), pv_kwp=5, azimuth_deg=180.0),
    ]
    sydney = Surroundings(roofs, Place(-33.9, 151.2), seed=1).light_w_per_m2(january)
    assert sydney[0] == sydney[2] > sydney[3]
    assert sydney[1] == 0


def test_haze_dims_the_roofs() -> None:
    roof = houses(1, pv_kwp=5)
    clean = Surroundings(roof, Place(linke_turbidity=2.0), seed=1).light_w_per_m2(NOON)
    hazy = Surroundings(roof, Place(linke_turbidity=7.0), seed=1).light_w_per_m2(NOON)
    assert hazy[0] < 0.95 * clean[0]


def test_houses_with_series_of_their_own_consume_those() -> None:
    start = datetime(2026, 6, 21, 12, tzinfo=UTC)
    quarters = CsvProfile(start, 900, np.array([100.0, 200.0, 300.0]))
    doubled = CsvProfile(start, 900, 2 * quarters.powers_w)
    hours = CsvProfile(start, 3600, np.array([7.0, 8.0]))
    specs = [
        HouseSpec(f"h{i}", f"h{i}", "671", (1,), series=series)
        for i, series in enumerate([quarters, None, hours, doubled])
    ]
    here = Surroundings(specs, Place(longitude_deg=0.0), seed=1)
    for minutes in (0, 20, 44, 61):
        when = start + timedelta(minutes=minutes)
        powers = here.consumption_w(when)
        expected = [series.power_w(when) for series in (quarters, hours, doubled)]
        assert [powers[0], powers[2], powers[3]] == expected
        assert powers[1] > 0


def test_clouds_drift_over_the_feeder() -> None:
    homes = [
        HouseSpec(f"h{row}", f"h{row}", bus, (1,), pv_kwp=5)
        for row, bus in enumerate(("632", "671", "680", "671"))
    ]
    place = Place(clouds=0.4, wind_m_per_s=1.0, wind_from_deg=0.0)
    start = datetime(2026, 6, 21, 17, tzinfo=UTC)
    sim = Simulation(OpenDssEngine(), FEEDER, homes, Settings(place=place, seed=3), start)
    lights = np.array(
        [sim.surroundings.light_w_per_m2(start + timedelta(minutes=m)) for m in range(0, 120, 2)]
    )
    assert np.array_equal(lights[:, 1], lights[:, 3])
    assert np.abs(lights[:, 0] - lights[:, 2]).max() > 100
    # What is at 632 comes to 680, 3,000 ft further south, 15 minutes later.
    clear = Surroundings(homes, Place(), seed=3)
    shares = lights / np.array(
        [clear.light_w_per_m2(start + timedelta(minutes=m)) for m in range(0, 120, 2)]
    )
    misfits = [np.abs(shares[: 60 - n, 0] - shares[n:, 2]).mean() for n in range(1, 25)]
    assert 2 * (1 + int(np.argmin(misfits))) == pytest.approx(3000 * 0.3048 / 60, abs=2)
