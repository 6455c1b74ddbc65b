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

from hub.topics import matches, split_filter

#: Of so many topics a loopback link remembers who wants them.
MAX_ROUTES = 100_000

log = logging.getLogger("hub.link")

#: Receives one message on the hub's loop; must not block.
LinkHandler = Callable[["LinkMessage"], None]


@dataclass(frozen=True, slots=True)
class LinkMessage:
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
        self._links: dict[str, list[LoopbackLink]] = {}
        self._retained: dict[str, dict[str, bytes]] = {}

    def connect(self, options: LinkOptions) -> LoopbackLink:
        link = LoopbackLink(self, options.url)
        self._links.setdefault(options.url, []).append(link)
        return link

    def deliver(self, url: str, message: LinkMessage, retain: bool) -> None:
        if retain:
            kept = self._retained.setdefault(url, {})
            kept[message.topic] = message.payload
            if not message.payload:
                del kept[message.topic]
        for link in self._links.get(url, ()):
            link.receive(message)

    def retained(self, url: str) -> dict[str, bytes]:
        return self._retained.get(url, {})

    def forget(self, url: str, link: LoopbackLink) -> None:
        links = self._links.get(url, [])
        if link in links:
            links.remove(link)


class LoopbackLink(Link):
    """A link that is always up. Messages arrive in order, in a later turn of the loop."""

    def __init__(self, net: LoopbackNet, url: str) -> None:
        self._net = net
        self._url = url
        self._handlers: list[tuple[tuple[str, ...], LinkHandler]] = []
        self._routes: dict[str, list[LinkHandler]] = {}
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
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 0,
        retain: bool = False,
    ) -> None:
        self._net.deliver(self._url, LinkMessage(topic, payload), retain)

    def subscribe(
        self,
        topic_filter: str,
        handler: LinkHandler,
        *,
        qos: int = 0,
    ) -> None:
        parts = split_filter(topic_filter)
        self._handlers.append((parts, handler))
        self._routes.clear()
        for topic, payload in self._net.retained(self._url).items():
            if matches(parts, topic):
                self._loop.call_soon(
                    self._call, handler, LinkMessage(topic, payload, retained=True)
                )

    def on_change(self, callback: Callable[[bool], None]) -> None:
        self._loop.call_soon(callback, True)

    async def close(self) -> None:
        self._closed = True
        self._net.forget(self._url, self)

    def receive(self, message: LinkMessage) -> None:
        """Take a message in for those who are subscribed now; it reaches them a turn later."""
        wanted = self._routes.get(message.topic)
        if wanted is None:
            if len(self._routes) >= MAX_ROUTES:
                self._routes.clear()
            wanted = [handler for parts, handler in self._handlers if matches(parts, message.topic)]
            self._routes[message.topic] = wanted
        if not wanted:
            return
        if not self._inbox:
            self._loop.call_soon(self._drain)
        self._inbox.append((message, wanted))

    def _drain(self) -> None:
        while self._inbox:
            message, wanted = self._inbox.popleft()
            for handler in wanted:
                self._call(handler, message)

    def _call(self, handler: LinkHandler, message: LinkMessage) -> None:
        if self._closed:
            return
        try:
            handler(message)
        except (Exception, SystemExit) as error:
            log.error("%s: handler of %r raised", self._url, message.topic, exc_info=error)
