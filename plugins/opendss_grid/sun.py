"""The sun over a place and the light it gives planes there under a clear sky.

The models are those of pvlib's `Location.get_clearsky` and `get_total_irradiance`, written for one
moment and many planes: a step costs microseconds, and the hub needs neither pandas nor scipy for
it. Tests hold every function against pvlib over the globe and the year.

Angles are degrees; azimuths count from north through east, so 180 is south. Irradiance is W/m2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from .protocol import FloatArray

#: Light that the ground around a plane reflects, pvlib's default for a mixed ground.
ALBEDO = 0.25
#: The sun's upper limb is refracted into view when its centre stands this far below the horizon.
_LIMB_DEG = 0.26667 + 0.5667
#: Hay and Davies' ratio is bounded where the sun is lower than a degree, as pvlib does.
_LOWEST_COSINE = 0.01745
_EPOCH_TO_J2000_DAYS = 2440587.5 - 2451545.0


@dataclass(frozen=True, slots=True)
class Sun:
    """Where the sun is seen; `elevation_deg` is below 0 at night and includes refraction."""

    elevation_deg: float
    azimuth_deg: float


@dataclass(frozen=True, slots=True)
class ClearSky:
    """Irradiance under a clear sky: on the horizontal, of the beam, and of the sky without it.

    `extraterrestrial` is what the beam has outside the atmosphere on that day.
    """

    horizontal: float
    direct: float
    diffuse: float
    extraterrestrial: float


DARK = ClearSky(0.0, 0.0, 0.0, 0.0)


def sun_at(
    when: datetime, latitude_deg: float, longitude_deg: float, altitude_m: float = 0.0
) -> Sun:
    """Return where the sun is seen at a moment; within 0.03 degrees until 2050.

    The Astronomical Almanac's series of low precision after Michalsky (1988), with the refraction
    of the NREL algorithm at 12 degrees Celsius.
    """
    days = when.timestamp() / 86400 + _EPOCH_TO_J2000_DAYS
    anomaly = math.radians(357.528 + 0.9856003 * days)
    ecliptic = math.radians(
        280.460 + 0.9856474 * days + 1.915 * math.sin(anomaly) + 0.020 * math.sin(2 * anomaly)
    )
    obliquity = math.radians(23.439 - 4e-7 * days)
    ascension = math.atan2(math.cos(obliquity) * math.sin(ecliptic), math.cos(ecliptic))
    declination = math.asin(math.sin(obliquity) * math.sin(ecliptic))
    # Greenwich's sidereal time in degrees turns once more than the sun in a year.
    sidereal = math.radians((280.46062 + 360.98564737 * days + longitude_deg) % 360)
    hour_angle = sidereal - ascension
    latitude = math.radians(latitude_deg)
    sine = math.sin(latitude) * math.sin(declination) + math.cos(latitude) * math.cos(
        declination
    ) * math.cos(hour_angle)
    azimuth = math.atan2(
        -math.cos(declination) * math.sin(hour_angle),
        math.sin(declination) * math.cos(latitude)
        - math.cos(declination) * math.sin(latitude) * math.cos(hour_angle),
    )
    elevation_deg = math.degrees(math.asin(max(-1.0, min(1.0, sine))))
    lifted_deg = elevation_deg + _refraction_deg(elevation_deg, _pressure_share(altitude_m))
    return Sun(lifted_deg, math.degrees(azimuth) % 360)


def _pressure_share(altitude_m: float) -> float:
    return float((1 - altitude_m / 44331.514) ** (1 / 0.1902632))


def _refraction_deg(elevation_deg: float, pressure_share: float) -> float:
    if elevation_deg < -_LIMB_DEG:
        return 0.0
    curve = math.tan(math.radians(elevation_deg + 10.3 / (elevation_deg + 5.11)))
    return pressure_share * 1013.25 / 1010 * 283 / (273 + 12) * 1.02 / (60 * curve)


def clear_sky(
    sun: Sun, day_of_year: int, linke_turbidity: float, altitude_m: float = 0.0
) -> ClearSky:
    """Return clear-sky irradiance after Ineichen and Perez (2002); dark below the horizon.

    `linke_turbidity` says how hazy the air is: 2 is very clear and cold, 3 clean and warm, 5 to 7
    polluted. Air mass after Kasten and Young (1989), the sun's distance after Spencer (1971).
    """
    if sun.elevation_deg <= 0:
        return DARK
    sine = math.sin(math.radians(sun.elevation_deg))
    angle = 2 * math.pi * (day_of_year - 1) / 365
    extraterrestrial = 1366.1 * (
        1.00011 + 0.034221 * math.cos(angle) + 0.00128 * math.sin(angle)
        + 0.000719 * math.cos(2 * angle) + 7.7e-5 * math.sin(2 * angle)
    )  # fmt: skip
    air_mass = _pressure_share(altitude_m) / (
        sine + 0.50572 * (6.07995 + sun.elevation_deg) ** -1.6364
    )
    haze = linke_turbidity - 1
    near, far = math.exp(-altitude_m / 8000), math.exp(-altitude_m / 1250)
    loss = (3.92e-5 * altitude_m + 0.0387) * air_mass * (near + far * haze)
    horizontal = (5.09e-5 * altitude_m + 0.868) * extraterrestrial * sine * math.exp(-loss)
    direct = extraterrestrial * (0.664 + 0.163 / near) * math.exp(-0.09 * air_mass * haze)
    # At low sun the beam may not carry more than the horizontal leaves it.
    scattered = (0.1 - 0.2 * math.exp(-linke_turbidity)) / (0.1 + 0.882 / near)
    direct = min(direct, horizontal * max(1 - scattered, 0) / sine)
    return ClearSky(horizontal, direct, horizontal - direct * sine, extraterrestrial)


def plane_irradiance(
    sun: Sun, sky: ClearSky, tilt_deg: FloatArray, azimuth_deg: FloatArray
) -> FloatArray:
    """Return irradiance in W/m2 on planes, after Hay and Davies (1980); one entry per plane."""
    if sky.horizontal <= 0:
        return np.zeros_like(tilt_deg)
    elevation = math.radians(sun.elevation_deg)
    sine, tilt = math.sin(elevation), np.radians(tilt_deg)
    cos_tilt = np.cos(tilt)
    incidence = sine * cos_tilt + math.cos(elevation) * np.sin(tilt) * np.cos(
        np.radians(sun.azimuth_deg - azimuth_deg)
    )
    facing = np.maximum(incidence, 0)
    # The share of the sky's light that comes from around the sun moves with the beam.
    circumsolar = sky.direct / sky.extraterrestrial
    around_sun = circumsolar * facing / max(sine, _LOWEST_COSINE)
    dome = (1 - circumsolar) * (1 + cos_tilt) / 2
    ground = sky.horizontal * ALBEDO * (1 - cos_tilt) / 2
    return np.asarray(sky.direct * facing + sky.diffuse * (around_sun + dome) + ground)
