"""Subscriptions: a queue and a task each, so that nobody waits for anybody else.

A `Subscription` takes one message at a time, a `BatchSubscription` all that wait. In both queues
conflated messages (readings, states) are kept one per topic: a newer one takes the older one's
place and the loss is counted. All other messages are delivered, however many there are.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub.messages import Message
from hub.tasks import was_cancelled
from hub.topics import matches, split_filter

Handler = Callable[[Any], Awaitable[None] | None]
BatchHandler = Callable[[Sequence[Message]], Awaitable[None] | None]

#: A subscription gives the loop back after this long, however full its queue is.
SLICE_S = 0.005
#: A handler of batches gets no more messages than this at once: about as much as a slice.
MOST_AT_ONCE = 1_000
#: An undelivered backlog of unconflated messages beyond this is reported.
BACKLOG_WARNING = 10_000

log = logging.getLogger("hub.bus")


@dataclass(slots=True)
class Counters:
    """What happened on one subscription since it began."""

    delivered: int = 0
    conflated: int = 0
    errors: int = 0


class AnySubscription(ABC):
    """One handler on one or several topic filters. Made by the bus, ended by `close`."""

    def __init__(
        self,
        filters: Sequence[str],
        owner: str,
        on_error: Callable[[BaseException], None] | None,
        on_close: Callable[[AnySubscription], None],
    ) -> None:
        self.filter = " ".join(filters)
        self.owner = owner
        self.counters = Counters()
        self._parts = [split_filter(topic_filter) for topic_filter in filters]
        self._on_error = on_error
        self._on_close = on_close
        self._waiter: asyncio.Future[None] | None = None
        self.task = asyncio.get_running_loop().create_task(
            self._deliver(), name=f"bus:{owner}:{self.filter}"
        )

    def matches(self, topic: str) -> bool:
        """Return whether a topic is subscribed to."""
        return any(matches(parts, topic) for parts in self._parts)

    def may_match(self, first_level: str) -> bool:
        """Return whether topics that begin like that can be subscribed to."""
        return any(parts[0] in (first_level, "+", "#") for parts in self._parts)

    @property
    @abstractmethod
    def backlog(self) -> int:
        """How many messages wait."""

    @abstractmethod
    def put(self, topic: str, message: Message) -> None:
        """Queue a message; of conflated ones the newest per topic."""

    @abstractmethod
    async def _deliver(self) -> None:
        """Hand over what waits, for ever."""

    @abstractmethod
    def _discard(self) -> None:
        """Empty the queue."""

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)

    def _warn_of(self, backlog: int) -> None:
        if backlog % BACKLOG_WARNING == 0:
            log.warning("%s: %d messages wait on %s", self.owner, backlog, self.filter)

    def _failed(self, error: BaseException) -> None:
        """Count and tell what a handler raised."""
        self.counters.errors += 1
        if self._on_error is None:
            log.error("%s: handler of %s raised", self.owner, self.filter, exc_info=error)
        else:
            self._on_error(error)

    def close(self) -> None:
        """End the subscription; what still waits in its queue is discarded."""
        self._on_close(self)
        self.task.cancel()
        self._discard()


class Subscription(AnySubscription):
    """Hands over one message at a time. What its handler raises costs that message only."""

    def __init__(
        self,
        topic_filter: str,
        handler: Handler,
        owner: str,
        on_error: Callable[[BaseException], None] | None,
        on_close: Callable[[AnySubscription], None],
    ) -> None:
        self._handler = handler
        self._queue: deque[Message | str] = deque()
        self._latest: dict[str, Message] = {}
        super().__init__((topic_filter,), owner, on_error, on_close)

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
            self._warn_of(len(self._queue))
        self._wake()

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
                    self._failed(error)
                if time.perf_counter() - started > SLICE_S:
                    break
            if queue:
                await asyncio.sleep(0)

    def _discard(self) -> None:
        self._queue.clear()
        self._latest.clear()


class BatchSubscription(AnySubscription):
    """Hands over all that waits as one sequence, in order of publication. What its handler raises
    costs the messages of that sequence.
    """

    def __init__(
        self,
        filters: Sequence[str],
        handler: BatchHandler,
        owner: str,
        on_error: Callable[[BaseException], None] | None,
        on_close: Callable[[AnySubscription], None],
    ) -> None:
        self._handler = handler
        self._waiting: dict[str | int, Message] = {}
        self._numbers = itertools.count()
        super().__init__(filters, owner, on_error, on_close)

    @property
    def backlog(self) -> int:
        return len(self._waiting)

    def put(self, topic: str, message: Message) -> None:
        if message.conflated:
            self.put_all({topic: message})
        else:
            self._waiting[next(self._numbers)] = message
            self._warn_of(len(self._waiting))
            self._wake()

    def put_all(self, messages: Mapping[str, Message]) -> None:
        """Queue conflated messages, by topic, all at once."""
        waiting = self._waiting
        together = len(waiting) + len(messages)
        waiting.update(messages)
        self.counters.conflated += together - len(waiting)
        self._wake()

    async def _deliver(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if not self._waiting:
                self._waiter = loop.create_future()
                await self._waiter
            batch = self._take()
            try:
                awaitable = self._handler(batch)
                if awaitable is not None:
                    await awaitable
                self.counters.delivered += len(batch)
            except (Exception, SystemExit, asyncio.CancelledError) as error:
                if isinstance(error, asyncio.CancelledError) and was_cancelled():
                    raise
                self._failed(error)
            if self._waiting:
                await asyncio.sleep(0)

    def _take(self) -> list[Message]:
        waiting = self._waiting
        if len(waiting) <= MOST_AT_ONCE:
            batch = list(waiting.values())
            waiting.clear()
            return batch
        keys = list(itertools.islice(waiting, MOST_AT_ONCE))
        return [waiting.pop(key) for key in keys]

    def _discard(self) -> None:
        self._waiting.clear()
