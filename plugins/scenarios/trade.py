"""Scenario 1: a house sells surplus energy to its neighbour, from the order to the payment."""

from __future__ import annotations

from typing import Any

from .stage import Stage, check, eth, kwh

TITLE = "A house sells 3 kWh to its neighbour"

#: Room that the scenario wants around the middle of the book, in wei per kWh.
SPREAD_WEI = 4 * 10**13
START_WEI = 10**14


async def play(
    stage: Stage, *, market: str, seller: str, buyer: str, qty_wh: int, ttl_s: float
) -> None:
    """Play it.

    Fails unless the price is the midpoint, the meters prove the delivery and the seller is paid.
    """
    info = await stage.ask("market/info")
    tick = int(info["price_tick_wei"])
    ask_wei, bid_wei = limits(await stage.ask("market/book"), tick)
    matched, scheduled, settled, cleared = (
        stage.listen(f"market/{market}/{name}")
        for name in ("trade_matched", "delivery_scheduled", "trade_settled", "batch_cleared")
    )
    before = await stage.ask("market/balances")
    orders = f"market/{market}/orders"
    ask = await stage.send(
        orders, "place_ask", house=seller, price_wei_per_kwh=ask_wei, qty_wh=qty_wh, ttl_s=ttl_s
    )
    stage.say(
        f"{stage.name(seller)} asks {eth(ask_wei)} ETH/kWh for {kwh(qty_wh)} "
        f"(order {ask['order_id']})"
    )
    bid = await stage.send(
        orders, "place_bid", house=buyer, price_wei_per_kwh=bid_wei, qty_wh=qty_wh, ttl_s=ttl_s
    )
    stage.say(
        f"{stage.name(buyer)} bids {eth(bid_wei)} ETH/kWh for {kwh(qty_wh)} "
        f"(order {bid['order_id']})"
    )
    await stage.send(orders, "match")
    ours = {int(ask["order_id"]), int(bid["order_id"])}
    trade = await matched.first(
        lambda t: {t.bid_id, t.ask_id} == ours,
        within_s=90,
        what="the contract to match the two orders",
    )
    batch = await cleared.first(
        lambda b: b.block >= trade.block, within_s=30, what="the round to be cleared"
    )
    middle_wei = (ask_wei + bid_wei) // 2
    check(
        trade.price_wei_per_kwh == batch.mcp_wei_per_kwh,
        f"the trade has the price {eth(trade.price_wei_per_kwh)}, "
        f"its round cleared at {eth(batch.mcp_wei_per_kwh)}",
    )
    check(
        batch.trades > 1 or trade.price_wei_per_kwh == middle_wei,
        f"the price is {eth(trade.price_wei_per_kwh)} ETH/kWh, "
        f"the midpoint of the two limits is {eth(middle_wei)}",
    )
    stage.say(
        f"the contract matched {kwh(trade.qty_wh)} at {eth(trade.price_wei_per_kwh)} ETH/kWh, "
        f"the midpoint of the marginal bid and ask, in block {trade.block}",
        price_wei_per_kwh=trade.price_wei_per_kwh,
        tx=trade.tx,
    )
    await _deliver(stage, scheduled, trade, seller, buyer)
    await _paid(stage, settled, trade, seller, before)


def limits(book: Any, tick: int) -> tuple[int, int]:
    """Return an ask and a bid limit that cross each other and nothing else in the book.

    They lie between the best bid and the best ask, so that the two orders come first and their
    midpoint is the clearing price.
    """
    best_bid = max((int(level["price_wei_per_kwh"]) for level in book["bids"]), default=None)
    best_ask = min((int(level["price_wei_per_kwh"]) for level in book["asks"]), default=None)
    low = (best_ask or 2 * START_WEI) // 2 if best_bid is None else best_bid + tick
    high = best_ask - tick if best_ask is not None else low + SPREAD_WEI
    if high < low:
        # Too narrow to lie between: outbid both sides, the midpoint of the marginal pair decides.
        low, high = high, low
    high = min(high, low + SPREAD_WEI)
    low, high = -(-low // tick) * tick, high // tick * tick
    if high <= low:
        high = low + 2 * tick
    return low, high


async def _deliver(stage: Stage, scheduled: Any, trade: Any, seller: str, buyer: str) -> None:
    window = await scheduled.first(
        lambda d: d.trade_id == trade.trade_id, within_s=60, what="the delivery to be scheduled"
    )
    length_s = (window.end - window.start).total_seconds()
    stage.say(
        f"delivery from {window.start:%H:%M:%S} to {window.end:%H:%M:%S} UTC: {length_s:g} s, "
        f"{length_s * stage.time_lapse / 60:g} minutes on the feeder"
    )
    power = stage.listen(f"reading/{stage.device(seller)}/power")
    reading = await power.first(
        lambda r: r.at >= window.start and r.value < 0,
        within_s=120,
        what=f"{stage.name(seller)} to export",
    )
    imported = stage.reading(stage.device(buyer), "power") or 0.0
    stage.say(
        f"on the feeder {stage.name(seller)} exports {-reading.value / 1000:.1f} kW and "
        f"{stage.name(buyer)} draws {imported / 1000:.1f} kW"
    )


async def _paid(stage: Stage, settled: Any, trade: Any, seller: str, before: Any) -> None:
    done = await settled.first(
        lambda s: s.trade_id == trade.trade_id, within_s=180, what="the trade to be settled"
    )
    stage.say(
        f"the meters prove {done.delivered_wh} Wh delivered and {done.received_wh} Wh received"
    )
    due_wei = trade.qty_wh * trade.price_wei_per_kwh // 1000
    check(
        done.delivered_wh >= trade.qty_wh,
        f"only {done.delivered_wh} of {trade.qty_wh} Wh were delivered",
    )
    check(
        done.paid_wei == due_wei,
        f"the contract paid {eth(done.paid_wei)} ETH, due were {eth(due_wei)}",
    )
    after = await stage.ask("market/balances")
    gained = owned(after[seller]) - owned(before[seller])
    stage.say(
        f"the contract paid {stage.name(seller)} {eth(done.paid_wei)} ETH and returned the deposits"
        f" (block {done.block}); its account changed by {gained / 10**18:+.6f} ETH, fees included",
        paid_wei=done.paid_wei,
    )


def owned(balance: Any) -> int:
    """Return all that an account has, in the wallet, in the contract and in escrow, in wei."""
    return sum(int(balance[key]) for key in ("wallet_wei", "credit_wei", "escrow_wei"))
