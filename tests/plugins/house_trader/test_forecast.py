"""What a house does by itself, seen through its counters."""

import pytest

from plugins.house_trader.forecast import History, Storage, needed_wh, sellable_wh

WINDOW_S = 30.0


def run(history: History, start_s: float, seconds: int, watts: float, total_wh: float) -> float:
    """Note a reading a second of a house at constant power; returns its net counter after it."""
    for second in range(seconds + 1):
        net_wh = total_wh + watts * second / 3600
        history.note(start_s + second, imported_wh=max(net_wh, 0.0), exported_wh=max(-net_wh, 0.0))
    return total_wh + watts * seconds / 3600


def test_what_was_measured_without_the_market_is_its_own():
    history = History(WINDOW_S)
    assert history.natural_wh() is None
    run(history, 0, 40, 1200.0, 0.0)
    assert history.natural_wh() == pytest.approx(10.0)


def test_half_a_window_says_too_little():
    history = History(WINDOW_S)
    run(history, 0, 14, 1200.0, 0.0)
    assert history.natural_wh() is None


def test_a_house_that_keeps_its_set_point_hides_what_it_does_by_itself():
    history = History(WINDOW_S)
    total_wh = run(history, 0, 40, 12_000.0, 0.0)
    history.interrupt(commanded_wh=50.0)
    run(history, 41, 40, 6000.0, total_wh)
    assert history.natural_wh() == pytest.approx(100.0)


def test_a_house_that_misses_its_set_point_shows_it():
    history = History(WINDOW_S)
    total_wh = run(history, 0, 40, 36_000.0, 0.0)
    history.interrupt(commanded_wh=300.0)
    run(history, 41, 40, 24_000.0, total_wh)
    assert history.natural_wh() == pytest.approx(200.0)


def test_what_was_seen_before_the_market_moved_the_house_counts():
    history = History(WINDOW_S)
    run(history, 0, 40, 12_000.0, 0.0)
    history.interrupt(commanded_wh=50.0)
    assert history.natural_wh() == pytest.approx(100.0)


@pytest.mark.parametrize(
    ("natural_wh", "percent", "expected_wh"),
    [
        (-500.0, None, 500.0),  # a surplus, nothing known of the battery
        (-500.0, 60.0, 500.0 + 0.5 * 2000.0),  # the battery gives at most its power
        (-500.0, 12.0, 500.0 + 0.5 * 200.0),  # or what is above its reserve
        (-500.0, 5.0, 500.0),
        (300.0, 60.0, 700.0),  # the house's own need comes first
        (1500.0, 60.0, 0.0),
    ],
)
def test_what_can_be_sold(natural_wh: float, percent: float | None, expected_wh: float):
    storage = Storage(capacity_wh=10_000, power_w=4000, reserve_percent=10)
    assert sellable_wh(natural_wh, 0.5, storage, percent, 0.5) == pytest.approx(expected_wh)


def test_what_is_needed():
    assert (needed_wh(250.0), needed_wh(-250.0)) == (250.0, 0.0)
