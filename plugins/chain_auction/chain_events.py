"""The contract's logs as the market's events.

Pure. Arguments carry the names of `IEnergyDoubleAuction`. A `TradeMatched` does not name its round:
the `RoundPaged` or `RoundCleared` after it in the same transaction does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from .clearing import PricingMode
from .events import Entry
from .twin_events import (
    DeliveryPosted,
    MarketEvent,
    MarketPaused,
    OrderCancelled,
    OrderPlaced,
    OrderRequeued,
    PenaltyApplied,
    RoundCleared,
    TradeExpired,
    TradeMatched,
    TradeSettled,
)

Args = Mapping[str, Any]


class RawEvent(NamedTuple):
    """A decoded log and where it stands."""

    name: str
    args: Args
    at: int
    block: int
    log_index: int
    tx: str
    block_hash: str


def to_entries(raw_events: Iterable[RawEvent]) -> list[Entry]:
    """The events that the market consists of, in order; others are left out."""
    entries: list[Entry] = []
    waiting: list[RawEvent] = []
    for raw in raw_events:
        if raw.name == "TradeMatched":
            waiting.append(raw)
            continue
        if raw.name in ("RoundPaged", "RoundCleared"):
            number = int(raw.args["round"])
            entries += [_entry(matched, _matched(matched.args, number)) for matched in waiting]
            waiting.clear()
        make = _MAKERS.get(raw.name)
        if make is not None:
            entries.append(_entry(raw, make(raw.args)))
    if waiting:
        raise ValueError(f"block {waiting[0].block}: pairs without the round they belong to")
    entries.sort(key=lambda entry: (entry.block, entry.index))
    return entries


def trade_id(round_number: int, bid_id: int, ask_id: int) -> int:
    """The id of the trade of two orders in a round."""
    return round_number << 64 | bid_id << 32 | ask_id


def _entry(raw: RawEvent, event: MarketEvent) -> Entry:
    return Entry(event, raw.at, raw.block, raw.log_index, raw.tx, raw.block_hash)


def _matched(args: Args, round_number: int) -> TradeMatched:
    bid_id, ask_id = int(args["bidId"]), int(args["askId"])
    identity = trade_id(round_number, bid_id, ask_id)
    return TradeMatched(identity, bid_id, ask_id, int(args["qty"]), int(args["mcp"]))


def _placed(a: Args) -> OrderPlaced:
    return OrderPlaced(
        int(a["id"]), str(a["trader"]), bool(a["isBid"]), int(a["price"]), int(a["qty"]),
        int(a["expiry"]),
    )  # fmt: skip


def _cleared(a: Args) -> RoundCleared:
    mode = PricingMode.PAY_AS_BID if int(a["pricingMode"]) else PricingMode.UNIFORM
    return RoundCleared(
        int(a["round"]), int(a["mcp"]), int(a["marginalBid"]), int(a["marginalAsk"]),
        int(a["qty"]), int(a["deadline"]), mode,
    )  # fmt: skip


_MAKERS: Mapping[str, Callable[[Args], MarketEvent]] = {
    "OrderPlaced": _placed,
    "OrderCancelled": lambda a: OrderCancelled(int(a["id"])),
    "OrderRequeued": lambda a: OrderRequeued(int(a["id"]), int(a["qty"])),
    "RoundCleared": _cleared,
    "DeliveryPosted": lambda a: DeliveryPosted(int(a["tradeId"]), int(a["deliveredWh"])),
    "TradeSettled": lambda a: TradeSettled(int(a["tradeId"]), int(a["qty"]), int(a["mcp"])),
    "TradeExpired": lambda a: TradeExpired(int(a["tradeId"]), str(a["penalized"])),
    "PenaltyApplied": lambda a: PenaltyApplied(str(a["trader"]), int(a["amount"])),
    "MarketPaused": lambda a: MarketPaused(bool(a["paused"])),
}
