"""What a page must know at once, and what has changed since: for the live stream.

A page is sent one snapshot and then frames of the same form:

    {"kind": "snapshot" | "frame",
     "readings": {device: {quantity: [value, at, quality]}},
     "states": [message, ...],      the newest per topic
     "events": [message, ...]}      in their order, each with a number "seq"

An event may come twice, in the snapshot and in the frame after it: pages go by the number.
Readings are most of the traffic, so they travel without their words. The feeder's arrays keep their
order, so their names travel only when they change.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

#: How many events of each kind a page that opens is shown.
KEPT_EVENTS = 50
#: A client that does not read this many frames is let go; it reconnects and starts afresh.
MAX_BACKLOG = 64
#: Names of arrays that stay the same from step to step.
_STEADY = ("nodes", "elements")

Encoded = Mapping[str, Any]


class Measured(Protocol):
    """What a device reported at one instant: `values[i]` is of `quantities[i]`."""

    @property
    def device(self) -> str: ...
    @property
    def quantities(self) -> Sequence[str]: ...
    @property
    def values(self) -> Sequence[float]: ...
    @property
    def at(self) -> datetime: ...
    @property
    def quality(self) -> str: ...


#: By device and quantity, what was reported last and the value's place in it.
Readings = dict[str, dict[str, tuple[Measured, int]]]


class LiveState:
    """The newest state of every topic, the last events, and what is new since the last frame.

    Messages are kept as they come and encoded when a page needs them: most readings are replaced
    before anybody sees them.
    """

    def __init__(self, encode: Callable[[Any], Encoded]) -> None:
        self._encode = encode
        self._readings: Readings = {}
        self._states: dict[str, Any] = {}
        self._events: dict[str, deque[tuple[int, Any]]] = {}
        self._count = 0
        self._new_readings: Readings = {}
        self._new_states: dict[str, Any] = {}
        self._new_events: list[tuple[int, Any]] = []
        self._sent_names: dict[str, tuple[Any, ...]] = {}

    def hear(self, measured: Measured) -> None:
        """Take in what a device reported; of each quantity only the newest counts."""
        for readings in (self._readings, self._new_readings):
            of_device = readings.setdefault(measured.device, {})
            for place, quantity in enumerate(measured.quantities):
                of_device[quantity] = (measured, place)

    def absorb(self, kind: str, topic: str, message: Any, *, conflated: bool) -> None:
        """Take in one message; of conflated ones only the newest per topic counts."""
        if conflated:
            self._states[topic] = message
            self._new_states[topic] = message
        else:
            self._count += 1
            event = (self._count, message)
            self._events.setdefault(kind, deque(maxlen=KEPT_EVENTS)).append(event)
            self._new_events.append(event)

    def snapshot(self) -> dict[str, Any]:
        """Return everything a page starts from."""
        numbered = sorted(
            (event for kept in self._events.values() for event in kept), key=lambda pair: pair[0]
        )
        return {"kind": "snapshot", **self._sorted(self._readings, self._states, numbered)}

    def frame(self) -> dict[str, Any] | None:
        """Return what is new since the last frame, or None if nothing is."""
        if not self._new_readings and not self._new_states and not self._new_events:
            return None
        readings, self._new_readings = self._new_readings, {}
        states, self._new_states = self._new_states, {}
        events, self._new_events = self._new_events, []
        frame = {"kind": "frame", **self._sorted(readings, states, events)}
        frame["states"] = [self._without_known_names(state) for state in frame["states"]]
        return frame

    def _sorted(
        self, readings: Readings, states: Mapping[str, Any], events: list[tuple[int, Any]]
    ) -> dict[str, Any]:
        return {
            "readings": {device: _shown(of_device) for device, of_device in readings.items()},
            "states": [self._encode(state) for state in states.values()],
            "events": [{**self._encode(event), "seq": number} for number, event in events],
        }

    def _without_known_names(self, state: Encoded) -> Encoded:
        if not any(name in state for name in _STEADY):
            return state
        names = tuple(state.get(name) for name in _STEADY)
        if self._sent_names.get(state["topic"]) != names:
            self._sent_names[state["topic"]] = names
            return state
        return {key: value for key, value in state.items() if key not in _STEADY}


def _shown(readings: Mapping[str, tuple[Measured, int]]) -> dict[str, list[Any]]:
    """Return what a page is sent of a device."""
    return {
        quantity: [measured.values[place], measured.at.isoformat(), str(measured.quality)]
        for quantity, (measured, place) in readings.items()
    }
