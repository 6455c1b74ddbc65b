"""Applies a preset's field map to a payload: which quantities, in the hub's units.

Reads exactly, in decimals, and says what is wrong; `quick` reads most payloads instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any, NamedTuple

from .fields import PHASES, FieldReader
from .payload import PayloadError, as_number, parse_json, parse_number, parse_time, resolve
from .preset import TopicMap


class Value(NamedTuple):
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
            reader = topic.readers[0]
            decoded.values.append(_value(reader, reader.quantity, number))
            return decoded
        document = parse_json(payload)
        if topic.time_steps is not None:
            stamp = resolve(document, topic.time_steps)
            if stamp is not None:
                decoded.at = parse_time(stamp, zone, now)
    except PayloadError as error:
        decoded.problems.append(str(error))
        return decoded
    for reader in topic.readers:
        raw = _first_present(document, reader.pointers)
        if raw is not None:
            less = _first_present(document, reader.less) if reader.less else None
            _decode_field(reader, raw, less, decoded)
    if not (decoded.values or decoded.problems or topic.partial):
        decoded.problems.append("no known field in it: is the preset the right one?")
    return decoded


def _first_present(document: Any, pointers: Iterable[tuple[str, ...]]) -> Any:
    for pointer in pointers:
        raw = resolve(document, pointer)
        if raw is not None:
            return raw
    return None


def _decode_field(reader: FieldReader, raw: Any, less: Any, decoded: Decoded) -> None:
    try:
        if isinstance(raw, list):
            decoded.values.extend(_channels(reader, raw))
        else:
            number = as_number(raw)
            if less is not None:
                number = max(number - as_number(less), Decimal(0))
            decoded.values.append(_value(reader, reader.quantity, number))
    except PayloadError as error:
        decoded.problems.append(f"{reader.quantity}: {error}")


def _channels(reader: FieldReader, raw: list[Any]) -> list[Value]:
    """Return the values of a list: per phase, or added up, or both.

    A null is a phase that is not connected. Counters are added up only if none is missing, for a
    meter that has just started sends nulls, too, and a counter must not seem to fall.
    """
    if not 1 <= len(raw) <= len(PHASES):
        raise PayloadError(f"a list of {len(raw)}, expected one to three phases")
    numbers = [None if item is None else _in_range(reader, as_number(item)) for item in raw]
    present = [number for number in numbers if number is not None]
    if len(raw) == 1:
        return [_value(reader, reader.quantity, number) for number in present]
    values = []
    if reader.channels != "sum":
        for phase, number in zip(PHASES, numbers, strict=False):
            if number is not None:
                values.append(_value(reader, f"{reader.quantity}_{phase}", number))
    complete = len(present) == len(raw)
    if (reader.channels == "both" and present) or (reader.channels == "sum" and complete):
        values.append(_value(reader, reader.quantity, sum(present, Decimal(0))))
    return values


def _in_range(reader: FieldReader, number: Decimal) -> Decimal:
    if not reader.raw_low <= number <= reader.raw_high:
        raise PayloadError(f"{number:.4g} {reader.raw_unit} is out of range")
    return number


def _value(reader: FieldReader, quantity: str, number: Decimal) -> Value:
    value = _in_range(reader, number)
    if reader.factor != 1:
        value *= reader.factor
    return Value(quantity, value, reader.unit, reader.part)
