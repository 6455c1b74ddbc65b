"""Scenario 3: sales push the voltage out of its limits; the tap changer brings it back."""

from __future__ import annotations

from typing import Any

from .stage import Stage, check, eth, kwh
from .trade import limits

TITLE = "Sales raise the voltage to 1.056 p.u."


async def play(
    stage: Stage,
    *,
    market: str,
    seller: str,
    buyer: str,
    qty_wh: int,
    watched: str,
    phase: str,
    limit_pu: float,
    safe_pu: float,
    ttl_s: float,
) -> None:
    """Play it. `watched` is the house whose meter is nearest to the limit, on `phase`."""
    quantity = f"voltage_{phase}" if phase else "voltage"
    volts = stage.listen(f"reading/{stage.device(watched)}/{quantity}")
    decisions = stage.listen("command/grid/#")

    def pu(reading: Any) -> float:
        return float(reading.value) / stage.nominal_v(watched)

    first = await volts.first(lambda _: True, within_s=20, what=f"a reading from {watched}")
    stage.say(f"{stage.name(watched)} has {pu(first):.4f} p.u., the limit is {limit_pu} p.u.")
    await _sell(stage, market, seller, buyer, qty_wh, ttl_s)
    high = await volts.first(
        lambda r: pu(r) > limit_pu, within_s=180, what=f"the voltage to rise above {limit_pu} p.u."
    )
    began_s = stage.elapsed_s
    exported = -(stage.reading(stage.device(seller), "power") or 0.0)
    stage.say(
        f"{stage.name(seller)} exports {exported / 1000:.0f} kW: "
        f"the voltage is {pu(high):.4f} p.u.",
        voltage_pu=round(pu(high), 4),
    )
    moved = await decisions.first(
        lambda c: c.command.action in ("set_taps", "set_tap") and c.status == "done",
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


async def _sell(
    stage: Stage, market: str, seller: str, buyer: str, qty_wh: int, ttl_s: float
) -> None:
    info = await stage.ask("market/info")
    ask_wei, bid_wei = limits(await stage.ask("market/book"), int(info["price_tick_wei"]))
    matched = stage.listen(f"market/{market}/trade_matched")
    orders = f"market/{market}/orders"
    ask = await stage.send(
        orders, "place_ask", house=seller, price_wei_per_kwh=ask_wei, qty_wh=qty_wh, ttl_s=ttl_s
    )
    await stage.send(
        orders, "place_bid", house=buyer, price_wei_per_kwh=bid_wei, qty_wh=qty_wh, ttl_s=ttl_s
    )
    stage.say(f"{stage.name(seller)} sells {kwh(qty_wh)} to {stage.name(buyer)}")
    trade = await matched.first(
        lambda t: t.ask_id == int(ask["order_id"]), within_s=90, what="the sale to be matched"
    )
    stage.say(f"the contract matched {kwh(trade.qty_wh)} at {eth(trade.price_wei_per_kwh)} ETH/kWh")
