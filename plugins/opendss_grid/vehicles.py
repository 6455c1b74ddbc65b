"""When vehicles leave and come back, and what their trips use: a seeded timetable.

Every value depends on the local day and the seed alone, as in `profiles`: a simulation goes on
alike after a restart, whatever its step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import numpy as np
from numpy.typing import NDArray

from .houses import HouseSpec
from .protocol import FloatArray

#: Channel of the noise generator that belongs to this module.
_CHANNEL = 3
#: Share of weekdays and of weekend days on which a vehicle leaves.
_GOES = (0.9, 0.6)
#: Deviation of departures and returns in minutes, on weekdays and weekends.
_SPREAD_MIN = ((20.0, 40.0), (90.0, 90.0))
#: Deviation of a trip's energy around its mean, as an exponent of e.
_ENERGY_SPREAD = 0.3
#: Trips lie within their day, and no shorter than this.
_EARLIEST_S, _LATEST_S, _SHORTEST_S = 300.0, 86_100.0, 1800.0
_DAY_S = 86_400.0
#: Hours to a departure that is not in sight: finite, so that arithmetic with it stays so.
NEVER_H = 1e6
_NEVER_S = NEVER_H * 3600
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Presence:
    """One entry per house: whether its vehicle is away, and in how many hours it leaves.

    A vehicle that is away, or that does not leave within two days, has `NEVER_H` or about that.
    """

    away: NDArray[np.bool_]
    leaves_in_h: FloatArray


@dataclass(frozen=True, slots=True)
class _Day:
    """Trips of one day in seconds after its midnight, one entry per vehicle that travels.

    A vehicle that stays leaves never (`_NEVER_S`) and uses nothing.
    """

    leaves_s: FloatArray
    returns_s: FloatArray
    energy_wh: FloatArray
    #: When the first leaves and the last is back.
    first_s: float
    last_s: float


class Timetable:
    """The trips of all vehicles that have any."""

    def __init__(self, houses: Sequence[HouseSpec], seed: int) -> None:
        travel = [(row, h) for row, h in enumerate(houses) if h.ev_trips and h.ev_kw > 0]
        self._houses = len(houses)
        self.rows = np.array([row for row, _ in travel], dtype=np.intp)
        trips = [h.ev_trips for _, h in travel if h.ev_trips]
        self._usual_s = tuple(
            60.0 * np.array(minutes, dtype=np.float64).reshape(-1, 2)
            for minutes in ([t.weekday_min for t in trips], [t.weekend_min for t in trips])
        )
        # Fewer trips than days: each takes more, so that the year's energy is as configured.
        days_with_trip = (5 * _GOES[0] + 2 * _GOES[1]) / 7
        daily_wh = [h.ev_driving_kwh_per_day * 1000.0 for _, h in travel]
        self._trip_wh = np.array(daily_wh, dtype=np.float64) / days_with_trip
        self._key = ((seed & 0xFFFF_FFFF_FFFF) << 16) | _CHANNEL
        self._days: dict[int, _Day] = {}
        self._later: tuple[date, FloatArray] = (date.min, np.empty(0))

    def presence(self, local_time: datetime) -> Presence | None:
        """Return who is there at a local time; None if no vehicle ever leaves."""
        if not len(self.rows):
            return None
        today, now_s = local_time.date(), _second_of_day(local_time)
        plan, later_s = self._day(today), self._after(today)
        gone = (plan.leaves_s <= now_s) & (now_s < plan.returns_s)
        leaves_s = np.where(plan.leaves_s > now_s, np.minimum(plan.leaves_s, later_s), later_s)
        away = np.zeros(self._houses, dtype=bool)
        away[self.rows] = gone
        leaves_in_h = np.full(self._houses, NEVER_H)
        leaves_in_h[self.rows] = np.where(gone, NEVER_H, (leaves_s - now_s) / 3600)
        return Presence(away, leaves_in_h)

    def _after(self, day: date) -> FloatArray:
        """Return the next departures after a day, within two, in seconds from its midnight."""
        if self._later[0] != day:
            days = [(ahead, self._day(day + timedelta(days=ahead))) for ahead in (1, 2)]
            first, second = (plan.leaves_s + ahead * _DAY_S for ahead, plan in days)
            self._later = (day, np.minimum(first, second))
        return self._later[1]

    def returns_at(self, house: int, local_time: datetime) -> datetime:
        """Return when the vehicle of a house that is away comes back, local time."""
        row = int(np.flatnonzero(self.rows == house)[0])
        midnight = datetime.combine(local_time.date(), time(), local_time.tzinfo)
        return midnight + timedelta(seconds=float(self._day(local_time.date()).returns_s[row]))

    def driven_wh(self, since: datetime, until: datetime) -> FloatArray:
        """Return what trips used between two local times, evenly over the time away."""
        used = np.zeros(self._houses)
        day = since.date()
        while len(self.rows) and day <= until.date():
            plan = self._day(day)
            begin = _second_of_day(since) if day == since.date() else 0.0
            end = _second_of_day(until) if day == until.date() else _DAY_S
            day += timedelta(days=1)
            if end <= plan.first_s or begin >= plan.last_s:
                continue
            shared_s = np.minimum(plan.returns_s, end) - np.maximum(plan.leaves_s, begin)
            share = np.maximum(shared_s, 0) / (plan.returns_s - plan.leaves_s)
            used[self.rows] += plan.energy_wh * share
        return used

    def _day(self, day: date) -> _Day:
        number = day.toordinal()
        plan = self._days.get(number)
        if plan is None:
            self._days = {kept: p for kept, p in self._days.items() if abs(kept - number) < 4}
            plan = self._days[number] = self._draw(day)
        return plan

    def _draw(self, day: date) -> _Day:
        kind = int(day.weekday() >= _SATURDAY)
        bits = np.random.Philox(key=self._key, counter=day.toordinal() << 64)
        chance = np.random.Generator(bits)
        count = len(self.rows)
        goes = chance.random(count) < _GOES[kind]
        normal = chance.standard_normal((3, count))
        usual_s = self._usual_s[kind]
        leaves_s = usual_s[:, 0] + 60 * _SPREAD_MIN[kind][0] * normal[0]
        leaves_s = np.clip(leaves_s, _EARLIEST_S, _LATEST_S - _SHORTEST_S)
        returns_s = usual_s[:, 1] + 60 * _SPREAD_MIN[kind][1] * normal[1]
        returns_s = np.clip(returns_s, leaves_s + _SHORTEST_S, _LATEST_S)
        energy = np.exp(_ENERGY_SPREAD * normal[2] - _ENERGY_SPREAD**2 / 2)
        return _Day(
            np.where(goes, leaves_s, _NEVER_S),
            np.where(goes, returns_s, _NEVER_S + _SHORTEST_S),
            np.where(goes, self._trip_wh * energy, 0.0),
            first_s=float(leaves_s[goes].min(initial=_DAY_S)),
            last_s=float(returns_s[goes].max(initial=0.0)),
        )


def _second_of_day(moment: datetime) -> float:
    return moment.hour * 3600 + moment.minute * 60 + moment.second + moment.microsecond / 1e6
