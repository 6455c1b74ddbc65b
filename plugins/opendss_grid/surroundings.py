"""What comes from outside at a moment: consumption in every house, light on every roof."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import numpy as np
from numpy.typing import NDArray

from .csv_profile import CsvProfile
from .houses import HouseSpec
from .profiles import Sky, SmoothNoise, load_factor
from .protocol import FloatArray
from .sun import clear_sky, plane_irradiance, sun_at
from .vehicles import Presence, Timetable

#: Deviation of a house's consumption around its profile, as an exponent of e.
_LOAD_NOISE = 0.35
_LOAD_NOISE_KNOT_S = 300.0
#: Channels of the noise generator that belong to this module.
_LOAD_CHANNEL = 2


@dataclass(frozen=True, slots=True)
class Place:
    """Where and under which sky the feeder lies.

    `clouds` is the share of cloudy time, `linke_turbidity` how hazy the clear sky is. Clouds drift
    with a wind of `wind_m_per_s` that comes from `wind_from_deg`, 0 being north and 90 east.
    """

    latitude_deg: float = 40.0
    longitude_deg: float = -75.0
    clouds: float = 0.0
    altitude_m: float = 0.0
    linke_turbidity: float = 3.0
    wind_m_per_s: float = 8.0
    wind_from_deg: float = 270.0

    @property
    def local_offset(self) -> timedelta:
        """Return what mean solar time, by which people live here, is ahead of UTC."""
        return timedelta(hours=self.longitude_deg / 15)

    @property
    def zone(self) -> timezone:
        """Return local time as a zone, to the minute."""
        return timezone(timedelta(minutes=round(self.longitude_deg * 4)))


#: Houses whose series have the same steps: their rows, one of the series, and all as columns.
_SeriesGroup = tuple[NDArray[np.intp], CsvProfile, FloatArray]


def _of_one_grid(houses: Sequence[HouseSpec]) -> list[_SeriesGroup]:
    """Put series of the same start, step and length side by side: one look-up serves them all."""
    groups: dict[tuple[datetime, float, int], list[tuple[int, CsvProfile]]] = {}
    for row, house in enumerate(houses):
        if house.series is not None:
            series = house.series
            key = (series.start, series.step_s, len(series.powers_w))
            groups.setdefault(key, []).append((row, series))
    return [
        (
            np.array([row for row, _ in group], dtype=np.intp),
            group[0][1],
            np.stack([series.powers_w for _, series in group], axis=1),
        )
        for group in groups.values()
    ]


class Surroundings:
    """Consumption and light of a set of houses as functions of time."""

    def __init__(
        self,
        houses: Sequence[HouseSpec],
        place: Place,
        seed: int,
        lags_s: FloatArray | None = None,
    ) -> None:
        """`lags_s` says how much later than the head each house has a cloud; None for no later."""
        self._place = place
        self._offset = place.local_offset
        self._sky = Sky(seed, place.clouds)
        self._noise = SmoothNoise(seed, _LOAD_CHANNEL, len(houses), _LOAD_NOISE_KNOT_S)
        self.vehicles = Timetable(houses, seed)
        self._profiles = sorted({house.profile for house in houses})
        self._profile_row = np.array(
            [self._profiles.index(house.profile) for house in houses], dtype=np.intp
        )
        self._mean_w = np.array([house.annual_kwh * 1000 / 8760 for house in houses])
        self._series = _of_one_grid(houses)
        self._owners = np.flatnonzero([house.pv_kwp > 0 for house in houses])
        self._lags_s = np.zeros(len(houses)) if lags_s is None else lags_s
        self._lags_s = self._lags_s[self._owners]
        to_equator = 180.0 if place.latitude_deg >= 0 else 0.0
        planes = [
            (h.tilt_deg, to_equator if h.azimuth_deg is None else h.azimuth_deg)
            for h in houses
            if h.pv_kwp > 0
        ]
        # Roofs that look the same way get the same light: it is worked out once for each way.
        ways = np.array(sorted(set(planes)), dtype=np.float64).reshape(-1, 2)
        self._tilt_deg, self._azimuth_deg = ways[:, 0], ways[:, 1]
        way_of = {plane: row for row, plane in enumerate(sorted(set(planes)))}
        self._plane_row = np.array([way_of[plane] for plane in planes], dtype=np.intp)
        #: Light in W/m2 that an event holds on every plane, instead of the sun's.
        self.held_w_per_m2: float | None = None
        #: The share of the clear sky's light that an event holds, instead of the clouds' own.
        self.held_clearness: float | None = None

    def hold_sky(
        self, *, light_w_per_m2: float | None = None, clearness: float | None = None
    ) -> None:
        """Hold the light, or the share of it that clouds let through; neither lets both go."""
        self.held_w_per_m2, self.held_clearness = light_w_per_m2, clearness

    @property
    def held_sky(self) -> str | None:
        """What is held of the sky, in words; None if nothing is."""
        if self.held_w_per_m2 is not None:
            return f"the light is held at {self.held_w_per_m2:g} W/m2"
        if self.held_clearness is not None:
            return f"clouds let {self.held_clearness:.0%} of the light through"
        return None

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
        for rows, first, series_w in self._series:
            powers_w[rows] = series_w[first.step_at(when + self._offset)]
        return powers_w

    def presence(self, when: datetime) -> Presence | None:
        """Return which vehicles are there; None where none ever leaves."""
        return self.vehicles.presence(when + self._offset)

    def returns_at(self, house: int, when: datetime) -> datetime | None:
        """Return when a house's vehicle comes back, on the feeder's clocks; None if it is there."""
        presence = self.presence(when)
        if presence is None or not presence.away[house]:
            return None
        return self.vehicles.returns_at(house, when + self._offset)

    def driven_wh(self, since: datetime, until: datetime) -> FloatArray:
        """Return what the vehicles' trips used between two moments."""
        return self.vehicles.driven_wh(since + self._offset, until + self._offset)

    def light_w_per_m2(self, when: datetime) -> FloatArray:
        """Return the irradiance in the plane of every house's modules."""
        if self.held_w_per_m2 is not None:
            return np.full(len(self._mean_w), self.held_w_per_m2)
        light = np.zeros(len(self._mean_w))
        if not len(self._owners):
            return light
        place = self._place
        sun = sun_at(when, place.latitude_deg, place.longitude_deg, place.altitude_m)
        if sun.elevation_deg <= 0:
            return light
        day = when.timetuple().tm_yday
        sky = clear_sky(sun, day, place.linke_turbidity, place.altitude_m)
        planes = plane_irradiance(sun, sky, self._tilt_deg, self._azimuth_deg)
        held = self.held_clearness
        clearness = self._sky.clearness(when, self._lags_s) if held is None else held
        light[self._owners] = planes[self._plane_row] * clearness
        return light
