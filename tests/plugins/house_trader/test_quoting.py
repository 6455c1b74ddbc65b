"""Which orders a house should have: price, quantity, and when to leave one alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.house_trader.coin import wei_per_kwh
from plugins.house_trader.forecast import History, Storage, needed_wh, sellable_wh
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


@given(st.floats(-1e6, 1e6), st.integers(1, 1000), st.integers(1, 500), st.integers(1, 5000))
def test_a_quantity_is_whole_lots_and_never_more_than_is_safe(
    energy_wh: float, safety: int, lot_wh: int, min_qty_wh: int
):
    qty_wh = quantity(energy_wh, safety, Rules(TICK, lot_wh, min_qty_wh))
    assert qty_wh % lot_wh == 0
    assert qty_wh == 0 or min_qty_wh <= qty_wh <= energy_wh * safety / 1000


def test_a_good_order_is_left_alone():
    standing = (OpenOrder(1, 100 * TICK, 1000),)
    assert change(Quote(101 * TICK, 1100), standing) == Change((), None)


@pytest.mark.parametrize("wanted", [Quote(110 * TICK, 1000), Quote(100 * TICK, 2000)])
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


# -- what a house has to offer --


def history(power_w: float, seconds: int = 40, *, window_s: float = 30.0) -> History:
    made = History(window_s)
    for second in range(seconds + 1):
        energy_wh = abs(power_w) * second / 3600
        made.note(second, imported_wh=1e6 + (energy_wh if power_w > 0 else 0))
        made.note(second, exported_wh=2e6 + (energy_wh if power_w < 0 else 0))
    return made


@pytest.mark.parametrize("power_w", [1800.0, -3600.0, 0.0])
def test_the_next_window_is_expected_to_be_like_the_last(power_w: float):
    assert history(power_w).natural_wh() == pytest.approx(power_w * 30 / 3600, abs=1e-6)


def test_too_short_a_look_says_nothing():
    assert history(1000.0, seconds=10).natural_wh() is None


def test_what_was_seen_last_holds_while_the_market_moves_the_house():
    made = history(-3600.0)
    before = made.natural_wh()
    made.interrupt()
    made.note(100, imported_wh=1e6)
    made.note(100, exported_wh=3e6)  # delivered for the market: not its own
    assert made.natural_wh() == before


BATTERY = Storage(capacity_wh=10_000, power_w=5_000, reserve_percent=10)


@pytest.mark.parametrize(
    ("natural_wh", "storage", "charge", "expected"),
    [
        (-2000, None, None, 2000),
        (1500, None, None, 0),
        (-2000, BATTERY, None, 2000),  # a charge that nobody reports is not sold
        (-2000, BATTERY, 80.0, 2000 + 1250),  # half of what 5 kW give in half an hour
        (0, BATTERY, 20.0, 500),  # half of what is above the reserve
        (0, BATTERY, 5.0, 0),
        (1000, BATTERY, 80.0, 250),  # its own need comes first
    ],
)
def test_what_can_be_sold(
    natural_wh: float, storage: Storage | None, charge: float | None, expected: float
):
    assert sellable_wh(natural_wh, 0.5, storage, charge, 0.5) == pytest.approx(expected)


def test_what_is_needed_is_what_is_imported():
    assert needed_wh(700) == 700
    assert needed_wh(-700) == 0
