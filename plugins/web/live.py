"""What a page must know at once, and what has changed since: for the live stream."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

#: How many events of each kind a page that opens is shown.
KEPT_EVENTS = 50
#: A client that does not read this many frames is let go; it reconnects and starts afresh.
MAX_BACKLOG = 64

Encoded = Mapping[str, Any]


class LiveState:
    """The newest state of every topic, the last events, and what is new since the last frame."""

    def __init__(self) -> None:
        self._states: dict[str, Encoded] = {}
        self._events: dict[str, deque[Encoded]] = {}
        self._new_states: dict[str, Encoded] = {}
        self._new_events: list[Encoded] = []

    def absorb(self, message: Encoded, *, conflated: bool) -> None:
        """Take in one encoded message."""
        if conflated:
            self._states[message["topic"]] = message
            self._new_states[message["topic"]] = message
        else:
            kept = self._events.setdefault(message["type"], deque(maxlen=KEPT_EVENTS))
            kept.append(message)
            self._new_events.append(message)

    def snapshot(self) -> dict[str, Any]:
        """Return everything a page starts from."""
        events = [event for kept in self._events.values() for event in kept]
        events.sort(key=lambda event: str(event.get("at", "")))
        return {"kind": "snapshot", "states": list(self._states.values()), "events": events}

    def frame(self) -> dict[str, Any] | None:
        """Return what is new since the last frame, or None if nothing is."""
        if not self._new_states and not self._new_events:
            return None
        states, self._new_states = list(self._new_states.values()), {}
        events, self._new_events = self._new_events, []
        return {"kind": "frame", "states": states, "events": events}
