"""Set-points that bring contracted energy through the meters, alone and together."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.house_trader.dispatch import Dispatch, Task

LAPSE = 60.0
AHEAD_S = 2.0


def task(trade: int, net_wh: int, start_s: float, end_s: float, house: str = "house1") -> Task:
    return Task(trade, house, net_wh, start_s, end_s)


def dispatch(*tasks: Task) -> Dispatch:
    made = Dispatch(LAPSE, AHEAD_S)
    for each in tasks:
        assert made.add(each)
    return made


def test_three_kilowatt_hours_in_half_an_hour_are_six_kilowatts():
    assert task(1, 3000, 0, 30).power_w(LAPSE) == 6000
    assert task(1, -3000, 0, 1800).power_w(1.0) == -6000


def test_a_set_point_begins_ahead_of_its_window_and_ends_after_it():
    made = dispatch(task(1, 3000, 100, 130))
    times = (97.9, 98.1, 100, 129, 131.9, 132.1)
    assert [made.set_point_w("house1", t) for t in times] == [None, 6000, 6000, 6000, 6000, None]
    assert made.set_point_w("house2", 110) is None


def test_the_next_moment_is_the_first_at_which_a_set_point_may_change():
    made = dispatch(task(1, 3000, 100, 130), task(2, 3000, 130, 160))
    # Ahead of a window, at its edges, and when it is let go; edges that meet are one moment.
    moments = [98, 100, 128, 130, 132, 160, 162]
    assert [made.next_moment_s("house1", at_s) for at_s in [0, *moments]] == [*moments, math.inf]


def test_overlapping_deliveries_add_up():
    made = dispatch(task(1, -3000, 0, 30), task(2, -1000, 10, 40))
    assert made.set_point_w("house1", 5) == -6000
    assert made.set_point_w("house1", 20) == -8000
    assert made.set_point_w("house1", 36) == -2000


def test_neighbouring_windows_of_one_direction_get_the_larger_power_at_their_seam():
    made = dispatch(task(1, 1000, 0, 30), task(2, 3000, 30, 60))
    assert made.set_point_w("house1", 27) == 2000
    assert made.set_point_w("house1", 29) == 6000
    assert made.set_point_w("house1", 31) == 6000


def test_neighbouring_windows_of_opposite_directions_change_at_their_seam():
    made = dispatch(task(1, 1000, 0, 30), task(2, -3000, 30, 60))
    assert made.set_point_w("house1", 29.9) == 2000
    assert made.set_point_w("house1", 30) == -6000


def test_a_trade_is_taken_on_once():
    made = dispatch(task(1, 1000, 0, 30))
    assert not made.add(task(1, 1000, 0, 30))
    assert made.add(task(1, -1000, 0, 30, house="house2"))


@given(
    st.lists(
        st.tuples(st.integers(-5000, 5000), st.integers(0, 50), st.integers(1, 40)),
        min_size=1,
        max_size=5,
    )
)
def test_at_least_the_contracted_energy_flows_in_every_window_of_one_direction(
    deliveries: list[tuple[int, int, int]],
):
    tasks = [
        task(number, abs(net_wh) + 1, start, start + length)
        for number, (net_wh, start, length) in enumerate(deliveries)
    ]
    made = dispatch(*tasks)
    for first in tasks:
        together_w = sum(t.power_w(LAPSE) for t in tasks if t.start_s <= first.start_s < t.end_s)
        reached_w = made.set_point_w("house1", first.start_s)
        assert reached_w is not None
        assert reached_w >= together_w - 1e-6


def test_what_is_committed_in_a_span_is_counted_by_direction():
    made = dispatch(task(1, -3000, 0, 30), task(2, 600, 20, 40))
    sold_wh, bought_wh = made.committed_wh("house1", 15, 45)
    assert (sold_wh, bought_wh) == (1500, 600)


def test_a_set_point_lasts_until_its_last_task_is_let_go():
    made = dispatch(task(1, 1000, 0, 30), task(2, 1000, 20, 60))
    assert made.until_s("house1", 10) == pytest.approx(30 + AHEAD_S)
    assert made.until_s("house1", 25) == pytest.approx(60 + AHEAD_S)


def test_ended_tasks_and_dropped_houses_are_forgotten():
    made = dispatch(task(1, 1000, 0, 30), task(2, 1000, 0, 30, house="house2"))
    made.drop_house("house2")
    assert list(made.tasks("house2")) == []
    made.forget_ended(31)
    assert list(made.tasks("house1")) != []  # still held a little beyond its end
    made.forget_ended(33)
    assert list(made.tasks("house1")) == []
