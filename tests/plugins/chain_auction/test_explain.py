"""The sentence an owner reads about an order agrees with the figures of the clearing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.chain_auction.clearing import Order, PricingMode, clear
from plugins.chain_auction.explain import Outcome, explain

COIN = 10**18
CENT = COIN // 100


def test_a_full_fill_names_the_price_and_the_gain() -> None:
    result = clear([Order(1, True, 20 * CENT, 3000, "a"), Order(2, False, 10 * CENT, 3000, "b")])
    told = explain(result, 1)
    assert told.outcome is Outcome.FILLED
    assert told.text == (
        "Bought 3 kWh, all of it, at 0.15 ETH/kWh, 0.05 ETH/kWh better than your limit."
    )
    assert explain(result, 2, coin="POL").text == (
        "Sold 3 kWh, all of it, at 0.15 POL/kWh, 0.05 POL/kWh better than your limit."
    )


def test_a_part_fill_says_who_came_first_and_what_is_next() -> None:
    result = clear(
        [
            Order(1, True, 30 * CENT, 1000, "a"),
            Order(2, True, 20 * CENT, 500, "b"),
            Order(3, True, 20 * CENT, 2000, "c"),
            Order(4, False, 10 * CENT, 2500, "d"),
            Order(5, False, 25 * CENT, 9000, "e"),
        ]
    )
    told = explain(result, 3)
    assert told.outcome is Outcome.PARTLY_FILLED
    assert told.filled_wh == 1000
    assert told.text == (
        "Bought 1 kWh of 2 kWh at 0.15 ETH/kWh, 0.05 ETH/kWh better than your limit: "
        "2.5 kWh of asks were at or below your limit; 1 kWh to bids with a higher price and "
        "0.5 kWh to earlier bids at the same price went first; the next ask is at "
        "0.25 ETH/kWh. The rest stays on the book until it expires."
    )


def test_a_price_that_was_not_reached_says_what_is_missing() -> None:
    result = clear([Order(1, True, 8 * CENT, 1000, "a"), Order(2, False, 10 * CENT, 500, "b")])
    assert explain(result, 1).text == (
        "Your bid of 0.08 ETH/kWh does not reach the lowest ask of 0.1 ETH/kWh; "
        "0.02 ETH/kWh are missing."
    )
    assert explain(result, 2).outcome is Outcome.PRICE_NOT_REACHED
    assert "highest bid of 0.08 ETH/kWh" in explain(result, 2).text


def test_a_rejected_order_inside_the_spread_is_told_why() -> None:
    # the midpoint, 17.5, is below this bid of 20: the price alone does not explain it
    result = clear(
        [
            Order(1, True, 25 * CENT, 1000, "a"),
            Order(2, True, 20 * CENT, 1000, "b"),
            Order(3, False, 10 * CENT, 1000, "c"),
            Order(4, False, 30 * CENT, 1000, "d"),
        ]
    )
    told = explain(result, 2)
    assert told.outcome is Outcome.OTHERS_FIRST
    assert told.text == (
        "1 kWh of asks were at or below your limit; 1 kWh to bids with a higher price went "
        "first; the next ask is at 0.3 ETH/kWh."
    )


def test_an_empty_side_an_expired_order_and_an_own_order() -> None:
    alone = clear([Order(1, True, CENT, 10, "a"), Order(2, True, CENT, 10, "a", 5)], now=5)
    assert explain(alone, 1).outcome is Outcome.NO_COUNTERPART
    assert explain(alone, 2).outcome is Outcome.EXPIRED
    own = clear([Order(1, True, CENT, 10, "a"), Order(2, False, CENT, 10, "a")])
    assert explain(own, 2).outcome is Outcome.SELF_CROSSED
    with pytest.raises(KeyError, match="order 7"):
        explain(own, 7)


def test_pay_as_bid_tells_a_seller_the_range_of_prices() -> None:
    result = clear(
        [
            Order(1, True, 9 * CENT, 1, "a"),
            Order(2, True, 7 * CENT, 1, "b"),
            Order(3, False, CENT, 2, "c"),
        ],
        mode=PricingMode.PAY_AS_BID,
    )
    assert explain(result, 1).text == "Bought 0.001 kWh, all of it, at 0.09 ETH/kWh."
    assert explain(result, 3).text == (
        "Sold 0.002 kWh, all of it, at 0.07 ETH/kWh to 0.09 ETH/kWh."
    )


ROWS = st.lists(
    st.tuples(st.booleans(), st.integers(1, 9), st.integers(1, 6), st.sampled_from("abcd")),
    min_size=1,
    max_size=12,
)


@given(ROWS, st.sampled_from(PricingMode))
def test_every_order_of_any_book_is_explained(
    rows: list[tuple[bool, int, int, str]], mode: PricingMode
) -> None:
    orders = [
        Order(i, is_bid, ticks * CENT, lots * 100, trader)
        for i, (is_bid, ticks, lots, trader) in enumerate(rows, 1)
    ]
    result = clear(orders, mode=mode)
    for order in orders:
        told = explain(result, order.id)
        filled_wh = result.filled_wh.get(order.id, 0)
        assert told.filled_wh == filled_wh
        assert (told.outcome is Outcome.FILLED) == (filled_wh == order.qty_wh)
        assert (told.outcome is Outcome.SELF_CROSSED) == (order.id in result.self_crossed)
        if told.outcome is Outcome.PARTLY_FILLED:
            assert 0 < filled_wh < order.qty_wh
        assert not told.text[0].islower()
        assert not told.text.startswith("0 kWh")
        assert told.text.endswith(".")
