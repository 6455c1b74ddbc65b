"""Messages as plain data, for JSON on a page, a terminal or a wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any

from hub.messages import Message


def encode(message: Message) -> dict[str, Any]:
    """Return a message as a dict of JSON types, with its `type` and `topic`."""
    return {"type": type(message).__name__, "topic": message.topic, **plain(message)}


def plain(value: Any) -> Any:
    """Return any value that a message may hold as JSON types.

    Integers beyond 53 bits become strings, because JavaScript would round them.
    """
    kind = type(value)
    if kind is str or kind is float or kind is bool or value is None:
        return value
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, int) and not isinstance(value, bool):
        return value if -(2**53) < value < 2**53 else str(value)
    if isinstance(value, str | bool | float):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    return _structure(value)


def _structure(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {name: plain(getattr(value, name)) for name in field_names(type(value))}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(plain(v) for v in value)
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "__iter__"):
        return [plain(v) for v in value]
    return str(value)


@cache
def field_names(kind: type) -> tuple[str, ...]:
    """Return the fields of a dataclass; `fields` looks for them anew each time."""
    return tuple(field.name for field in fields(kind))
