"""Figures for people: every number on the page goes through here, so that all look alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from .scale import number
from .tables import Column, Kind, Value

NONE = "\u2013"
WEI = 10**18


@dataclass(frozen=True, slots=True)
class PriceScale:
    """A unit in which prices have few digits; `wei` of it make one."""

    unit: str
    wei: int
    digits: int


_SCALES = (("ETH", WEI), ("mETH", 10**15), ("µETH", 10**12), ("gwei", 10**9), ("wei", 1))


def price_scale(prices_wei: Sequence[int]) -> PriceScale:
    """Return the largest unit in which the highest price is at least 1."""
    highest = max(map(abs, prices_wei), default=0)
    unit, wei = next((s for s in _SCALES if highest >= s[1]), _SCALES[-1])
    return PriceScale(f"{unit}/kWh", wei, 0 if highest >= 100 * wei else 1)


def energy(mwh: int) -> str:
    """Return an energy with the prefix that leaves few digits."""
    wh = mwh / 1000
    if abs(wh) >= 9_999_500:
        return f"{number(wh / 1e6, 1)} MWh"
    return f"{number(wh / 1000, 1 if abs(wh) < 999_950 else 0)} kWh"


def money(wei: int) -> str:
    """Return an amount in ETH, rounded to what can be read; the files have all digits."""
    if wei == 0:
        return "0 ETH"
    unit, size = next(s for s in _SCALES if abs(wei) >= s[1])
    amount = wei / size
    return f"{number(amount, max(0, 3 - len(str(int(abs(amount))))))} {unit}"


def share(value: float | None) -> str:
    """Return 0 to 1 in percent."""
    return NONE if value is None else f"{number(100 * value, 0)} %"


def duration(seconds: float) -> str:
    """Return feeder seconds in minutes and hours."""
    minutes = round(seconds / 60)
    if 0 < seconds < 30:
        return "< 1 min"
    if minutes < 120:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest:02d} min" if rest else f"{hours} h"


def period(hours: float) -> str:
    """Return the length of a run in words."""
    days = hours / 24
    if days >= 2 and days == int(days):
        return f"{int(days)} days"
    return f"{hours:g} hour{'' if hours == 1 else 's'}"


def span(start: datetime, end: datetime) -> str:
    """Return from when to when, the day once if it is one."""
    whole = "%-d %B %Y, %H:%M"
    same_day = start.date() == end.date()
    return f"{start.strftime(whole)} to {end.strftime('%H:%M' if same_day else whole)}"


def time(iso: str) -> str:
    """Return a local time without seconds."""
    return datetime.fromisoformat(iso).strftime("%Y-%m-%d %H:%M")


def cell(column: Column, value: Value) -> str:
    """Return a value of a table as its kind is shown; the unit is in the column's head."""
    if value is None:
        return column.absent
    if column.kind in _NUMBERS:
        size, digits = _NUMBERS[column.kind]
        return number(float(value) / size, digits)
    return time(str(value)) if column.kind is Kind.TIME else str(value)


#: What a shown unit is worth in the unit of the table, and the decimals shown.
_NUMBERS = {
    Kind.ENERGY: (1e6, 2),
    Kind.ENERGY_WH: (1e3, 2),
    Kind.MONEY: (1e12, 1),
    Kind.PRICE: (1e12, 1),
    Kind.SHARE: (0.01, 0),
    Kind.FINE_SHARE: (0.01, 1),
    Kind.PERCENT: (1, 0),
    Kind.VOLTAGE: (1, 4),
    Kind.DURATION: (60, 0),
    Kind.COUNT: (1, 0),
}
#: The unit of a kind of column as the page shows it.
UNITS = {
    Kind.ENERGY: "kWh",
    Kind.ENERGY_WH: "kWh",
    Kind.MONEY: "µETH",
    Kind.PRICE: "µETH/kWh",
    Kind.SHARE: "%",
    Kind.FINE_SHARE: "%",
    Kind.PERCENT: "%",
    Kind.VOLTAGE: "pu",
    Kind.DURATION: "min",
}
