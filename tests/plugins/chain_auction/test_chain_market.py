"""The market on a real chain: anvil on a free port, the real contract, real signatures."""

import json
import os
import re
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from hub.api import (
    BatchCleared,
    Command,
    DeliveryScheduled,
    Message,
    OrderPlaced,
    PluginState,
    Priority,
    TradeMatched,
    TradeSettled,
)
from hub.core import Hub
from hub.testing import Recording, running
from plugins.chain_auction.keys import dev_account
from plugins.chain_auction.node import AnvilNode
from tests.plugins.chain_auction.homes import Homes
from tests.plugins.chain_auction.rpc import send_coin

M = TypeVar("M", bound=Message)
PRICE = 10**14
HUB = """
hub: {{time_lapse: 3600}}
houses:
  house1: {{}}
  house2: {{meter: meter2}}
plugins:
  homes: {{use: homes, every: 0.1}}
  market:
    use: chain_auction
    port: {port}
    match_every: 500ms
    poll_every: 200ms
    lead: 0s
    window: 2s
    meter_gap: 3s
"""


@pytest.fixture
def hub_text(unused_tcp_port_factory: Callable[[], int]) -> str:
    return HUB.format(port=unused_tcp_port_factory())


def first(kind: type[M]) -> Callable[[list[Message]], M | None]:
    """Finds the first message of a kind."""
    return lambda messages: next((m for m in messages if isinstance(m, kind)), None)


async def place(hub: Hub, action: str, house: str, price: int) -> dict[str, object]:
    return await send(hub, action, house=house, price_wei_per_kwh=price, qty_wh=3000, ttl_s=600)


async def send(hub: Hub, action: str, **args: object) -> dict[str, object]:
    command = Command("market/market/orders", action, args, deadline_s=20)
    result = await hub.commands.send(command)
    assert result.done, result.reason
    return dict(result.data)


async def dispatch(hub: Hub, scheduled: DeliveryScheduled) -> None:
    hours = (scheduled.end - scheduled.start).total_seconds() * hub.clock.time_lapse / 3600
    for house, sign in ((scheduled.seller, -1), (scheduled.buyer, 1)):
        power_w = sign * 1.05 * scheduled.qty_wh / hours
        await hub.commands.send(
            Command(f"house/{house}", "set_power", {"net_w": power_w}, Priority.MARKET)
        )


async def test_two_houses_trade_three_kilowatt_hours_and_the_seller_is_paid(
    tmp_path: Path, hub_text: str
):
    async with running(tmp_path, hub_text, types={"homes": Homes}) as hub:
        await hub.settled()
        market = hub.plugins["market"]
        assert market.state is PluginState.ONLINE, market.reason
        seen = Recording(hub, "market/#")
        before = await hub.services.ask("market/balances")
        ask = await place(hub, "place_ask", "house2", PRICE)
        bid = await place(hub, "place_bid", "house1", 3 * PRICE)
        scheduled = await seen.until(first(DeliveryScheduled))
        await dispatch(hub, scheduled)
        settled = await seen.until(first(TradeSettled))
        kinds = [type(m) for m in seen.messages]
        assert kinds.count(OrderPlaced) == 2
        matched = next(m for m in seen.messages if isinstance(m, TradeMatched))
        assert (matched.bid_id, matched.ask_id) == (bid["order_id"], ask["order_id"])
        assert matched.price_wei_per_kwh == 2 * PRICE
        assert matched.block > 0
        assert len(matched.tx) == 66
        cleared = next(m for m in seen.messages if isinstance(m, BatchCleared))
        assert (cleared.mcp_wei_per_kwh, cleared.qty_wh, cleared.trades) == (2 * PRICE, 3000, 1)
        assert (settled.delivered_wh, settled.received_wh) == (3000, 3000)
        assert settled.paid_wei == 6 * PRICE
        after = await hub.services.ask("market/balances")

        def gain(house: str) -> int:
            keys = ("wallet_wei", "credit_wei", "escrow_wei")
            return sum(int(after[house][key]) - int(before[house][key]) for key in keys)

        fees = 10**16
        assert 6 * PRICE - fees < gain("house2") <= 6 * PRICE
        assert -6 * PRICE - fees < gain("house1") <= -6 * PRICE
        assert market.state is PluginState.ONLINE, market.reason


