"""Durations as people write them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from hub.duration import Duration, parse_duration

adapter = TypeAdapter(Duration)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("1s", 1),
        ("500ms", 0.5),
        ("15m", 900),
        ("2h", 7200),
        ("1d", 86400),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("10 s", 10),
        ("2.5", 2.5),
        (".5", 0.5),
        (3, 3),
        (0.25, 0.25),
        ("0s", 0),
    ],
)
def test_what_people_write_becomes_seconds(written: object, seconds: float) -> None:
    assert adapter.validate_python(written) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "written",
    [
        *("", "s", "1 second", "-1s", "1S", "1M", "1e3", "9" * 400, "1s ago", "inf", "nan"),
        *("1..5s", "1h-30m", "\u0661s", -1, True, None, [], math.nan, math.inf),
    ],
)
def test_anything_else_is_refused_with_examples(written: object) -> None:
    with pytest.raises(ValidationError, match="such as 500ms, 10s, 15m, 2h or 1d"):
        adapter.validate_python(written)


@given(st.integers(0, 10**9))
def test_milliseconds_and_seconds_agree(count: int) -> None:
    assert parse_duration(f"{count}s") == parse_duration(count)
    assert parse_duration(f"{count * 1000}ms") == pytest.approx(count)
