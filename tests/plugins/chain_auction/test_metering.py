"""What a counter read at a moment, and when that cannot be said."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.chain_auction.metering import (
    Counter,
    Counters,
    Gaps,
    MeterGapError,
    Meters,
    NotYetError,
)

GAPS = Gaps(15_000, away_ms=600_000, back_ms=0)


def counter(*readings: tuple[int, float]) -> Counter:
    made = Counter("meter1 energy_import")
    for at_ms, wh in readings:
        made.add(at_ms, wh)
    return made


def test_between_two_readings_it_is_interpolated():
    assert counter((0, 100.0), (10_000, 110.0)).at(2_500, 20_000, GAPS) == 102_500


def test_at_a_reading_it_is_that_reading():
    assert counter((0, 1.0), (5_000, 2.5)).at(5_000, 5_000, GAPS) == 2_500


def test_before_the_next_reading_came_it_is_not_known_yet():
    with pytest.raises(NotYetError):
        counter((0, 1.0)).at(5_000, 6_000, GAPS)


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
        counter(*readings).at(moment, now, GAPS)


def test_repeated_and_late_readings_change_nothing():
    once = counter((0, 1.0), (10_000, 2.0))
    shuffled = counter((0, 1.0), (0, 1.0), (10_000, 2.0), (10_000, 9.0), (5_000, 7.0))
    assert once.at(5_000, 10_000, GAPS) == shuffled.at(5_000, 10_000, GAPS)


def test_old_readings_are_forgotten():
    made = Counter("m")
    for hour in range(6):
        made.add(hour * 3_600_000, float(hour))
    with pytest.raises(MeterGapError, match="no reading before"):
        made.at(1, 6 * 3_600_000, GAPS)


def test_a_counter_is_the_same_in_whatever_telegram_it_comes():
    made = Meters(GAPS)
    made.add("meter1", ("power", "energy_export", "energy_import"), 0, (5.0, 20.0, 10.0))
    made.add("meter1", ("energy_import", "energy_export"), 10_000, (11.0, 22.0))
    made.add("meter2", ("energy_import", "energy_export"), 10_000, (0.0, 0.0))
    made.add("meter1", ("power",), 20_000, (5.0,))
    assert made.newest("meter1") == (10_000, Counters(11_000, 22_000))
    assert made.between("meter1", 0, 10_000, 10_000) == Counters(1_000, 2_000)


@given(
    st.lists(st.integers(0, 10_000_000), min_size=2, max_size=30).map(sorted),
    st.lists(st.integers(0, 300_000), min_size=1, max_size=6).map(sorted),
)
def test_energy_of_neighbouring_windows_adds_up(steps_mwh: list[int], moments: list[int]):
    made = Meters(GAPS)
    for number, mwh in enumerate(steps_mwh):
        for quantity in ("energy_import", "energy_export"):
            made.add("meter1", (quantity,), number * 10_000, (mwh / 1000,))
    end = (len(steps_mwh) - 1) * 10_000
    inside = [0, *(m for m in moments if m <= end), end]
    parts = [made.between("meter1", a, b, end).import_mwh for a, b in pairwise(inside)]
    assert all(part >= 0 for part in parts)
    assert sum(parts) == steps_mwh[-1] - steps_mwh[0]


def test_an_edge_once_read_stays_whatever_is_read_later():
    made = Meters(GAPS)
    made.remember("meter1", 5_000, Counters(7, 8))
    made.add("meter1", ("energy_import",), 0, (1.0,))
    made.add("meter1", ("energy_import",), 10_000, (2.0,))
    assert made.edge("meter1", 5_000, 20_000) == (Counters(7, 8), False)


def test_over_the_time_the_hub_was_away_the_counter_is_interpolated():
    made = Meters(GAPS)
    made.come_back(100_000, [("meter1", 0, Counters(1_000, 0))])
    made.add("meter1", ("energy_import",), 100_000, (101.0,))
    made.add("meter1", ("energy_export",), 100_000, (0.0,))
    assert made.edge("meter1", 50_000, 101_000) == (Counters(51_000, 0), True)
    assert made.is_estimate("meter1", 50_000)
    assert not made.is_estimate("meter1", 100_000)


@pytest.mark.parametrize("quantity", ["energy_import", "energy_export"])
def test_after_the_hub_was_away_a_first_reading_is_waited_for(quantity: str):
    made = Meters(GAPS)
    made.come_back(100_000, [("meter1", 0, Counters(1_000, 0))])
    made.add("meter1", (quantity,), 100_000, (101.0,))
    with pytest.raises(NotYetError):
        made.edge("meter1", 50_000, 115_000)
    with pytest.raises(MeterGapError, match="no reading within 15 s"):
        made.edge("meter1", 50_000, 116_000)


def test_a_meter_that_nothing_is_kept_of_is_waited_for_and_then_named():
    made = Meters(GAPS)
    made.come_back(100_000, [])
    with pytest.raises(NotYetError):
        made.edge("meter1", 50_000, 115_000)
    with pytest.raises(MeterGapError, match="no reading at all"):
        made.edge("meter1", 50_000, 116_000)


def test_the_hub_may_not_have_been_away_too_long():
    made = Meters(GAPS)
    made.come_back(700_000, [("meter1", 0, Counters(1_000, 0))])
    for quantity in ("energy_import", "energy_export"):
        made.add("meter1", (quantity,), 700_000, (101.0,))
    with pytest.raises(
        MeterGapError, match=r"700 s apart, for the hub was away, more than the 600"
    ):
        made.edge("meter1", 50_000, 701_000)


def test_only_the_gap_that_the_hub_left_may_be_wide():
    made = Meters(GAPS)
    made.come_back(100_000, [("meter1", 0, Counters(1_000, 0))])
    for at_ms in (100_000, 130_000):
        for quantity in ("energy_import", "energy_export"):
            made.add("meter1", (quantity,), at_ms, (101.0,))
    with pytest.raises(MeterGapError, match="30 s apart, more than the 15 s allowed"):
        made.edge("meter1", 115_000, 131_000)


def test_readings_that_came_before_the_kept_one_was_read_stay_behind_it():
    made = Meters(GAPS)
    for quantity in ("energy_import", "energy_export"):
        made.add("meter1", (quantity,), 100_000, (101.0,))
    made.come_back(100_000, [("meter1", 0, Counters(1_000, 1_000))])
    assert made.edge("meter1", 50_000, 101_000)[0] == Counters(51_000, 51_000)


def test_the_newest_moment_is_one_that_both_counters_know():
    made = Meters(GAPS)
    assert made.newest("meter1") is None
    made.add("meter1", ("energy_import",), 0, (1.0,))
    assert made.newest("meter1") is None
    made.add("meter1", ("energy_export",), 5_000, (7.0,))
    made.add("meter1", ("energy_import",), 10_000, (3.0,))
    assert made.newest("meter1") == (5_000, Counters(2_000, 7_000))
