"""The whole market in virtual time, on the twin: the same plugin, schedule and settlement."""

from pathlib import Path
from typing import Any

from hub.api import (
    Command,
    DeliveryScheduled,
    Message,
    PenaltyApplied,
    Priority,
    TradeExpired,
    TradeMatched,
    TradeSettled,
)
from hub.core import Hub
from hub.testing import Recording, in_virtual_time, running
from plugins.chain_auction.twin_market import pseudo_address
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


def trade_and_wait(
    tmp_path: Path, *, seconds: float, homes: str = "", market: str = "", deliver: bool = True
) -> tuple[list[Message], dict[str, Any], list[dict[str, Any]]]:
    """One trade of 3 kWh; returns what was said, the balances and the trades after a while."""
    text = HUB.replace("use: homes", "use: homes" + homes).replace("auto}", "auto" + market + "}")

    async def program() -> tuple[list[Message], dict[str, Any], list[dict[str, Any]]]:
        async with running(tmp_path, text, types={"homes": Homes}) as hub:
            await hub.settled()
            seen = Recording(hub, "market/#")
            await order(hub, "place_ask", "house2", PRICE)
            await order(hub, "place_bid", "house1", PRICE)
            scheduled = await seen.until(
                lambda m: next((x for x in m if isinstance(x, DeliveryScheduled)), None), 60
            )
            if deliver:
                await dispatch(hub, scheduled)
            await hub.clock.sleep((scheduled.end - hub.clock.now()).total_seconds())
            for house in ("house1", "house2"):
                await hub.commands.send(Command(f"house/{house}", "release_power"))
            await hub.clock.sleep(seconds)
            balances = await hub.services.ask("market/balances")
            trades = await hub.services.ask("market/trades")
            return list(seen.messages), balances, trades

    return in_virtual_time(program)


def total_wei(balance: dict[str, Any]) -> int:
    return sum(int(balance[key]) for key in ("wallet_wei", "credit_wei", "escrow_wei"))


def test_a_seller_that_delivers_nothing_loses_its_deposit_and_the_bid_is_offered_again(
    tmp_path: Path,
):
    said, balances, trades = trade_and_wait(tmp_path, seconds=20, deliver=False)
    [penalty] = [m for m in said if isinstance(m, PenaltyApplied)]
    assert penalty.amount_wei == 3 * PRICE // 10  # a tenth of 3 kWh at the price
    assert balances["house2"]["strikes"] == 1
    assert total_wei(balances["house2"]) == 10**22 - penalty.amount_wei
    assert total_wei(balances["house1"]) == 10**22 + penalty.amount_wei
    assert int(balances["house1"]["escrow_wei"]) == 3 * PRICE * 11 // 10  # back on the book
    assert trades[0]["state"] == "settled"
    assert trades[0]["settled_wh"] == 0


def test_half_a_delivery_is_paid_by_half(tmp_path: Path):
    said, balances, trades = trade_and_wait(tmp_path, seconds=20, homes=", obedience_permille: 500")
    settled = next(m for m in said if isinstance(m, TradeSettled))
    assert settled.delivered_wh == settled.received_wh == trades[0]["settled_wh"]
    assert 1450 < settled.delivered_wh <= 1500
    assert settled.paid_wei == PRICE * settled.delivered_wh // 1000
    assert total_wei(balances["house1"]) + total_wei(balances["house2"]) == 2 * 10**22


def test_without_proof_a_trade_expires_at_the_sellers_cost(tmp_path: Path):
    said, balances, trades = trade_and_wait(
        tmp_path, seconds=200, homes=", silent: [house1]", market=", settlement_ttl: 2m"
    )
    [expired] = [m for m in said if isinstance(m, TradeExpired)]
    assert expired.penalised == pseudo_address("house2")
    assert trades[0]["state"] == "expired"
    assert "house1 energy_import: no reading" in trades[0]["problem"]
    assert balances["house2"]["strikes"] == 1
    assert not [m for m in said if isinstance(m, TradeSettled)]


def test_what_the_market_tells_about_its_book(tmp_path: Path):
    async def program() -> None:
        async with running(tmp_path, HUB, types={"homes": Homes}) as hub:
            await hub.settled()
            ask = await order(hub, "place_ask", "house2", 2 * PRICE)
            bid = await order(hub, "place_bid", "house1", PRICE, qty_wh=500)
            book = await hub.services.ask("market/book")
            assert book["bids"] == [{"price_wei_per_kwh": PRICE, "qty_wh": 500, "orders": 1}]
            assert book["asks"] == [{"price_wei_per_kwh": 2 * PRICE, "qty_wh": 3000, "orders": 1}]
            assert book["indicative"] is None
            assert {o["id"]: o["house"] for o in book["orders"]} == {ask: "house2", bid: "house1"}
            offers = await hub.services.ask("market/sellers", {"exclude": "house1"})
            assert offers == [
                {
                    "house": "house2",
                    "name": "House 2",
                    "available_wh": 3000,
                    "best_ask_wei_per_kwh": 2 * PRICE,
                }
            ]
            assert await hub.services.ask("market/sellers", {"exclude": "house2"}) == []
            why = await hub.services.ask("market/explain", {"order_id": bid})
            assert "does not reach the lowest ask of 0.0002 ETH/kWh" in why["text"]
            info = await hub.services.ask("market/info")
            assert (info["currency"], info["window_s"], info["time_lapse"]) == ("ETH", 30, 60)
            assert [a["house"] for a in info["accounts"]] == ["house1", "house2"]
            await hub.clock.sleep(700)  # longer than the orders live, and the refund's delay
            assert (await hub.services.ask("market/book"))["orders"] == []
            balances = await hub.services.ask("market/balances")
            assert balances["house1"]["escrow_wei"] == "0"
            gone = await hub.services.ask("market/explain", {"order_id": bid})
            assert gone["text"] == f"Order {bid} is expired."

    in_virtual_time(program)
