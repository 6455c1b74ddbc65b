"""Scenario 3: sales push the voltage out of its limits; the tap changer brings it back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from .stage import ScenarioFailed, Stage, check, eth, kwh
from .trade import limits

TITLE = "Sales raise the voltage to 1.056 p.u."

#: Guesses for the power whose sale brings the wanted voltage; the feeder is nearly linear.
MAX_GUESSES = 8
CLOSE_PU = 0.0001


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
    high_pu: float,
    safe_pu: float,
    max_w: float,
    ttl_s: float,
) -> None:
    """Play it. `watched` is the house whose meter is nearest to the limit, on `phase`."""
    quantity = f"voltage_{phase}" if phase else "voltage"
    volts = stage.listen(f"reading/{stage.device(watched)}/{quantity}")
    power = stage.listen(f"reading/{stage.device(seller)}/power")
    decisions = stage.listen(f"command/grid/{grid}/#")

    def pu(reading: Any) -> float:
        return float(reading.value) / stage.nominal_v(watched)

    if start_taps:
        await stage.send(f"grid/{grid}/regulators", "set_taps", taps=dict(start_taps))
        shown = ", ".join(f"{name} at {tap:+d}" for name, tap in start_taps.items())
        stage.say(f"the taps stand as the evening needs them: {shown}")
    moved_at = stage.now()
    first = await volts.first(
        lambda r: r.at > moved_at, within_s=20, what=f"a reading from {watched}"
    )
    stage.say(f"{stage.name(watched)} has {pu(first):.4f} p.u., the limit is {limit_pu} p.u.")
    export_w = await _export_for(stage, twin, seller, watched, phase, high_pu, max_w)
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
        f"the voltage is {pu(high):.4f} p.u.",
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
    safe = await volts.first(
        lambda r: r.at >= moved.at and pu(r) <= safe_pu,
        within_s=60,
        what=f"the voltage to fall to {safe_pu} p.u.",
    )
    stage.say(
        f"the voltage is back at {pu(safe):.4f} p.u., {stage.elapsed_s - began_s:.1f} s after it "
        f"left its limits",
        voltage_pu=round(pu(safe), 4),
    )
    check(pu(safe) > 0.95, f"the tap changer went too far: the voltage is {pu(safe):.4f} p.u.")


async def _export_for(
    stage: Stage, twin: str, seller: str, watched: str, phase: str, high_pu: float, max_w: float
) -> float:
    """Return the export of the seller, in W, that brings a voltage, as the twin sees the feeder."""
    node = stage.node(watched, phase)
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
