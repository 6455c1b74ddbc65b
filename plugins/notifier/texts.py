"""What people read, per alarm and audience."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from .message import SUBSTATION

#: So many sellers are named at most.
MOST_NAMES = 5


@dataclass(frozen=True, slots=True)
class Event:
    """An alarm, in plain data."""

    id: str
    kind: str
    subject: str
    severity: str
    text: str
    evidence: Mapping[str, Any]
    cleared: bool


@dataclass(frozen=True, slots=True)
class Seller:
    """A house that has energy to sell now; the price is None if it is not known."""

    name: str
    price_wei_per_kwh: int | None


def title(event: Event, house_names: Mapping[str, str]) -> str:
    """Return a heading for lists."""
    where = house_names.get(event.subject, event.subject)
    what = {
        "outage": "Outage at",
        "fault": "Fault on",
        "voltage": "Voltage at",
        "fuse": "Fuse blown at",
        "meter_lost": "Meter lost:",
        "broker_lost": "Meters out of reach:",
    }.get(event.kind, f"{event.kind}:")
    return f"{what} {where}" + (" cleared" if event.cleared else "")


def for_substation(event: Event, house_names: Mapping[str, str]) -> str:
    """Return what the operator of the substation reads."""
    if event.kind == "outage":
        name = house_names.get(event.subject, event.subject)
        if event.cleared:
            return f"Service at {name} has returned{_after(event)}. The fault is cleared."
        return (
            f"Alert: A fault has been detected at {name}. Please initiate rectification procedures."
        )
    if event.cleared:
        return f"Cleared{_after(event)}: {event.text}"
    if event.kind == "fault":
        houses = [house_names.get(h, str(h)) for h in event.evidence.get("houses", ())]
        affected = f" Without supply: {enumerate_names(houses, 'and')}." if houses else ""
        return f"Alert: {event.text}{affected} Please initiate rectification procedures."
    return f"Alert: {event.text}"


def for_house(event: Event, sellers: Sequence[Seller] | None, link: str) -> str:
    """Return what the people of an affected house read; `sellers` is None if nobody could tell."""
    if event.kind == "voltage":
        state = "is back to normal" if event.cleared else "is outside its limits; we are on it"
        return f"The voltage at your house {state}."
    if event.cleared:
        return f"Service at your house has returned{_after(event)}."
    if event.kind == "fault":
        return "Your part of the network is without voltage. The substation has been informed."
    fault = "A fault has been detected at your house."
    if sellers is None:
        return f"{fault} You can buy backup power on our trading platform: {link}"
    if not sellers:
        return (
            f"{fault} Nobody has energy to sell at the moment. "
            f"You can place a bid for backup power on our trading platform: {link}"
        )
    names = enumerate_names([seller.name for seller in sellers], "or")
    return f"{fault} You can buy backup power from {names} on our trading platform: {link}"


def enumerate_names(names: Sequence[str], conjunction: str) -> str:
    """Return `A`, `A or B`, `A, B or C`; what is beyond `MOST_NAMES` is counted."""
    shown = list(names[:MOST_NAMES])
    if len(names) > MOST_NAMES:
        shown.append(f"{len(names) - MOST_NAMES} more")
    if len(shown) < 2:
        return "".join(shown)
    return f"{', '.join(shown[:-1])} {conjunction} {shown[-1]}"


def purchase_link(public_url: str, qty_wh: int, sellers: Sequence[Seller] | None) -> str:
    """Return the address of the DApp with the form filled: a bid that reaches the named sellers."""
    query: dict[str, str] = {"side": "buy", "qty_wh": str(qty_wh)}
    prices = [s.price_wei_per_kwh for s in sellers or () if s.price_wei_per_kwh is not None]
    if prices:
        query["max_price"] = str(max(prices))
    query["src"] = "alert"
    return f"{public_url.rstrip('/')}/dapp?{urlencode(query)}"


def read_sellers(answer: object) -> list[Seller]:
    """Return the sellers in an answer of `market/sellers`, cheapest first; ValueError if it is
    none."""
    if not isinstance(answer, Sequence) or isinstance(answer, str | bytes):
        raise ValueError("expected a list of sellers")
    found: list[Seller] = []
    for entry in answer:
        if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
            raise ValueError("expected sellers with a name")
        price = entry.get("best_ask_wei_per_kwh")
        found.append(Seller(entry["name"], int(price) if price is not None else None))
    return sorted(
        found, key=lambda s: (s.price_wei_per_kwh is None, s.price_wei_per_kwh or 0, s.name)
    )


def _after(event: Event) -> str:
    lasted_s = event.evidence.get("lasted_s")
    if not isinstance(lasted_s, int | float):
        return ""
    if lasted_s < 120:
        return f" after {lasted_s:.0f} s"
    if lasted_s < 7200:
        return f" after {lasted_s / 60:.0f} min"
    return f" after {lasted_s / 3600:.1f} h"


def text_for(
    audience: str,
    event: Event,
    house_names: Mapping[str, str],
    sellers: Sequence[Seller] | None,
    link: str,
) -> str:
    """Return the text of an event for an audience."""
    if audience == SUBSTATION:
        return for_substation(event, house_names)
    return for_house(event, sellers, link)
