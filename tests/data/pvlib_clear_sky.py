"""Writes pvlib_clear_sky.csv: the sun and its light as pvlib gives them, for tests to hold up.

Run it with pvlib in an environment of its own (`pip install pvlib==0.16.1`): pvlib brings pandas,
and where pandas is installed the OpenDSS binding loads it at every start.
"""

from __future__ import annotations

import csv
import sys
from datetime import UTC, datetime, timedelta

import pandas as pd
from pvlib import atmosphere, clearsky, irradiance, solarposition

#: Both hemispheres, the tropics, beyond both polar circles, a pole, a mountain, the date line.
PLACES = [
    (40.0, -75.0, 0.0),
    (-33.9, 151.2, 30.0),
    (0.0, 0.0, 0.0),
    (69.6, 18.9, 10.0),
    (-78.0, 166.0, 200.0),
    (90.0, 0.0, 0.0),
    (-16.5, -68.1, 3640.0),
    (52.5, 179.9, 0.0),
]
MOMENTS = [
    datetime(2026, 1, 3, tzinfo=UTC) + timedelta(days=29.3 * step, hours=1.7 * step)
    for step in range(13)
] + [datetime(2026, 6, 21, tzinfo=UTC) + timedelta(hours=2 * h) for h in range(12)]
#: Tilt and azimuth.
PLANES = [(0.0, 180.0), (30.0, 180.0), (30.0, 0.0), (60.0, 100.0), (90.0, 270.0)]
TURBIDITY = 3.0


def main() -> None:
    """Write the table to standard output."""
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(
        ["time", "latitude", "longitude", "altitude_m", "elevation", "azimuth", "ghi", "dni", "dhi"]
        + [f"plane_{tilt:g}_{azimuth:g}" for tilt, azimuth in PLANES]
    )
    times = pd.DatetimeIndex(MOMENTS)
    extra = irradiance.get_extra_radiation(times)
    for latitude, longitude, altitude_m in PLACES:
        sun = solarposition.get_solarposition(times, latitude, longitude, altitude_m)
        zenith = sun["apparent_zenith"]
        mass = atmosphere.get_absolute_airmass(
            atmosphere.get_relative_airmass(zenith), atmosphere.alt2pres(altitude_m)
        )
        sky = clearsky.ineichen(zenith, mass, TURBIDITY, altitude=altitude_m, dni_extra=extra)
        planes = [
            irradiance.get_total_irradiance(
                tilt, azimuth, zenith, sun["azimuth"], sky["dni"], sky["ghi"], sky["dhi"],
                dni_extra=extra, model="haydavies",
            )["poa_global"].fillna(0)
            for tilt, azimuth in PLANES
        ]  # fmt: skip
        for row, when in enumerate(MOMENTS):
            values = [sun["apparent_elevation"], sun["azimuth"], sky["ghi"], sky["dni"], sky["dhi"]]
            figures = [f"{column.iloc[row]:.3f}" for column in [*values, *planes]]
            out.writerow([when.isoformat(), latitude, longitude, altitude_m, *figures])


if __name__ == "__main__":
    main()
