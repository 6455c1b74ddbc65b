"""Scenario 2: a house loses its supply; the substation and the homeowner hear of it at once."""

from __future__ import annotations

from typing import Any

from .stage import Stage, check, eth, kwh

TITLE = "House 1 loses its supply"
OFFER_WH = 2000


async def play(
    stage: Stage, *, market: str, house: str, neighbours: list[str], dark_s: float
) -> None:
    """Play it, and restore the supply whatever happens."""
    alarms, messages = stage.listen(f"alarm/outage/{house}"), stage.listen("notification/#")
    name = stage.name(house)
    await _offer(stage, market, house, neighbours)
    volts = stage.reading(stage.device(house), "voltage")
    check(volts is not None, f"the meter of {name} does not report; the outage could not be seen")
    stage.say(f"{name} has {volts:.1f} V")
    began_s = stage.elapsed_s
    await stage.send(f"house/{house}", "open_service")
    stage.say(f"the service of {name} opens")
    try:
        await _noticed(stage, alarms, messages, house, began_s)
        await stage.pause(dark_s)
    finally:
        alarms, messages = stage.listen(f"alarm/outage/{house}"), stage.listen("notification/#")
        await stage.send(f"house/{house}", "close_service")
        stage.say(f"the service of {name} is closed again")
    await _restored(stage, alarms, messages, house)


async def _offer(stage: Stage, market: str, house: str, neighbours: list[str]) -> None:
    """See to it that neighbours have energy to sell, as they would by day."""
    sellers = await stage.ask("market/sellers", {"exclude": house})
    selling = {seller["house"] for seller in sellers}
    book = await stage.ask("market/book")
    info = await stage.ask("market/info")
    tick = int(info["price_tick_wei"])
    best_bid = max((int(level["price_wei_per_kwh"]) for level in book["bids"]), default=10**14)
    price_wei = (best_bid // tick + 20) * tick
    for neighbour in neighbours:
        if neighbour not in selling:
            await stage.send(
                f"market/{market}/orders",
                "place_ask",
                house=neighbour,
                price_wei_per_kwh=price_wei,
                qty_wh=OFFER_WH,
                ttl_s=600,
            )
            stage.say(f"{stage.name(neighbour)} offers {kwh(OFFER_WH)} at {eth(price_wei)} ETH/kWh")


async def _noticed(stage: Stage, alarms: Any, messages: Any, house: str, began_s: float) -> None:
    name = stage.name(house)
    alarm = await alarms.first(
        lambda a: not a.cleared, within_s=20, what=f"the fault detector to see that {name} is dark"
    )
    stage.say(
        f"the fault detector sees it through the meter after {stage.elapsed_s - began_s:.1f} s: "
        f"{alarm.text}"
    )
    report = await messages.first(
        lambda m: m.audience == "substation" and m.cause == alarm.id,
        within_s=10,
        what="the message to the substation",
    )
    expected = (
        f"Alert: A fault has been detected at {name}. Please initiate rectification procedures."
    )
    check(report.text == expected, f"the substation was told {report.text!r}, not {expected!r}")
    stage.say(f"to the substation: {report.text}")
    advice = await messages.first(
        lambda m: m.audience == house and m.cause == alarm.id,
        within_s=10,
        what="the message to the homeowner",
    )
    stage.say(f"to the homeowner: {advice.text}")
    stage.say(f"both messages left {stage.elapsed_s - began_s:.1f} s after the service opened")
    check(
        advice.text.startswith("A fault has been detected at your house. You can buy backup power"),
        "the homeowner's message does not say where to buy backup power",
    )
    check(
        bool(advice.link) and "side=buy" in advice.link and advice.link in advice.text,
        "the homeowner's message has no link that opens the trading page with the form filled",
    )
    sellers = await stage.ask("market/sellers", {"exclude": house})
    named = [s["name"] for s in sellers if s["name"] in advice.text]
    check(bool(named), "the message names no house that has energy to sell")


async def _restored(stage: Stage, alarms: Any, messages: Any, house: str) -> None:
    name = stage.name(house)
    cleared = await alarms.first(
        lambda a: a.cleared, within_s=30, what=f"the alarm of {name} to be cleared"
    )
    for audience in ("substation", house):
        message = await messages.first(
            lambda m, who=audience: m.audience == who and m.cause == cleared.id,
            within_s=10,
            what=f"the message to {audience} that the supply is back",
        )
        who = "the substation" if audience == "substation" else "the homeowner"
        stage.say(f"to {who}: {message.text}")