async def test_a_killed_chain_is_started_again_with_its_orders(tmp_path: Path, hub_text: str):
    async with running(tmp_path, hub_text, types={"homes": Homes}) as hub:
        await hub.settled()
        await place(hub, "place_ask", "house2", PRICE)
        before = await hub.services.ask("market/info")
        states = Recording(hub, "plugin/market/status")
        os.kill(int((tmp_path / ".hub/anvil.pid").read_text()), signal.SIGKILL)
        await states.until(lambda m: any(s.state is PluginState.BACKOFF for s in m))
        await states.until(lambda m: m[-1].state is PluginState.ONLINE)
        reasons = " ".join(s.reason for s in states.messages)
        assert "the embedded chain ended" in reasons
        book = await hub.services.ask("market/book")
        assert [(o["id"], o["house"]) for o in book["orders"]] == [(1, "house2")]
        after = await hub.services.ask("market/info")
        assert after["contract"] == before["contract"]


async def test_a_delivery_goes_on_after_the_hub_was_restarted(tmp_path: Path, hub_text: str):
    text = hub_text.replace("window: 2s", "window: 6s").replace("meter_gap: 3s", "meter_gap: 20s")
    async with running(tmp_path, text, types={"homes": Homes}) as hub:
        await hub.settled()
        seen = Recording(hub, "market/#")
        await place(hub, "place_ask", "house2", PRICE)
        await place(hub, "place_bid", "house1", PRICE)
        scheduled = await seen.until(first(DeliveryScheduled))
        await dispatch(hub, scheduled)
        # Long enough for the counters at the window's start to be on record.
        await hub.clock.sleep((scheduled.start - hub.clock.now()).total_seconds() + 2.5)
        counters = next(s for s in hub.plugins.values() if isinstance(s.plugin, Homes)).plugin
        kept = {house: list(values) for house, values in counters.counters.items()}
    Homes.initial = kept
    try:
        async with running(tmp_path, text, types={"homes": Homes}) as hub:
            seen = Recording(hub, "market/#")
            await hub.settled()
            again = await seen.until(first(DeliveryScheduled))
            assert (again.trade_id, again.start, again.end) == (
                scheduled.trade_id, scheduled.start, scheduled.end,
            )  # fmt: skip
            await dispatch(hub, again)
            settled = await seen.until(first(TradeSettled))
            assert settled.trade_id == scheduled.trade_id
            [trade] = await hub.services.ask("market/trades", {"house": "house1"})
            assert trade["state"] == "settled"
            assert int(trade["paid_wei"]) == settled.paid_wei
    finally:
        Homes.initial = {}


async def test_commands_are_refused_in_sentences(tmp_path: Path, hub_text: str):
    async with running(tmp_path, hub_text, types={"homes": Homes}) as hub:
        await hub.settled()
        good = {"house": "house1", "price_wei_per_kwh": PRICE, "qty_wh": 1000}
        for action, args, words in [
            ("place_bid", good | {"house": "house9"}, "'house9' is no house that trades here"),
            ("place_bid", good | {"qty_wh": 0}, "qty_wh: expected a number above 0"),
            ("place_bid", good | {"qty_wh": 1.5}, "qty_wh: expected a whole number, got 1.5"),
            ("place_bid", good | {"price_wei_per_kwh": PRICE + 1}, "not a whole number of price"),
            ("cancel", {"house": "house1", "order_id": 9}, "there is no order 9"),
            ("bid", good, "expected place_bid, place_ask, cancel or match"),
        ]:
            result = await hub.commands.send(Command("market/market/orders", action, args))
            assert not result.done
            assert words in result.reason
        nothing = await hub.commands.send(Command("market/market/orders", "match", {}))
        assert nothing.data["matched"] is False


