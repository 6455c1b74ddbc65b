"""What an event says in one line, from its topic and its data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

Data = Mapping[str, Any]


def sentence(kind: str, data: Data) -> str:
    """Return a line for a message of type `kind` with the fields `data`."""
    say = _SENTENCES.get(kind)
    if say is None:
        return str(data.get("text") or kind)
    return say(data)


def _order(data: Data) -> str:
    side = "bid" if data["is_bid"] else "ask"
    return f"Order {data['order_id']}: {side} of {_kwh(data['qty_wh'])} at {_price(data)}"


def _command(data: Data) -> str:
    command = data["command"]
    args = ", ".join(f"{name} {value}" for name, value in command["args"].items())
    reason = f": {data['reason']}" if data["reason"] else ""
    what = f"{command['target']} {command['action']}" + (f" ({args})" if args else "")
    return f"{what} {data['status']}{reason}"


def _status(data: Data) -> str:
    reason = f": {data['reason']}" if data["reason"] else ""
    return f"{data['plugin']} is {data['state']}{reason}"


def _kwh(qty_wh: int) -> str:
    return f"{Decimal(qty_wh) / 1000:f} kWh"


def _price(data: Data, key: str = "price_wei_per_kwh") -> str:
    return f"{Decimal(data[key]) / 10**18:f} ETH/kWh"


def _who(trader: str) -> str:
    """Return a house's id, or a wallet's address as wallets show it."""
    return f"{trader[:6]}…{trader[-4:]}" if len(trader) > 16 else trader


_SENTENCES: Mapping[str, Callable[[Data], str]] = {
    "Alarm": lambda d: f"{'Cleared: ' if d['cleared'] else ''}{d['text']}",
    "Notification": lambda d: f"To {d['audience']}: {d['text']}",
    "CommandResult": _command,
    "PluginStatus": _status,
    "OrderPlaced": _order,
    "OrderCancelled": lambda d: f"Order {d['order_id']} cancelled",
    "BatchCleared": lambda d: (
        f"{d['trades']} trades cleared: {_kwh(d['qty_wh'])} at {_price(d, 'mcp_wei_per_kwh')}"
    ),
    "TradeMatched": lambda d: (
        f"Ask {d['ask_id']} met bid {d['bid_id']}: {_kwh(d['qty_wh'])} at {_price(d)}"
    ),
    "DeliveryScheduled": lambda d: (
        f"{_who(d['seller'])} delivers {_kwh(d['qty_wh'])} to {_who(d['buyer'])}"
    ),
    "TradeSettled": lambda d: (
        f"{_who(d['seller'])} to {_who(d['buyer'])} settled: "
        f"{_kwh(d['delivered_wh'])} of {_kwh(d['qty_wh'])} delivered"
    ),
    "TradeExpired": lambda d: f"A trade expired; {_who(d['penalised'])} is at fault",
    "PenaltyApplied": lambda d: (
        f"Penalty of {Decimal(d['amount_wei']) / 10**18:f} ETH for {_who(d['trader'])}"
    ),
}
