"""Houses that trade by themselves, in virtual time, with homes that obey and meters that tell."""

from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import pytest

from hub.api import (
    Alarm,
    CommandResult,
    DeliveryScheduled,
    Message,
    OrderPlaced,
    PenaltyApplied,
    PluginState,
    Severity,
    TradeSettled,
)
from hub.core import Hub
from hub.testing import Recording, in_virtual_time, running
from tests.plugins.chain_auction.homes import Homes

M = TypeVar("M", bound=Message)

BATTERY = "{battery: {kwh: 10, kw: 5}}"
HUB = """
hub: {{time_lapse: 60}}
houses:
  house1: {house1}
  house2: {house2}
plugins:
  homes: {{use: homes, every: 1, natural_w: {{house1: 2000, house2: -4000}}{homes}}}
  market: {{use: chain_auction}}
  traders: {{use: house_trader{traders}}}
"""


def of(kind: type[M], messages: list[Message]) -> list[M]:
    return [message for message in messages if isinstance(message, kind)]


def hub_yaml(
    *, homes: str = "", traders: str = "", house1: str = BATTERY, house2: str = BATTERY
) -> str:
    return HUB.format(homes=homes, traders=traders, house1=house1, house2=house2)


def simulate(tmp_path: Path, seconds: float, **described: str) -> list[Message]:
    async def program() -> list[Message]:
        text = hub_yaml(**described)
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


def set_powers(house: str, messages: list[Message]) -> list[CommandResult]:
    return [
        result
        for result in of(CommandResult, messages)
        if (result.command.target, result.command.action) == (f"house/{house}", "set_power")
    ]


@pytest.mark.parametrize("description", ["{}", "{pv: {kwp: 5}}", "{site: business}"])
def test_a_home_that_could_follow_only_by_wasting_sun_is_left_alone(
    tmp_path: Path, description: str
):
    messages = simulate(tmp_path, 300, house2=description)
    settled = of(TradeSettled, messages)
    assert len(settled) >= 3
    assert all(trade.delivered_wh == trade.qty_wh for trade in settled)
    assert set_powers("house1", messages)
    assert not set_powers("house2", messages)


def test_a_plant_is_told_to_deliver(tmp_path: Path):
    messages = simulate(tmp_path, 300, house2="{pv: {kwp: 5}, site: plant}")
    assert set_powers("house2", messages)


def test_set_points_in_a_row_follow_each_other_without_a_gap(tmp_path: Path):
    messages = simulate(tmp_path, 600, traders=", confidence: 0.5")
    orders = set_powers("house2", messages)
    windows = sorted((m.start, m.end) for m in of(DeliveryScheduled, messages))
    in_a_row = [(a, b) for (_, a), (b, _) in pairwise(windows) if a == b]
    assert len(in_a_row) > 5
    for end, _ in in_a_row:
        running = [r for r in orders if r.at <= end]
        if running[-1].at == end:
            running.pop()
        holds_until = running[-1].at + timedelta(seconds=running[-1].command.args["until_s"])
        assert holds_until > end
        follows = [r.at for r in orders if running[-1].at < r.at < holds_until]
        assert follows, "it ended before it was said again"


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
        text = hub_yaml(traders=', buy_max: "0.00004", sell_min: "0.00008"')
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
        text = hub_yaml(traders=', buy_max: "0.00004", sell_min: "0.00008"')
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


def test_a_house_is_known_after_a_restart(tmp_path: Path):
    """Half a day after its first day the usual is known, and more is relied on than 0.8 of it."""

    def first_ask_wh(messages: list[Message]) -> int:
        return next(order.qty_wh for order in of(OrderPlaced, messages) if not order.is_bid)

    unknown = first_ask_wh(simulate(tmp_path, 36 * 60, house2="{}"))
    known = first_ask_wh(simulate(tmp_path, 120, house2="{}"))
    assert known > 1.1 * unknown
