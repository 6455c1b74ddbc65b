import contextlib
import math
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.smart_meter_mqtt.payload import (
    MAX_PAYLOAD_BYTES,
    PayloadError,
    as_number,
    parse_json,
    parse_number,
    parse_time,
    resolve,
)

NOW = datetime(2026, 6, 21, 12, tzinfo=UTC)


def test_numbers_are_exactly_as_written():
    document = parse_json(b'{"a":16647.945,"b":3,"c":2.5e2}')
    assert document == {"a": b"16647.945", "b": 3, "c": b"2.5e2"}
    assert [as_number(value) for value in document.values()] == [Decimal("16647.945"), 3, 250]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b'{"v":NaN}', "NaN is not a number"),
        (b'{"v":-Infinity}', "-Infinity is not a number"),
        (b'{"v":' + b"9" * 5001 + b"}", "too many digits"),
        (b'{"v":1} x', "not JSON: Extra data"),
        (b"[" * 60_000, "nested too deeply"),
        (b'"' + b"x" * MAX_PAYLOAD_BYTES + b'"', "more than 65536"),
        (b"{'a':1}", "not JSON"),
    ],
)
def test_what_is_no_json_is_refused_with_a_reason(payload: bytes, reason: str):
    with pytest.raises(PayloadError, match=reason):
        parse_json(payload)


def test_a_document_may_have_blanks_around_it():
    assert parse_json(b' {"a":1}\n') == {"a": 1}


def test_a_number_with_too_many_digits_is_refused_where_it_is_used():
    with pytest.raises(PayloadError, match="too many digits"):
        as_number(parse_json(b'{"v":0.' + b"9" * 100 + b"}")["v"])


@pytest.mark.parametrize(
    "payload", [b"231.4", b" 231.4\n", b"2.314e2"], ids=["plain", "blanks", "exponent"]
)
def test_a_payload_may_be_one_number(payload: bytes):
    assert parse_number(payload) == Decimal("231.4")


@pytest.mark.parametrize(
    "payload",
    [b"", b"nan", b"inf", b"unavailable", b"\xd9\xa1", "٣".encode(), b"9" * 100, b"1 2", b"sNaN"],
)
def test_a_payload_that_is_no_number_is_refused(payload: bytes):
    with pytest.raises(PayloadError):
        parse_number(payload)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("231", "a text"),
        (True, "true or false"),
        ([], "a list"),
        ({}, "an object"),
        (None, "nothing"),
    ],
)
def test_a_value_of_the_wrong_kind_is_named(value: object, kind: str):
    with pytest.raises(PayloadError, match=kind):
        as_number(value)


def test_pointers_go_through_objects_and_lists():
    document = {"a": [{"b": 1}, {"b": 2}]}
    assert resolve(document, ("a", "1", "b")) == 2
    assert resolve(document, ("a", "2", "b")) is None
    assert resolve(document, ("a", "b")) is None
    assert resolve(7, ("a",)) is None


def test_a_time_without_zone_is_in_the_meters_zone():
    berlin = ZoneInfo("Europe/Berlin")
    assert parse_time("2026-06-21T14:00:00", berlin, NOW) == NOW
    assert parse_time("2026-06-21T14:00:00+02:00", ZoneInfo("UTC"), NOW) == NOW


@pytest.mark.parametrize(
    "value", [1_782_043_200, b"1782043200.0", 1_782_043_200.0, 1_782_043_200_000]
)
def test_a_time_may_be_an_epoch(value: object):
    assert parse_time(value, UTC, NOW) == NOW


@pytest.mark.parametrize("hour", [0, 1])
def test_in_the_repeated_hour_the_time_nearest_to_now_is_meant(hour: int):
    """On 2026-10-25 at 03:00 CEST clocks go back to 02:00 CET: 02:30 happens twice."""
    now = datetime(2026, 10, 25, hour, 30, 5, tzinfo=UTC)
    at = parse_time("2026-10-25T02:30:00", ZoneInfo("Europe/Berlin"), now)
    assert at == datetime(2026, 10, 25, hour, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "value", ["yesterday", "9" * 100, True, 10**20, "0001-01-01T00:00:00", [], math.nan, 1e300]
)
def test_a_time_that_is_none_is_refused(value: object):
    with pytest.raises(PayloadError):
        parse_time(value, ZoneInfo("Asia/Tokyo"), NOW)


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_payload_error(payload: bytes):
    for parse in (parse_json, parse_number):
        with contextlib.suppress(PayloadError):
            parse(payload)
