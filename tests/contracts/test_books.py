"""The books of other markets on the contract: quantity, marginal pair and price."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.pair import Pair, named
from tests.contracts.records import Rules
from tests.contracts.test_differential import ARTEFACT, needs_build
from tests.contracts.units import LOT, TICK

CASES = json.loads(
    (Path(__file__).parents[1] / "data" / "auction_cases.json").read_text(encoding="utf-8")
)["cases"]


@needs_build
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_book_on_the_contract(case: dict[str, Any]) -> None:
    pair = Pair(ARTEFACT, Rules(deposit_rate=0))
    contract, chain = pair.contract, pair.chain
    rows = [("placeBid", *row) for row in case["bids"]]
    rows += [("placeAsk", *row) for row in case["asks"]]
    for number, (function, price, qty_wh) in enumerate(rows, 1):
        trader = f"0x{number:040x}"
        chain.fund(trader)
        assert qty_wh % LOT == 0, "the case fits the contract's units"
        value = price * TICK * qty_wh // 1000 if function == "placeBid" else 0
        contract.call(function, price * TICK, qty_wh, chain.now + 60, sender=trader, value=value)
    (pairs, mcp), events = contract.call("matchOrders", 2048, sender=f"0x{999:040x}")
    expect = case["expect"]
    assert mcp == expect.get("mcp", 0) * TICK
    assert sum(e.args["qty"] for e in named(events, "TradeMatched")) == expect["qty_wh"]
    if pairs:
        cleared = named(events, "RoundCleared")[0].args
        assert cleared["marginalBid"] == expect["marginal_bid"] * TICK
        assert cleared["marginalAsk"] == expect["marginal_ask"] * TICK
