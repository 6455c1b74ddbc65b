"""Lengths of time in a configuration: `500ms`, `10s`, `15m`, `2h`, `1d`, `1h30m`, or seconds."""

from __future__ import annotations

import math
import re
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = r"[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h|d)"
_DURATION = re.compile(rf"(?:{_PART})+")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?|\.[0-9]+")


def parse_duration(value: object) -> float:
    """Return seconds; raise PydanticCustomError, a ValueError, for what is no duration.

    A number is seconds. Negative, infinite and not-a-number durations are refused.
    """
    seconds = math.nan
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    elif isinstance(value, str):
        text = value.replace(" ", "")
        if _NUMBER.fullmatch(text):
            seconds = float(text)
        elif _DURATION.fullmatch(text):
            parts = re.findall(r"([0-9.]+)(ms|[smhd])", text)
            seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if math.isfinite(seconds) and seconds >= 0:
        return seconds
    raise PydanticCustomError(
        "duration", "expected a duration such as 500ms, 10s, 15m, 2h or 1d (a number is seconds)"
    )


#: A field type: seconds as a float, written as a duration in hub.yaml.
Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": rf"^(?:{_PART})+$"},
                {"type": "number", "minimum": 0},
            ],
            "examples": ["500ms", "10s", "15m", "2h", "1d"],
        }
    ),
]
