"""A connection to a broker on a thread of its own, kept up by itself.

The thread drives paho's client, so that the hub's loop never waits for a socket. What happens is
put in an inbox; the owner is woken once, however many events wait there. paho's own thread
functions are not used: an exception in a callback ends them silently while `is_connected()` stays
True, and they cannot say why a connection fails.
"""

from __future__ import annotations

import logging
import random
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from .address import Address
from .explain import explain, explain_refusal
from .outbox import Outbox, Outgoing

#: Messages that may wait for the owner; beyond it new ones are dropped and counted.
MAX_INCOMING = 100_000
FIRST_DELAY_S = 1.0
MAX_DELAY_S = 60.0
CONNECT_TIMEOUT_S = 5.0
#: Longest time to an answer to CONNECT, once the socket is open.
GREETING_TIMEOUT_S = 10.0
#: Longest wait in one turn of the network thread; a tenth of the keepalive if that is shorter, for
#: it bounds how late silence is noticed.
TURN_S = 1.0

#: Of the system: a thread that draws from Python's own generator disturbs all who seeded that.
_CHANCE = random.SystemRandom()

log = logging.getLogger("hub.mqtt")


class Arrived(NamedTuple):
    """A message from the broker."""

    topic: str
    payload: bytes
    retained: bool


@dataclass(frozen=True, slots=True)
class Up:
    """The broker has accepted the connection and the subscriptions are sent."""


@dataclass(frozen=True, slots=True)
class Down:
    """There is no connection; `problem` is the reason in words."""

    problem: str


