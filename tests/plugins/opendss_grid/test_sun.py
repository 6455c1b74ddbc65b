"""The sun and its light, held against pvlib 0.16.1 over the globe, the year and the day.

The figures are in tests/data/pvlib_clear_sky.csv, made by the script beside it.
"""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from plugins.opendss_grid.sun import ClearSky, Sun, clear_sky, plane_irradiance, sun_at

DATA = Path(__file__).parents[2] / "data" / "pvlib_clear_sky.csv"
TURBIDITY = 3.0
PLANES = [(0.0, 180.0), (30.0, 180.0), (30.0, 0.0), (60.0, 100.0), (90.0, 270.0)]


def rows() -> list[dict[str, str]]:
    with DATA.open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def seen(row: dict[str, str]) -> tuple[Sun, ClearSky]:
    when = datetime.fromisoformat(row["time"])
    altitude_m = float(row["altitude_m"])
    sun = sun_at(when, float(row["latitude"]), float(row["longitude"]), altitude_m)
    return sun, clear_sky(sun, when.timetuple().tm_yday, TURBIDITY, altitude_m)


def test_the_sun_stands_where_pvlib_sees_it() -> None:
    for row in rows():
        sun, _ = seen(row)
        assert sun.elevation_deg == pytest.approx(float(row["elevation"]), abs=0.03), row
        if abs(float(row["latitude"])) < 90:  # at a pole every direction is the same
            apart = (sun.azimuth_deg - float(row["azimuth"]) + 180) % 360 - 180
            # Near the zenith a small angle on the sky is a large one on the compass.
            height = np.cos(np.radians(sun.elevation_deg))
            assert apart * height == pytest.approx(0, abs=0.03), row


def test_the_clear_sky_is_that_of_pvlib() -> None:
    for row in rows():
        _, sky = seen(row)
        expected = [float(row[key]) for key in ("ghi", "dni", "dhi")]
        assert [sky.horizontal, sky.direct, sky.diffuse] == pytest.approx(
            expected, rel=3e-3, abs=1
        ), row


def test_planes_get_the_light_that_pvlib_gives_them() -> None:
    tilts, azimuths = map(np.array, zip(*PLANES, strict=True))
    for row in rows():
        if abs(float(row["latitude"])) == 90:
            continue  # where the compass ends, "south" is a matter of definition
        sun, sky = seen(row)
        expected = [float(row[f"plane_{tilt:g}_{azimuth:g}"]) for tilt, azimuth in PLANES]
        light = plane_irradiance(sun, sky, tilts, azimuths)
        assert light == pytest.approx(np.array(expected), rel=3e-3, abs=1.5), row


def test_haze_takes_light_and_height_gives_it() -> None:
    sun = sun_at(datetime(2026, 6, 21, 17, tzinfo=UTC), 40.0, -75.0)
    clean, hazy = (clear_sky(sun, 172, turbidity).horizontal for turbidity in (2.0, 6.0))
    assert hazy < 0.9 * clean
    assert clear_sky(sun, 172, 3.0, 3000.0).horizontal > clear_sky(sun, 172, 3.0).horizontal


def test_the_polar_day_has_no_night_and_the_polar_night_no_day() -> None:
    summer, winter = datetime(2026, 6, 21, tzinfo=UTC), datetime(2026, 12, 21, tzinfo=UTC)
    hours = [timedelta(hours=h) for h in range(24)]
    assert all(sun_at(summer + h, 70.0, 20.0).elevation_deg > 0 for h in hours)
    assert all(sun_at(winter + h, 70.0, 20.0).elevation_deg < 0 for h in hours)
    assert all(sun_at(winter + h, -70.0, 20.0).elevation_deg > 0 for h in hours)


def test_no_light_comes_from_below_the_horizon() -> None:
    sun = sun_at(datetime(2026, 6, 21, 5, tzinfo=UTC), 40.0, -75.0)
    assert sun.elevation_deg < -10
    sky = clear_sky(sun, 172, TURBIDITY)
    assert sky.horizontal == sky.direct == sky.diffuse == 0
    assert list(plane_irradiance(sun, sky, np.array([0.0, 90.0]), np.array([180.0, 0.0]))) == [0, 0]


def test_walls_towards_the_sun_take_more_than_those_away_from_it() -> None:
    sun = sun_at(datetime(2026, 6, 21, 17, tzinfo=UTC), 40.0, -75.0)
    walls = plane_irradiance(
        sun, clear_sky(sun, 172, TURBIDITY), np.full(2, 90.0), np.array([180.0, 0.0])
    )
    assert walls[0] > 1.5 * walls[1] > 0
