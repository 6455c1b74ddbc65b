"""Scenario 3: sales push the voltage out of its limits; the tap changer brings it back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from .stage import Point, ScenarioFailed, Stage, check, eth, kwh
from .trade import limits

TITLE = "Sales raise the voltage to 1.056 p.u."

#: Guesses for the power whose sale brings the wanted voltage; the feeder is nearly linear.
MAX_GUESSES = 8
CLOSE_PU = 0.0001
#: How long the voltages may take after the taps have moved, and how often they are looked at.
SETTLED_WITHIN_S = 60.0
LOOK_EVERY_S = 0.1
#: A meter below this in pu has no supply.
DEAD_PU = 0.1


async def play(
    stage: Stage,
    *,
    grid: str,
    twin: str,
    market: str,
    seller: str,
    buyer: str,
    watched: str,
    phase: str,
    start_taps: Mapping[str, int],
    limit_pu: float,
    low_pu: float,
    high_pu: float,
    safe_pu: float,
    max_w: float,
    ttl_s: float,
) -> None:
    """Play it. The sale raises `watched` to `high_pu` on `phase`, which is empty at one phase."""
    points = await stage.points(twin)
    risen = _point(stage, points, watched, phase)
    volts = stage.listen(risen.topic)
    power = stage.listen(f"reading/{stage.device(seller)}/power")
    decisions = stage.listen(f"command/grid/{grid}/#")

    def pu(reading: Any) -> float:
        return float(reading.value) / risen.nominal_v

    if start_taps:
        await stage.send(f"grid/{grid}/regulators", "set_taps", taps=dict(start_taps))
        shown = ", ".join(f"{name} at {tap:+d}" for name, tap in start_taps.items())
        stage.say(f"the taps stand as the evening needs them: {shown}")
    moved_at = stage.now()
    first = await volts.first(
        lambda r: r.at > moved_at, within_s=20, what=f"a reading from {risen.label}"
    )
    stage.say(f"{risen.label} has {pu(first):.4f} p.u., the limit is {limit_pu} p.u.")
    export_w = await _export_for(stage, twin, seller, risen.node, high_pu, max_w)
    await _sell(stage, market, seller, buyer, export_w, ttl_s)
    high = await volts.first(
        lambda r: pu(r) > high_pu - 0.002,
        within_s=180,
        what=f"the voltage to rise to {high_pu} p.u.",
    )
    began_s = stage.elapsed_s
    exporting = await power.first(
        lambda r: r.value < -export_w / 2, within_s=10, what=f"{stage.name(seller)} to export"
    )
    stage.say(
        f"{stage.name(seller)} exports {-exporting.value / 1000:.0f} kW: "
        f"{risen.label} has {pu(high):.4f} p.u.",
        voltage_pu=round(pu(high), 4),
    )
    moved = await decisions.first(
        lambda c: (
            c.at >= high.at and c.command.action in ("set_taps", "set_tap") and c.status == "done"
        ),
        within_s=60,
        what="the grid control agent to move the tap changer",
    )
    taps = moved.command.args.get("taps") or moved.command.args
    shown = ", ".join(f"{name} to {tap:+d}" for name, tap in taps.items())
    stage.say(f"the grid control agent moves {shown}")
    told = await _all_told(stage, points, moved.at, safe_pu)
    highest = max(told, key=told.__getitem__)
    stage.say(
        f"the voltage is back at {told[highest]:.4f} p.u. at the most, at {highest.label}, "
        f"{stage.elapsed_s - began_s:.1f} s after it left its limits",
        voltage_pu=round(told[highest], 4),
    )
    lowest = min(told, key=told.__getitem__)
    check(
        told[lowest] > low_pu,
        f"the tap changer went too far: {lowest.label} has {told[lowest]:.4f} p.u.",
    )


def _point(stage: Stage, points: Sequence[Point], house: str, phase: str) -> Point:
    """Return the voltage of a house's phase; `ScenarioFailed` if no meter tells it."""
    of_house = {point.phase: point for point in points if point.house == house}
    if phase in of_house:
        return of_house[phase]
    name, phases = stage.name(house), ", ".join(sorted(of_house))
    if not of_house:
        raise ScenarioFailed(f"{name} does not hang on the feeder: no meter tells its voltage")
    if not phases:
        raise ScenarioFailed(f"{name} has one phase only: leave out `phase`, got {phase!r}")
    raise ScenarioFailed(f"expected `phase` to be one of {phases} for {name}, got {phase!r}")