Event = Arrived | Up | Down


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes, retained, when this side vanishes."""

    topic: str
    payload: bytes


class Session:
    """One client of one broker. `start` and `close` are called once each.

    `wake` is called on the network thread when events wait for `take`; it must not block.
    Raises ValueError if a file of the address cannot be used for TLS.
    """

    def __init__(
        self,
        address: Address,
        *,
        client_id: str,
        keepalive_s: int,
        will: Will | None,
        wake: Callable[[], None],
    ) -> None:
        self.address = address
        self._dropped_in = 0
        self._wake = wake
        self._woken = False
        self._keepalive_s = keepalive_s
        self._lock = threading.Lock()
        self._inbox: deque[Event] = deque()
        self._outbox = Outbox(self._send)
        self._filters: dict[str, int] = {}
        self._up = False
        self._end: str | None = None
        self._told: str | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"mqtt {client_id}", daemon=True)
        self._client = self._make_client(client_id, will)

    def _make_client(self, client_id: str, will: Will | None) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id, protocol=MQTTProtocolVersion.MQTTv311
        )
        client.suppress_exceptions = True
        client.connect_timeout = CONNECT_TIMEOUT_S
        if self.address.username is not None:
            client.username_pw_set(self.address.username, self.address.password)
        if will is not None:
            client.will_set(will.topic, will.payload, qos=1, retain=True)
        if self.address.tls:
            try:
                client.tls_set(
                    ca_certs=self.address.ca_file,
                    certfile=self.address.cert_file,
                    keyfile=self.address.key_file,
                )
            except (OSError, ssl.SSLError, ValueError) as error:
                raise ValueError(f"broker address: TLS files cannot be used: {error}") from error
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        # Without it, paho would write to the socket on the caller's thread, beside ours.
        client.on_socket_register_write = lambda *_: None
        return client

    @property
    def alive(self) -> bool:
        """Whether the network thread runs; only then do `Up` and `Down` mean anything."""
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Ask the thread to say goodbye and end; returns at once."""
        self._closing.set()
        self._client.disconnect()

    def join(self, timeout_s: float) -> None:
        """Wait for the thread's end."""
        self._thread.join(timeout_s)

    @property
    def dropped(self) -> int:
        """Messages lost on this side because a queue was full, both ways."""
        return self._dropped_in + self._outbox.dropped

    def publish(self, message: Outgoing) -> None:
        """Queue a message; the oldest one waiting is dropped if there are too many."""
        self._outbox.put(message)

    def subscribe(self, topic_filter: str, qos: int) -> None:
        """Subscribe now, if connected, and after each connection."""
        with self._lock:
            qos = max(qos, self._filters.get(topic_filter, 0))
            self._filters[topic_filter] = qos
            up = self._up
        if up:
            self._client.subscribe(topic_filter, qos)

    def take(self, limit: int) -> list[Event]:
        """Return what happened, in order, at most `limit` events."""
        return [self._inbox.popleft() for _ in range(min(limit, len(self._inbox)))]

    def more(self) -> bool:
        """Return whether events wait; if not, the owner is woken when one comes."""
        if not self._inbox:
            self._woken = False
            # One may have come before that line was reached, and not have woken anybody.
            self._woken = bool(self._inbox)
        return self._woken

    # -- the network thread --

    def _run(self) -> None:
        delay_s = FIRST_DELAY_S
        try:
            while not self._closing.is_set():
                served, problem = self._serve()
                if self._closing.is_set():
                    break
                self._tell_down(problem)
                if served:
                    delay_s = FIRST_DELAY_S
                # Chance spreads the return of many clients.
                self._closing.wait(delay_s * _CHANCE.uniform(0.8, 1.0))
                delay_s = min(MAX_DELAY_S, 2 * delay_s)
        finally:
            self._tell_down("closed" if self._closing.is_set() else "the network thread has ended")

    def _serve(self) -> tuple[bool, str]:
        """Connect and stay connected as long as it lasts; return whether it was and what ended it.

        Half the keepalive goes to paho, which asks for a sign of life after that time and waits
        as long again for it: silence is noticed within one keepalive.
        """
        self._end = None
        try:
            self._client.connect(
                self.address.host, self.address.port, keepalive=max(1, self._keepalive_s // 2)
            )
            self._loop()
        except OSError as error:
            self._end = explain(error, self.address)
        except Exception as error:
            # Whatever paho meets, the thread lives on and tries again.
            log.exception("unexpected error on the connection to %s", self.address)
            self._end = f"{type(error).__name__} on the connection to {self.address}: {error}"
        finally:
            self._close_socket()
        served = self._forget_up()
        if self._end is not None:
            return served, self._end
        if not served:
            return False, f"no answer from {self.address}: is that an MQTT broker?"
        return True, f"connection to {self.address} lost"

    def _loop(self) -> None:
        """Serve the socket until it is gone."""
        greeted_by = time.monotonic() + GREETING_TIMEOUT_S
        turn_s = min(TURN_S, self._keepalive_s / 10)
        while self._client.loop(turn_s) == MQTTErrorCode.MQTT_ERR_SUCCESS:
            if not self._up and (self._closing.is_set() or time.monotonic() > greeted_by):
                return

    def _close_socket(self) -> None:
        open_socket = self._client.socket()
        if open_socket is not None:
            open_socket.close()

    def _forget_up(self) -> bool:
        with self._lock:
            was_up, self._up = self._up, False
        self._outbox.closed()
        return was_up

    def _post(self, event: Event) -> None:
        # Never `Up` or `Down`: the owner would not know how things are.
        if len(self._inbox) >= MAX_INCOMING and isinstance(event, Arrived):
            self._dropped_in += 1
            return
        self._inbox.append(event)
        if not self._woken:
            self._woken = True
            self._wake()

    def _tell_down(self, problem: str) -> None:
        self._forget_up()
        if problem != self._told:
            self._told = problem
            self._post(Down(problem))

    def _send(self, message: Outgoing) -> bool:
        sent = self._client.publish(*message)
        # paho keeps a message of QoS 1 for the next connection, and forgets one of QoS 0.
        return message.qos > 0 or sent.rc != MQTTErrorCode.MQTT_ERR_NO_CONN

    # -- paho's callbacks, on the network thread --

    def _on_connect(
        self,
        client: mqtt.Client,
        _userdata: object,
        _flags: mqtt.ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._end = explain_refusal(str(reason), self.address)
            return
        with self._lock:
            filters = list(self._filters.items())
            self._up = True
        if filters:
            client.subscribe(filters)
        self._told = None
        self._post(Up())
        self._outbox.opened()

    def _on_disconnect(
        self,
        _client: mqtt.Client,
        _userdata: object,
        _flags: mqtt.DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if str(reason) == "Keep alive timeout":
            self._end = f"no sign of life from {self.address} for {self._keepalive_s} s"

    def _on_message(
        self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage
    ) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            # Not allowed by MQTT; what cannot be named cannot be delivered.
            self._dropped_in += 1
            return
        self._post(Arrived(topic, bytes(message.payload), message.retain))

    def _on_publish(
        self,
        _client: mqtt.Client,
        _userdata: object,
        _mid: int,
        _reason: ReasonCode,
        _properties: Properties,
    ) -> None:
        self._outbox.written()

    def _on_subscribe(
        self,
        _client: mqtt.Client,
        _userdata: object,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties,
    ) -> None:
        refused = sum(reason.is_failure for reason in reasons)
        if refused:
            log.warning("%s refused %d of %d subscriptions", self.address, refused, len(reasons))
