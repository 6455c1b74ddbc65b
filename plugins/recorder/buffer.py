"""Rows on their way to the disk, bounded in memory for the time the disk takes nothing."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

#: One value of one series, which goes by a number; `at_ms` is in milliseconds since the epoch.
SAMPLE = np.dtype([("series", np.int64), ("at_ms", np.int64), ("value", np.float64)])
#: Some of them, in a table: a million a day is too much to hold one by one.
Samples = NDArray[np.void]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, in words and as JSON."""

    at_ms: int
    topic: str
    text: str
    data: str


@dataclass(slots=True)
class Batch:
    """What is written in one transaction."""

    samples: Samples = field(default_factory=lambda: np.empty(0, SAMPLE))
    events: list[Event] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.samples) + len(self.events)


class Buffer:
    """Two queues; when one is full its oldest rows give way and are counted."""

    def __init__(self, max_samples: int = 50_000, max_events: int = 20_000) -> None:
        self._most = max_samples
        self._waiting = 0
        self._tables: deque[Samples] = deque()
        self._events: deque[Event] = deque(maxlen=max_events)
        self.lost = 0

    def __len__(self) -> int:
        return self._waiting + len(self._events)

    def add_samples(self, samples: Samples) -> None:
        if len(samples):
            self._tables.append(samples)
            self._waiting += len(samples)
            self._lose(self._waiting - self._most)

    def add_event(self, event: Event) -> None:
        self.lost += len(self._events) == self._events.maxlen
        self._events.append(event)

    def take(self, most: int) -> Batch:
        """Remove and return the oldest rows, events first: they are few and matter more."""
        events = [self._events.popleft() for _ in range(min(most, len(self._events)))]
        return Batch(self._take_samples(most - len(events)), events)

    def give_back(self, batch: Batch) -> None:
        """Put a batch that was not written back to the front, as far as there is room."""
        if len(batch.samples):
            self._tables.appendleft(batch.samples)
            self._waiting += len(batch.samples)
            self._lose(self._waiting - self._most)
        assert self._events.maxlen is not None
        lost = max(0, len(batch.events) - (self._events.maxlen - len(self._events)))
        self._events.extendleft(reversed(batch.events[lost:]))
        self.lost += lost

    def _lose(self, count: int) -> None:
        """Drop the oldest samples."""
        if count > 0:
            self.lost += len(self._take_samples(count))

    def _take_samples(self, most: int) -> Samples:
        taken = [np.empty(0, SAMPLE)]
        left = min(most, self._waiting)
        self._waiting -= left
        while left:
            oldest = self._tables.popleft()
            if len(oldest) > left:
                self._tables.appendleft(oldest[left:])
            taken.append(oldest[:left])
            left -= len(taken[-1])
        return np.concatenate(taken)
