"""The whole market in virtual time, on the twin: the same plugin, schedule and settlement."""

from pathlib import Path

from hub.api import Command, DeliveryScheduled, Priority, TradeMatched, TradeSettled
from hub.core import Hub
from hub.testing import Recording, in_virtual_time, running
from tests.plugins.chain_auction.homes import Homes

HUB = """
hub: {time_lapse: 60}
houses:
  house1: {}
  house2: {meter: meter2}
plugins:
  homes: {use: homes}
  market: {use: chain_auction, backend: auto}
"""
PRICE = 10**14


async def order(hub: Hub, action: str, house: str, price: int, qty_wh: int = 3000) -> int:
    command = Command(
        "market/market/orders",
        action,
        {"house": house, "price_wei_per_kwh": price, "qty_wh": qty_wh, "ttl_s": 600},
    )
    result = await hub.commands.send(command)
    assert result.done, result.reason
    return int(result.data["order_id"])


async def dispatch(hub: Hub, scheduled: DeliveryScheduled) -> None:
    """What a trader does, in short: keep the contracted power through the window."""
    hours = (scheduled.end - scheduled.start).total_seconds() * 60 / 3600
    for house, sign in ((scheduled.seller, -1), (scheduled.buyer, 1)):
        await hub.commands.send(
            Command(
                f"house/{house}",
                "set_power",
                {"net_w": sign * scheduled.qty_wh / hours},
                Priority.MARKET,
            )
        )


def test_two_houses_trade_three_kilowatt_hours_and_the_seller_is_paid(tmp_path: Path):
    async def program() -> None:
        async with running(tmp_path, HUB, types={"homes": Homes}) as hub:
            await hub.settled()
            seen = Recording(hub, "market/#")
            await order(hub, "place_ask", "house2", PRICE)
            await order(hub, "place_bid", "house1", 3 * PRICE)
            scheduled = await seen.until(
                lambda m: next((x for x in m if isinstance(x, DeliveryScheduled)), None), 60
            )
            assert (scheduled.buyer, scheduled.seller) == ("house1", "house2")
            await dispatch(hub, scheduled)
            matched = next(m for m in seen.messages if isinstance(m, TradeMatched))
            assert matched.price_wei_per_kwh == 2 * PRICE
            settled = await seen.until(
                lambda m: next((x for x in m if isinstance(x, TradeSettled)), None), 120
            )
            assert (settled.delivered_wh, settled.received_wh) == (3000, 3000)
            assert settled.paid_wei == 6 * PRICE
            balances = await hub.services.ask("market/balances")
            assert int(balances["house2"]["credit_wei"]) > 0 or (
                int(balances["house2"]["wallet_wei"]) == 10**22 + 6 * PRICE
            )

    in_virtual_time(program)
