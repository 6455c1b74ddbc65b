"""A trade's id, taken apart for people."""

import pytest

from plugins.chain_auction.sentences import sentence
from plugins.chain_auction.trade_ids import numbered
from plugins.chain_auction.trade_words import shortened


def made(round_: int, bid_id: int, ask_id: int) -> int:
    return (round_ << 64) | (bid_id << 32) | ask_id


@pytest.mark.parametrize("parts", [(1, 1, 2), (12, 5, 6), (2**20, 2**32 - 1, 2**32 - 2)])
def test_an_id_is_told_by_round_bid_and_ask(parts: tuple[int, int, int]):
    round_, bid_id, ask_id = parts
    expected = f"trade of bid {bid_id} and ask {ask_id} in round {round_}"
    assert numbered(made(*parts)) == expected


def test_a_number_that_is_no_id_stays():
    assert numbered(7) == "trade 7"


def test_refusals_name_the_trade_so():
    told = sentence("UnknownTrade", {"tradeId": made(3, 8, 9)})
    assert told == "there is no trade of bid 8 and ask 9 in round 3"


def test_an_address_is_shortened_and_a_name_is_not():
    address = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
    assert shortened(address) == "0x7099…79C8"
    assert shortened("house2") == "house2"
