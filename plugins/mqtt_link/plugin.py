"""Links of the schemes mqtt and mqtts: brings the network thread's events onto the hub's loop."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

from hub.api import (
    ConfigProblemError,
    Link,
    LinkFactory,
    LinkHandler,
    LinkMessage,
    LinkOptions,
    hookimpl,
)

from .address import parse_address
from .dispatch import Dispatch, check_topic
from .outbox import Outgoing
from .session import Arrived, Down, Session, Up, Will

#: Events taken from the network thread in one turn of the loop, so that a flood never stalls it.
TURN_EVENTS = 200
#: How long `close` waits for a clean goodbye.
CLOSE_S = 2.0
#: A raising handler is reported once in this time.
REPORT_EVERY_S = 60.0

log = logging.getLogger("hub.mqtt")


class MqttLink(Link):
    """A connection to an MQTT broker that comes and goes by itself. Needs a running loop."""

    def __init__(self, options: LinkOptions) -> None:
        try:
            address = parse_address(options.url)
            if options.username is not None:
                address = address.with_login(options.username, options.password)
            will = None
            if options.will_topic is not None:
                check_topic(options.will_topic)
                will = Will(options.will_topic, options.will_payload)
            self._session = Session(
                address,
                client_id=options.client_id,
                keepalive_s=address.keepalive_s or options.keepalive_s,
                will=will,
                wake=self._wake,
            )
        except ValueError as error:
            raise ConfigProblemError(str(error)) from error
        self._loop = asyncio.get_running_loop()
        self._up = False
        self._problem: str | None = f"not yet connected to {address}"
        self._dispatch: Dispatch[LinkHandler] = Dispatch()
        self._callbacks: list[Callable[[bool], None]] = []
        self._closed = False
        self._reported_at = -REPORT_EVERY_S
        self._session.start()

    @property
    def connected(self) -> bool:
        return self._up and self._session.alive

    @property
    def problem(self) -> str | None:
        if self._up and not self._session.alive:
            return "the network thread has ended"
        return self._problem

    @property
    def dropped(self) -> int:
        """Messages lost on this side because a queue was full, both ways."""
        return self._session.dropped

    async def publish(
        self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False
    ) -> None:
        """See `Link.publish`; ValueError if the topic has a wildcard or is no topic at all."""
        check_topic(topic)
        if not self._closed:
            self._session.publish(Outgoing(topic, payload, qos, retain))

    def subscribe(self, topic_filter: str, handler: LinkHandler, *, qos: int = 0) -> None:
        self._dispatch.add(topic_filter, handler)
        self._session.subscribe(topic_filter, qos)

    def on_change(self, callback: Callable[[bool], None]) -> None:
        self._callbacks.append(callback)
        if self._up:
            self._loop.call_soon(self._guarded, callback, True)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._session.close()
        await self._loop.run_in_executor(None, self._session.join, CLOSE_S)
        self._up, self._problem = False, "closed"

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._drain)
        except RuntimeError:
            # The loop is closed: the hub has ended before this thread.
            return

    def _drain(self) -> None:
        for event in self._session.take(TURN_EVENTS):
            if self._closed:
                return
            match event:
                case Arrived(topic, payload, retained):
                    message = LinkMessage(topic, payload, retained)
                    for handler in self._dispatch.find(topic):
                        self._guarded(handler, message)
                case Up():
                    self._changed(True, None)
                case Down(problem):
                    self._changed(False, problem)
        if self._session.more():
            self._loop.call_soon(self._drain)

    def _changed(self, up: bool, problem: str | None) -> None:
        changed, self._up, self._problem = up is not self._up, up, problem
        if changed:
            for callback in tuple(self._callbacks):
                self._guarded(callback, up)

    def _guarded(self, function: Callable[..., None], argument: object) -> None:
        try:
            function(argument)
        except Exception:
            now = time.monotonic()
            if now - self._reported_at >= REPORT_EVERY_S:
                self._reported_at = now
                log.exception("a handler of %s raised", self._session.address)


@hookimpl
def hub_link_factories() -> Mapping[str, LinkFactory]:
    """Provide MQTT, plain and over TLS."""
    return {"mqtt": MqttLink, "mqtts": MqttLink}
