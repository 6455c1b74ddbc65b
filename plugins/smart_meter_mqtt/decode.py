"""Applies a preset's field map to a payload: which quantities, in the hub's units."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any

from .payload import PayloadError, as_number, parse_json, parse_number, parse_time, resolve
from .preset import LIMITS, FieldMap, TopicMap

PHASES = ("a", "b", "c")


@dataclass(frozen=True, slots=True)
class Value:
    """One quantity in the hub's unit. `part` names the addend where it comes in several."""

    quantity: str
    value: Decimal
    unit: str
    part: str | None = None


@dataclass(slots=True)
class Decoded:
    """What a payload said: values, the meter's own time if it sends one, and what was unusable."""

    values: list[Value] = field(default_factory=list)
    at: datetime | None = None
    problems: list[str] = field(default_factory=list)


def decode(topic: TopicMap, payload: bytes, zone: tzinfo, now: datetime) -> Decoded:
    """Return what a payload says; never raises.

    A field that is absent or null is no problem as long as another one is there. A time that
    cannot be read makes the whole payload unusable: nobody knows when it was true.
    """
    decoded = Decoded()
    try:
        if topic.format == "number":
            number = parse_number(payload)
            decoded.values.append(_value(topic.fields[0], topic.fields[0].quantity, number))
            return decoded
        document = parse_json(payload)
        if topic.time_steps is not None:
            stamp = resolve(document, topic.time_steps)
            if stamp is not None:
                decoded.at = parse_time(stamp, zone, now)
    except PayloadError as error:
        decoded.problems.append(str(error))
        return decoded
    for field_map in topic.fields:
        _decode_field(field_map, document, decoded)
    if not (decoded.values or decoded.problems or topic.partial):
        decoded.problems.append("no known field in it: is the preset the right one?")
    return decoded


def _decode_field(field_map: FieldMap, document: Any, decoded: Decoded) -> None:
    found = (resolve(document, steps) for steps in field_map.steps)
    raw = next((value for value in found if value is not None), None)
    if raw is None:
        return
    try:
        if isinstance(raw, list):
            decoded.values.extend(_channels(field_map, raw))
        else:
            decoded.values.append(_value(field_map, field_map.quantity, as_number(raw)))
    except PayloadError as error:
        decoded.problems.append(f"{field_map.quantity}: {error}")


def _channels(field_map: FieldMap, raw: list[Any]) -> list[Value]:
    """Return the values of a list: per phase, or added up, or both.

    A null is a phase that is not connected. Counters are added up only if none is missing, for a
    meter that has just started sends nulls, too, and a counter must not seem to fall.
    """
    if not 1 <= len(raw) <= len(PHASES):
        raise PayloadError(f"a list of {len(raw)}, expected one to three phases")
    numbers = [None if item is None else as_number(item) for item in raw]
    values = []
    if len(raw) > 1 and field_map.channels != "sum":
        for phase, number in zip(PHASES, numbers, strict=False):
            if number is not None:
                values.append(_value(field_map, f"{field_map.quantity}_{phase}", number))
    present = [number for number in numbers if number is not None]
    if field_map.channels == "both" or len(raw) == 1:
        wanted = bool(present)
    else:
        wanted = field_map.channels == "sum" and len(present) == len(raw)
    if wanted:
        values.append(_value(field_map, field_map.quantity, sum(present, Decimal(0))))
    return values


def _value(field_map: FieldMap, quantity: str, number: Decimal) -> Value:
    unit = field_map.hub_unit
    low, high = LIMITS[unit]
    # The order of magnitude first: scaling a number with an absurd exponent would overflow.
    if number and number.adjusted() > 20:
        raise PayloadError(f"far out of range in {unit}")
    value = number * field_map.factor
    limits = (low, high) if field_map.part is None else (-high, high)
    if not limits[0] <= value <= limits[1]:
        raise PayloadError(f"{float(value):g} {unit} is out of range")
    return Value(quantity, value, unit, field_map.part)
