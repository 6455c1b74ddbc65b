"""Whatever crashes, and when: each request takes effect once on the chain."""

import asyncio
import os
import random
import signal
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from eth_utils.address import to_checksum_address

from plugins.chain_auction import intents
from plugins.chain_auction.chain_market import ChainMarket
from plugins.chain_auction.market import Placed
from plugins.chain_auction.problems import Refused, StillPending, Unreachable
from tests.plugins.chain_auction.conftest import Bench
from tests.plugins.chain_auction.rpc import block_number, mined, rpc

PRICE = 10**14
QTY_WH = 3000


class Crash(BaseException):
    """The hub dies here."""


async def bid(market: ChainMarket, request_id: str, **changes: Any) -> Placed:
    order: dict[str, Any] = {
        "is_bid": True, "price_wei_per_kwh": PRICE, "qty_wh": QTY_WH,
        "expiry": int(time.time()) + 600,
    }  # fmt: skip
    trader = market.keyring.addresses["house1"]
    return await market.place(trader, **(order | changes), request_id=request_id)


async def orders_on_chain(market: ChainMarket) -> int:
    return int(await market.chain.call("lastOrderId"))


@pytest.mark.parametrize("point", ["before_commit", "before_send", "after_send", "after_receipt"])
async def test_a_crash_at_any_point_leaves_one_order(bench: Bench, point: str, monkeypatch: Any):
    market = await bench.open()
    send, receipt, commit = market.chain.send, market.chain.receipt, intents.commit

    async def sends_and_dies(raw: bytes) -> None:
        if point == "before_send":
            raise Crash
        await send(raw)
        if point == "after_send":
            raise Crash

    async def mined_and_dies(tx: str) -> Any:
        found = await receipt(tx)
        if point == "after_receipt" and found is not None:
            raise Crash
        return found

    def commits_and_dies(*args: Any, **kwargs: Any) -> None:
        if point == "before_commit":
            raise Crash
        commit(*args, **kwargs)

    monkeypatch.setattr(market.chain, "send", sends_and_dies)
    monkeypatch.setattr(market.chain, "receipt", mined_and_dies)
    monkeypatch.setattr(intents, "commit", commits_and_dies)
    with pytest.raises(Crash):
        await bid(market, "order:1")
    await market.close()
    monkeypatch.undo()

    market = await bench.open()
    expected = 0 if point == "before_commit" else 1
    assert await orders_on_chain(market) == expected
    # Asked again with the same id, as a client does that got no answer: still one.
    assert (await bid(market, "order:1")).order_id == 1
    assert (await bid(market, "order:1")).order_id == 1
    assert await orders_on_chain(market) == 1
    await market.close()


async def test_two_requests_at_once_from_one_key_get_two_nonces(bench: Bench):
    market = await bench.open()
    placed = await asyncio.gather(*(bid(market, f"order:{i}") for i in range(6)))
    assert sorted(p.order_id for p in placed) == [1, 2, 3, 4, 5, 6]
    await market.close()


async def test_what_was_sent_while_the_chain_is_away_is_sent_when_it_is_back(
    bench: Bench, monkeypatch: Any
):
    market = await bench.open()

    async def away(_raw: bytes) -> None:
        raise Unreachable("the chain's node does not answer")

    monkeypatch.setattr(market.chain, "send", away)
    with pytest.raises(StillPending, match="sent as soon as the chain answers"):
        await bid(market, "order:1")
    monkeypatch.undo()
    assert await orders_on_chain(market) == 0
    await market._sender.resume()
    assert await orders_on_chain(market) == 1
    assert (await bid(market, "order:1")).order_id == 1
    await market.close()


async def test_an_order_after_one_that_waits_to_be_sent_gets_the_next_nonce(
    bench: Bench, monkeypatch: Any
):
    settings = bench.settings()
    market = await bench.open(
        replace(settings, sender=replace(settings.sender, receipt_timeout_s=0.05))
    )
    send = market.chain.send

    async def away(_raw: bytes) -> None:
        raise Unreachable("the chain's node does not answer")

    monkeypatch.setattr(market.chain, "send", away)
    with pytest.raises(StillPending):
        await bid(market, "order:1")
    monkeypatch.setattr(market.chain, "send", send)
    with pytest.raises(StillPending):  # it waits for the first
        await bid(market, "order:2")
    await market._sender.resume()
    assert (await bid(market, "order:1")).order_id == 1
    assert (await bid(market, "order:2")).order_id == 2
    await market.close()


