"""The bus: carries messages from publishers to subscribers inside one process.

`publish` is synchronous, never blocks and never raises. Every subscription has a queue and a task
of its own (`hub.subscription`), so a slow or raising subscriber delays nobody else. Who wants what
is found once per topic, and once per device and set of quantities, and then remembered.
"""

from __future__ import annotations

import logging
from asyncio import gather
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import TypeVar

from hub.last import Held, Last, LastValues
from hub.messages import Message, Reading, ReadingBatch, Telegram, unit_of
from hub.subscription import (
    AnySubscription,
    BatchHandler,
    BatchSubscription,
    Handler,
    Subscription,
)

__all__ = ["BatchHandler", "Bus", "Handler", "Last", "Subscription"]

#: So many topics are remembered: 5,000 meters with 20 quantities, and a bound on hostile names.
MAX_TOPICS = 100_000
#: Refusals are counted by topic for the first so many topics, then together.
MAX_REFUSED_TOPICS = 1_000
OTHER_TOPICS = "(other topics)"

log = logging.getLogger("hub.bus")

SubscriptionT = TypeVar("SubscriptionT", bound=AnySubscription)


@dataclass(frozen=True, slots=True, eq=False)
class _Route:
    """Who wants the readings of a telegram or a batch: some as a whole, some single ones.

    `topics[i]` is that of the i-th reading; `single` names subscriptions and the readings they want
    by their places. `held` is where the last such message is kept.
    """

    key: str
    topics: tuple[str, ...]
    held: Held
    whole: tuple[BatchSubscription, ...]
    single: tuple[tuple[Subscription, tuple[int, ...]], ...]


NO_ROUTE: tuple[tuple[str, ...], None] = ((), None)


