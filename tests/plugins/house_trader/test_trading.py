"""Houses that trade by themselves, in virtual time, with homes that obey and meters that tell."""

from pathlib import Path
from typing import TypeVar

import pytest

from hub.api import Alarm, Message, OrderPlaced, PenaltyApplied, PluginState, Severity, TradeSettled
from hub.core import Hub
from hub.testing import Recording, in_virtual_time, running
from tests.plugins.chain_auction.homes import Homes

M = TypeVar("M", bound=Message)

HUB = """
hub: {{time_lapse: 60}}
houses:
  house1: {{}}
  house2: {{}}
plugins:
  homes: {{use: homes, every: 1, natural_w: {{house1: 2000, house2: -4000}}{homes}}}
  market: {{use: chain_auction}}
  traders: {{use: house_trader{traders}}}
"""


def of(kind: type[M], messages: list[Message]) -> list[M]:
    return [message for message in messages if isinstance(message, kind)]


def simulate(
    tmp_path: Path, seconds: float, *, homes: str = "", traders: str = ""
) -> list[Message]:
    async def program() -> list[Message]:
        text = HUB.format(homes=homes, traders=traders)
        async with running(tmp_path, text, types={"homes": Homes}) as hub:
            await hub.settled()
            seen = Recording(hub, "#")
            await hub.clock.sleep(seconds)
            assert_all_online(hub)
            return list(seen.messages)

    return in_virtual_time(program)


def assert_all_online(hub: Hub) -> None:
    states = {name: (s.state, s.reason) for name, s in hub.plugins.items()}
    assert all(state is PluginState.ONLINE for state, _ in states.values()), states


def test_surplus_meets_need_and_is_delivered_without_penalty(tmp_path: Path):
    messages = simulate(tmp_path, 600)
    settled = of(TradeSettled, messages)
    assert len(settled) >= 3
    for trade in settled:
        assert trade.delivered_wh == trade.received_wh == trade.qty_wh
    assert not of(PenaltyApplied, messages)


def test_prices_stay_within_the_limits(tmp_path: Path):
    messages = simulate(tmp_path, 300, traders=', buy_max: "0.00015", sell_min: "0.00006"')
    orders = of(OrderPlaced, messages)
    assert {order.is_bid for order in orders} == {True, False}
    for order in orders:
        if order.is_bid:
            assert order.price_wei_per_kwh <= 150_000_000_000_000
        else:
            assert order.price_wei_per_kwh >= 60_000_000_000_000


def test_a_house_has_one_open_order_a_side(tmp_path: Path):
    async def program() -> None:
        # Limits that never meet, so that orders stay and prices move towards the limits.
        text = HUB.format(homes="", traders=', buy_max: "0.00004", sell_min: "0.00008"')
        async with running(tmp_path, text, types={"homes": Homes}) as hub:
            await hub.settled()
            prices = []
            for _ in range(12):
                await hub.clock.sleep(30)
                orders = (await hub.services.ask("market/book"))["orders"]
                bids = [o for o in orders if o["is_bid"]]
                asks = [o for o in orders if not o["is_bid"]]
                assert len(bids) <= 1
                assert len(asks) <= 1
                prices += [o["price_wei_per_kwh"] for o in asks]
            assert prices[0] > prices[-1] == 80_000_000_000_000

    in_virtual_time(program)


def test_a_house_without_supply_does_not_trade(tmp_path: Path):
    async def program() -> None:
        text = HUB.format(homes="", traders=', buy_max: "0.00004", sell_min: "0.00008"')
        async with running(tmp_path, text, types={"homes": Homes}) as hub:
            await hub.settled()
            await hub.clock.sleep(60)
            alarm = Alarm("outage", "house1", Severity.CRITICAL, hub.clock.now(), "dark", id="a")
            hub.bus.publish(alarm)
            await hub.clock.sleep(1)
            assert await owners(hub) == {"house2"}
            await hub.clock.sleep(120)
            assert await owners(hub) == {"house2"}
            back = Alarm(
                "outage", "house1", Severity.INFO, hub.clock.now(), "lit", cleared=True, id="a"
            )
            hub.bus.publish(back)
            await hub.clock.sleep(90)
            assert await owners(hub) == {"house1", "house2"}

    in_virtual_time(program)


async def owners(hub: Hub) -> set[str]:
    book = await hub.services.ask("market/book")
    return {order["house"] for order in book["orders"]}


def test_homes_that_deliver_less_are_penalised_for_the_rest(tmp_path: Path):
    messages = simulate(tmp_path, 300, homes=", obedience_permille: 700")
    settled = of(TradeSettled, messages)
    # Where deliveries of a house overlap, the one that ends first gets the energy first.
    assert settled[0].delivered_wh == pytest.approx(0.7 * settled[0].qty_wh, rel=0.05)
    for trade in settled:
        assert trade.paid_wei == trade.price_wei_per_kwh * trade.received_wh // 1000
    assert of(PenaltyApplied, messages)


def test_two_runs_are_the_same(tmp_path: Path):
    runs = []
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        runs.append([m for m in simulate(folder, 240) if isinstance(m, OrderPlaced | TradeSettled)])
    assert runs[0] == runs[1]
