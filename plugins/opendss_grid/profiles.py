"""Sun, clouds and consumption over the day: pure functions of time, place and seed.

Every value depends on the moment and the seed alone, not on the steps before, so a simulation gives
the same whatever its step and goes on alike after a restart.
"""

from __future__ import annotations

import math
from datetime import datetime
from statistics import NormalDist

import numpy as np

from .protocol import FloatArray

#: Hourly means of a household's power relative to its yearly mean: night valley, noon and evening
#: peak in the proportions of the German standard load profile H0 (VDEW 1999), winter workday.
_HOUSEHOLD = (
    0.53, 0.42, 0.38, 0.37, 0.38, 0.46, 0.78, 1.08, 1.15, 1.12, 1.10, 1.16,
    1.24, 1.14, 1.02, 0.98, 1.04, 1.32, 1.62, 1.74, 1.60, 1.35, 1.08, 0.78,
)  # fmt: skip
#: The same for business on working hours, in the proportions of profile G1 (VDEW 1999).
_BUSINESS = (
    0.30, 0.29, 0.29, 0.29, 0.31, 0.38, 0.62, 1.25, 1.95, 2.15, 2.15, 2.10,
    1.80, 1.85, 1.95, 1.85, 1.55, 1.10, 0.70, 0.50, 0.42, 0.37, 0.34, 0.31,
)  # fmt: skip
_FLAT = (1.0,) * 24
_SHAPES = {
    name: np.array(shape) * 24 / sum(shape)
    for name, shape in (("household", _HOUSEHOLD), ("business", _BUSINESS), ("flat", _FLAT))
}
#: What modules, wiring and inverter leave of the light, at module temperatures of a mild day.
PERFORMANCE_RATIO = 0.88
_ALBEDO = 0.2


def load_factor(profile: str, local_time: datetime) -> float:
    """Return power relative to the yearly mean for `household`, `business`, `flat` or `none`."""
    if profile == "none":
        return 0.0
    shape = _SHAPES[profile]
    hour = local_time.hour + local_time.minute / 60 + local_time.second / 3600
    # Hourly means sit at the middle of their hour.
    before = math.floor(hour - 0.5)
    share = hour - 0.5 - before
    value = float(shape[before % 24] * (1 - share) + shape[(before + 1) % 24] * share)
    if profile == "household":
        value *= household_season(local_time.timetuple().tm_yday)
    return value


def household_season(day: int) -> float:
    """Return the season's factor on household consumption for a day of the year.

    The dynamisation function of the standard load profile H0 (VDEW 1999), a polynomial in the day.
    """
    return -3.92e-10 * day**4 + 3.2e-7 * day**3 - 7.02e-5 * day**2 + 2.1e-3 * day + 1.24


def sun_direction(when: datetime, latitude_deg: float, longitude_deg: float) -> tuple[float, float]:
    """Return the sine of the sun's elevation and its azimuth in degrees (180 is south).

    Spencer (1971), declination and equation of time as Fourier series; within 0.1 degree or so.
    """
    utc_hour = when.hour + when.minute / 60 + when.second / 3600
    angle = 2 * math.pi * (when.timetuple().tm_yday - 1 + utc_hour / 24) / 365
    declination = (
        0.006918 - 0.399912 * math.cos(angle) + 0.070257 * math.sin(angle)
        - 0.006758 * math.cos(2 * angle) + 0.000907 * math.sin(2 * angle)
        - 0.002697 * math.cos(3 * angle) + 0.00148 * math.sin(3 * angle)
    )  # fmt: skip
    equation_min = 229.18 * (
        0.000075 + 0.001868 * math.cos(angle) - 0.032077 * math.sin(angle)
        - 0.014615 * math.cos(2 * angle) - 0.04089 * math.sin(2 * angle)
    )  # fmt: skip
    solar_hour = utc_hour + longitude_deg / 15 + equation_min / 60
    hour_angle = math.radians(15 * (solar_hour - 12))
    latitude = math.radians(latitude_deg)
    sine = math.sin(latitude) * math.sin(declination) + math.cos(latitude) * math.cos(
        declination
    ) * math.cos(hour_angle)
    azimuth = math.atan2(
        math.sin(hour_angle),
        math.cos(hour_angle) * math.sin(latitude) - math.tan(declination) * math.cos(latitude),
    )
    return sine, (math.degrees(azimuth) + 180) % 360


