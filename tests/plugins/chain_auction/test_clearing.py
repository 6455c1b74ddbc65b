"""The clearing rule: other markets' books, an independent reference, and properties."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.chain_auction.clearing import (
    Clearing,
    Level,
    Order,
    OrderError,
    PricingMode,
    clear,
    levels,
)

CASES = json.loads(
    (Path(__file__).parents[2] / "data" / "auction_cases.json").read_text(encoding="utf-8")
)["cases"]


def book(bids: list[list[int]], asks: list[list[int]]) -> list[Order]:
    """Orders from [price, Wh] rows, numbered from 1 in that order, traders all different."""
    rows = [(True, *row) for row in bids] + [(False, *row) for row in asks]
    return [Order(i, is_bid, price, qty, f"t{i}") for i, (is_bid, price, qty) in enumerate(rows, 1)]


@st.composite
def books(draw: st.DrawFn, *, traders: int = 0, max_qty_wh: int = 6) -> list[Order]:
    """Small books with many ties; `traders` of 0 means that all are different."""
    rows = draw(
        st.lists(
            st.tuples(st.booleans(), st.integers(1, 9), st.integers(1, max_qty_wh)), max_size=14
        )
    )
    names = [f"t{draw(st.integers(1, traders))}" if traders else f"t{i}" for i in range(len(rows))]
    return [Order(i + 1, *row, names[i]) for i, row in enumerate(rows)]


def unit_reference(orders: list[Order]) -> tuple[dict[tuple[int, int], int], int | None]:
    """The rule for traders who all differ, told another way: one watt-hour at a time.

    The k-th most eager watt-hour of demand meets the k-th most eager one of supply, for
    as long as the one still pays what the other asks; the last such k sets the price.
    """
    demand = [(-o.price_wei_per_kwh, o.id) for o in orders if o.is_bid for _ in range(o.qty_wh)]
    supply = [(o.price_wei_per_kwh, o.id) for o in orders if not o.is_bid for _ in range(o.qty_wh)]
    fills: dict[tuple[int, int], int] = {}
    mcp = None
    for (bid_key, bid_id), (ask_key, ask_id) in zip(sorted(demand), sorted(supply), strict=False):
        if -bid_key < ask_key:
            break
        fills[bid_id, ask_id] = fills.get((bid_id, ask_id), 0) + 1
        mcp = (-bid_key + ask_key) // 2
    return fills, mcp


def as_pairs(clearing: Clearing) -> dict[tuple[int, int], int]:
    """Fills keyed by pair; fails when a pair occurs twice."""
    pairs = {(f.bid_id, f.ask_id): f.qty_wh for f in clearing.fills}
    assert len(pairs) == len(clearing.fills)
    return pairs


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_books_of_other_markets(case: dict[str, Any]) -> None:
    result = clear(book(case["bids"], case["asks"]))
    expect = case["expect"]
    assert result.volume_wh == expect["qty_wh"]
    assert result.mcp_wei_per_kwh == expect.get("mcp")
    if result.marginal_bid and result.marginal_ask:
        assert result.marginal_bid.price_wei_per_kwh == expect["marginal_bid"]
        assert result.marginal_ask.price_wei_per_kwh == expect["marginal_ask"]


def test_the_file_of_cases_is_whole() -> None:
    assert len(CASES) == 22


def test_fills_of_a_worked_book() -> None:
    # gsy-framework's market 2, which that market itself under-clears at 95 of 120 kWh
    result = clear(
        book(
            [[150, 40_000], [200, 45_000], [600, 50_000]],
            [[100, 55_000], [500, 60_000], [100, 65_000]],
        )
    )
    assert as_pairs(result) == {(3, 4): 50_000, (2, 4): 5_000, (2, 6): 40_000, (1, 6): 25_000}
    assert result.mcp_wei_per_kwh == 125
    assert result.remainders == (
        Order(1, True, 150, 15_000, "t1"),
        Order(5, False, 500, 60_000, "t5"),
    )


def test_an_order_never_fills_for_more_than_it_has() -> None:
    # HAMLET's clearing fills this bid of 10 with 12
    assert clear(book([[10, 10]], [[5, 6], [5, 6]])).volume_wh == 10


def test_the_midpoint_is_rounded_down_once() -> None:
    assert clear(book([[8, 1]], [[5, 1]])).mcp_wei_per_kwh == 6


def test_pay_as_bid_prices_each_pair_at_its_bid() -> None:
    result = clear(book([[9, 1], [7, 1]], [[2, 2]]), mode=PricingMode.PAY_AS_BID)
    assert [fill.price_wei_per_kwh for fill in result.fills] == [9, 7]
    assert result.mcp_wei_per_kwh == 4, "the midpoint of the marginal pair is still reported"


def test_an_order_is_dead_from_its_expiry_on() -> None:
    bid = Order(1, True, 9, 5, "a", expiry=100)
    ask = Order(2, False, 3, 5, "b")
    assert clear([bid, ask], now=99).volume_wh == 5
    late = clear([bid, ask], now=100)
    assert late.volume_wh == 0
    assert late.expired == {1}


def test_own_orders_never_meet_and_the_later_one_leaves() -> None:
    mine_first = [
        Order(1, True, 9, 5, "me"),
        Order(2, False, 3, 4, "me"),
        Order(3, False, 4, 7, "x"),
    ]
    result = clear(mine_first)
    assert result.self_crossed == {2}
    assert as_pairs(result) == {(1, 3): 5}
    mine_later = [
        Order(1, False, 3, 4, "me"),
        Order(2, True, 9, 5, "me"),
        Order(3, True, 8, 1, "x"),
    ]
    result = clear(mine_later)
    assert result.self_crossed == {2}
    assert as_pairs(result) == {(3, 1): 1}


def test_levels_aggregate_by_price() -> None:
    bids, asks = levels(book([[5, 1], [7, 2], [5, 3]], [[8, 4], [6, 1]]))
    assert bids == (Level(7, 2, 1), Level(5, 4, 2))
    assert asks == (Level(6, 1, 1), Level(8, 4, 1))


@pytest.mark.parametrize(("price", "qty"), [(0, 1), (1, 0), (-3, 5), (5, -1)])
def test_impossible_orders_are_refused(price: int, qty: int) -> None:
    with pytest.raises(OrderError, match="order 4"):
        clear([Order(4, True, price, qty)])


def test_an_id_cannot_be_used_twice() -> None:
    with pytest.raises(OrderError, match="same id"):
        clear([Order(4, True, 1, 1), Order(4, False, 1, 1)])


@given(books())
def test_equals_the_watt_hour_reference(orders: list[Order]) -> None:
    result = clear(orders)
    fills, mcp = unit_reference(orders)
    assert as_pairs(result) == fills
    assert result.mcp_wei_per_kwh == mcp


@given(books(), st.randoms(use_true_random=False))
def test_does_not_depend_on_the_order_of_the_input(orders: list[Order], random: Any) -> None:
    shuffled = list(orders)
    random.shuffle(shuffled)
    assert clear(shuffled) == clear(orders)


@given(books(traders=4), st.sampled_from(PricingMode))
def test_nobody_trades_beyond_their_limit_and_the_budget_balances(
    orders: list[Order], mode: PricingMode
) -> None:
    by_id = {o.id: o for o in orders}
    result = clear(orders, mode=mode)
    for fill in result.fills:
        bid, ask = by_id[fill.bid_id], by_id[fill.ask_id]
        assert ask.price_wei_per_kwh <= fill.price_wei_per_kwh <= bid.price_wei_per_kwh
        assert bid.trader != ask.trader
        assert fill.qty_wh > 0
    if mode is PricingMode.UNIFORM:
        assert len({fill.price_wei_per_kwh for fill in result.fills}) <= 1


@given(books(traders=4))
def test_every_watt_hour_is_accounted_for(orders: list[Order]) -> None:
    result = clear(orders)
    left = {o.id: o.qty_wh for o in result.remainders}
    for order in orders:
        filled_wh = sum(
            f.qty_wh for f in result.fills if order.id == (f.bid_id if order.is_bid else f.ask_id)
        )
        assert filled_wh == result.filled_wh.get(order.id, 0)
        if order.id in result.self_crossed:
            assert filled_wh < order.qty_wh
        else:
            assert filled_wh + left.get(order.id, 0) == order.qty_wh


@given(books(traders=4))
def test_what_remains_does_not_cross(orders: list[Order]) -> None:
    rest = clear(orders).remainders
    bids = [o.price_wei_per_kwh for o in rest if o.is_bid]
    asks = [o.price_wei_per_kwh for o in rest if not o.is_bid]
    assert not bids or not asks or max(bids) < min(asks)


@given(books())
def test_volume_is_the_most_that_any_single_price_can_clear(orders: list[Order]) -> None:
    def at(price: int) -> int:
        demand = sum(o.qty_wh for o in orders if o.is_bid and o.price_wei_per_kwh >= price)
        supply = sum(o.qty_wh for o in orders if not o.is_bid and o.price_wei_per_kwh <= price)
        return min(demand, supply)

    assert clear(orders).volume_wh == max(at(price) for price in range(1, 10))


@given(books(max_qty_wh=3))
def test_welfare_is_the_most_that_any_quantity_can_give(orders: list[Order]) -> None:
    demand = sorted(
        (o.price_wei_per_kwh for o in orders if o.is_bid for _ in range(o.qty_wh)), reverse=True
    )
    supply = sorted(o.price_wei_per_kwh for o in orders if not o.is_bid for _ in range(o.qty_wh))
    best = max(sum(demand[:k]) - sum(supply[:k]) for k in range(min(len(demand), len(supply)) + 1))
    by_id = {o.id: o for o in orders}
    assert best == sum(
        (by_id[f.bid_id].price_wei_per_kwh - by_id[f.ask_id].price_wei_per_kwh) * f.qty_wh
        for f in clear(orders).fills
    )


@given(books(traders=4))
def test_price_and_time_have_priority(orders: list[Order]) -> None:
    result = clear(orders)
    for side in (result.bids, result.asks):
        open_ahead = False
        for order in side:
            filled_wh = result.filled_wh.get(order.id, 0)
            assert not (open_ahead and filled_wh), f"order {order.id} overtook one ahead of it"
            if filled_wh < order.qty_wh and order.id not in result.self_crossed:
                open_ahead = True
