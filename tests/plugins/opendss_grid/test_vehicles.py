"""Timetables: seeded, alike whatever the step, with weekends, and charged in time."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from plugins.opendss_grid.devices import Fleet
from plugins.opendss_grid.houses import HouseSpec, TripSpec
from plugins.opendss_grid.vehicles import NEVER_H, Timetable

MONDAY = datetime(2026, 6, 1, tzinfo=UTC)
TRIPS = TripSpec((450, 1050), (660, 930))


def cars(count: int, **changes) -> list[HouseSpec]:
    values = {"ev_kw": 11, "ev_kwh": 60, "ev_trips": TRIPS, "ev_driving_kwh_per_day": 8} | changes
    return [HouseSpec(f"h{i}", f"h{i}", "b", (1,), **values) for i in range(count)]


def away(table: Timetable, when: datetime) -> np.ndarray:
    presence = table.presence(when)
    assert presence is not None
    return presence.away


def test_most_are_away_at_noon_of_a_weekday_and_none_at_night() -> None:
    table = Timetable(cars(200), seed=1)
    assert 0.85 < away(table, MONDAY + timedelta(hours=12)).mean() < 0.95
    assert not away(table, MONDAY + timedelta(hours=3)).any()
    saturday = MONDAY + timedelta(days=5)
    assert 0.45 < away(table, saturday + timedelta(hours=13)).mean() < 0.7
    assert away(table, saturday + timedelta(hours=8)).mean() < 0.1


def test_a_timetable_is_a_function_of_the_seed_and_the_day() -> None:
    moments = [MONDAY + timedelta(minutes=37 * i) for i in range(200)]
    one, two, other = (Timetable(cars(20), seed) for seed in (3, 3, 4))
    forward = [away(one, m) for m in moments]
    backward = [away(two, m) for m in reversed(moments)]
    np.testing.assert_array_equal(forward, backward[::-1])
    assert not np.array_equal(forward, [away(other, m) for m in moments])


@pytest.mark.parametrize("step_min", [1, 15, 24 * 60, 3 * 24 * 60])
def test_trips_use_the_same_energy_whatever_the_step(step_min: int) -> None:
    table = Timetable(cars(5), seed=2)
    steps = [
        table.driven_wh(MONDAY + timedelta(minutes=m), MONDAY + timedelta(minutes=m + step_min))
        for m in range(0, 3 * 24 * 60, step_min)
    ]
    np.testing.assert_allclose(
        sum(steps), table.driven_wh(MONDAY, MONDAY + timedelta(days=3)), rtol=1e-9
    )


def test_a_year_uses_what_was_configured() -> None:
    year = Timetable(cars(50), seed=2).driven_wh(MONDAY, MONDAY + timedelta(days=364))
    assert year.mean() / 364 == pytest.approx(8000, rel=0.02)


def test_it_is_known_when_a_vehicle_leaves_and_returns() -> None:
    table = Timetable(cars(1), seed=1)
    leaves_in_h = table.presence(MONDAY + timedelta(hours=1)).leaves_in_h[0]
    leaves = MONDAY + timedelta(hours=1 + leaves_in_h)
    assert not away(table, leaves - timedelta(minutes=1))[0]
    there = table.presence(leaves + timedelta(minutes=1))
    assert there.away[0]
    assert there.leaves_in_h[0] == NEVER_H
    returns = table.returns_at(0, leaves + timedelta(minutes=1))
    assert away(table, returns - timedelta(minutes=1))[0]
    assert not away(table, returns + timedelta(seconds=1))[0]


def test_without_trips_nobody_leaves() -> None:
    assert Timetable(cars(3, ev_trips=None), seed=1).presence(MONDAY) is None
    assert not Timetable(cars(3, ev_trips=None), seed=1).driven_wh(MONDAY, MONDAY).any()


def test_a_vehicle_is_charged_when_it_leaves_and_only_then() -> None:
    houses = cars(12, ev_initial=0.3, ev_target=0.8, ev_driving_kwh_per_day=20)
    table, fleet = Timetable(houses, seed=5), Fleet(houses)
    zero, live = np.zeros(12), np.ones(12, dtype=bool)
    before = away(table, MONDAY)
    departures, idle = [], 0
    for minute in range(0, 5 * 24 * 60, 5):
        now = MONDAY + timedelta(minutes=minute)
        presence = table.presence(now)
        departures += [
            fleet.ev.energy_wh[i] / 60_000 for i in np.flatnonzero(presence.away & ~before)
        ]
        powers = fleet.dispatch(zero, zero, 1 / 12, presence)
        assert not powers.ev_w[presence.away].any()
        idle += int((powers.ev_w[~presence.away] == 0).sum())
        fleet.integrate(powers, live, 1 / 12, table.driven_wh(now, now + timedelta(minutes=5)))
        before = presence.away
    assert len(departures) > 40
    assert min(departures) > 0.75
    assert idle > 1000  # it does not charge the whole night
