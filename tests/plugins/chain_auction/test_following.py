"""Following a chain that changes its mind, is wiped, exchanged, or answers only in small pieces."""

import time
from dataclasses import replace
from typing import Any

import pytest

from plugins.chain_auction import store
from plugins.chain_auction.chain_market import ChainMarket
from plugins.chain_auction.events import Entry
from plugins.chain_auction.problems import ChainReplaced, Misconfigured, Refused, Unreachable
from plugins.chain_auction.twin_events import OrderPlaced
from tests.plugins.chain_auction.conftest import Bench
from tests.plugins.chain_auction.rpc import block_number, rpc, send_coin

PRICE = 10**14


async def bid(market: ChainMarket, number: int) -> int:
    placed = await market.place(
        market.keyring.addresses["house1"], is_bid=True, price_wei_per_kwh=PRICE, qty_wh=1000,
        expiry=int(time.time()) + 600, request_id=f"order:{number}",
    )  # fmt: skip
    return placed.order_id


def order_ids(entries: tuple[Entry, ...] | list[Entry]) -> list[int]:
    return [e.event.order_id for e in entries if isinstance(e.event, OrderPlaced)]


async def on_record(bench: Bench, market: ChainMarket) -> list[int]:
    return order_ids(await bench.ledger.run(lambda c: store.load_entries(c, market.chain_key)))


@pytest.mark.parametrize("depth", [1, 3, 7])
async def test_orders_in_replaced_blocks_are_placed_again_and_on_record_once(
    bench: Bench, depth: int
):
    market = await bench.open()
    for number in range(1, 9):
        await bid(market, number)
    news = await market.poll()
    assert order_ids(list(news.entries)) == list(range(1, 9))
    rpc(bench.node.url, "anvil_reorg", depth, [])
    news = await market.poll()
    assert order_ids(list(news.undone)) == list(range(9 - depth, 9))
    # The orders of the orphaned blocks were sent again; now they are in new blocks.
    news = await market.poll()
    assert sorted(await on_record(bench, market)) == list(range(1, 9))
    assert int(await market.chain.call("lastOrderId")) == 8
    assert (await bid(market, 8)) in range(1, 9)
    await market.close()


async def test_a_reorganisation_found_after_a_restart_is_handled_the_same(bench: Bench):
    market = await bench.open()
    for number in (1, 2, 3):
        await bid(market, number)
    await market.poll()
    await market.close()
    rpc(bench.node.url, "anvil_reorg", 2, [])
    market = await bench.open()
    await market.poll()
    assert sorted(await on_record(bench, market)) == [1, 2, 3]
    await market.close()


async def test_events_count_only_when_confirmed(bench: Bench):
    market = await bench.open(replace(bench.settings(), confirmations=3))
    await bid(market, 1)
    assert order_ids(list((await market.poll()).entries)) == []
    send_coin(bench.node.url)
    assert order_ids(list((await market.poll()).entries)) == []
    send_coin(bench.node.url)
    assert order_ids(list((await market.poll()).entries)) == [1]
    await market.close()


async def test_a_node_that_gives_few_blocks_at_once_is_read_in_pieces(
    bench: Bench, monkeypatch: Any
):
    market = await bench.open()
    for number in range(1, 6):
        await bid(market, number)
    logs, asked = market.chain.logs, []

    async def at_most_two(first: int, last: int) -> Any:
        asked.append(last - first + 1)
        if last - first + 1 > 2:
            raise Unreachable("query returned more than 10000 results")
        return await logs(first, last)

    monkeypatch.setattr(market.chain, "logs", at_most_two)
    news = await market.poll()
    assert order_ids(list(news.entries)) == [1, 2, 3, 4, 5]
    assert max(asked) > 2
    assert asked[-1] <= 2
    await market.close()


