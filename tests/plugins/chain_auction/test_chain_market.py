"""The market on a real chain: anvil on a free port, the real contract, real signatures."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hub.api import (
    BatchCleared,
    Command,
    DeliveryScheduled,
    OrderPlaced,
    PluginState,
    Priority,
    TradeMatched,
    TradeSettled,
)
from hub.core import Hub
from hub.testing import Recording, running
from tests.plugins.chain_auction.homes import Homes

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
        ask = await send(
            hub, "place_ask", house="house2", price_wei_per_kwh=PRICE, qty_wh=3000, ttl_s=600
        )
        bid = await send(
            hub, "place_bid", house="house1", price_wei_per_kwh=3 * PRICE, qty_wh=3000, ttl_s=600
        )
        scheduled = await seen.until(
            lambda m: next((x for x in m if isinstance(x, DeliveryScheduled)), None)
        )
        await dispatch(hub, scheduled)
        settled = await seen.until(
            lambda m: next((x for x in m if isinstance(x, TradeSettled)), None)
        )
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
