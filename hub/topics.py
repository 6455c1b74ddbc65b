"""Topic filters as MQTT has them: `+` stands for one level, a trailing `#` for all that follow."""

from __future__ import annotations

from functools import lru_cache


def split_filter(topic_filter: str) -> tuple[str, ...]:
    """Return the levels of a filter; ValueError if a wildcard stands where it may not."""
    parts = tuple(topic_filter.split("/"))
    for index, part in enumerate(parts):
        if part == "#" and index != len(parts) - 1:
            raise ValueError(f"{topic_filter!r}: '#' may only be the last level")
        if part not in ("+", "#") and ("+" in part or "#" in part):
            raise ValueError(f"{topic_filter!r}: a wildcard must be a whole level")
    if not topic_filter:
        raise ValueError("empty topic filter")
    return parts


@lru_cache(maxsize=8192)
def _levels(topic: str) -> tuple[str, ...]:
    return tuple(topic.split("/"))


def matches(parts: tuple[str, ...], topic: str) -> bool:
    """Return whether a topic matches the levels of a filter. `a/#` matches `a` too, as in MQTT."""
    levels = _levels(topic)
    for index, part in enumerate(parts):
        if part == "#":
            return True
        if index >= len(levels) or (part != "+" and part != levels[index]):
            return False
    return len(parts) == len(levels)
