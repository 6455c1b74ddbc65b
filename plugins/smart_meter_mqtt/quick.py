"""Reads what meters send day in, day out: a JSON object with a number wherever one is expected.

`decode` reads exactly and says what is wrong with a payload. That takes its time, and of a million
payloads hardly one needs it. Here everything that can be known from the field map is worked out
beforehand, and numbers are floats: these hold 15 digits, more than a meter sends. Whatever is out
of the ordinary is left to `decode`, which begins anew.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo
from typing import Any, NamedTuple

from pydantic_core import from_json

from .fields import PHASES, FieldReader
from .payload import MAX_PAYLOAD_BYTES, parse_time

#: A count with more digits is not sure to be exact as a float.
MOST_MWH = 10**15
#: Sums are rounded to so many decimals: floats add up to 0.30000000000000004.
SUM_DIGITS = 6

Steps = tuple[str, ...]


class Said(NamedTuple):
    """What a payload said, by quantity, in the hub's units; counters of energy are in mWh. `at` is
    the meter's own time if it sends one.
    """

    numbers: dict[str, float]
    counts_mwh: dict[str, int]
    at: datetime | None


class _Place(NamedTuple):
    """Where a value may be: a key of one of the objects that are looked up in every payload."""

    holder: int
    key: str


class _Field(NamedTuple):
    """One quantity: where it is, or else may be, and its limits in the payload's unit, which is so
    many mWh if this is a counter of energy (else 0); what may be in it and is taken off.
    """

    quantity: str
    holder: int
    key: str
    others: tuple[_Place, ...]
    low: float
    high: float
    channels: str
    mwh_per_unit: int
    less: tuple[_Place, ...]


class QuickReader:
    """Reads the ordinary payloads of one topic."""

    def __init__(self, readers: Sequence[FieldReader], time_steps: Steps | None) -> None:
        pointers = [pointer for each in readers for pointer in (*each.pointers, *each.less)]
        if time_steps:
            pointers.append(time_steps)
        self._holders = tuple(dict.fromkeys(pointer[:-1] for pointer in pointers))
        self._time = self._place(time_steps) if time_steps else None
        # Taken apart for each payload, which is faster with tuples that have no names.
        self._fields: list[tuple[Any, ...]] = [tuple(self._field(reader)) for reader in readers]

    @staticmethod
    def can_read(readers: Iterable[FieldReader]) -> bool:
        """Return whether all fields have keys, and are in the hub's unit or count energy."""
        return all(
            (reader.is_plain or reader.mwh_per_unit) and all(reader.pointers) for reader in readers
        )

    def read(self, payload: bytes, zone: tzinfo, now: datetime) -> Said | None:
        """Return what a payload says; None if it has to be read with more care."""
        if len(payload) > MAX_PAYLOAD_BYTES:
            return None
        at = None
        try:
            holders = self._look_up(from_json(payload, allow_inf_nan=False))
            if holders is None:
                return None
            if self._time is not None:
                stamp = holders[self._time.holder].get(self._time.key)
                at = None if stamp is None else parse_time(stamp, zone, now)
        except ValueError:
            return None
        return self._values(holders, at)

    def _values(self, holders: Sequence[dict[str, Any]], at: datetime | None) -> Said | None:
        """Return what is in the fields: single numbers, then those of phases, and counters."""
        numbers: dict[str, float] = {}
        listed: dict[str, float] = {}
        counts_mwh: dict[str, int] = {}
        for quantity, holder, key, others, low, high, channels, mwh_per_unit, less in self._fields:
            raw = holders[holder].get(key)
            if others or less:
                raw = _with_others(holders, raw, others, less)
            if (type(raw) is float or type(raw) is int) and low <= raw <= high:
                if mwh_per_unit:
                    counts_mwh[quantity] = round(raw * mwh_per_unit)
                else:
                    numbers[quantity] = float(raw)
            elif type(raw) is list:
                values = _of_phases(quantity, raw, low, high, channels)
                if values is None:
                    return None
                if mwh_per_unit:
                    counts_mwh |= {each: round(v * mwh_per_unit) for each, v in values.items()}
                else:
                    listed |= values
            elif raw is not None:
                return None
        if listed:
            numbers |= listed
        return Said(numbers, counts_mwh, at) if numbers or counts_mwh else None

    def _look_up(self, document: Any) -> list[dict[str, Any]] | None:
        """Return the objects that hold the fields, empty ones for those that are not there; None if
        there is something else in the place of one.
        """
        holders = []
        for steps in self._holders:
            holder = document
            for step in steps:
                if type(holder) is not dict:
                    return None
                holder = holder.get(step)
                if holder is None:
                    holder = {}
            if type(holder) is not dict:
                return None
            holders.append(holder)
        return holders

    def _field(self, reader: FieldReader) -> _Field:
        first, *others = (self._place(pointer) for pointer in reader.pointers)
        mwh_per_unit = reader.mwh_per_unit
        low, high = float(reader.raw_low), float(reader.raw_high)
        if mwh_per_unit:
            high = min(high, MOST_MWH / mwh_per_unit)
        return _Field(
            reader.quantity,
            *first,
            tuple(others),
            low,
            high,
            reader.channels,
            mwh_per_unit,
            tuple(self._place(pointer) for pointer in reader.less),
        )

    def _place(self, pointer: Steps) -> _Place:
        return _Place(self._holders.index(pointer[:-1]), pointer[-1])


def _first_present(holders: Sequence[dict[str, Any]], places: Iterable[_Place]) -> Any:
    for holder, key in places:
        raw = holders[holder].get(key)
        if raw is not None:
            return raw
    return None


def _with_others(
    holders: Sequence[dict[str, Any]], raw: Any, others: Iterable[_Place], less: Iterable[_Place]
) -> Any:
    """Return a value, or the first of the others if it is not there, less what belongs elsewhere:
    0 at least, and a text that leaves the payload to `decode` if one of both is no number.
    """
    if raw is None:
        raw = _first_present(holders, others)
    off = _first_present(holders, less)
    if raw is None or off is None:
        return raw
    if (type(raw) is float or type(raw) is int) and (type(off) is float or type(off) is int):
        return max(raw - off, 0)
    return ""


def _of_phases(
    quantity: str, items: list[Any], low: float, high: float, channels: str
) -> dict[str, float] | None:
    """Return the values of a list per phase, added up, or both, as `decode` does; null is a phase
    that is not connected. None if it is not a list of two or three numbers in range.
    """
    if not 2 <= len(items) <= len(PHASES):
        return None
    values: dict[str, float] = {}
    for phase, item in zip(PHASES, items, strict=False):
        if (type(item) is float or type(item) is int) and low <= item <= high:
            values[f"{quantity}_{phase}"] = float(item)
        elif item is not None:
            return None
    if channels == "phases":
        return values
    total = round(math.fsum(values.values()), SUM_DIGITS)
    if not low <= total <= high:
        return None
    if channels == "sum":
        return {quantity: total} if len(values) == len(items) else {}
    return values | {quantity: total} if values else {}
