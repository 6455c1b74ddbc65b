"""Bills to the wei."""

from hypothesis import given
from hypothesis import strategies as st

from plugins.simulation_report.bills import GridPrices, bills
from plugins.simulation_report.market_log import MarketLog, Penalty, Trade

PRICES = GridPrices(buy_wei_per_kwh=300, sell_wei_per_kwh=60)


def trade(buyer: str, seller: str, wh: int, wei: int) -> Trade:
    return Trade(0.0, "m", 1, buyer, seller, wh, 0, state="settled", paid_wh=wh, paid_wei=wei)


def test_a_bill_computed_by_hand():
    """A buys 2 kWh of B's 5 for 200 wei, imports 3 in all; B was fined 7, which A got."""
    found = bills(
        {"a": 3_000_000, "b": 0},
        {"a": 0, "b": 5_000_000},
        [trade("a", "b", 2000, 200)],
        [Penalty(0.0, "b", "a", 7)],
        PRICES,
    )
    a, b = found["a"], found["b"]
    assert (a.bought_wh, a.bought_wei, a.sold_wh, a.penalties_got_wei) == (2000, 200, 0, 7)
    assert (a.grid_import_mwh, a.grid_cost_wei) == (1_000_000, 300)
    assert a.market_cost_wei == 200 - 7
    assert a.cost_wei == 193 + 300
    assert (a.no_market_wei, b.no_market_wei) == (3 * 300, -5 * 60)
    assert (b.grid_export_mwh, b.grid_credit_wei) == (3_000_000, 180)
    assert b.cost_wei == 7 - 200 - 180


def test_without_a_tariff_the_grids_part_is_unknown_and_the_markets_is_not():
    bill = bills({"a": 1_000_000}, {"a": 0}, [trade("a", "b", 500, 9)], [], None)["a"]
    assert (bill.grid_cost_wei, bill.grid_credit_wei, bill.cost_wei) == (None, None, None)
    assert bill.market_cost_wei == 9
    assert bill.grid_import_mwh == 500_000


def test_parts_of_a_wei_are_rounded_down():
    bill = bills({"a": 3_333}, {"a": 0}, [], [], GridPrices(1_000, 0))["a"]
    assert bill.grid_cost_wei == 3  # 3.333 Wh at 1000 wei per kWh are 3.333 wei


def test_a_market_that_paid_for_more_than_the_meter_shows_leaves_nothing_to_the_grid():
    """A shortfall within the meter's accuracy is paid in full."""
    bill = bills({"a": 995_000}, {"a": 0}, [trade("a", "b", 1000, 9)], [], PRICES)["a"]
    assert (bill.grid_import_mwh, bill.grid_cost_wei) == (0, 0)


HOUSES = ("a", "b", "c")


@given(
    st.lists(
        st.tuples(
            st.sampled_from(HOUSES), st.sampled_from(HOUSES),
            st.integers(0, 10**6), st.integers(0, 10**20),
        )
    ),
    st.lists(st.tuples(st.sampled_from(HOUSES), st.sampled_from(HOUSES), st.integers(0, 10**18))),
)  # fmt: skip
def test_among_houses_no_money_appears_or_is_lost(trades, penalties):
    found = bills(
        dict.fromkeys(HOUSES, 10**12),
        dict.fromkeys(HOUSES, 10**12),
        [trade(*t) for t in trades],
        [Penalty(0.0, *p) for p in penalties],
        PRICES,
    )
    assert sum(bill.market_cost_wei for bill in found.values()) == 0
    assert sum(bill.bought_wh - bill.sold_wh for bill in found.values()) == 0


def test_addresses_become_houses_and_penalties_find_the_other_side():
    log = MarketLog()
    log.matched(Trade(0.0, "m", 5, "0xa", "0xb", 100, 9))
    log.scheduled("m", 5, ("a", "b"), 1.0, 2.0)
    log.settled("m", 5, 60, 1)
    log.penalised(3.0, "m", "0xb", 4)
    log.penalised(3.0, "m", "0xa", 5)
    log.penalised(3.0, "m", "0xstranger", 4)
    log.name_houses()
    found = log.trades["m", 5]
    assert (found.buyer, found.seller, found.state) == ("a", "b", "short")
    assert [(p.payer, p.receiver) for p in log.penalties] == [
        ("b", "a"), ("a", "b"), ("0xstranger", None),
    ]  # fmt: skip
    log.expired("m", 5)
    log.settled("m", 404, 1, 1)  # a trade from before the run
    assert found.state == "expired"
