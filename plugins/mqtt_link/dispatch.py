"""Which handlers a topic concerns, by MQTT's rules."""

from __future__ import annotations

from typing import Generic, TypeVar

from paho.mqtt.client import topic_matches_sub

H = TypeVar("H")

#: Topics whose handlers are remembered; a broker with more is looked up anew.
MAX_REMEMBERED = 10_000
MAX_TOPIC_BYTES = 65_535


def check_topic(topic: str) -> None:
    """Raise ValueError unless one may publish to this topic."""
    if "+" in topic or "#" in topic:
        raise ValueError(f"cannot publish to {topic!r}: a topic has no wildcards")
    if not topic or "\0" in topic or len(topic.encode()) > MAX_TOPIC_BYTES:
        raise ValueError("cannot publish: the topic is empty, too long or has a null character")


class Dispatch(Generic[H]):
    """Handlers by topic filter; remembers the answer per topic."""

    def __init__(self) -> None:
        self._exact: dict[str, list[H]] = {}
        self._wild: list[tuple[str, H]] = []
        self._found: dict[str, tuple[H, ...]] = {}

    def add(self, topic_filter: str, handler: H) -> None:
        """Add a handler; ValueError if a wildcard of the filter stands where it may not."""
        if "+" in topic_filter or "#" in topic_filter:
            _check_filter(topic_filter)
            self._wild.append((topic_filter, handler))
        else:
            check_topic(topic_filter)
            self._exact.setdefault(topic_filter, []).append(handler)
        self._found.clear()

    def find(self, topic: str) -> tuple[H, ...]:
        """Return the handlers whose filter matches."""
        found = self._found.get(topic)
        if found is None:
            wild = (handler for f, handler in self._wild if topic_matches_sub(f, topic))
            found = (*self._exact.get(topic, ()), *wild)
            if len(self._found) >= MAX_REMEMBERED:
                self._found.clear()
            self._found[topic] = found
        return found


def _check_filter(topic_filter: str) -> None:
    levels = topic_filter.split("/")
    for index, level in enumerate(levels):
        misplaced = level == "#" and index != len(levels) - 1
        if misplaced or (len(level) > 1 and ("+" in level or "#" in level)):
            raise ValueError(f"topic filter {topic_filter!r}: a wildcard must be a whole level")