async def test_a_port_in_use_fails_with_its_key(tmp_path: Path, hub_text: str):
    port = int(hub_text.split("port: ")[1].split(maxsplit=1)[0])
    with socket.create_server(("127.0.0.1", port)):
        async with running(tmp_path, hub_text, types={"homes": Homes}) as hub:
            await hub.settled()
            assert hub.plugins["market"].state is PluginState.FAILED
            assert "set plugins.market.port to a free port" in hub.plugins["market"].reason


async def test_another_node_takes_the_embedded_chains_place_by_yaml_alone(
    tmp_path: Path, node: AnvilNode, hub_text: str
):
    keys = {name: dev_account(i).key.to_0x_hex() for i, name in enumerate(("op", "oracle", "own"))}
    secrets = tmp_path / "secrets.yaml"
    secrets.write_text(
        "".join(f'{name}: "{key}"\n' for name, key in keys.items())
        + f"node: {node.url}/?key=hidden\n"
    )
    secrets.chmod(0o600)
    market = (
        "rpc: !secret node\n    deploy: true\n    key: !secret op\n    oracle_key: !secret oracle\n"
        "    keys: {house1: !secret own}\n    chain_id: 31337\n    confirmations: 2"
    )
    text = re.sub(r"port: \d+", market, hub_text)
    async with running(tmp_path, text, types={"homes": Homes}) as hub:
        await hub.settled()
        assert hub.plugins["market"].state is PluginState.ONLINE, hub.plugins["market"].reason
        info = await hub.services.ask("market/info")
        assert info["embedded"] is False
        assert info["rpc_url"] == ""  # the node's address may hold a password
        assert info["accounts"] == [{"house": "house1", "address": dev_account(2).address}]
        seen = Recording(hub, "market/market/order_placed")
        placed = await place(hub, "place_bid", "house1", PRICE)
        assert placed["order_id"] == 1
        assert seen.messages == []  # not confirmed yet
        send_coin(node.url)
        [message] = await seen.until(lambda m: m)
        assert isinstance(message, OrderPlaced)
        assert message.confirmations == 2
        text = json.dumps({"info": info, "state": hub.state()}, default=str)
        for secret in (*keys.values(), "hidden"):
            assert secret not in text
        refused = await hub.commands.send(
            Command("market/market/orders", "place_ask",
                    {"house": "house2", "price_wei_per_kwh": PRICE, "qty_wh": 1000})
        )  # fmt: skip
        assert "'house2' is no house that trades here (house1)" in refused.reason
    # The chain and the contract on it outlive the hub.
    async with running(tmp_path, text_of(tmp_path), types={"homes": Homes}) as hub:
        await hub.settled()
        again = await hub.services.ask("market/info")
        assert again["contract"] == info["contract"]


def text_of(folder: Path) -> str:
    return (folder / "hub.yaml").read_text()


async def test_a_node_that_is_away_is_waited_for(tmp_path: Path, hub_text: str):
    key = dev_account(0).key.hex()
    market = f"rpc: http://127.0.0.1:1/v3/hidden\n    deploy: true\n    key: '{key}'"
    text = re.sub(r"port: \d+", market, hub_text)
    async with running(tmp_path, text, types={"homes": Homes}) as hub:
        await hub.settled()
        state = hub.plugins["market"]
        assert state.state is PluginState.BACKOFF
        assert "the chain's node does not answer as it should" in state.reason
        assert "hidden" not in state.reason


async def test_a_password_in_a_nodes_address_stays_out_of_what_is_said(
    tmp_path: Path, node: AnvilNode, hub_text: str, caplog: pytest.LogCaptureFixture
):
    market = f"rpc: {node.url}/v3/hidden\n    deploy: true\n    key: '{dev_account(0).key.hex()}'"
    text = re.sub(r"port: \d+", market, hub_text)
    async with running(tmp_path, text, types={"homes": Homes}) as hub:
        await hub.settled()
        reason = hub.plugins["market"].reason
        assert "404, message='Not Found'" in reason
        assert "hidden" not in reason + caplog.text