async def test_a_refusal_is_a_sentence_and_uses_up_no_nonce(bench: Bench):
    market = await bench.open()
    with pytest.raises(Refused, match=r"0\.0001000000001 ETH/kWh is not a whole number of price"):
        await bid(market, "order:1", price_wei_per_kwh=PRICE + 10**5)
    with pytest.raises(Refused, match=r"the quantity 0.05 kWh lies outside 0.1 kWh to"):
        await bid(market, "order:2", qty_wh=50)
    with pytest.raises(Refused, match="an order must expire between"):
        await bid(market, "order:3", expiry=int(time.time()) - 5)
    with pytest.raises(Refused, match="there is no order 77"):
        await market.cancel(market.keyring.addresses["house1"], 77, "cancel:77")
    assert (await bid(market, "order:4")).order_id == 1
    await market.close()


async def test_a_wallet_without_enough_coin_is_told_what_is_missing(bench: Bench):
    market = await bench.open()
    house = market.keyring.addresses["house1"]
    rpc(bench.node.url, "anvil_setBalance", house, hex(10**14))
    with pytest.raises(Refused) as refused:
        await bid(market, "order:1")
    text = str(refused.value)
    assert "bid of 3 kWh at 0.0001 ETH/kWh needs 0.00033 ETH in escrow" in text
    assert "holds 0.0001 ETH" in text
    rpc(bench.node.url, "anvil_setBalance", house, hex(33 * 10**13))
    with pytest.raises(Refused, match="for fees"):
        await bid(market, "order:1")
    rpc(bench.node.url, "anvil_setBalance", house, hex(10**18))
    assert (await bid(market, "order:1")).order_id == 1
    await market.close()


async def test_a_stuck_transaction_is_replaced_with_higher_fees(bench: Bench):
    clock = [time.time()]
    bench.now = lambda: clock[0]
    settings = bench.settings()
    patience = replace(settings.sender, receipt_timeout_s=0.05)
    market = await bench.open(replace(settings, sender=patience))
    rpc(bench.node.url, "evm_setAutomine", False)
    with pytest.raises(StillPending, match="not mined within"):
        await bid(market, "order:1")
    first = await pending(bench, market)
    clock[0] += 20
    await market.retry_pending()
    assert (await pending(bench, market)).tx == first.tx  # sent again as it is
    rpc(bench.node.url, "anvil_setNextBlockBaseFeePerGas", hex(50 * 10**9))
    await market.retry_pending()
    second = await pending(bench, market)
    assert (second.nonce, second.earlier_txs) == (first.nonce, (first.tx,))
    rpc(bench.node.url, "evm_setAutomine", True)
    rpc(bench.node.url, "evm_mine")
    assert (await bid(market, "order:1")).order_id == 1
    assert await orders_on_chain(market) == 1
    await market.close()


async def pending(bench: Bench, market: ChainMarket) -> intents.Intent:
    [intent] = await bench.ledger.run(lambda c: intents.pending(c, market.chain_key))
    return intent


async def test_fees_above_the_limit_are_not_paid(bench: Bench):
    clock = [time.time()]
    bench.now = lambda: clock[0]
    settings = bench.settings()
    market = await bench.open(
        replace(settings, sender=replace(settings.sender, receipt_timeout_s=0.05))
    )
    rpc(bench.node.url, "evm_setAutomine", False)
    with pytest.raises(StillPending):
        await bid(market, "order:1")
    first = await pending(bench, market)
    market._sender.settings = replace(market._sender.settings, max_fee_wei=1)
    clock[0] += 100
    await market.retry_pending()
    assert (await pending(bench, market)).tx == first.tx
    await market.close()


