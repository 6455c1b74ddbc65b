"""What was last heard on each topic, and how old it is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hub.messages import Message, Quality, Reading
from hub.topics import matches, split_filter

NEVER = datetime.min.replace(tzinfo=UTC)
BAD = Quality.BAD

log = logging.getLogger("hub.bus")


@dataclass(frozen=True, slots=True)
class Last:
    """The last message of a topic and how old it is."""

    message: Any
    age_s: float
    stale: bool


@dataclass(slots=True, eq=False)
class Held:
    """Holds the last message of one sender: of `topics[i]` it is the i-th reading, or, with one
    topic and `whole`, the message itself.
    """

    topics: tuple[str, ...]
    whole: bool = False
    message: Any = None
    arrived: datetime = NEVER
    #: Whether all its topics are looked up here: nobody else had the last word on any of them.
    current: bool = False

    def on(self, place: int) -> Message:
        """Return what its message says on one of its topics."""
        said: Message = self.message if self.whole else self.message.reading(place)
        return said


class LastValues:
    """The last message of every topic of readings and states.

    A telegram of eight readings is kept once, in its sender's place (`Held`), to which eight topics
    lead; a reading is made of it when one is asked for.
    """

    def __init__(self, now: Callable[[], datetime], stale_after_s: float, most: int) -> None:
        """Remember at most so many topics."""
        self._now = now
        self._most = most
        self._stale_after = timedelta(seconds=stale_after_s)
        #: Whose message was the last, and which of its readings it is.
        self._last: dict[str, tuple[Held, int]] = {}

    def __len__(self) -> int:
        return len(self._last)

    def keep(self, topic: str, message: Message, now: datetime) -> None:
        """Remember a message as the last of its topic."""
        entry = self._last.get(topic)
        held = entry[0] if entry is not None and entry[0].whole else Held((topic,), whole=True)
        self.keep_in(held, message, now)

    def keep_in(self, held: Held, message: Message, now: datetime) -> None:
        """Remember a message as the last of all topics of its sender's place."""
        held.message = message
        held.arrived = now
        if not held.current:
            self._lead_to(held)

    def _lead_to(self, held: Held) -> None:
        for place, topic in enumerate(held.topics):
            former = self._last.get(topic)
            if former is not None:
                former[0].current = False
            self._last[topic] = (held, place)
        held.current = True
        if len(self._last) > self._most:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        """Drop the half that was silent longest: topics are made of names from outside."""
        newest_first = sorted(
            self._last.items(), key=lambda entry: entry[1][0].arrived, reverse=True
        )
        for _, (held, _) in newest_first[self._most // 2 :]:
            held.current = False
        self._last = dict(newest_first[: self._most // 2])
        log.warning("more than %d topics: those that were silent longest are forgotten", self._most)

    def get(self, topic: str, *, stale_after_s: float | None = None) -> Last | None:
        """Return the last reading or state of a topic with its age, or None if there was none.

        A reading's age counts from its own timestamp, so a value that was old on arrival is old.
        """
        entry = self._last.get(topic)
        if entry is None:
            return None
        held, place = entry
        at = getattr(held.message, "at", held.arrived)
        age = self._now() - min(at, held.arrived)
        limit = self._stale_after if stale_after_s is None else timedelta(seconds=stale_after_s)
        return Last(held.on(place), max(0.0, age.total_seconds()), age > limit)

    def values(
        self, topics: Sequence[str], *, stale_after_s: float | None = None
    ) -> list[float | None]:
        """Return the last reading's value on each topic; None where there is none, or it is stale
        or bad. For who looks at all meters at once.
        """
        limit = self._stale_after if stale_after_s is None else timedelta(seconds=stale_after_s)
        oldest = self._now() - limit
        find = self._last.get
        found: list[float | None] = []
        for topic in topics:
            value = None
            entry = find(topic)
            if entry is not None and entry[0].arrived >= oldest:
                held, place = entry
                message = held.message
                if (
                    (not held.whole or type(message) is Reading)
                    and message.at >= oldest
                    and message.quality is not BAD
                ):
                    value = float(message.value if held.whole else message.values[place])
            found.append(value)
        return found

    def matching(self, topic_filter: str) -> dict[str, Last]:
        """Return the last message of every topic that matches a filter."""
        parts = split_filter(topic_filter)
        found = {topic: self.get(topic) for topic in self._last if matches(parts, topic)}
        return {topic: last for topic, last in found.items() if last is not None}
