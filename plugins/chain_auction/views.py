"""What the market tells others: answers of plain data, as documented for the services `market/…`.

Pure. Ids and amounts beyond 53 bits are decimal text, since a page's JSON numbers hold no more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .book import Book, BookTrade
from .clearing import clear, levels
from .deliveries import Delivery, DeliveryPlan
from .explain import explain, kwh
from .market import Funds, MarketFacts
from .trade_words import unproven


@dataclass(frozen=True, slots=True)
class Names:
    """Who is behind an address: house id and name for people, by address."""

    houses: Mapping[str, str]
    labels: Mapping[str, str]

    def house(self, address: str) -> str | None:
        """The house that trades with an address."""
        return self.houses.get(address)


def iso(seconds: float) -> str:
    """A moment as text, UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def info(
    facts: MarketFacts,
    book: Book,
    *,
    next_match_at: datetime | None,
    window_s: float,
    head_block: int,
    accounts: Mapping[str, str],
    time_lapse: float,
) -> dict[str, Any]:
    """Answer of `market/info`."""
    return {
        "chain_id": facts.chain_id,
        "rpc_url": facts.rpc_url,
        "contract": facts.contract,
        "abi": list(facts.abi),
        "embedded": facts.embedded,
        "currency": "ETH",
        "price_tick_wei": facts.price_tick_wei,
        "lot_wh": facts.lot_wh,
        "min_qty_wh": facts.min_qty_wh,
        "order_ttl_s": facts.order_ttl_s,
        "settlement_ttl_s": facts.settlement_ttl_s,
        "deposit_rate_bps": facts.deposit_permille * 10,
        "max_open_wh": facts.max_open_wh,
        "pricing_mode": facts.pricing_mode.value,
        "last_mcp_wei_per_kwh": book.last_mcp_wei_per_kwh or None,
        "next_match_at": next_match_at.isoformat() if next_match_at else None,
        "window_s": window_s,
        "head_block": head_block,
        "paused": book.paused,
        "accounts": [{"house": house, "address": a} for house, a in accounts.items()],
        "time_lapse": time_lapse,
    }


def book_answer(book: Book, facts: MarketFacts, names: Names, now_s: int) -> dict[str, Any]:
    """Answer of `market/book`: live orders only."""
    live = book.live(now_s)
    bids, asks = levels(live)
    indicative = clear(live, mode=facts.pricing_mode)
    return {
        "bids": [level._asdict() for level in bids],
        "asks": [level._asdict() for level in asks],
        "indicative": None
        if indicative.mcp_wei_per_kwh is None
        else {"mcp": indicative.mcp_wei_per_kwh, "qty_wh": indicative.volume_wh},
        "orders": [
            {
                "id": order.id,
                "trader": order.trader,
                "house": names.house(order.trader),
                "is_bid": order.is_bid,
                "price_wei_per_kwh": order.price_wei_per_kwh,
                "qty_wh": book.orders[order.id].qty_wh,
                "filled_wh": book.orders[order.id].qty_wh - order.qty_wh,
                "expiry": iso(book.orders[order.id].expiry),
                "state": "open",
            }
            for order in live
        ],
    }


def trades_answer(
    book: Book,
    plan: DeliveryPlan,
    names: Names,
    now_ms: int,
    *,
    limit: int = 50,
    house: str | None = None,
) -> list[dict[str, Any]]:
    """Answer of `market/trades`: the newest first."""
    rows: list[dict[str, Any]] = []
    for trade in reversed(book.trades.values()):
        parties = (names.house(trade.buyer), names.house(trade.seller))
        if house is None or house in parties:
            delivery = plan.get(trade.id)
            problem = delivery.reason if delivery is not None else ""
            if delivery is not None and delivery.state == "unproven" and trade.state == "matched":
                problem = unproven(book, trade, problem)
            rows.append(_trade(trade, delivery, parties, now_ms, problem))
        if len(rows) >= limit:
            break
    return rows


def _trade(
    trade: BookTrade,
    delivery: Delivery | None,
    parties: Sequence[str | None],
    now_ms: int,
    problem: str,
) -> dict[str, Any]:
    state = trade.state
    if state == "matched" and delivery is not None:
        if delivery.state == "unproven":
            state = "unproven"
        elif delivery.start_ms <= now_ms:
            state = "delivering"
    return {
        "trade_id": str(trade.id),
        "round": trade.round,
        "bid_id": trade.bid_id,
        "ask_id": trade.ask_id,
        "buyer": trade.buyer,
        "seller": trade.seller,
        "buyer_house": parties[0],
        "seller_house": parties[1],
        "qty_wh": trade.qty_wh,
        "price_wei_per_kwh": trade.price_wei_per_kwh,
        "state": state,
        "window_start": iso(delivery.start_ms / 1000) if delivery else None,
        "window_end": iso(delivery.end_ms / 1000) if delivery else None,
        "delivered_wh": delivery.delivered_wh if delivery else None,
        "received_wh": delivery.received_wh if delivery else None,
        "settled_wh": trade.paid_wh if trade.state == "settled" else None,
        "paid_wei": str(trade.paid_wei),
        "problem": problem,
        "matched_at": iso(trade.matched_at),
        "block": trade.block,
        "tx": trade.tx,
    }


def balance(book: Book, address: str, funds: Funds) -> dict[str, Any]:
    """One house of the answer of `market/balances`."""
    return {
        "wallet_wei": str(funds.wallet_wei),
        "credit_wei": str(funds.credit_wei),
        "escrow_wei": str(book.escrow_wei(address)),
        "strikes": book.strikes.get(address, 0),
    }


def sellers(book: Book, names: Names, now_s: int, exclude: str | None) -> list[dict[str, Any]]:
    """Answer of `market/sellers`: houses with open asks, the cheapest first."""
    offers: dict[str, tuple[int, int]] = {}
    for order in book.live(now_s):
        house = names.house(order.trader)
        if order.is_bid or house is None or house == exclude:
            continue
        available_wh, best = offers.get(house, (0, order.price_wei_per_kwh))
        offers[house] = (available_wh + order.qty_wh, min(best, order.price_wei_per_kwh))
    ranked = sorted(offers.items(), key=lambda item: (item[1][1], item[0]))
    return [
        {
            "house": house,
            "name": names.labels.get(house, house),
            "available_wh": available_wh,
            "best_ask_wei_per_kwh": best,
        }
        for house, (available_wh, best) in ranked
    ]


def explanation(book: Book, facts: MarketFacts, order_id: int, now_s: int) -> str:
    """Answer of `market/explain`: why an order was filled or not, or would be."""
    order = book.orders.get(order_id)
    if order is None:
        return f"There is no order {order_id}."
    last = book.last_round
    if last is not None and any(o.id == order_id for o in last.orders):
        found = clear(last.orders, mode=last.cleared.mode, now=last.opened_at)
        return f"In round {last.cleared.round}: {explain(found, order_id).text}"
    state = order.state(now_s)
    if state != "open":
        matched_wh = order.qty_wh - order.resting_wh if state == "filled" else 0
        done = f"; {kwh(matched_wh)} were matched" if matched_wh else ""
        return f"Order {order_id} is {state}{done}."
    indicative = clear(book.live(now_s), mode=facts.pricing_mode)
    return f"If the market were cleared now: {explain(indicative, order_id).text}"