class Bus:
    """Routes messages by topic. Belongs to one event loop; use it from that loop only."""

    def __init__(self, now: Callable[[], datetime], stale_after_s: float = 10.0) -> None:
        self._now = now
        self._subscriptions: list[AnySubscription] = []
        self._routes: dict[str, tuple[AnySubscription, ...]] = {}
        self._telegram_routes: dict[tuple[str, tuple[str, ...]], _Route] = {}
        #: The last of them by device: most meters send the same quantities every time.
        self._device_routes: dict[str, tuple[tuple[str, ...], _Route]] = {}
        self._batch_routes: dict[str, tuple[tuple[str, ...], _Route]] = {}
        self._last = LastValues(now, stale_after_s, MAX_TOPICS)
        self.last = self._last.get
        self.last_values = self._last.values
        self.last_matching = self._last.matching
        self.published = 0
        self.refused: dict[str, int] = {}

    # -- subscribers --

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
        return self._add(Subscription(topic_filter, handler, owner, on_error, self.forget))

    def subscribe_batches(
        self,
        filters: Sequence[str],
        handler: BatchHandler,
        *,
        owner: str = "?",
        on_error: Callable[[BaseException], None] | None = None,
    ) -> BatchSubscription:
        """Call `handler` with all messages that wait and match one of the filters, in order.

        A `Telegram` or `ReadingBatch` comes whole if a filter matches any reading in it.
        """
        return self._add(BatchSubscription(filters, handler, owner, on_error, self.forget))

    def _add(self, subscription: SubscriptionT) -> SubscriptionT:
        self._subscriptions.append(subscription)
        self._forget_routes()
        return subscription

    def forget(self, subscription: AnySubscription) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
            self._forget_routes()

    def _forget_routes(self) -> None:
        self._routes.clear()
        self._forget_telegram_routes()
        self._batch_routes.clear()

    def _forget_telegram_routes(self) -> None:
        self._telegram_routes.clear()
        self._device_routes.clear()

    @property
    def subscriptions(self) -> tuple[AnySubscription, ...]:
        return tuple(self._subscriptions)

    # -- publishers --

    def publish(self, message: Message) -> None:
        """Hand a message to all its subscribers. Refuses (and counts) NaN and infinity."""
        if type(message) is Telegram:
            self.publish_all((message,))
            return
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
        if type(message) is ReadingBatch:
            self._publish_batch(topic, message)
            return
        if message.conflated:
            self._last.keep(topic, message, self._now())
        for subscription in self._route(topic):
            subscription.put(topic, message)

    def publish_all(self, messages: Iterable[Message]) -> None:
        """Publish several messages in their order; many telegrams at once cost little more each
        than their routes.
        """
        now = self._now()
        takers: tuple[BatchSubscription, ...] = ()
        waiting: dict[str, Message] = {}
        for message in messages:
            if type(message) is not Telegram:
                _hand_over(waiting, takers)
                waiting = {}
                self.publish(message)
                continue
            route = self._telegram_route(message)
            if route is None:
                self._refuse(message.topic)
                continue
            self.published += 1
            self._last.keep_in(route.held, message, now)
            if route.whole != takers or route.key in waiting:
                _hand_over(waiting, takers)
                takers, waiting = route.whole, {}
            waiting[route.key] = message
            if route.single:
                _hand_over_single(route, message)
        _hand_over(waiting, takers)

    def _publish_batch(self, topic: str, batch: ReadingBatch) -> None:
        """Give a batch to those who take batches, and each device's value to those who listen for
        single readings.
        """
        route = self._batch_route(topic, batch)
        now = self._now()
        self._last.keep(topic, batch, now)
        for subscription in self._route(topic):
            subscription.put(topic, batch)
        self._last.keep_in(route.held, batch, now)
        for taker in route.whole:
            taker.put(topic, batch)
        _hand_over_single(route, batch)

    # -- routes --

    def _route(self, topic: str) -> tuple[AnySubscription, ...]:
        route = self._routes.get(topic)
        if route is None:
            if len(self._routes) >= MAX_TOPICS:
                self._routes.clear()
            route = tuple(s for s in self._subscriptions if s.matches(topic))
            self._routes[topic] = route
        return route

    def _telegram_route(self, telegram: Telegram) -> _Route | None:
        """Return who wants a telegram; None if its values are not numbers of known quantities."""
        try:
            if not isfinite(sum(telegram.values)):
                return None
            quantities, route = self._device_routes.get(telegram.device, NO_ROUTE)
            if route is None or quantities != telegram.quantities:
                route = self._find_telegram_route(telegram.device, telegram.quantities)
        except (KeyError, TypeError, ValueError):
            return None
        return route if len(telegram.values) == len(route.topics) else None

    def _find_telegram_route(self, device: str, quantities: tuple[str, ...]) -> _Route:
        """Return the route of a telegram whose device's last one had other quantities.

        KeyError if one of them is unknown.
        """
        route = self._telegram_routes.get((device, quantities))
        if route is None:
            for quantity in quantities:
                unit_of(quantity)
            if len(self._telegram_routes) >= MAX_TOPICS:
                self._forget_telegram_routes()
            topics = tuple(f"reading/{device}/{quantity}" for quantity in quantities)
            route = self._make_route(f"reading/{device}/{','.join(quantities)}", topics, ())
            self._telegram_routes[device, quantities] = route
        self._device_routes[device] = (quantities, route)
        return route

    def _batch_route(self, topic: str, batch: ReadingBatch) -> _Route:
        devices, route = self._batch_routes.get(topic, (None, None))
        if route is None or devices != batch.devices:
            if len(self._batch_routes) >= MAX_TOPICS:
                self._batch_routes.clear()
            topics = tuple(f"reading/{device}/{batch.quantity}" for device in batch.devices)
            route = self._make_route(topic, topics, self._route(topic))
            self._batch_routes[topic] = (batch.devices, route)
        return route

    def _make_route(
        self, key: str, topics: tuple[str, ...], served: Sequence[AnySubscription]
    ) -> _Route:
        whole: list[BatchSubscription] = []
        single: list[tuple[Subscription, tuple[int, ...]]] = []
        for subscription in self._subscriptions:
            if subscription in served or not subscription.may_match("reading"):
                continue
            places = tuple(i for i, topic in enumerate(topics) if subscription.matches(topic))
            if places and isinstance(subscription, BatchSubscription):
                whole.append(subscription)
            elif places and isinstance(subscription, Subscription):
                single.append((subscription, places))
        return _Route(key, topics, Held(topics), tuple(whole), tuple(single))

    def _refuse(self, topic: str) -> None:
        if topic not in self.refused and len(self.refused) >= MAX_REFUSED_TOPICS:
            topic = OTHER_TOPICS
        count = self.refused[topic] = self.refused.get(topic, 0) + 1
        if count == 1:
            log.warning("%s: refused a value that is not a finite number", topic)

    async def close(self) -> None:
        """End all subscriptions."""
        tasks = [s.task for s in self._subscriptions]
        for subscription in self.subscriptions:
            subscription.close()
        await gather(*tasks, return_exceptions=True)


def _hand_over(waiting: dict[str, Message], takers: Sequence[BatchSubscription]) -> None:
    if waiting:
        for taker in takers:
            taker.put_all(waiting)


def _hand_over_single(route: _Route, message: Telegram | ReadingBatch) -> None:
    """Make the readings that are listened for, each once."""
    made: dict[int, Reading] = {}
    for subscription, places in route.single:
        for place in places:
            reading = made.get(place)
            if reading is None:
                reading = made[place] = message.reading(place)
            subscription.put(route.topics[place], reading)