async def test_events_seen_are_not_seen_again_after_a_restart(bench: Bench):
    market = await bench.open()
    await bid(market, 1)
    await market.poll()
    await market.close()
    market = await bench.open()
    assert (await market.poll()).entries == ()
    await bid(market, 2)
    assert order_ids(list((await market.poll()).entries)) == [2]
    await market.close()


async def test_a_chain_wiped_between_two_runs_starts_a_new_page(
    bench: Bench, caplog: pytest.LogCaptureFixture
):
    market = await bench.open()
    await bid(market, 1)
    await market.poll()
    old_page, old_contract = market.chain_key, market.facts.contract
    await market.close()
    wipe(bench)
    market = await bench.open()
    assert market.chain_key != old_page
    assert "the chain was wiped" in caplog.text
    assert await on_record(bench, market) == []
    assert await bid(market, 1) == 1  # the old request of the same id is not taken for this one
    archived = await bench.ledger.run(
        lambda c: c.exec_driver_sql(
            "select contract, archived_why from market_chains where archived_at is not null"
        ).all()
    )
    assert [tuple(row) for row in archived] == [
        (old_contract, "the chain was wiped: its first block is another one")
    ]
    await market.close()


def wipe(bench: Bench) -> None:
    """A new chain on the same port with the same id, as when its data is deleted."""
    first = rpc(bench.node.url, "eth_getBlockByNumber", "0x0", False)["hash"]
    while True:
        bench.node.stop()
        for path in bench.node.settings.state_dir.glob("*.json"):
            path.unlink()
        bench.node.start()
        if rpc(bench.node.url, "eth_getBlockByNumber", "0x0", False)["hash"] != first:
            return  # its first block carries the second in which it was made


async def test_a_chain_wiped_while_the_market_runs_is_noticed(bench: Bench):
    market = await bench.open()
    await bid(market, 1)
    await market.poll()
    wipe(bench)
    for _ in range(block_number(bench.node.url), 3):
        send_coin(bench.node.url)
    with pytest.raises(ChainReplaced):
        await market.poll()
    await market.close()


async def test_a_chain_of_another_id_is_refused_by_name(bench: Bench):
    with pytest.raises(Misconfigured, match=r"plugins\.market\.chain_id: expected chain 11155111"):
        await bench.open(replace(bench.settings(), chain_id=11155111))


async def test_a_contract_that_is_not_there_is_named(bench: Bench):
    settings = bench.settings()
    nowhere = "0x00000000000000000000000000000000000000AA"
    with pytest.raises(Misconfigured, match="there is no contract at 0x0000"):
        await bench.open(replace(settings, place=replace(settings.place, contract=nowhere)))


async def test_a_deployed_contract_can_be_joined_by_address(bench: Bench):
    market = await bench.open()
    await bid(market, 1)
    contract = market.facts.contract
    await market.close()
    settings = bench.settings()
    place = replace(settings.place, market="second", contract=contract, first_block=1)
    joined = await bench.open(replace(settings, place=place))
    assert joined.facts.contract == contract
    assert order_ids(list((await joined.poll()).entries)) == [1]
    await joined.close()


async def test_changed_rules_in_the_configuration_reach_the_contract(bench: Bench):
    market = await bench.open()
    assert market.facts.min_qty_wh == 100
    await market.close()
    settings = bench.settings()
    rules = replace(settings.params, min_qty_wh=500, max_open_wh=600)
    market = await bench.open(replace(settings, params=rules))
    assert (market.facts.min_qty_wh, market.facts.max_open_wh) == (500, 600)
    params = await market.chain.call("params")
    assert (params[0], params[7]) == (500, 600)
    with pytest.raises(Refused, match=r"with 1 kWh more it would be above the 0.6 kWh"):
        await bid(market, 2)
    await market.close()


async def test_a_node_that_is_away_is_unreachable_with_a_reason(bench: Bench):
    bench.node.stop()
    with pytest.raises(Unreachable, match="the embedded chain does not answer as it should"):
        await bench.open()
