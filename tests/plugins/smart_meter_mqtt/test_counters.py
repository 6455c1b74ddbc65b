from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.smart_meter_mqtt.counters import Counter, Step

START = datetime(2026, 6, 21, tzinfo=UTC)
KWH = 1_000_000
MAX_POWER_W = 100_000.0


def counting(
    *raws_kwh: float, every: timedelta = timedelta(minutes=5)
) -> tuple[Counter, list[Step]]:
    """Feed a 100 kW meter's raw counts, one each five minutes; at most 9.2 kWh apart."""
    first, *rest = (round(raw * KWH) for raw in raws_kwh)
    counter = Counter(first, 0, START)
    steps = []
    for index, raw in enumerate(rest, start=1):
        steps.append(counter.accept(raw, START + index * every, MAX_POWER_W))
    return counter, steps


def test_a_counter_that_counts():
    counter, steps = counting(100, 101, 101, 102.5)
    assert steps == [Step.COUNTED] * 3
    assert counter.total_mwh == 102.5 * KWH


def test_a_reset_goes_on_where_it_was():
    counter, steps = counting(1000, 1001, 0, 2)
    assert steps == [Step.COUNTED, Step.RESET, Step.COUNTED]
    assert counter.total_mwh == 1003 * KWH


def test_the_interval_of_a_reset_is_an_estimate():
    assert not Step.RESET.certain
    assert not Step.SWAPPED.certain
    assert not Step.RETURNED.certain
    assert Step.ROLLED_OVER.certain


@pytest.mark.parametrize("modulus_kwh", [2**32 / 1000, 99_999.999 + 0.001, 1_000_000])
def test_a_rollover_counts_on(modulus_kwh: float):
    counter, steps = counting(modulus_kwh - 1, modulus_kwh - 0.5, 0.25)
    assert steps[-1] is Step.ROLLED_OVER
    assert counter.total_mwh == round((modulus_kwh + 0.25) * KWH)


def test_a_reset_after_a_long_pause_is_not_taken_for_a_rollover():
    counter, steps = counting(95_000, 0.5, every=timedelta(days=10))
    assert steps == [Step.RESET]
    assert counter.total_mwh == 95_000.5 * KWH


def test_a_drop_of_three_percent_is_noise_and_held():
    counter, steps = counting(1000, 970, 999.9, 1001)
    assert steps == [Step.HELD, Step.HELD, Step.COUNTED]
    assert counter.total_mwh == 1001 * KWH


def test_a_meter_that_shows_zero_until_it_has_found_its_count_counts_nothing():
    """As Tasmota does after a start; what it counted in all its life has not flowed just now."""
    counter, steps = counting(8.0, 8.1, 0, 0, 8.2, 8.3)
    assert steps == [Step.COUNTED, Step.RESET, Step.COUNTED, Step.RETURNED, Step.COUNTED]
    assert counter.total_mwh == round(8.3 * KWH)


def test_a_meter_that_counts_on_from_zero_has_started_over():
    counter, steps = counting(3.0, 0, 0.5, 3.2)
    assert steps == [Step.RESET, Step.COUNTED, Step.COUNTED]
    assert counter.total_mwh == 6.2 * KWH


def test_a_meter_that_counts_on_from_a_little_below_has_been_exchanged():
    counter, steps = counting(100, 100.5, 95, 95.2, 95.4, 95.7, 96)
    assert steps == [Step.COUNTED, *[Step.HELD] * 3, Step.SWAPPED, Step.COUNTED]
    # What it counted while it was not believed is not lost.
    assert counter.total_mwh == round((100.5 + 0.7 + 0.3) * KWH)


def test_noise_below_the_last_count_is_never_taken_for_an_exchange():
    counter, steps = counting(100, *[99.9, 99.95, 100] * 20)
    assert set(steps) == {Step.HELD, Step.COUNTED}
    assert counter.total_mwh == 100 * KWH


def test_a_drop_of_forty_percent_to_what_cannot_have_flowed_is_a_swap():
    counter, steps = counting(1000, 600, 601)
    assert steps == [Step.SWAPPED, Step.COUNTED]
    assert counter.total_mwh == 1001 * KWH


def test_a_jump_beyond_the_largest_power_adds_nothing():
    counter, steps = counting(1000, 1_000_000, 1_000_001, 1001)
    assert steps == [Step.SWAPPED, Step.COUNTED, Step.SWAPPED]
    assert counter.total_mwh == 1001 * KWH


def test_a_long_pause_allows_for_much_energy():
    _, steps = counting(1000, 1090, every=timedelta(hours=1))
    assert steps == [Step.COUNTED]


@given(st.lists(st.tuples(st.integers(0, 10**13), st.integers(0, 86_400)), min_size=1, max_size=50))
def test_what_is_published_never_falls_and_never_outruns_the_wire(raws: list[tuple[int, int]]):
    counter, now = Counter(raws[0][0], 0, START), START
    for raw_mwh, elapsed_s in raws[1:]:
        before, now = counter.total_mwh, now + timedelta(seconds=elapsed_s)
        counter.accept(raw_mwh, now, MAX_POWER_W)
        largest_mwh = MAX_POWER_W * 1.1 * (elapsed_s + 1) / 3.6
        assert 0 <= counter.total_mwh - before <= largest_mwh


@given(
    st.lists(st.integers(0, 9_000_000), max_size=30),
    st.sets(st.integers(0, 29)),
)
def test_energy_is_conserved_over_resets_to_zero(added_mwh: list[int], resets: set[int]):
    """A meter that starts over between two messages loses nothing that it counted since."""
    raw, expected = 5 * 10**9, 5 * 10**9
    counter, now = Counter(raw, 0, START), START
    for index, added in enumerate(added_mwh):
        now += timedelta(minutes=5)
        # One that shows nothing but zero may not have found its count yet.
        if index in resets and 0 < added < raw * 0.9:
            raw = 0
        raw, expected = raw + added, expected + added
        counter.accept(raw, now, MAX_POWER_W)
    assert counter.total_mwh == expected
