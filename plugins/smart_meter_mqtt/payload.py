"""From the bytes of a payload to numbers and times. Whatever a stranger sends, only ValueError."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal, DecimalException
from functools import lru_cache
from typing import Any

#: A meter's payload is a few hundred bytes; what is larger is not looked into.
MAX_PAYLOAD_BYTES = 65_536
#: A decimal number with more digits than this is no measurement.
MAX_NUMBER_CHARS = 64
#: Epoch times above this are in milliseconds (it is the year 5138 in seconds).
_MILLISECONDS_FROM = 100_000_000_000


#: Meters that report in the same second write the same time: so many are remembered.
_TIMES_KEPT = 256


class PayloadError(ValueError):
    """A payload, or a part of it, cannot be used; the sentence says why, without quoting it."""


def parse_json(payload: bytes) -> Any:
    """Return the JSON document. Numbers with a point or an exponent are bytes, exactly as written
    (nothing else in a document is): most are never looked at, and few have to be exact.

    Raises PayloadError for what is too large, not UTF-8, not JSON, nested too deeply, or contains
    a number that is none (NaN, Infinity).
    """
    text = _decode(payload)
    try:
        if text.startswith("{"):
            document, end = _DECODER.raw_decode(text)
            if end == len(text):
                return document
        return _DECODER.decode(text)  # minds blanks, and what comes after the end
    except PayloadError:
        raise
    except json.JSONDecodeError as error:
        raise PayloadError(f"not JSON: {error.msg} at character {error.pos}") from None
    except RecursionError:
        raise PayloadError("nested too deeply") from None
    except ValueError:
        # Python refuses to make an int of more than 4300 digits.
        raise PayloadError("a number has too many digits") from None


def parse_number(payload: bytes) -> Decimal:
    """Return the number that is the whole payload, such as `231.4`."""
    text = _decode(payload).strip()
    if not text.isascii() or len(text) > MAX_NUMBER_CHARS:
        raise PayloadError("not a number")
    return _decimal(text)


def as_number(value: Any) -> Decimal:
    """Return a value of a JSON document as a finite number; PayloadError if it is none."""
    if type(value) is bytes:
        return _decimal(value.decode())
    if type(value) is int:
        return Decimal(value)
    raise PayloadError(f"{_kind(value)} instead of a number")


def resolve(document: Any, pointer: Sequence[str]) -> Any:
    """Return the value at a JSON pointer (RFC 6901, split); None if there is nothing."""
    for step in pointer:
        if isinstance(document, dict):
            document = document.get(step)
        elif isinstance(document, list) and step.isascii() and step.isdigit() and len(step) < 6:
            index = int(step)
            document = document[index] if index < len(document) else None
        else:
            return None
    return document


def parse_time(value: Any, zone: tzinfo, now: datetime) -> datetime:
    """Return a meter's own time as UTC.

    ISO 8601 with or without zone (without: `zone`), or seconds or milliseconds since 1970. Where
    the local clock repeats an hour, the reading nearest to `now` is meant.
    """
    if isinstance(value, str):
        if len(value) > MAX_NUMBER_CHARS:
            raise PayloadError("the time is not in ISO 8601")
        first, second = _read_iso(value, zone)
        return first if first is second or abs(first - now) <= abs(second - now) else second
    seconds = value if type(value) is float else as_number(value)
    if seconds >= _MILLISECONDS_FROM:
        seconds = seconds / 1000
    try:
        return datetime.fromtimestamp(0, UTC) + timedelta(seconds=float(seconds))
    except (OverflowError, ValueError):
        raise PayloadError("the time is out of range") from None


@lru_cache(_TIMES_KEPT)
def _read_iso(text: str, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return both moments that a local time may mean; almost always they are one."""
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            at = at.astimezone(UTC)
            return at, at
        first, second = (at.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    except (ValueError, OverflowError):
        raise PayloadError("the time is not in ISO 8601") from None
    return (first, first) if first == second else (first, second)


def _decode(payload: bytes) -> str:
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise PayloadError(f"{len(payload)} bytes, more than {MAX_PAYLOAD_BYTES}")
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise PayloadError("not UTF-8") from None


def _decimal(text: str) -> Decimal:
    if len(text) > MAX_NUMBER_CHARS:
        raise PayloadError("a number has too many digits")
    try:
        number = Decimal(text)
    except DecimalException:
        raise PayloadError("not a number") from None
    if not number.is_finite():
        raise PayloadError("not a finite number")
    return number


def _no_number(name: str) -> Any:
    raise PayloadError(f"{name} is not a number")


def _kind(value: Any) -> str:
    kinds = {str: "a text", bool: "true or false", list: "a list", dict: "an object"}
    return kinds.get(type(value), "nothing")


_DECODER = json.JSONDecoder(parse_float=str.encode, parse_constant=_no_number)
