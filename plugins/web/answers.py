"""Questions of the pages, and who in the hub answers them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

MAX_ROWS = 1000


class BadRequest(Exception):
    """A request whose parameters do not fit; the text says how."""


def number(query: Mapping[str, str], key: str, default: int, *, most: int = MAX_ROWS) -> int:
    """Return a whole number from a query, between 1 and `most`."""
    text = query.get(key)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= most:
        raise BadRequest(f"{key}: expected a whole number from 1 to {most}, got {text[:40]!r}")
    return int(text)


def history_request(query: Mapping[str, str]) -> dict[str, Any]:
    """Return the request for the service `history/series`."""
    for key in ("device", "quantity"):
        if not query.get(key):
            raise BadRequest(f"{key}: missing")
    for key in ("since", "until"):
        _check_time(query, key)
    return {
        "device": query["device"],
        "quantity": query["quantity"],
        "since": query.get("since"),
        "until": query.get("until"),
        "points": number(query, "points", 300, most=5000),
    }


def _check_time(query: Mapping[str, str], key: str) -> None:
    if key in query:
        try:
            datetime.fromisoformat(query[key])
        except ValueError:
            raise BadRequest(
                f"{key}: expected a time such as 2026-01-31T12:00:00Z, got {query[key][:40]!r}"
            ) from None


def command_fields(body: Any) -> tuple[str, str, dict[str, Any]]:
    """Return target, action and arguments of a command that a page sends."""
    if not isinstance(body, dict):
        raise BadRequest("expected a JSON object with target, action and args")
    target, action, args = body.get("target"), body.get("action"), body.get("args", {})
    if not isinstance(target, str) or not isinstance(action, str) or not isinstance(args, dict):
        raise BadRequest("expected target and action as texts and args as an object")
    return target, action, args
