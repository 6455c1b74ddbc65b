"""Which orders a house should have: price, quantity, and when to leave one alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.house_trader.coin import wei_per_kwh
from plugins.house_trader.quoting import (
    Change,
    Concession,
    OpenOrder,
    Quote,
    Rules,
    change,
    quantity,
)

TICK = 10**12


@given(
    st.integers(1, 10**6).map(lambda n: n * TICK),
    st.integers(0, 999),
    st.integers(1, 10),
    st.integers(0, 20),
    st.booleans(),
)
def test_a_price_is_on_a_tick_within_the_limit_and_reaches_it(
    limit: int, opening: int, steps: int, step: int, is_bid: bool
):
    concession = Concession(opening, steps)
    price = concession.price(limit, step, TICK, is_bid=is_bid)
    assert price % TICK == 0
    assert price >= TICK
    assert price <= limit if is_bid else price >= limit
    later = concession.price(limit, step + 1, TICK, is_bid=is_bid)
    assert later >= price if is_bid else later <= price
    assert concession.price(limit, steps, TICK, is_bid=is_bid) == limit


@given(st.floats(-1e6, 1e6), st.integers(1, 500), st.integers(1, 5000))
def test_a_quantity_is_whole_lots_and_never_more_than_there_is(
    energy_wh: float, lot_wh: int, min_qty_wh: int
):
    qty_wh = quantity(energy_wh, Rules(TICK, lot_wh, min_qty_wh))
    assert qty_wh % lot_wh == 0
    assert qty_wh == 0 or min_qty_wh <= qty_wh <= energy_wh


def test_a_good_order_is_left_alone():
    standing = (OpenOrder(1, 100 * TICK, 1000),)
    assert change(Quote(101 * TICK, 1100), standing) == Change((), None)


@pytest.mark.parametrize(
    "wanted",
    [
        Quote(110 * TICK, 1000),
        Quote(100 * TICK, 2000),
        Quote(100 * TICK, 900),  # what stands is more than can be delivered
    ],
)
def test_an_outdated_order_is_replaced(wanted: Quote):
    assert change(wanted, (OpenOrder(1, 100 * TICK, 1000),)) == Change((1,), wanted)


def test_of_several_orders_one_is_kept():
    standing = (OpenOrder(1, 90 * TICK, 1000), OpenOrder(2, 100 * TICK, 1000))
    assert change(Quote(100 * TICK, 1000), standing) == Change((1,), None)


def test_a_house_without_anything_to_offer_withdraws_its_order():
    assert change(None, (OpenOrder(1, TICK, 1000),)) == Change((1,), None)
    assert change(None, ()) == Change((), None)


@pytest.mark.parametrize("text", ["", "much", "0", "-1", "1e-19", "NaN", "Infinity"])
def test_a_price_that_is_none_is_refused(text: str):
    with pytest.raises(ValueError, match="expected a price"):
        wei_per_kwh(text)


def test_prices_are_exact():
    assert wei_per_kwh("0.00015") == 150_000_000_000_000
