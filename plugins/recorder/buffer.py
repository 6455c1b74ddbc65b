"""Rows on their way to the disk, bounded in memory for the time the disk takes nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar


class Sample(NamedTuple):
    """One value of one series; `at_ms` is in milliseconds since the epoch."""

    device: str
    quantity: str
    at_ms: int
    value: float


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, in words and as JSON."""

    at_ms: int
    topic: str
    text: str
    data: str


RowT = TypeVar("RowT", Sample, Event)


@dataclass(slots=True)
class Batch:
    """What is written in one transaction."""

    samples: list[Sample] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.samples) + len(self.events)


class Buffer:
    """Two queues; when one is full its oldest entry gives way and is counted."""

    def __init__(self, max_samples: int = 50_000, max_events: int = 20_000) -> None:
        self._samples: deque[Sample] = deque(maxlen=max_samples)
        self._events: deque[Event] = deque(maxlen=max_events)
        self.lost = 0

    def __len__(self) -> int:
        return len(self._samples) + len(self._events)

    def add_samples(self, samples: Sequence[Sample]) -> None:
        assert self._samples.maxlen is not None
        self.lost += max(0, len(self._samples) + len(samples) - self._samples.maxlen)
        self._samples.extend(samples)

    def add_event(self, event: Event) -> None:
        self.lost += len(self._events) == self._events.maxlen
        self._events.append(event)

    def take(self, most: int) -> Batch:
        """Remove and return the oldest rows, events first: they are few and matter more."""
        batch = Batch()
        while self._events and len(batch) < most:
            batch.events.append(self._events.popleft())
        while self._samples and len(batch) < most:
            batch.samples.append(self._samples.popleft())
        return batch

    def give_back(self, batch: Batch) -> None:
        """Put a batch that was not written back to the front, as far as there is room."""
        self.lost += _put_back(self._samples, batch.samples)
        self.lost += _put_back(self._events, batch.events)


def _put_back(queue: deque[RowT], rows: list[RowT]) -> int:
    """Put the newest of the rows before the queue's; return how many found no room."""
    assert queue.maxlen is not None
    lost = max(0, len(rows) - (queue.maxlen - len(queue)))
    queue.extendleft(reversed(rows[lost:]))
    return lost
