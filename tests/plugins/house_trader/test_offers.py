"""What a house can sell and buy of what is expected, and what its battery stands in for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.house_trader.forecast import Expectation
from plugins.house_trader.offers import Storage, needed_wh, sellable_wh

BATTERY = Storage(capacity_wh=10_000, power_w=4000, reserve_percent=10)


@pytest.mark.parametrize(
    ("percent", "promised_wh", "expected_wh"),
    [
        (60.0, 0.0, 2000.0),  # at most its power
        (12.0, 0.0, 200.0),  # or what is above its reserve
        (12.0, 150.0, 50.0),  # and is not promised yet
        (12.0, 300.0, 0.0),
        (5.0, 0.0, 0.0),
    ],
)
def test_what_a_battery_can_give(percent: float, promised_wh: float, expected_wh: float):
    assert BATTERY.can_give_wh(percent, 0.5, promised_wh) == pytest.approx(expected_wh)


@pytest.mark.parametrize(
    ("expected_wh", "firm_wh", "stored_wh", "sold_wh"),
    [
        (-500.0, -400.0, 0.0, 400.0),  # without storage only what may be relied on
        (-500.0, -400.0, 60.0, 460.0),  # the battery stands in for the rest
        (-500.0, -400.0, 2100.0, 500.0 + 0.5 * 2000.0),  # and gives half of what it has left
        (300.0, 240.0, 2000.0, 700.0),  # the house's own need comes first
        (1500.0, 1200.0, 2000.0, 0.0),
    ],
)
def test_what_can_be_sold(expected_wh: float, firm_wh: float, stored_wh: float, sold_wh: float):
    net = Expectation(expected_wh, firm_wh)
    assert sellable_wh(net, stored_wh, share=0.5) == pytest.approx(sold_wh)


def test_what_is_needed():
    assert needed_wh(Expectation(250.0, 200.0)) == 200.0
    assert needed_wh(Expectation(-250.0, -200.0)) == 0.0


@given(st.floats(-1e5, 1e5), st.floats(0, 1), st.floats(0, 1e5), st.floats(0, 1), st.floats(0, 1e5))
def test_never_more_is_sold_than_sun_and_battery_could_give(
    expected_wh: float, part: float, stored_wh: float, share: float, shortfall_wh: float
):
    net = Expectation(expected_wh, expected_wh * part)
    sold_wh = sellable_wh(net, stored_wh, share)
    surplus_wh = max(0.0, -expected_wh)
    assert 0 <= sold_wh <= surplus_wh + stored_wh + 1e-6
    # If no more than the firm part of the surplus comes, the battery can make up for the rest.
    assert sold_wh <= surplus_wh * part + stored_wh + 1e-6
    assert needed_wh(net) <= max(0.0, expected_wh)
