"""The clearing house on a chain that changes its mind, and on a market that breaks its rules."""

import asyncio
import logging
import os
import signal
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub.api import PluginState
from hub.testing import in_virtual_time, running
from plugins.chain_auction import verification, views
from plugins.chain_auction.book import BookTrade
from plugins.chain_auction.chain_market import ChainMarket
from plugins.chain_auction.clearing_house import ClearingHouse, Party
from plugins.chain_auction.coin import coin
from plugins.chain_auction.deliveries import Delivery, DeliveryPlan, WindowRule
from plugins.chain_auction.events import Entry
from plugins.chain_auction.metering import Gaps, Meters
from tests.plugins.chain_auction.conftest import Bench
from tests.plugins.chain_auction.homes import Homes
from tests.plugins.chain_auction.rpc import rpc
from tests.plugins.chain_auction.test_twin_market import HUB, PRICE, order


class Ear:
    """Hears what the clearing house says."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.windows: list[Delivery] = []

    def happened(self, entry: Entry) -> None:
        self.said.append(type(entry.event).__name__)

    def undone(self, entry: Entry) -> None:
        self.said.append(f"not {type(entry.event).__name__}")

    def scheduled(self, delivery: Delivery, trade: BookTrade) -> None:
        assert delivery.trade_id == trade.id
        self.windows.append(delivery)


class Clock:
    """A time that the test moves."""

    def __init__(self) -> None:
        self.ms = round(time.time() * 1000)

    def __call__(self) -> int:
        return self.ms


async def open_house(bench: Bench, market: ChainMarket, clock: Clock) -> tuple[ClearingHouse, Ear]:
    ear = Ear()
    rule = WindowRule(lead_ms=0, length_ms=1000, aligned=False, spare_ms=0)
    house = ClearingHouse(
        market=market,
        ledger=bench.ledger,
        plan=DeliveryPlan(rule, Meters(Gaps(60_000, away_ms=600_000)), 10),
        parties={
            name: Party(name, name.title(), address, name)
            for name, address in market.keyring.addresses.items()
        },
        now_ms=clock,
        lock=asyncio.Lock(),
        listener=ear,
        log=logging.getLogger("test"),
    )
    await house.start()
    return house, ear


async def trade(house: ClearingHouse, clock: Clock, number: int) -> None:
    for name, is_bid in (("house1", True), ("house2", False)):
        await house.market.place(
            house.parties[name].address, is_bid=is_bid, price_wei_per_kwh=PRICE, qty_wh=1000,
            expiry=clock() // 1000 + 600, request_id=f"{name}:{number}",
        )  # fmt: skip
    assert await house.clear() is not None


def meter(house: ClearingHouse, start_ms: int, kilowatt: float, *, taken: float = 1.0) -> None:
    """Readings around a window: house2 exports, house1 imports a part of it."""
    for name, quantity, part in (
        ("house1", "energy_import", taken),
        ("house2", "energy_export", 1.0),
    ):
        for second in range(-1, 4):
            energy_wh = 5000 + part * kilowatt * 1000 * second / 3600
            at_ms = start_ms + second * 1000
            house.plan.meters.add(name, (quantity,), at_ms, (energy_wh,))
            other = "energy_export" if quantity == "energy_import" else "energy_import"
            house.plan.meters.add(name, (other,), at_ms, (1.0,))


async def test_a_trade_taken_back_by_a_reorganisation_is_matched_again(bench: Bench):
    clock = Clock()
    market = await bench.open()
    house, ear = await open_house(bench, market, clock)
    await trade(house, clock, 1)
    [window] = ear.windows
    rpc(bench.node.url, "anvil_reorg", 1, [])
    for _ in range(3):
        await house.poll()
        await market.retry_pending()
    assert ear.said.count("not TradeMatched") == 1
    assert ear.said.count("TradeMatched") == 2
    assert len(house.book.pending) == 1
    assert house.book.pending[0].id == window.trade_id
    await market.close()


async def test_what_a_killed_chain_gets_back_is_not_told_again_and_keeps_its_window(bench: Bench):
    clock = Clock()
    market = await bench.open()
    house, ear = await open_house(bench, market, clock)
    await trade(house, clock, 1)
    [window] = ear.windows
    os.kill(bench.node.pid or 0, signal.SIGKILL)
    bench.node.wait_for_end()
    await market.close()
    bench.node.start()
    market = await bench.open()
    assert (await market.chain.head()).number == house.head.number
    again, ear = await open_house(bench, market, clock)
    assert ear.said == []
    assert [(w.trade_id, w.start_ms) for w in ear.windows] == [(window.trade_id, window.start_ms)]
    assert [t.id for t in again.book.pending] == [window.trade_id]
    await market.close()


async def test_a_buyer_that_does_not_take_what_was_delivered_is_at_fault(bench: Bench):
    clock = Clock()
    market = await bench.open()
    house, ear = await open_house(bench, market, clock)
    await trade(house, clock, 1)
    [window] = ear.windows
    meter(house, window.start_ms, 3600, taken=0.4)
    clock.ms = window.end_ms + 2000
    rpc(bench.node.url, "evm_increaseTime", 5)
    await house.settle()
    settled = house.book.trades[window.trade_id]
    assert (window.delivered_wh, window.received_wh, settled.paid_wh) == (1000, 400, 400)
    assert house.book.strikes == {house.parties["house1"].address: 1}
    assert int(await market.chain.call("strikes", house.parties["house1"].address)) == 1
    await market.close()


async def test_a_settlement_taken_back_is_made_again(bench: Bench):
    clock = Clock()
    market = await bench.open()
    house, ear = await open_house(bench, market, clock)
    await trade(house, clock, 1)
    [window] = ear.windows
    meter(house, window.start_ms, 3600)
    clock.ms = window.end_ms + 2000
    rpc(bench.node.url, "evm_increaseTime", 5)
    await house.settle()
    assert house.book.trades[window.trade_id].state == "settled"
    rpc(bench.node.url, "anvil_reorg", 1, [])
    for _ in range(3):
        await house.poll()
        await house.settle()
    assert house.book.trades[window.trade_id].state == "settled"
    assert house.book.trades[window.trade_id].paid_wh == 1000
    status = (await market.chain.call("trade", window.trade_id))[8]
    assert status == 1  # settled
    await market.close()


async def test_many_trades_of_one_window_are_settled_in_one_transaction(bench: Bench):
    clock = Clock()
    market = await bench.open()
    house, ear = await open_house(bench, market, clock)
    for number in range(4):
        for name, is_bid in (("house1", True), ("house2", False)):
            await market.place(
                house.parties[name].address, is_bid=is_bid, price_wei_per_kwh=PRICE, qty_wh=250,
                expiry=clock() // 1000 + 600, request_id=f"{name}:{number}",
            )  # fmt: skip
    await house.clear()
    assert len(ear.windows) == 4
    meter(house, ear.windows[0].start_ms, 3600)
    clock.ms = ear.windows[0].end_ms + 2000
    rpc(bench.node.url, "evm_increaseTime", 5)
    before = (await market.chain.head()).number
    await house.settle()
    assert (await market.chain.head()).number == before + 1
    assert ear.said.count("TradeSettled") == 4
    assert house.book.pending == []
    await market.close()


async def test_credits_are_paid_out_to_the_houses_own_wallets(bench: Bench):
    clock = Clock()
    market = await bench.open()
    house, ear = await open_house(bench, market, clock)
    await trade(house, clock, 1)
    meter(house, ear.windows[0].start_ms, 3600)
    clock.ms = ear.windows[0].end_ms + 2000
    rpc(bench.node.url, "evm_increaseTime", 5)
    seller = house.parties["house2"].address
    wallet_before = (await market.funds(seller)).wallet_wei
    await house.settle()
    assert (await market.funds(seller)).credit_wei == PRICE + PRICE // 10
    await house.tidy()
    funds = await market.funds(seller)
    assert funds.credit_wei == 0
    assert PRICE < funds.wallet_wei - wallet_before <= PRICE + PRICE // 10
    await market.close()


def test_a_round_that_breaks_the_rules_shows_in_the_plugins_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(verification, "differences", lambda _finished: ["clearing price 1 not 2"])

    async def program() -> None:
        async with running(tmp_path, HUB, types={"homes": Homes}) as hub:
            await hub.settled()
            await order(hub, "place_ask", "house2", PRICE)
            await order(hub, "place_bid", "house1", PRICE)
            await hub.clock.sleep(20)
            market = hub.plugins["market"]
            assert market.state is PluginState.DEGRADED
            assert (
                "did not clear as the rules say: round 1: clearing price 1 not 2" in market.reason
            )

    in_virtual_time(program)


async def test_an_oracle_without_coin_says_so_once_and_settles_when_it_has_some(
    bench: Bench, caplog: pytest.LogCaptureFixture
):
    clock = Clock()
    market = await bench.open()
    house, ear = await open_house(bench, market, clock)
    await trade(house, clock, 1)
    [window] = ear.windows
    meter(house, window.start_ms, 3600)
    clock.ms = window.end_ms + 2000
    oracle = market.keyring.oracle.address
    rpc(bench.node.url, "anvil_setBalance", oracle, "0x0")
    await house.settle()
    await house.settle()
    assert caplog.text.count("settlement of 1 trades waits") == 1
    assert f"{oracle} holds 0 ETH" in caplog.text
    rpc(bench.node.url, "anvil_setBalance", oracle, hex(10**18))
    await house.settle()
    assert house.book.trades[window.trade_id].state == "settled"
    await market.close()


async def test_a_window_that_the_contract_does_not_accept_is_said_with_its_reason(bench: Bench):
    clock = Clock()
    market = await bench.open()
    house, ear = await open_house(bench, market, clock)
    await trade(house, clock, 1)
    [window] = ear.windows
    window.start_ms += 580_000  # as if the hub's clock ran ten minutes ahead
    window.end_ms += 580_000
    meter(house, window.start_ms, 3600)
    clock.ms = window.end_ms + 2000
    await house.settle()
    assert window.state == "unproven"
    assert "the delivery window" in window.reason
    assert "does not lie within" in window.reason
    await market.close()


def read(house: ClearingHouse, at_ms: int, energy_wh: float) -> None:
    """One reading of both meters: house2 has exported what house1 has imported."""
    for name, quantity in (("house1", "energy_import"), ("house2", "energy_export")):
        other = "energy_export" if quantity == "energy_import" else "energy_import"
        house.plan.meters.add(name, (quantity,), at_ms, (energy_wh,))
        house.plan.meters.add(name, (other,), at_ms, (1.0,))


async def test_a_window_that_ended_while_the_hub_was_away_is_proved_by_the_counters_around_it(
    bench: Bench, caplog: pytest.LogCaptureFixture
):
    clock = Clock()
    market = await bench.open()
    house, ear = await open_house(bench, market, clock)
    await trade(house, clock, 1)
    [window] = ear.windows
    read(house, window.start_ms, 5000)
    read(house, window.start_ms + 500, 5500)
    clock.ms = window.start_ms + 500
    await house.settle()
    await market.close()  # and no more is known: as if the hub had been killed

    clock.ms = window.start_ms + 100_500
    again = await bench.open()
    house, _ = await open_house(bench, again, clock)
    await house.settle()
    assert len(house.book.pending) == 1, "a first reading is waited for"
    read(house, clock.ms, 5500 + 500 * 200)
    await house.settle()
    assert house.book.trades[window.trade_id].state == "settled"
    assert house.book.trades[window.trade_id].paid_wh == 1000
    assert "House2 → House1, 1 kWh, round 1 is estimated: the hub was away" in caplog.text
    await again.close()


async def test_a_window_that_nothing_proves_says_when_it_expires_and_what_that_costs(
    bench: Bench, caplog: pytest.LogCaptureFixture
):
    clock = Clock()
    market = await bench.open()
    house, ear = await open_house(bench, market, clock)
    await trade(house, clock, 1)
    [window] = ear.windows
    clock.ms = window.end_ms + 61_000
    await house.settle()
    matched = house.book.trades[window.trade_id]
    assert "the trade House2 → House1, 1 kWh, round 1 cannot be settled: " in caplog.text
    deadline = datetime.fromtimestamp(matched.deadline or 0, UTC)
    told = (
        f"It expires at {deadline:%Y-%m-%d %H:%M:%S} UTC: the seller loses its deposit of "
        f"{coin(PRICE // 10)} to the buyer, who gets the payment back"
    )
    assert told in caplog.text
    [shown] = views.trades_answer(house.book, house.plan, views.Names({}, {}), clock.ms)
    assert shown["state"] == "unproven"
    assert told in shown["problem"]
    await market.close()
