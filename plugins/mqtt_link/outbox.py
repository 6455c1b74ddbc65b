"""Messages on their way out: how many may wait, how many may be under way, in which order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

#: Messages that may wait; beyond it the oldest is dropped and counted.
MAX_WAITING = 1_000
#: Messages handed over and not yet written to the socket.
MAX_UNDER_WAY = 500


class Outgoing(NamedTuple):
    """A message to publish."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


class Outbox:
    """A bounded queue between the owner's thread and the network thread; both may call anything.

    `send` hands a message over and returns False if there is no connection after all. It is called
    by one thread at a time, so that order is kept.
    """

    def __init__(self, send: Callable[[Outgoing], bool]) -> None:
        self.dropped = 0
        self._send = send
        self._lock = threading.Lock()
        self._waiting: deque[Outgoing] = deque()
        self._under_way = 0
        self._open = False
        self._sending = False

    def put(self, message: Outgoing) -> None:
        """Queue a message, and send what can be sent."""
        with self._lock:
            if len(self._waiting) >= MAX_WAITING:
                self._waiting.popleft()
                self.dropped += 1
            self._waiting.append(message)
        self._flush()

    def opened(self) -> None:
        """There is a connection."""
        with self._lock:
            self._open, self._under_way = True, 0
        self._flush()

    def closed(self) -> None:
        """There is none."""
        with self._lock:
            self._open = False

    def written(self) -> None:
        """One message has left."""
        with self._lock:
            # Those of an earlier connection may come late.
            self._under_way = max(0, self._under_way - 1)
        self._flush()

    def _flush(self) -> None:
        with self._lock:
            if self._sending:
                # The other thread sees in its next turn what made us come here.
                return
            self._sending = True
        try:
            while (message := self._next()) is not None:
                if not self._send(message):
                    with self._lock:
                        self._open = False
                        self._waiting.appendleft(message)
        except BaseException:
            with self._lock:
                self._sending = False
            raise

    def _next(self) -> Outgoing | None:
        """Take the next message to send; None ends the turn of the thread that sends."""
        with self._lock:
            if not self._open or not self._waiting or self._under_way >= MAX_UNDER_WAY:
                self._sending = False
                return None
            self._under_way += 1
            return self._waiting.popleft()
