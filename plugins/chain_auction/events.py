"""Where the market's events stand: in which block and transaction, and what was undone."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from . import twin_events
from .clearing import PricingMode
from .twin_events import MarketEvent

_TYPES: dict[str, Any] = {
    name: getattr(twin_events, name)
    for name in (
        "OrderPlaced", "OrderCancelled", "OrderRequeued", "TradeMatched", "RoundCleared",
        "DeliveryPosted", "TradeSettled", "TradeExpired", "PenaltyApplied", "MarketPaused",
        "Deposited", "Withdrawn",
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of the market. `at` is the time of its block in seconds since the epoch.

    Events of one call share `block` and `tx`.
    """

    event: MarketEvent
    at: int
    block: int = 0
    index: int = 0
    tx: str = ""
    block_hash: str = ""


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain."""

    number: int
    hash: str
    at: int


@dataclass(frozen=True, slots=True)
class News:
    """What one look at the market brought.

    `undone` are events that a reorganisation took back; those that took their place are among
    `entries`.
    """

    head: Head
    entries: tuple[Entry, ...] = ()
    undone: tuple[Entry, ...] = ()


def to_plain(event: MarketEvent) -> tuple[str, dict[str, Any]]:
    """An event as a name and JSON-able figures; integers beyond 53 bits stay integers."""
    figures = {
        key: value.value if isinstance(value, Enum) else value
        for key, value in asdict(event).items()
    }
    return type(event).__name__, figures


def from_plain(name: str, figures: dict[str, Any]) -> MarketEvent:
    """The reverse of `to_plain`."""
    if "mode" in figures:
        figures = figures | {"mode": PricingMode(figures["mode"])}
    event: MarketEvent = _TYPES[name](**figures)
    return event
