"""The book as its events tell it, and the check of every round against the exact clearing."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.chain_auction.book import Book, FinishedRound
from plugins.chain_auction.chain_events import RawEvent, to_entries, trade_id
from plugins.chain_auction.clearing import PricingMode
from plugins.chain_auction.events import Entry, from_plain, to_plain
from plugins.chain_auction.twin import Market as Twin
from plugins.chain_auction.twin_events import OrderPlaced, RoundCleared, TradeMatched
from plugins.chain_auction.twin_records import Params, Trade, TradeStatus
from plugins.chain_auction.verification import differences

TICK = 10**12
NOW = 1_000_000
TRADERS = ("ann", "bob", "cid", "dan")


class Followed:
    """A twin and the book that follows it, as the clearing house has them."""

    def __init__(self, mode: PricingMode = PricingMode.UNIFORM) -> None:
        self.twin = Twin(Params(mode=mode, order_ttl_s=10_000), price_tick=TICK, lot_wh=1)
        self.book = Book(self.twin.params.deposit_rate_permille)
        self.rounds: list[FinishedRound] = []
        self._calls = 0

    def follow(self) -> None:
        self._calls += 1
        for event in self.twin.take_events():
            finished = self.book.apply(Entry(event, NOW, block=self._calls))
            if finished is not None:
                self.rounds.append(finished)

    def place(self, trader: str, *, is_bid: bool, tick: int, lots: int, ttl_s: int = 500) -> None:
        self.twin.deposit(trader, 10**18)
        self.twin.place(
            trader, is_bid=is_bid, price_wei_per_kwh=tick * TICK, qty_wh=lots * 100,
            expiry=NOW + ttl_s, now=NOW,
        )  # fmt: skip
        self.follow()


def pending(twin: Twin) -> list[Trade]:
    return [trade for trade in twin.trades.values() if trade.status is TradeStatus.PENDING]


steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("place"), st.sampled_from(TRADERS), st.booleans(), st.integers(1, 12),
            st.integers(1, 30), st.sampled_from((100, 500)),
        ),
        st.tuples(st.just("match"), st.sampled_from((0, 200))),
        st.tuples(st.just("cancel"), st.integers(1, 20)),
        st.tuples(st.just("settle"), st.integers(0, 5), st.integers(0, 30)),
    ),
    max_size=25,
)  # fmt: skip


@given(steps, st.sampled_from(PricingMode))
def test_the_book_follows_the_market_and_every_round_is_as_the_rules_say(
    program: list[tuple[object, ...]], mode: PricingMode
):
    followed = Followed(mode)
    twin, book = followed.twin, followed.book
    for step in program:
        match step:
            case ("place", str(trader), bool(is_bid), int(tick), int(lots), int(ttl_s)):
                followed.place(trader, is_bid=is_bid, tick=tick, lots=lots, ttl_s=ttl_s)
            case ("match", int(later_s)):
                twin.match_orders(NOW + later_s)
            case ("cancel", int(order_id)) if order_id in twin.orders:
                if twin.orders[order_id].resting_wh:
                    twin.cancel(order_id, twin.orders[order_id].trader)
            case ("settle", int(index), int(lots)) if index < len(pending(twin)):
                trade = pending(twin)[index]
                twin.settle(trade.id, lots * 100, lots * 100, NOW + 1)
            case _:
                pass
        followed.follow()
    assert sorted(book.resting()) == sorted(twin.book())
    assert {t.id for t in book.pending} == {t.id for t in pending(twin)}
    assert book.strikes == twin.strikes
    assert book.last_mcp_wei_per_kwh == twin.last_mcp_wei_per_kwh
    for trader in TRADERS:
        held = sum(
            order.escrow_wei(order.resting_wh)
            for order in twin.orders.values()
            if order.trader == trader
        ) + sum(
            side.escrow_wei(trade.qty_wh)
            for trade in pending(twin)
            for side in (trade.bid, trade.ask)
            if side.trader == trader
        )
        assert book.escrow_wei(trader) == held


@given(steps)
def test_every_round_passes_the_check(program: list[tuple[object, ...]]):
    followed = Followed()
    for step in program:
        if step[0] == "place":
            _, trader, is_bid, tick, lots, _ = step
            followed.place(str(trader), is_bid=bool(is_bid), tick=int(tick), lots=int(lots))
        elif step[0] == "match":
            followed.twin.match_orders(NOW)
            followed.follow()
    for finished in followed.rounds:
        assert differences(finished) == []


def one_round() -> FinishedRound:
    followed = Followed()
    followed.place("ann", is_bid=False, tick=4, lots=10)
    followed.place("bob", is_bid=True, tick=8, lots=10)
    followed.place("cid", is_bid=True, tick=9, lots=5)
    followed.twin.match_orders(NOW)
    followed.follow()
    [finished] = followed.rounds
    return finished


def test_a_round_with_another_price_quantity_or_pair_is_found():
    finished = one_round()
    assert differences(finished) == []
    cleared = finished.cleared
    dearer = replace(cleared, mcp_wei_per_kwh=cleared.mcp_wei_per_kwh + TICK)
    assert any("clearing price" in line for line in differences(replace(finished, cleared=dearer)))
    more = replace(cleared, qty_wh=cleared.qty_wh + 100)
    assert any("Wh cleared" in line for line in differences(replace(finished, cleared=more)))
    swapped = replace(finished, trades=finished.trades[::-1])
    assert any(line.startswith("trade (") for line in differences(swapped))
    fewer = replace(finished, trades=finished.trades[:1])
    assert any("1 trades instead of 2" in line for line in differences(fewer))


def test_an_order_pruned_by_the_clearing_itself_belongs_to_the_book_it_found():
    followed = Followed()
    followed.place("ann", is_bid=False, tick=4, lots=10, ttl_s=100)
    followed.place("bob", is_bid=False, tick=5, lots=10)
    followed.place("cid", is_bid=True, tick=6, lots=10)
    followed.twin.match_orders(NOW + 200)
    followed.follow()
    [finished] = followed.rounds
    assert {order.id for order in finished.orders} == {1, 2, 3}


# -- logs of the contract --


def raw(name: str, index: int, tx: str = "0xaa", **args: object) -> RawEvent:
    return RawEvent(name, args, NOW, 7, index, tx, "0xblock")


def test_a_paged_round_gets_its_price_when_it_ends():
    def placed(number: int, trader: str, is_bid: bool, price: int, qty: int) -> RawEvent:
        return raw(
            "OrderPlaced", 0, f"0x0{number}", id=number, trader=trader, isBid=is_bid, price=price,
            qty=qty, expiry=NOW + 9,
        )  # fmt: skip

    entries = to_entries([
        placed(1, "ann", False, 4, 9), placed(2, "bob", True, 8, 5), placed(3, "cid", True, 6, 4),
        raw("TradeMatched", 1, "0x04", bidId=2, askId=1, qty=5, mcp=0),
        raw("RoundPaged", 2, "0x04", round=1, qty=5),
        raw("TradeMatched", 3, "0x05", bidId=3, askId=1, qty=4, mcp=5),
        raw("RoundCleared", 4, "0x05", round=1, mcp=5, marginalBid=6, marginalAsk=4, qty=9,
            deadline=NOW + 600, pricingMode=0),
    ])  # fmt: skip
    book = Book(100)
    rounds = [found for entry in entries if (found := book.apply(entry)) is not None]
    assert {t.id: t.price_wei_per_kwh for t in book.pending} == {
        trade_id(1, 2, 1): 5, trade_id(1, 3, 1): 5,
    }  # fmt: skip
    assert len(rounds) == 1
    assert differences(rounds[0]) == []


def test_pairs_without_their_round_are_an_error():
    with pytest.raises(ValueError, match="pairs without the round"):
        to_entries([raw("TradeMatched", 0, bidId=2, askId=1, qty=5, mcp=0)])


def test_events_that_are_not_the_markets_business_are_left_out():
    assert to_entries([raw("Paused", 0, account="x"), raw("OwnershipTransferred", 1)]) == []


@pytest.mark.parametrize(
    "event",
    [
        OrderPlaced(1, "0xabc", True, 10**14, 3000, NOW),
        TradeMatched(trade_id(9, 8, 7), 8, 7, 100, 10**14),
        RoundCleared(1, 5, 6, 4, 9, NOW, PricingMode.PAY_AS_BID),
    ],
)
def test_events_come_back_from_the_ledger_as_they_were(event: OrderPlaced):
    name, figures = to_plain(event)
    assert from_plain(name, figures) == event
