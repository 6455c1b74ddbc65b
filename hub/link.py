"""Links: byte messages to and from the outside, by topic, as MQTT has them.

A plugin asks `ctx.connect(url)` for a link. Which library speaks the protocol is the business of
the plugin that registers the URL's scheme (`hub_link_factories`). In virtual time every URL is
served by `LoopbackLink`, so the same payload bytes are formatted and parsed without a broker.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from hub.topics import matches, split_filter

#: Of so many topics a loopback link remembers who wants them.
MAX_ROUTES = 100_000

log = logging.getLogger("hub.link")

#: Receives one message on the hub's loop; must not block.
LinkHandler = Callable[["LinkMessage"], None]


class LinkMessage(NamedTuple):
    """A message that arrived; `retained` tells a stored one from a live one."""

    topic: str
    payload: bytes
    retained: bool = False


@dataclass(frozen=True, slots=True)
class LinkOptions:
    """How to connect. `will` is published by the other side if this one vanishes, retained."""

    url: str
    client_id: str
    username: str | None = None
    password: str | None = None
    will_topic: str | None = None
    will_payload: bytes = b""
    keepalive_s: int = 30


class Link(ABC):
    """A connection that comes and goes by itself; subscriptions survive that.

    Handlers and callbacks run on the hub's event loop, guarded: one that raises is reported and
    costs only its own message.
    """

    @property
    @abstractmethod
    def connected(self) -> bool:
        """Whether messages can be expected to pass now."""

    @property
    @abstractmethod
    def problem(self) -> str | None:
        """Why the link is down, in words; None while it is up."""

    @abstractmethod
    async def publish(
        self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False
    ) -> None:
        """Hand a message over. While the link is down, messages are queued up to a bound and then
        the oldest is dropped and counted.
        """

    @abstractmethod
    def subscribe(self, topic_filter: str, handler: LinkHandler, *, qos: int = 0) -> None:
        """Call `handler` for every message that matches, now and after each reconnection."""

    @abstractmethod
    def on_change(self, callback: Callable[[bool], None]) -> None:
        """Call `callback(connected)` whenever the link goes up or down."""

    @abstractmethod
    async def close(self) -> None:
        """Disconnect cleanly. Idempotent."""


LinkFactory = Callable[[LinkOptions], Link]


class LoopbackNet:
    """The in-memory other side for all loopback links of one hub, one namespace per URL."""

    def __init__(self) -> None:
        self._brokers: dict[str, LoopbackBroker] = {}

    def connect(self, options: LinkOptions) -> LoopbackLink:
        broker = self._brokers.setdefault(options.url, LoopbackBroker(options.url))
        return LoopbackLink(broker)


class LoopbackBroker:
    """What a broker is to its clients: it knows who wants which topic, and what was retained."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.retained: dict[str, bytes] = {}
        self._wishes: list[tuple[LoopbackLink, tuple[str, ...], LinkHandler]] = []
        self._routes: dict[str, dict[LoopbackLink, list[LinkHandler]]] = {}

    def subscribe(self, link: LoopbackLink, parts: tuple[str, ...], handler: LinkHandler) -> None:
        self._wishes.append((link, parts, handler))
        self._routes.clear()

    def forget(self, link: LoopbackLink) -> None:
        self._wishes = [wish for wish in self._wishes if wish[0] is not link]
        self._routes.clear()

    def deliver(self, message: LinkMessage, retain: bool) -> None:
        """Hand a message to those who are subscribed now; it reaches them a turn later."""
        topic = message.topic
        if retain:
            self.retained[topic] = message.payload
            if not message.payload:
                del self.retained[topic]
        route = self._routes.get(topic)
        if route is None:
            if len(self._routes) >= MAX_ROUTES:
                self._routes.clear()
            route = self._routes[topic] = {}
            for link, parts, handler in self._wishes:
                if matches(parts, topic):
                    route.setdefault(link, []).append(handler)
        for link, handlers in route.items():
            link.receive(message, handlers)


class LoopbackLink(Link):
    """A link that is always up. Messages arrive in order, in a later turn of the loop."""

    def __init__(self, broker: LoopbackBroker) -> None:
        self._broker = broker
        self._inbox: deque[tuple[LinkMessage, list[LinkHandler]]] = deque()
        self._loop = asyncio.get_running_loop()
        self._closed = False

    @property
    def connected(self) -> bool:
        return not self._closed

    @property
    def problem(self) -> str | None:
        return "closed" if self._closed else None

    async def publish(
        self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False
    ) -> None:
        self._broker.deliver(LinkMessage(topic, payload), retain)

    def subscribe(self, topic_filter: str, handler: LinkHandler, *, qos: int = 0) -> None:
        parts = split_filter(topic_filter)
        self._broker.subscribe(self, parts, handler)
        for topic, payload in self._broker.retained.items():
            if matches(parts, topic):
                kept = LinkMessage(topic, payload, retained=True)
                self._loop.call_soon(self._hand_over, kept, [handler])

    def on_change(self, callback: Callable[[bool], None]) -> None:
        self._loop.call_soon(callback, True)

    async def close(self) -> None:
        self._closed = True
        self._broker.forget(self)

    def receive(self, message: LinkMessage, handlers: list[LinkHandler]) -> None:
        """Take a message in for some of this link's handlers."""
        if not self._inbox:
            self._loop.call_soon(self._drain)
        self._inbox.append((message, handlers))

    def _drain(self) -> None:
        while self._inbox:
            self._hand_over(*self._inbox.popleft())

    def _hand_over(self, message: LinkMessage, handlers: list[LinkHandler]) -> None:
        for handler in handlers:
            if self._closed:
                return
            try:
                handler(message)
            except (Exception, SystemExit) as error:
                log.error(
                    "%s: handler of %r raised", self._broker.url, message.topic, exc_info=error
                )