def clear_sky(sine_elevation: float) -> tuple[float, float, float]:
    """Return global, direct normal and diffuse clear-sky irradiance in W/m2.

    Global after Haurwitz (1945), direct after Meinel and Meinel (1976) with the air mass of Kasten
    and Young (1989); what the direct beam leaves of the global is diffuse.
    """
    if sine_elevation <= 0:
        return 0.0, 0.0, 0.0
    horizontal = 1098 * sine_elevation * math.exp(-0.059 / sine_elevation)
    elevation_deg = math.degrees(math.asin(min(sine_elevation, 1.0)))
    air_mass = 1 / (sine_elevation + 0.50572 * (elevation_deg + 6.07995) ** -1.6364)
    direct = 1353 * 0.7 ** (air_mass**0.678)
    direct = min(direct, horizontal / sine_elevation)
    return horizontal, direct, horizontal - direct * sine_elevation


def plane_irradiance(
    sun: tuple[float, float], tilt_deg: FloatArray, azimuth_deg: FloatArray
) -> FloatArray:
    """Return clear-sky irradiance in W/m2 on planes, with an isotropic sky (Liu and Jordan 1963).

    `sun` is what `sun_direction` returned; arrays have one entry per plane.
    """
    sine, azimuth = sun
    horizontal, direct, diffuse = clear_sky(sine)
    if horizontal == 0:
        return np.zeros_like(tilt_deg)
    cosine = math.sqrt(max(0.0, 1 - sine * sine))
    tilt = np.radians(tilt_deg)
    incidence = sine * np.cos(tilt) + cosine * np.sin(tilt) * np.cos(
        np.radians(azimuth - azimuth_deg)
    )
    beam = direct * np.maximum(incidence, 0)
    sky = diffuse * (1 + np.cos(tilt)) / 2
    ground = horizontal * _ALBEDO * (1 - np.cos(tilt)) / 2
    return np.asarray(beam + sky + ground)


class SmoothNoise:
    """Noise that is a function of time: normal values at knots, linear in between.

    The knots come from a counter-based generator keyed by seed and channel.
    """

    def __init__(self, seed: int, channel: int, size: int, knot_s: float) -> None:
        self._key = ((seed & 0xFFFF_FFFF_FFFF) << 16) | channel
        self._size = size
        self._knot_s = knot_s
        self._cache: dict[int, FloatArray] = {}

    def at(self, when: datetime) -> FloatArray:
        """Return `size` values with mean 0 and a deviation between 0.7 and 1."""
        position = when.timestamp() / self._knot_s
        index = math.floor(position)
        share = position - index
        return self._knot(index) * (1 - share) + self._knot(index + 1) * share

    def _knot(self, index: int) -> FloatArray:
        values = self._cache.get(index)
        if values is None:
            if len(self._cache) > 1:
                self._cache = {k: v for k, v in self._cache.items() if k >= index - 1}
            bits = np.random.Philox(key=self._key, counter=index << 64)
            values = np.random.Generator(bits).standard_normal(self._size)
            self._cache[index] = values
        return values


class Sky:
    """Clouds over the whole feeder: the share of the clear-sky light that comes through."""

    #: What a cloud lets through.
    _BEHIND_CLOUD = 0.3

    def __init__(self, seed: int, clouds: float) -> None:
        """`clouds` is the share of time with a cloud before the sun, 0 to 1."""
        self._noise = SmoothNoise(seed, channel=1, size=1, knot_s=600)
        self._clouds = clouds

    def clearness(self, when: datetime) -> float:
        """Return the share of light at a moment, 0.3 to 1."""
        if self._clouds <= 0:
            return 1.0
        if self._clouds >= 1:
            return self._BEHIND_CLOUD
        threshold = NormalDist().inv_cdf(1 - self._clouds)
        excess = float(self._noise.at(when)[0]) - threshold
        shade = 1 / (1 + math.exp(-6 * excess))
        return 1 - (1 - self._BEHIND_CLOUD) * shade
