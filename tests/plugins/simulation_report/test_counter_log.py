"""Counters looked at together: what they gained, exactly, whatever a meter does."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from plugins.simulation_report.counter_log import CounterLog


def gained(*looks: list[float | None], first: dict[str, float] | None = None) -> list[list[int]]:
    log = CounterLog(["a", "b"])
    for name, value in (first or {}).items():
        log.begin(name, value)
    for look in looks:
        log.look(look)
    return log.gained_mwh().tolist()


def test_what_was_counted_before_the_first_reading_is_not_of_the_run():
    assert gained([None, None], [105.0, 7.0], first={"a": 100.0}) == [[5000, 0]]


def test_a_counter_that_is_seen_late_begins_with_what_it_shows_first():
    assert gained([1.0, None], [2.0, 500.0], [4.0, 501.0]) == [[1000, 0], [2000, 1000]]


def test_a_silent_meter_gains_nothing_until_it_speaks_again():
    assert gained([1.0, 1.0], [None, 2.0], [9.0, 3.0]) == [[0, 1000], [8000, 1000]]


def test_a_counter_that_falls_is_named_and_counts_on_from_there():
    log = CounterLog(["a", "b"])
    for look in ([10.0, 1.0], [4.0, 2.0], [5.0, 3.0]):
        log.look(look)
    assert log.gained_mwh().tolist() == [[0, 1000], [1000, 1000]]
    assert log.fell == ("a",)


def test_a_counter_that_never_spoke_is_unknown():
    log = CounterLog(["a", "b"])
    log.look([1.0, None])
    log.look([2.0, None])
    assert log.known.tolist() == [True, False]


def test_strangers_are_ignored_and_a_first_reading_stays_the_first():
    log = CounterLog(["a"])
    log.begin("stranger", 1.0)
    log.begin("a", 1.0)
    log.begin("a", 2.0)
    log.look([3.0])
    log.look([3.5])
    assert log.gained_mwh().tolist() == [[2500]]


def test_looks_in_between_tell_their_gain_and_end_no_interval():
    log = CounterLog(["a"])
    log.look([1.0])
    assert log.count([3.0]).tolist() == [2000]
    assert log.count([None]).tolist() == [0]
    assert log.look([4.0]).tolist() == [1000]
    assert log.gained_mwh().tolist() == [[3000]]


@given(st.lists(st.lists(st.integers(0, 10**6), min_size=3, max_size=3), min_size=1, max_size=20))
def test_intervals_add_up_to_last_minus_first_to_the_mwh(steps: list[list[int]]):
    counts = np.cumsum(np.array([[0, 0, 0], *steps]), axis=0)
    log = CounterLog(["a", "b", "c"])
    for count in counts:
        log.look((count / 1000).tolist())
    assert log.gained_mwh().sum(axis=0).tolist() == (counts[-1] - counts[0]).tolist()
