"""What was last heard on each topic, and how old it is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hub.messages import Message, Quality, Reading, ReadingBatch, Telegram
from hub.topics import matches, split_filter

MEASUREMENTS = (Telegram, Reading, ReadingBatch)

log = logging.getLogger("hub.bus")


@dataclass(frozen=True, slots=True)
class Last:
    """The last message of a topic and how old it is."""

    message: Any
    age_s: float
    stale: bool


class LastValues:
    """The last message of every topic of readings and states.

    What came as a telegram or a batch is kept as that; a reading is made of it when one is asked
    for.
    """

    def __init__(self, now: Callable[[], datetime], stale_after_s: float, most: int) -> None:
        """Remember at most so many topics."""
        self._now = now
        self._most = most
        self._stale_after = timedelta(seconds=stale_after_s)
        #: Message, when it arrived, and the device's place in it if it is a batch.
        self._last: dict[str, tuple[Message, datetime, int]] = {}

    def __len__(self) -> int:
        return len(self._last)

    def keep(self, topic: str, message: Message, now: datetime) -> None:
        """Remember a message as the last of its topic."""
        if len(self._last) >= self._most and topic not in self._last:
            self._forget_oldest()
        self._last[topic] = (message, now, 0)

    def keep_telegram(self, topics: Iterable[str], telegram: Telegram, now: datetime) -> None:
        """Remember a telegram as the last of all its quantities' topics."""
        self._last.update(dict.fromkeys(topics, (telegram, now, 0)))
        if len(self._last) > self._most:
            self._forget_oldest()

    def keep_batch(self, topics: Sequence[str], batch: ReadingBatch, now: datetime) -> None:
        """Remember a batch as the last of all its devices' topics."""
        last = self._last
        for place, topic in enumerate(topics):
            last[topic] = (batch, now, place)
            if len(last) > self._most:
                self._forget_oldest()
                last = self._last

    def _forget_oldest(self) -> None:
        """Drop the half that was silent longest: topics are made of names from outside."""
        newest_first = sorted(self._last.items(), key=lambda entry: entry[1][1], reverse=True)
        self._last = dict(newest_first[: self._most // 2])
        log.warning("more than %d topics: those that were silent longest are forgotten", self._most)

    def get(self, topic: str, *, stale_after_s: float | None = None) -> Last | None:
        """Return the last reading or state of a topic with its age, or None if there was none.

        A reading's age counts from its own timestamp, so a value that was old on arrival is old.
        """
        entry = self._last.get(topic)
        if entry is None:
            return None
        message, arrived, place = entry
        at = getattr(message, "at", arrived)
        age = self._now() - min(at, arrived)
        limit = self._stale_after if stale_after_s is None else timedelta(seconds=stale_after_s)
        return Last(_single(topic, message, place), max(0.0, age.total_seconds()), age > limit)

    def values(
        self, topics: Sequence[str], *, stale_after_s: float | None = None
    ) -> list[float | None]:
        """Return the last reading's value on each topic; None where there is none, or it is stale
        or bad. For who looks at all meters at once.
        """
        limit = self._stale_after if stale_after_s is None else timedelta(seconds=stale_after_s)
        oldest = self._now() - limit
        return [self._fresh(topic, oldest) for topic in topics]

    def _fresh(self, topic: str, oldest: datetime) -> float | None:
        entry = self._last.get(topic)
        if entry is None or entry[1] < oldest:
            return None
        message, _, place = entry
        if not isinstance(message, MEASUREMENTS) or message.at < oldest:
            return None
        if message.quality is Quality.BAD:
            return None
        if type(message) is Telegram:
            return message.values[message.quantities.index(topic.rpartition("/")[2])]
        if type(message) is ReadingBatch:
            return float(message.values[place]) if topic.startswith("reading/") else None
        return message.value if type(message) is Reading else None

    def matching(self, topic_filter: str) -> dict[str, Last]:
        """Return the last message of every topic that matches a filter."""
        parts = split_filter(topic_filter)
        found = {topic: self.get(topic) for topic in self._last if matches(parts, topic)}
        return {topic: last for topic, last in found.items() if last is not None}


def _single(topic: str, message: Message, place: int) -> Message:
    """Return what a message says on one topic."""
    if type(message) is Telegram:
        return message.reading(message.quantities.index(topic.rpartition("/")[2]))
    if type(message) is ReadingBatch and topic.startswith("reading/"):
        return message.reading(place)
    return message
