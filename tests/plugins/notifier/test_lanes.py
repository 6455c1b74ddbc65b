"""Lanes in virtual time, with channels that answer as told."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

from hub.testing import in_virtual_time
from plugins.notifier.lanes import Attempt, Delivery, Lanes
from plugins.notifier.message import Outgoing
from plugins.notifier.outcome import SENT, Fate, Outcome, give_up, retry

T = TypeVar("T")
AT = datetime(2026, 6, 21, tzinfo=UTC)


class Told:
    """A channel that answers each audience from its list, then with SENT; keeps when it sent."""

    name = "told"

    def __init__(self, answers: dict[str, list[Outcome]] | None = None, slow_s: float = 0.0):
        self.answers = answers or {}
        self.slow_s = slow_s
        self.sent: list[tuple[float, str, str]] = []

    def destination(self, audience: str) -> str | None:
        return audience

    def wait_s(self, destination: str) -> float:
        return 0.0

    async def send(self, message: Outgoing) -> Outcome:
        now = asyncio.get_running_loop().time()
        self.sent.append((round(now, 3), message.audience, message.id))
        if self.slow_s:
            await asyncio.sleep(self.slow_s)
        waiting = self.answers.get(message.audience)
        return waiting.pop(0) if waiting else SENT


class Desk:
    """Lanes with what they record and complain about."""

    def __init__(self, channel: Told, schedule: tuple[float, ...] = (1.0, 2.0, 5.0)):
        self.channel = channel
        self.records: list[tuple[str, str, str]] = []
        self.troubles: dict[tuple[str, str], str | None] = {}
        self.tasks: list[asyncio.Task[None]] = []
        self.lanes = Lanes(
            {"told": channel},
            spawn=self._spawn,
            record=self._record,
            trouble=self.troubles.__setitem__,
            schedule=schedule,
        )

    def _spawn(self, work: Awaitable[None], name: str) -> None:
        self.tasks.append(asyncio.ensure_future(work))

    async def _record(self, attempt: Attempt) -> None:
        await asyncio.sleep(0)
        self.records.append((attempt.delivery.message.id, attempt.status, attempt.reason))

    def put(self, message_id: str, audience: str = "a", expires_at: float = 1e9) -> None:
        message = Outgoing(message_id, audience, "test", "t", "t", "info", AT)
        self.lanes.add(Delivery(message, "told", expires_at))


def run(program: Callable[[], Awaitable[T]]) -> T:
    return in_virtual_time(program)


def test_retries_follow_the_schedule_and_keep_the_order():
    async def program() -> Desk:
        desk = Desk(Told({"a": [retry("no")] * 4}))
        desk.put("m1")
        desk.put("m2")
        await asyncio.sleep(60)
        return desk

    desk = run(program)
    # The second message kicks once, but not earlier than the shortest pause.
    assert desk.channel.sent == [
        (0, "a", "m1"), (1, "a", "m1"), (3, "a", "m1"), (8, "a", "m1"), (13, "a", "m1"),
        (13, "a", "m2"),
    ]  # fmt: skip
    assert [(i, s) for i, s, _ in desk.records] == [("m1", "pending")] * 4 + [
        ("m1", "sent"),
        ("m2", "sent"),
    ]
    assert desk.troubles == {("told", "a"): None}
    assert desk.lanes.backlog == 0


def test_destinations_do_not_wait_for_each_other():
    async def program() -> Desk:
        desk = Desk(Told({"bad": [retry("no")] * 100}))
        desk.put("m1", "bad")
        desk.put("m2", "good")
        await asyncio.sleep(0.5)
        return desk

    assert [(i, s) for i, s, _ in run(program).records] == [("m1", "pending"), ("m2", "sent")]


def test_a_pause_that_was_asked_for_is_never_shortened():
    async def program() -> Desk:
        desk = Desk(Told({"a": [retry("busy", 30.0)]}))
        desk.put("m1")
        await asyncio.sleep(10)
        desk.put("m2")
        await asyncio.sleep(100)
        return desk

    assert [at for at, *_ in run(program).channel.sent] == [0, 30, 30]


def test_news_bring_the_next_attempt_forward():
    async def program() -> Desk:
        desk = Desk(Told({"a": [retry("no")] * 2}), schedule=(1.0, 3600.0))
        desk.put("m1")
        await asyncio.sleep(100)
        desk.put("m2")
        await asyncio.sleep(1)
        return desk

    assert [at for at, *_ in run(program).channel.sent] == [0, 1, 100, 100]


def test_the_first_success_wakes_the_other_lanes():
    async def program() -> Desk:
        answers = {str(i): [retry("away")] * 2 for i in range(50)}
        desk = Desk(Told(answers), schedule=(1.0, 3600.0))
        for i in range(50):
            desk.put(f"m{i}", str(i))
        await asyncio.sleep(100)
        desk.put("news", "another")
        await asyncio.sleep(2)
        return desk

    desk = run(program)
    assert {i for i, status, _ in desk.records if status == "sent"} == {
        "news",
        *(f"m{i}" for i in range(50)),
    }


def test_a_message_that_is_refused_makes_way_for_the_next():
    async def program() -> Desk:
        desk = Desk(Told({"a": [give_up("blocked")]}))
        desk.put("m1")
        desk.put("m2")
        await asyncio.sleep(1)
        return desk

    assert run(program).records == [("m1", "failed", "blocked"), ("m2", "sent", "")]


def test_a_channel_that_is_closed_takes_no_more():
    async def program() -> Desk:
        desk = Desk(Told({"a": [Outcome(Fate.CLOSE, "gone")]}))
        desk.put("m1")
        await asyncio.sleep(1)
        desk.put("m2", "b")
        await asyncio.sleep(1)
        return desk

    desk = run(program)
    assert desk.records == [("m1", "failed", "gone"), ("m2", "failed", "gone")]
    assert len(desk.channel.sent) == 1


def test_nothing_is_tried_for_ever():
    async def program() -> Desk:
        desk = Desk(Told({"a": [retry("no")] * 1000}))
        desk.put("m1", expires_at=20.0)
        await asyncio.sleep(100)
        return desk

    desk = run(program)
    assert desk.records[-1] == ("m1", "failed", "tried for too long")
    assert desk.channel.sent[-1][0] < 25


def test_a_thousand_destinations_go_out_side_by_side_but_not_all_at_once():
    async def program() -> Desk:
        desk = Desk(Told(slow_s=1.0))
        for i in range(1000):
            desk.put(f"m{i}", str(i))
        await asyncio.sleep(60)
        return desk

    desk = run(program)
    assert len(desk.records) == 1000
    started = [at for at, *_ in desk.channel.sent]
    assert max(started.count(at) for at in set(started)) == 32
    assert max(started) <= 32
