"""The bus: carries messages from publishers to subscribers inside one process.

`publish` is synchronous, never blocks and never raises. Every subscription has a queue and a task
of its own, so a slow or raising subscriber delays nobody else. In a queue, conflated messages
(readings, states) are kept one per topic: a newer one takes the older one's place and the loss is
counted. All other messages are delivered, however many there are.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hub.messages import Message, Reading, ReadingBatch
from hub.tasks import was_cancelled
from hub.topics import matches, split_filter

Handler = Callable[[Any], Awaitable[None] | None]

#: A subscription gives the loop back after this long, however full its queue is.
SLICE_S = 0.005
#: An undelivered backlog of unconflated messages beyond this is reported.
BACKLOG_WARNING = 10_000
#: So many topics are remembered: 5,000 meters with 20 quantities, and a bound on hostile names.
MAX_TOPICS = 100_000
#: Refusals are counted by topic for the first so many topics, then together.
MAX_REFUSED_TOPICS = 1_000
OTHER_TOPICS = "(other topics)"

log = logging.getLogger("hub.bus")


@dataclass(frozen=True, slots=True)
class Last:
    """The last message of a topic and how old it is."""

    message: Any
    age_s: float
    stale: bool


@dataclass(slots=True)
class Counters:
    """What happened on one subscription since it began."""

    delivered: int = 0
    conflated: int = 0
    errors: int = 0


class Subscription:
    """One handler on one topic filter. Made by `Bus.subscribe`, ended by `close`."""

    def __init__(
        self,
        bus: Bus,
        topic_filter: str,
        handler: Handler,
        owner: str,
        on_error: Callable[[BaseException], None] | None,
    ) -> None:
        self.filter = topic_filter
        self.parts = split_filter(topic_filter)
        self.owner = owner
        self.counters = Counters()
        self._bus = bus
        self._handler = handler
        self._on_error = on_error
        self._queue: deque[Message | str] = deque()
        self._latest: dict[str, Message] = {}
        self._waiter: asyncio.Future[None] | None = None
        self._task = asyncio.get_running_loop().create_task(
            self._deliver(), name=f"bus:{owner}:{topic_filter}"
        )

    @property
    def backlog(self) -> int:
        return len(self._queue)

    def put(self, topic: str, message: Message) -> None:
        if message.conflated:
            if topic in self._latest:
                self.counters.conflated += 1
            else:
                self._queue.append(topic)
            self._latest[topic] = message
        else:
            self._queue.append(message)
            if len(self._queue) % BACKLOG_WARNING == 0:
                log.warning("%s: %d messages wait on %s", self.owner, len(self._queue), self.filter)
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)

    async def _deliver(self) -> None:
        queue, latest, handler, counters = self._queue, self._latest, self._handler, self.counters
        loop = asyncio.get_running_loop()
        while True:
            if not queue:
                self._waiter = loop.create_future()
                await self._waiter
            started = time.perf_counter()
            while queue:
                item = queue.popleft()
                message = latest.pop(item) if type(item) is str else item
                try:
                    awaitable = handler(message)
                    if awaitable is not None:
                        await awaitable
                    counters.delivered += 1
                except (Exception, SystemExit, asyncio.CancelledError) as error:
                    if isinstance(error, asyncio.CancelledError) and was_cancelled():
                        raise
                    counters.errors += 1
                    self._failed(error)
                if time.perf_counter() - started > SLICE_S:
                    break
            if queue:
                await asyncio.sleep(0)

    def _failed(self, error: BaseException) -> None:
        if self._on_error is None:
            log.error("%s: handler of %s raised", self.owner, self.filter, exc_info=error)
        else:
            self._on_error(error)

    def close(self) -> None:
        """End the subscription; what still waits in its queue is discarded."""
        self._bus.forget(self)
        self._task.cancel()
        self._queue.clear()
        self._latest.clear()


class Bus:
    """Routes messages by topic. Belongs to one event loop; use it from that loop only."""

    def __init__(self, now: Callable[[], datetime], stale_after_s: float = 10.0) -> None:
        self._now = now
        self._stale_after = timedelta(seconds=stale_after_s)
        self._subscriptions: list[Subscription] = []
        self._routes: dict[str, tuple[Subscription, ...]] = {}
        self._last: dict[str, tuple[Any, datetime]] = {}
        self.published = 0
        self.refused: dict[str, int] = {}

    def subscribe(
        self,
        topic_filter: str,
        handler: Handler,
        *,
        owner: str = "?",
        on_error: Callable[[BaseException], None] | None = None,
    ) -> Subscription:
        """Call `handler` with every message whose topic matches, in order of publication.

        A handler may be plain or `async`. What it raises is counted and given to `on_error`.
        """
        subscription = Subscription(self, topic_filter, handler, owner, on_error)
        self._subscriptions.append(subscription)
        self._routes.clear()
        return subscription

    def forget(self, subscription: Subscription) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
            self._routes.clear()

    @property
    def subscriptions(self) -> tuple[Subscription, ...]:
        return tuple(self._subscriptions)

    def publish(self, message: Message) -> None:
        """Hand a message to all its subscribers. Refuses (and counts) NaN and infinity."""
        topic = message.topic
        try:
            finite = message.finite()
            if type(message) is ReadingBatch:
                finite = finite and len(message.devices) == len(message.values)
        except (TypeError, ValueError, OverflowError):
            finite = False
        if not finite:
            self._refuse(topic)
            return
        self.published += 1
        if message.conflated:
            self._remember(topic, message, self._now())
        for subscription in self._route(topic):
            subscription.put(topic, message)
        if type(message) is ReadingBatch:
            self._spread(message)

    def _remember(self, topic: str, message: Message, now: datetime) -> None:
        if len(self._last) >= MAX_TOPICS and topic not in self._last:
            self._forget_oldest()
        self._last[topic] = (message, now)

    def _forget_oldest(self) -> None:
        """Drop the half that was silent longest: topics are made of names from outside."""
        newest_first = sorted(self._last.items(), key=lambda entry: entry[1][1], reverse=True)
        self._last = dict(newest_first[: MAX_TOPICS // 2])
        log.warning("more than %d topics: those that were silent longest are forgotten", MAX_TOPICS)

    def last(self, topic: str, *, stale_after_s: float | None = None) -> Last | None:
        """Return the last reading or state of a topic with its age, or None if there was none.

        A reading's age counts from its own timestamp, so a value that was old on arrival is old.
        """
        entry = self._last.get(topic)
        if entry is None:
            return None
        message, arrived = entry
        at = getattr(message, "at", arrived)
        age = self._now() - min(at, arrived)
        limit = self._stale_after if stale_after_s is None else timedelta(seconds=stale_after_s)
        return Last(message, max(0.0, age.total_seconds()), age > limit)

    def last_matching(self, topic_filter: str) -> dict[str, Last]:
        """Return the last message of every topic that matches a filter."""
        parts = split_filter(topic_filter)
        found = {topic: self.last(topic) for topic in self._last if matches(parts, topic)}
        return {topic: last for topic, last in found.items() if last is not None}

    def _route(self, topic: str) -> tuple[Subscription, ...]:
        route = self._routes.get(topic)
        if route is None:
            if len(self._routes) >= MAX_TOPICS:
                self._routes.clear()
            route = tuple(s for s in self._subscriptions if matches(s.parts, topic))
            self._routes[topic] = route
        return route

    def _spread(self, batch: ReadingBatch) -> None:
        """Give each device's value to those who listen for single readings, and remember it."""
        now = self._now()
        served = self._route(batch.topic)
        for device, value in zip(batch.devices, batch.values, strict=True):
            topic = f"reading/{device}/{batch.quantity}"
            reading = Reading(
                device, batch.quantity, float(value), batch.unit, batch.at, batch.quality,
                batch.cause,
            )  # fmt: skip
            self._remember(topic, reading, now)
            for subscription in self._route(topic):
                if subscription not in served:
                    subscription.put(topic, reading)

    def _refuse(self, topic: str) -> None:
        if topic not in self.refused and len(self.refused) >= MAX_REFUSED_TOPICS:
            topic = OTHER_TOPICS
        count = self.refused[topic] = self.refused.get(topic, 0) + 1
        if count == 1:
            log.warning("%s: refused a value that is not a finite number", topic)

    async def close(self) -> None:
        """End all subscriptions."""
        tasks = [s._task for s in self._subscriptions]
        for subscription in self.subscriptions:
            subscription.close()
        await asyncio.gather(*tasks, return_exceptions=True)
