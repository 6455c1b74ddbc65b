"""What comes from outside at a moment: consumption in every house, light on every roof."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import numpy as np

from .houses import HouseSpec
from .profiles import Sky, SmoothNoise, load_factor, plane_irradiance, sun_direction
from .protocol import FloatArray

#: Deviation of a house's consumption around its profile, as an exponent of e.
_LOAD_NOISE = 0.35
_LOAD_NOISE_KNOT_S = 300.0
#: Channels of the noise generator that belong to this module.
_LOAD_CHANNEL = 2


@dataclass(frozen=True, slots=True)
class Place:
    """Where and under which sky the feeder lies; `clouds` is the share of cloudy time."""

    latitude_deg: float = 40.0
    longitude_deg: float = -75.0
    clouds: float = 0.0

    @property
    def local_offset(self) -> timedelta:
        """Return what mean solar time, by which people live here, is ahead of UTC."""
        return timedelta(hours=self.longitude_deg / 15)

    @property
    def zone(self) -> timezone:
        """Return local time as a zone, to the minute."""
        return timezone(timedelta(minutes=round(self.longitude_deg * 4)))


class Surroundings:
    """Consumption and light of a set of houses as functions of time."""

    def __init__(self, houses: Sequence[HouseSpec], place: Place, seed: int) -> None:
        self._place = place
        self._offset = place.local_offset
        self._sky = Sky(seed, place.clouds)
        self._noise = SmoothNoise(seed, _LOAD_CHANNEL, len(houses), _LOAD_NOISE_KNOT_S)
        self._profiles = sorted({house.profile for house in houses})
        self._profile_row = np.array(
            [self._profiles.index(house.profile) for house in houses], dtype=np.intp
        )
        self._mean_w = np.array([house.annual_kwh * 1000 / 8760 for house in houses])
        self._series = [
            (row, house.series) for row, house in enumerate(houses) if house.series is not None
        ]
        self._tilt_deg = np.array([house.tilt_deg for house in houses])
        self._azimuth_deg = np.array([house.azimuth_deg for house in houses])
        self._has_pv = any(house.pv_kwp > 0 for house in houses)
        #: Light in W/m2 that an event holds on every plane, instead of the sun's.
        self.held_w_per_m2: float | None = None

    @property
    def zone(self) -> timezone:
        """Return the local time that people here live by, as a zone."""
        return self._place.zone

    def factor(self, profile: str, when: datetime) -> float:
        """Return the power of a profile at a moment, relative to its yearly mean."""
        return load_factor(profile, when + self._offset)

    def consumption_w(self, when: datetime) -> FloatArray:
        """Return what every house consumes."""
        shape = np.array([self.factor(profile, when) for profile in self._profiles])
        noise = np.exp(_LOAD_NOISE * self._noise.at(when) - _LOAD_NOISE**2 / 2)
        powers_w = np.asarray(self._mean_w * shape[self._profile_row] * noise)
        for row, series in self._series:
            powers_w[row] = series.power_w(when + self._offset)
        return powers_w

    def light_w_per_m2(self, when: datetime) -> FloatArray:
        """Return the irradiance in the plane of every house's modules."""
        if self.held_w_per_m2 is not None:
            return np.full(len(self._mean_w), self.held_w_per_m2)
        if not self._has_pv:
            return np.zeros(len(self._mean_w))
        sun = sun_direction(when, self._place.latitude_deg, self._place.longitude_deg)
        if sun[0] <= 0:
            return np.zeros(len(self._mean_w))
        clear = plane_irradiance(sun, self._tilt_deg, self._azimuth_deg)
        return clear * self._sky.clearness(when)