async def _all_told(
    stage: Stage, points: Sequence[Point], since: datetime, safe_pu: float
) -> Mapping[Point, float]:
    """Return the voltages in pu by meter, each told since then, once none is above `safe_pu`.

    Meters that say nothing are waited for until the time is up; those without supply do not count.
    """
    deadline = stage.elapsed_s + SETTLED_WITHIN_S
    while True:
        told = {point: stage.voltage_pu(point, since) for point in points}
        known = {point: pu for point, pu in told.items() if pu is not None}
        late = stage.elapsed_s > deadline
        living = {point: pu for point, pu in known.items() if pu > DEAD_PU}
        if living and max(living.values()) <= safe_pu and (late or len(known) == len(points)):
            return living
        if late:
            shown = "no meter told its voltage"
            if living:
                worst = max(living, key=living.__getitem__)
                shown = f"{worst.label} has {living[worst]:.4f} p.u."
            raise ScenarioFailed(
                f"waited {SETTLED_WITHIN_S:g} s in vain for the voltage to fall to {safe_pu} "
                f"p.u.: {shown}"
            )
        await stage.pause(LOOK_EVERY_S)


async def _export_for(
    stage: Stage, twin: str, seller: str, node: str, high_pu: float, max_w: float
) -> float:
    """Return the export of the seller, in W, that brings a voltage, as the twin sees the feeder."""
    device = stage.device(seller)

    async def voltage(export_w: float) -> float:
        answer = await stage.solve(twin, {device: -export_w})
        check(node in answer, f"the twin knows no node {node!r}")
        return answer[node]

    low_w, low = 0.0, await voltage(0.0)
    guess_w = max_w / 2
    for _ in range(MAX_GUESSES):
        found = await voltage(guess_w)
        if abs(found - high_pu) < CLOSE_PU:
            return guess_w
        slope = (found - low) / (guess_w - low_w)
        if not slope > 0:
            break
        guess_w = low_w + (high_pu - low) / slope
        if not 0 < guess_w <= max_w:
            break
    raise ScenarioFailed(
        f"no sale of {stage.name(seller)} up to {max_w / 1000:.0f} kW brings {node} to {high_pu} "
        f"p.u.: without it the voltage is {low:.4f} p.u."
    )


async def _sell(
    stage: Stage, market: str, seller: str, buyer: str, export_w: float, ttl_s: float
) -> None:
    """Have the energy of one delivery window sold, and wait until the contract has matched it."""
    info = await stage.ask("market/info")
    step_wh = int(info["min_qty_wh"])
    wanted_wh = export_w * float(info["window_s"]) * stage.time_lapse / 3600
    qty_wh = math.ceil(wanted_wh / step_wh) * step_wh
    ask_wei, bid_wei = limits(await stage.ask("market/book"), int(info["price_tick_wei"]))
    matched = stage.listen(f"market/{market}/trade_matched")
    orders = f"market/{market}/orders"
    terms = {"qty_wh": qty_wh, "ttl_s": ttl_s}
    ask = await stage.send(orders, "place_ask", house=seller, price_wei_per_kwh=ask_wei, **terms)
    await stage.send(orders, "place_bid", house=buyer, price_wei_per_kwh=bid_wei, **terms)
    stage.say(
        f"{stage.name(seller)} sells {kwh(qty_wh)} to {stage.name(buyer)}, "
        f"{export_w / 1000:.0f} kW for one delivery"
    )
    filled_wh = 0

    def filled(trade: Any) -> bool:
        nonlocal filled_wh
        if trade.ask_id == int(ask["order_id"]):
            filled_wh += trade.qty_wh
        return filled_wh >= 0.99 * qty_wh

    await stage.send(orders, "match")
    trade = await matched.first(filled, within_s=90, what="the sale to be matched")
    stage.say(f"the contract matched {kwh(filled_wh)} at {eth(trade.price_wei_per_kwh)} ETH/kWh")
