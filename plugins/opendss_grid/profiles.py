"""Sun, clouds and consumption over the day: pure functions of time, place and seed.

Every value depends on the moment and the seed alone, not on the steps before, so a simulation gives
the same whatever its step and goes on alike after a restart.
"""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta
from pathlib import Path
from statistics import NormalDist

import numpy as np

from .protocol import FloatArray

#: Relative powers by profile, month, kind of day and hour; the file names their source.
_TABLES = {
    name: np.array(table)
    for name, table in json.loads(
        Path(__file__).with_name("bdew_2025.json").read_text(encoding="utf-8")
    ).items()
    if isinstance(table, list)
}
_SATURDAY = 5
#: What modules, wiring and inverter leave of the light, at module temperatures of a mild day.
PERFORMANCE_RATIO = 0.88
_ALBEDO = 0.2


def load_factor(profile: str, local_time: datetime) -> float:
    """Return power relative to the yearly mean for `household`, `business`, `flat` or `none`.

    Households and business follow the BDEW standard load profiles H25 and G25.
    """
    if profile == "flat":
        return 1.0
    if profile == "none":
        return 0.0
    # Hourly means sit at the middle of their hour; in between they are joined by lines.
    before = local_time - timedelta(minutes=30)
    share = (before.minute * 60 + before.second + before.microsecond / 1e6) / 3600
    after = before + timedelta(hours=1)
    return _hourly(profile, before) * (1 - share) + _hourly(profile, after) * share


def _hourly(profile: str, local_time: datetime) -> float:
    kind = max(0, local_time.weekday() - _SATURDAY + 1)
    return float(_TABLES[profile][local_time.month - 1, kind, local_time.hour])


def sun_direction(when: datetime, latitude_deg: float, longitude_deg: float) -> tuple[float, float]:
    """Return the sine of the sun's elevation and its azimuth in degrees (180 is south).

    Spencer (1971), declination and equation of time as Fourier series; within 0.3 degrees.
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

    Global after Haurwitz (1945), a clean sky: a year of it is about a tenth above Ineichen's model
    at mean turbidity. Direct after Meinel and Meinel (1976) with the air mass of Kasten
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
    """Noise that is a function of time: normal values at knots, joined in between.

    The knots come from a counter-based generator keyed by seed and channel.
    """

    def __init__(self, seed: int, channel: int, size: int, knot_s: float) -> None:
        self._key = ((seed & 0xFFFF_FFFF_FFFF) << 16) | channel
        self._size = size
        self._knot_s = knot_s
        self._cache: dict[int, FloatArray] = {}

    def at(self, when: datetime) -> FloatArray:
        """Return `size` values with mean 0 and deviation 1."""
        position = when.timestamp() / self._knot_s
        index = math.floor(position)
        share = position - index
        between = self._knot(index) * (1 - share) + self._knot(index + 1) * share
        # A mean of two independent values varies less than each: bring it back.
        return between / math.hypot(1 - share, share)

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
