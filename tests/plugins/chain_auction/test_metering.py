"""What a counter read at a moment, and when that cannot be said."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.chain_auction.metering import Counter, Counters, MeterGapError, Meters, NotYetError

GAP_MS = 15_000


def counter(*readings: tuple[int, float]) -> Counter:
    made = Counter("meter1 energy_import")
    for at_ms, wh in readings:
        made.add(at_ms, wh)
    return made


def test_between_two_readings_it_is_interpolated():
    assert counter((0, 100.0), (10_000, 110.0)).at(2_500, 20_000, GAP_MS) == 102_500


def test_at_a_reading_it_is_that_reading():
    assert counter((0, 1.0), (5_000, 2.5)).at(5_000, 5_000, GAP_MS) == 2_500


def test_before_the_next_reading_came_it_is_not_known_yet():
    with pytest.raises(NotYetError):
        counter((0, 1.0)).at(5_000, 6_000, GAP_MS)


@pytest.mark.parametrize(
    ("readings", "moment", "now", "words"),
    [
        (((0, 1.0),), 5_000, 30_000, "no reading within 15 s after"),
        (((9_000, 1.0),), 5_000, 10_000, "no reading before"),
        (((0, 1.0), (60_000, 2.0)), 5_000, 61_000, "60 s apart, more than the 15 s allowed"),
        (((0, 500.0), (10_000, 3.0)), 5_000, 11_000, "fell from 500 to 3 Wh"),
    ],
)
def test_what_proves_nothing_says_why(
    readings: tuple[tuple[int, float], ...], moment: int, now: int, words: str
):
    with pytest.raises(MeterGapError, match=words):
        counter(*readings).at(moment, now, GAP_MS)


def test_repeated_and_late_readings_change_nothing():
    once = counter((0, 1.0), (10_000, 2.0))
    shuffled = counter((0, 1.0), (0, 1.0), (10_000, 2.0), (10_000, 9.0), (5_000, 7.0))
    assert once.at(5_000, 10_000, GAP_MS) == shuffled.at(5_000, 10_000, GAP_MS)


def test_old_readings_are_forgotten():
    made = Counter("m")
    for hour in range(6):
        made.add(hour * 3_600_000, float(hour))
    with pytest.raises(MeterGapError, match="no reading before"):
        made.at(1, 6 * 3_600_000, GAP_MS)


@given(
    st.lists(st.integers(0, 10_000_000), min_size=2, max_size=30).map(sorted),
    st.lists(st.integers(0, 300_000), min_size=1, max_size=6).map(sorted),
)
def test_energy_of_neighbouring_windows_adds_up(steps_mwh: list[int], moments: list[int]):
    made = Meters(GAP_MS)
    for number, mwh in enumerate(steps_mwh):
        for quantity in ("energy_import", "energy_export"):
            made.add("meter1", quantity, number * 10_000, mwh / 1000)
    end = (len(steps_mwh) - 1) * 10_000
    inside = [0, *(m for m in moments if m <= end), end]
    parts = [made.between("meter1", a, b, end).import_mwh for a, b in pairwise(inside)]
    assert all(part >= 0 for part in parts)
    assert sum(parts) == steps_mwh[-1] - steps_mwh[0]


def test_an_edge_once_read_stays_whatever_is_read_later():
    made = Meters(GAP_MS)
    made.remember("meter1", 5_000, Counters(7, 8))
    made.add("meter1", "energy_import", 0, 1.0)
    made.add("meter1", "energy_import", 10_000, 2.0)
    assert made.edge("meter1", 5_000, 20_000) == (Counters(7, 8), False)
