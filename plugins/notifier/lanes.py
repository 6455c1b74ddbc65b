"""Lanes: one per channel and destination, so that nobody waits for anybody else.

In a lane messages keep their order, and a failing one is tried again before the next. Lanes do not
know each other: a hanging or refusing destination delays only itself. The first success on a
channel wakes its other lanes, so a backlog drains as soon as the far side is back.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from .channels import Channel
from .message import Outgoing
from .outbox import FAILED, PENDING, SENT
from .outcome import RETRY_S, Fate, Outcome, delay_s

#: Requests under way at once per channel.
AT_ONCE = 32


@dataclass(slots=True)
class Delivery:
    """One message on one channel. Times are in seconds of the loop's clock."""

    message: Outgoing
    channel: str
    expires_at: float
    attempts: int = 0
    due_at: float = 0.0
    not_before: float = 0.0
    """A kick brings the next attempt forward to here: the pause that the other side asked for, or
    the shortest of our own."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What to write down: the new status of a delivery, and in how many seconds it goes again."""

    delivery: Delivery
    status: str
    reason: str = ""
    again_in_s: float | None = None


@dataclass(slots=True)
class _Lane:
    destination: str
    waiting: deque[Delivery] = field(default_factory=deque)
    kick: asyncio.Event = field(default_factory=asyncio.Event)


class Lanes:
    """Sends deliveries. `record` writes attempts down, `trouble` hears how each
    lane (channel and destination) fares: why it fails, or None once it works."""

    def __init__(
        self,
        channels: Mapping[str, Channel],
        *,
        spawn: Callable[[Awaitable[None], str], object],
        record: Callable[[Attempt], Awaitable[None]],
        trouble: Callable[[tuple[str, str], str | None], None],
        schedule: tuple[float, ...] = RETRY_S,
    ) -> None:
        self._channels = channels
        self._spawn = spawn
        self._record = record
        self._trouble = trouble
        self._schedule = schedule
        self._lanes: dict[tuple[str, str], _Lane] = {}
        self._slots = {name: asyncio.Semaphore(AT_ONCE) for name in channels}
        self._closed: dict[str, str] = {}
        self._now = asyncio.get_running_loop().time

    @property
    def backlog(self) -> int:
        """How many deliveries wait or are under way."""
        return sum(len(lane.waiting) for lane in self._lanes.values())

    def add(self, delivery: Delivery) -> None:
        """Queue a delivery behind the others of its destination; returns at once."""
        destination = self._channels[delivery.channel].destination(delivery.message.audience)
        key = delivery.channel, destination or ""
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane(key[1])
            lane.waiting.append(delivery)
            self._spawn(self._run(key, lane), f"{delivery.channel} lane {len(self._lanes)}")
        else:
            lane.waiting.append(delivery)
            # News is a reason to try again now what has failed so far.
            lane.kick.set()

    async def _run(self, key: tuple[str, str], lane: _Lane) -> None:
        channel = self._channels[key[0]]
        while lane.waiting:
            delivery = lane.waiting[0]
            await self._until_due(lane, delivery)
            outcome = self._refusal(delivery)
            if outcome is None:
                wait_s = channel.wait_s(lane.destination)
                if wait_s > 0:
                    await asyncio.sleep(wait_s)
                async with self._slots[channel.name]:
                    outcome = await channel.send(delivery.message)
                delivery.attempts += 1
            attempt = self._settle(lane, delivery, outcome)
            await self._record(attempt)
        del self._lanes[key]

    def _refusal(self, delivery: Delivery) -> Outcome | None:
        closed = self._closed.get(delivery.channel)
        if closed is not None:
            return Outcome(Fate.GIVE_UP, closed)
        if delivery.attempts and self._now() >= delivery.expires_at:
            return Outcome(Fate.GIVE_UP, "tried for too long")
        return None

    def _settle(self, lane: _Lane, delivery: Delivery, outcome: Outcome) -> Attempt:
        name = delivery.channel
        key = name, lane.destination
        if outcome.fate is Fate.RETRY:
            pause_s = outcome.pause_s or 0.0
            again_s = max(pause_s, delay_s(delivery.attempts, self._schedule))
            delivery.not_before = self._now() + max(pause_s, self._schedule[0])
            delivery.due_at = self._now() + again_s
            self._trouble(key, outcome.reason)
            return Attempt(delivery, PENDING, outcome.reason, again_s)
        lane.waiting.popleft()
        if outcome.fate is Fate.SENT:
            self._trouble(key, None)
            self._kick_others(name, lane)
            return Attempt(delivery, SENT)
        if outcome.fate is Fate.CLOSE:
            self._closed[name] = outcome.reason
        self._trouble(key, outcome.reason)
        return Attempt(delivery, FAILED, outcome.reason)

    def _kick_others(self, channel: str, lane: _Lane) -> None:
        for (name, _), other in self._lanes.items():
            if name == channel and other is not lane:
                other.kick.set()

    async def _until_due(self, lane: _Lane, delivery: Delivery) -> None:
        while (left_s := delivery.due_at - self._now()) > 0:
            try:
                async with asyncio.timeout(left_s):
                    await lane.kick.wait()
            except TimeoutError:
                return
            lane.kick.clear()
            delivery.due_at = min(delivery.due_at, delivery.not_before)
