"""What a house does by itself, seen through its counters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.house_trader.history import History

WINDOW_S = 30.0


def run(history: History, start_s: float, seconds: int, watts: float, total_wh: float) -> float:
    """Note a reading a second of a house at constant power; returns its net counter after it."""
    for second in range(seconds + 1):
        history.note(start_s + second, total_wh + watts * second / 3600)
    return total_wh + watts * seconds / 3600


def natural_wh(history: History) -> float | None:
    natural = history.natural()
    return None if natural is None else natural.window_wh


def test_what_was_measured_without_the_market_is_its_own():
    history = History(WINDOW_S)
    assert history.natural() is None
    run(history, 0, 40, 1200.0, 0.0)
    assert natural_wh(history) == pytest.approx(10.0)


def test_half_a_window_says_too_little():
    history = History(WINDOW_S)
    run(history, 0, 14, 1200.0, 0.0)
    assert history.natural() is None
    run(history, 14, 1, 1200.0, 14 * 1200 / 3600)
    assert natural_wh(history) == pytest.approx(10.0)


def test_a_house_that_keeps_its_set_point_hides_what_it_does_by_itself():
    history = History(WINDOW_S)
    total_wh = run(history, 0, 40, 12_000.0, 0.0)
    history.interrupt(commanded_wh=50.0)
    run(history, 41, 40, 6000.0, total_wh)
    assert history.natural() is None


def test_a_house_that_misses_its_set_point_shows_it():
    history = History(WINDOW_S)
    total_wh = run(history, 0, 40, 36_000.0, 0.0)
    history.interrupt(commanded_wh=300.0)
    run(history, 41, 40, 24_000.0, total_wh)
    assert natural_wh(history) == pytest.approx(200.0)


def test_what_was_measured_under_another_set_point_does_not_count():
    history = History(WINDOW_S)
    run(history, 0, 40, 12_000.0, 0.0)
    history.interrupt()
    run(history, 41, 10, 6000.0, 500.0)
    assert history.natural() is None


@given(st.lists(st.integers(1, 100), min_size=2, max_size=30), st.floats(-1e4, 1e4))
def test_however_seldom_it_is_read_it_looks_a_window_back_and_no_further(
    pauses: list[int], watts: float
):
    history, at_s = History(WINDOW_S), 0.0
    for pause_s in pauses:
        at_s += pause_s
        history.note(at_s, watts * at_s / 3600)
    natural = history.natural()
    if at_s - pauses[0] < WINDOW_S / 2:
        assert natural is None
        return
    assert natural is not None
    assert natural.end_s == at_s
    assert natural.window_wh == pytest.approx(watts * WINDOW_S / 3600, abs=1e-6)
    # Its first reading is the last one that is a window old, or the first of all.
    times = [sum(pauses[: count + 1]) for count in range(len(pauses))]
    old = [time for time in times[:-1] if time <= at_s - WINDOW_S]
    assert natural.start_s == (old[-1] if old else times[0])
