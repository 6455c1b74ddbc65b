"""The market's events in the words of the hub: which message, with which figures.

Pure: `plugin.py` makes the messages.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from .book import Book
from .deliveries import DeliveryPlan
from .events import Entry, Head
from .twin_events import (
    OrderCancelled,
    OrderPlaced,
    PenaltyApplied,
    RoundCleared,
    TradeExpired,
    TradeMatched,
    TradeSettled,
)


def moment(seconds: float) -> datetime:
    """Seconds since the epoch as a time in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def announcement(
    entry: Entry, book: Book, plan: DeliveryPlan, head: Head, *, on_chain: bool
) -> tuple[str, dict[str, Any]] | None:
    """Name and figures of the message for an event that the book has taken in; None if there is
    no message for it."""
    found = _figures(entry, book, plan)
    if found is None:
        return None
    name, figures = found
    figures["at"] = moment(entry.at)
    if on_chain:
        figures |= {
            "block": entry.block,
            "tx": entry.tx,
            "confirmations": max(1, head.number - entry.block + 1),
        }
    return name, figures


def _figures(entry: Entry, book: Book, plan: DeliveryPlan) -> tuple[str, dict[str, Any]] | None:
    match entry.event:
        case OrderPlaced() as e:
            return e.__class__.__name__, {
                "order_id": e.order_id, "trader": e.trader, "is_bid": e.is_bid,
                "price_wei_per_kwh": e.price_wei_per_kwh, "qty_wh": e.qty_wh,
                "expiry": moment(e.expiry),
            }  # fmt: skip
        case OrderCancelled(order_id):
            order = book.orders[order_id]
            reason = "expired" if order.expiry <= entry.at else "cancelled"
            return "OrderCancelled", {
                "order_id": order_id, "trader": order.trader, "reason": reason,
            }  # fmt: skip
        case TradeMatched(trade_id):
            trade = book.trades[trade_id]
            return "TradeMatched", {
                "trade_id": trade_id, "bid_id": trade.bid_id, "ask_id": trade.ask_id,
                "buyer": trade.buyer, "seller": trade.seller, "qty_wh": trade.qty_wh,
                "price_wei_per_kwh": trade.price_wei_per_kwh,
            }  # fmt: skip
        case RoundCleared() as e:
            last = book.last_round
            return "BatchCleared", {
                "round": e.round, "mcp_wei_per_kwh": e.mcp_wei_per_kwh, "qty_wh": e.qty_wh,
                "trades": len(last.trades) if last else 0,
            }  # fmt: skip
        case TradeSettled(trade_id):
            trade = book.trades[trade_id]
            delivery = plan.get(trade_id)
            measured = delivery is not None and delivery.delivered_wh is not None
            return "TradeSettled", {
                "trade_id": trade_id, "buyer": trade.buyer, "seller": trade.seller,
                "qty_wh": trade.qty_wh,
                "delivered_wh": delivery.delivered_wh if measured and delivery else trade.paid_wh,
                "received_wh": delivery.received_wh if measured and delivery else trade.paid_wh,
                "paid_wei": trade.paid_wei, "price_wei_per_kwh": trade.price_wei_per_kwh,
            }  # fmt: skip
        case TradeExpired(trade_id, penalised):
            return "TradeExpired", {"trade_id": trade_id, "penalised": penalised}
        case PenaltyApplied(trader, amount_wei):
            return "PenaltyApplied", {"trader": trader, "amount_wei": amount_wei}
        case _:
            return None