async def test_a_killed_chain_gets_the_same_blocks_back(bench: Bench):
    market = await bench.open()
    rpc(bench.node.url, "evm_increaseTime", 100)  # times of blocks are restored, not made anew
    first = await bid(market, "order:1")
    trader, foreign_id = await place_from_a_browser_wallet(bench, market)
    second = await bid(market, "order:2")
    await market.poll()
    head = await market.chain.head()
    os.kill(bench.node.pid or 0, signal.SIGKILL)
    bench.node.wait_for_end()
    await market.close()
    bench.node.start()  # its state file is that of its first moment
    assert block_number(bench.node.url) == 0

    market = await bench.open()
    again = await market.chain.head()
    assert (again.number, again.at) == (head.number, head.at)
    news = await market.poll()
    assert [e.event for e in news.entries] == [e.event for e in news.undone]
    assert (first.order_id, foreign_id, second.order_id) == (1, 2, 3)
    assert (await market.chain.call("order", 2))[1] == trader
    # Its clock runs on from now, and both traders go on with their next nonces.
    assert (await bid(market, "order:3")).order_id == 4
    await place_from_a_browser_wallet(bench, market)
    assert abs((await market.chain.head()).at - time.time()) < 110
    await market.close()


async def place_from_a_browser_wallet(bench: Bench, market: ChainMarket) -> tuple[str, int]:
    """An ask by an account whose key the hub does not hold; returns its address and the order."""
    trader = to_checksum_address(rpc(bench.node.url, "eth_accounts")[8])
    tx = market.chain.encode("placeAsk", PRICE, QTY_WH, int(time.time()) + 600)
    deposit = int(await market.chain.call("escrowFor", False, PRICE, QTY_WH))
    order = {"from": trader, "to": tx["to"], "data": tx["data"], "value": hex(deposit)}
    mined(bench.node.url, rpc(bench.node.url, "eth_sendTransaction", order))
    return trader, await orders_on_chain(market)


async def test_a_transaction_overtaken_by_the_same_key_elsewhere_is_reported_and_can_be_retried(
    bench: Bench, caplog: pytest.LogCaptureFixture
):
    settings = bench.settings()
    market = await bench.open(
        replace(settings, sender=replace(settings.sender, receipt_timeout_s=0.05))
    )
    house = market.keyring.addresses["house1"]
    rpc(bench.node.url, "evm_setAutomine", False)
    with pytest.raises(StillPending):
        await bid(market, "order:1")
    # The household's wallet holds the same key and uses the same nonce.
    rpc(bench.node.url, "anvil_dropAllTransactions")
    rpc(bench.node.url, "evm_setAutomine", True)
    mined(bench.node.url, rpc(
        bench.node.url, "eth_sendTransaction", {"from": house, "to": house, "value": "0x1"}
    ))  # fmt: skip
    await market.retry_pending()
    assert "another transaction of" in caplog.text
    assert await orders_on_chain(market) == 0
    assert (await bid(market, "order:1")).order_id == 1
    await market.close()


@pytest.mark.parametrize("seed", range(3))
async def test_a_node_that_fails_a_third_of_the_time_gets_each_order_once(
    bench: Bench, seed: int, monkeypatch: Any
):
    market = await bench.open()
    chance = random.Random(seed)
    make_request = market.chain._provider.make_request

    async def flaps(method: Any, params: Any) -> Any:
        moment = chance.random()
        if moment < 0.15:
            raise ConnectionResetError("reset before it was sent")
        answer = await make_request(method, params)
        if moment < 0.3:
            raise TimeoutError("the answer was lost")
        return answer

    monkeypatch.setattr(market.chain._provider, "make_request", flaps)
    for number in range(8):
        for _ in range(50):
            try:
                await bid(market, f"order:{number}")
                break
            except (Unreachable, StillPending):
                with suppress(Unreachable):
                    await market._sender.resume()
    monkeypatch.undo()
    await market._sender.resume()
    assert await orders_on_chain(market) == 8
    house = market.keyring.addresses["house1"]
    assert int(rpc(bench.node.url, "eth_getTransactionCount", house, "latest"), 16) == 8
    await market.close()
