"""Telegrams and batch subscriptions: whole or split, order, conflation, isolation, pressure."""

import asyncio
import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import subscription
from hub.bus import Bus
from hub.messages import (
    Alarm,
    Message,
    Quality,
    Reading,
    ReadingBatch,
    Severity,
    Telegram,
    telegrams,
)
from hub.testing import in_virtual_time

NOW = datetime(2026, 6, 1, tzinfo=UTC)
QUANTITIES = ("voltage", "power")


def telegram(
    device: str = "house1",
    volts: float = 240.0,
    watts: float = 1000.0,
    quantities: tuple[str, ...] = QUANTITIES,
) -> Telegram:
    return Telegram(device, quantities, (volts, watts), NOW)


def alarm(number: int) -> Alarm:
    return Alarm("outage", f"house{number}", Severity.CRITICAL, NOW, "no supply")


async def settle() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def test_a_telegram_comes_whole_to_batches_and_in_readings_to_others():
    bus = Bus(lambda: NOW)
    whole: list[Message] = []
    volts: list[Reading] = []
    all_single: list[Reading] = []
    nothing: list[Message] = []
    bus.subscribe_batches(("reading/+/voltage", "reading/+/power"), whole.extend)
    bus.subscribe("reading/house1/voltage", volts.append)
    bus.subscribe("#", all_single.append)
    bus.subscribe_batches(("reading/+/current", "alarm/#"), nothing.extend)
    sent = telegram()
    bus.publish(sent)
    await settle()
    assert whole == [sent]
    assert volts == [Reading("house1", "voltage", 240.0, "V", NOW)]
    assert all_single == [*volts, Reading("house1", "power", 1000.0, "W", NOW)]
    assert nothing == []
    assert bus.published == 1
    await bus.close()


async def test_many_at_once_keep_their_order_among_other_messages():
    bus = Bus(lambda: NOW)
    got: list[Sequence[Message]] = []
    only_house2: list[Message] = []
    bus.subscribe_batches(("reading/#", "alarm/#"), got.append)
    bus.subscribe_batches(("reading/house2/power",), only_house2.extend)
    sent = [telegram("house1"), telegram("house2"), alarm(1), telegram("house3"), alarm(2)]
    bus.publish_all(sent)
    await settle()
    assert got == [sent]
    assert only_house2 == [sent[1]]
    assert bus.published == 5
    await bus.close()


async def test_a_lagging_batch_gets_the_newest_telegram_of_each_device_and_every_event():
    bus = Bus(lambda: NOW)
    got: list[Message] = []
    lagging = bus.subscribe_batches(("#",), got.extend)
    for watts in range(3):
        bus.publish_all([telegram("house1", watts=watts), telegram("house2", watts=watts)])
        bus.publish(alarm(watts))
    bus.publish_all([telegram("house1", watts=3), telegram("house1", watts=4)])
    bus.publish(telegram("house1", quantities=("voltage", "reactive_power")))
    await settle()
    newest = [(m.device, m.quantities[1], m.values[1]) for m in got if isinstance(m, Telegram)]
    assert newest == [
        ("house1", "power", 4),
        ("house2", "power", 2),
        ("house1", "reactive_power", 1000.0),
    ]
    assert [m.subject for m in got if isinstance(m, Alarm)] == ["house0", "house1", "house2"]
    assert lagging.counters.conflated == 6
    assert lagging.counters.delivered == len(got)
    await bus.close()


async def test_a_raising_batch_handler_costs_its_own_batch_only():
    bus = Bus(lambda: NOW)
    errors: list[BaseException] = []
    got: list[Message] = []
    healthy: list[Message] = []

    def fragile(messages: Sequence[Message]) -> None:
        if any(m.topic == "alarm/outage/house1" for m in messages):
            raise ValueError("broken")
        got.extend(messages)

    broken = bus.subscribe_batches(("#",), fragile, on_error=errors.append)
    bus.subscribe_batches(("#",), healthy.extend)
    for number in range(3):
        bus.publish_all([telegram(), alarm(number)])
        await settle()
    assert [m.topic for m in got] == [
        "reading/house1", "alarm/outage/house0", "reading/house1", "alarm/outage/house2",
    ]  # fmt: skip
    assert len(healthy) == 6
    assert [str(error) for error in errors] == ["broken"]
    assert broken.counters.errors == 1
    await bus.close()


async def test_what_waits_is_handed_over_in_parts_and_others_get_their_turn(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(subscription, "MOST_AT_ONCE", 10)
    bus = Bus(lambda: NOW)
    turns: list[tuple[str, int]] = []
    bus.subscribe_batches(("alarm/#",), lambda messages: turns.append(("first", len(messages))))
    bus.subscribe_batches(("alarm/#",), lambda messages: turns.append(("second", len(messages))))
    bus.publish_all([alarm(number) for number in range(25)])
    await settle()
    assert turns == [(who, n) for n in (10, 10, 5) for who in ("first", "second")]
    await bus.close()


def test_a_slow_batch_handler_delays_nobody_and_loses_no_event():
    async def program() -> tuple[list[int], int, int]:
        bus = Bus(lambda: NOW)
        slow: list[int] = []
        fast: list[Message] = []

        async def handler(messages: Sequence[Message]) -> None:
            slow.append(len(messages))
            await asyncio.sleep(60)

        lagging = bus.subscribe_batches(("#",), handler)
        bus.subscribe_batches(("#",), fast.extend)
        for number in range(10):
            bus.publish_all([telegram(watts=number), alarm(number)])
            await asyncio.sleep(1)
        backlog = lagging.backlog
        early = len(fast)
        await asyncio.sleep(600)
        await bus.close()
        return slow, backlog, early

    # The first two at once; of what came meanwhile the newest telegram and nine alarms.
    assert in_virtual_time(program) == ([2, 10], 10, 20)


async def test_a_telegram_is_the_last_of_each_of_its_quantities():
    now = NOW
    bus = Bus(lambda: now, stale_after_s=10)
    bus.publish(telegram(watts=1.0))
    bus.publish(Reading("house1", "power", 2.0, "W", NOW, Quality.ESTIMATED))
    bus.publish_all([telegram("house2", watts=3.0)])
    now = NOW + timedelta(seconds=4)
    volts, watts = bus.last("reading/house1/voltage"), bus.last("reading/house1/power")
    assert volts is not None
    assert watts is not None
    assert volts.message == Reading("house1", "voltage", 240.0, "V", NOW)
    assert (volts.age_s, volts.stale) == (4.0, False)
    assert watts.message == Reading("house1", "power", 2.0, "W", NOW, Quality.ESTIMATED)
    found = bus.last_matching("reading/+/power")
    assert {topic: last.message.value for topic, last in found.items()} == {
        "reading/house1/power": 2.0,
        "reading/house2/power": 3.0,
    }
    await bus.close()


async def test_whoever_spoke_last_of_a_quantity_has_the_last_word():
    bus = Bus(lambda: NOW)
    topics = ["reading/house1/voltage", "reading/house1/power"]
    for number in range(3):
        bus.publish(telegram(watts=number))
        assert bus.last_values(topics) == [240.0, number]
        bus.publish(Reading("house1", "power", 10.0 + number, "W", NOW))
        assert bus.last_values(topics) == [240.0, 10.0 + number]
        bus.publish(Telegram("house1", ("power",), (20.0 + number,), NOW))
        assert bus.last_values(topics) == [240.0, 20.0 + number]
        bus.publish(ReadingBatch("m", "voltage", "V", ("house0", "house1"), (1.0, 2.0), NOW))
        assert bus.last_values(topics) == [2.0, 20.0 + number]
    await bus.close()


async def test_last_values_are_those_of_fresh_and_good_readings():
    now = NOW
    bus = Bus(lambda: now, stale_after_s=10)
    bus.publish(telegram(watts=1.0))
    bus.publish(ReadingBatch("m", "tap", "1", ("r1", "r2"), (3, 4), NOW))
    bus.publish(Reading("house2", "power", 5.0, "W", NOW))
    bus.publish(Telegram("house3", ("power",), (6.0,), NOW, Quality.BAD))
    bus.publish(Telegram("house4", ("power",), (7.0,), NOW - timedelta(seconds=8)))
    topics = [f"reading/{name}" for name in (
        "house1/power", "r2/tap", "house2/power", "house3/power", "house4/power", "house5/power",
    )]  # fmt: skip
    topics.append("readings/m/tap")
    assert bus.last_values(topics) == [1.0, 4.0, 5.0, None, 7.0, None, None]
    assert bus.last_values(topics, stale_after_s=7) == [1.0, 4.0, 5.0, None, None, None, None]
    now = NOW + timedelta(seconds=10)
    assert bus.last_values(topics) == [1.0, 4.0, 5.0, None, None, None, None]
    now += timedelta(seconds=0.1)
    assert bus.last_values(topics) == [None] * 7
    await bus.close()


@pytest.mark.parametrize(
    "bad",
    [
        Telegram("house1", ("power",), (math.nan,), NOW),
        Telegram("house1", QUANTITIES, (math.inf, -math.inf), NOW),
        Telegram("house1", QUANTITIES, (1.0,), NOW),
        Telegram("house1", ("power",), ("12",), NOW),  # type: ignore[arg-type]
        Telegram("house1", ("mood",), (1.0,), NOW),
        Telegram("house1", ["power"], (1.0,), NOW),  # type: ignore[arg-type]
    ],
)
async def test_what_is_no_number_of_a_known_quantity_is_refused_and_costs_nobody_else(
    bad: Telegram,
):
    bus = Bus(lambda: NOW)
    got: list[Message] = []
    bus.subscribe_batches(("#",), got.extend)
    good = [telegram("house2"), telegram("house3")]
    bus.publish_all([good[0], bad, good[1]])
    await settle()
    assert got == good
    assert bus.refused == {"reading/house1": 1}
    assert bus.last("reading/house1/power") is None
    await bus.close()


async def test_a_batch_of_one_quantity_comes_whole_if_any_reading_in_it_is_wanted():
    bus = Bus(lambda: NOW)
    by_reading: list[Message] = []
    by_batch: list[Message] = []
    single: list[Reading] = []
    bus.subscribe_batches(("reading/b/power",), by_reading.extend)
    bus.subscribe_batches(("#",), by_batch.extend)
    bus.subscribe("reading/b/+", single.append)
    sent = ReadingBatch("meters", "power", "W", ("a", "b"), (1.0, 2.0), NOW)
    moved = ReadingBatch("meters", "power", "W", ("b", "c"), (3.0, 4.0), NOW)
    for batch in (sent, moved):
        bus.publish(batch)
        await settle()
    assert by_reading == by_batch == [sent, moved]
    assert [r.value for r in single] == [2.0, 3.0]
    assert bus.last("reading/a/power").message.value == 1.0  # type: ignore[union-attr]
    assert bus.last("reading/c/power").message.value == 4.0  # type: ignore[union-attr]
    assert bus.last("readings/meters/power").message is moved  # type: ignore[union-attr]
    await bus.close()


async def test_a_subscription_that_is_closed_gets_nothing_more():
    bus = Bus(lambda: NOW)
    got: list[Message] = []
    subscribed = bus.subscribe_batches(("#",), got.extend)
    bus.publish(telegram())
    subscribed.close()
    bus.publish(telegram())
    await settle()
    assert got == []
    assert bus.subscriptions == ()


def test_measurements_of_any_form_can_be_taken_as_telegrams():
    messages = [
        telegram(),
        alarm(1),
        Reading("a", "power", 1.0, "W", NOW, Quality.ESTIMATED, "cause"),
        ReadingBatch("m", "power", "W", ("b", "c"), (2, 3), NOW, Quality.BAD),
    ]
    assert list(telegrams(messages)) == [
        telegram(),
        Telegram("a", ("power",), (1.0,), NOW, Quality.ESTIMATED, "cause"),
        Telegram("b", ("power",), (2.0,), NOW, Quality.BAD),
        Telegram("c", ("power",), (3.0,), NOW, Quality.BAD),
    ]
    assert (telegram().get("power"), telegram().get("current")) == (1000.0, None)


@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9), st.booleans()), max_size=9),
        max_size=9,
    )
)
def test_whole_and_single_subscribers_see_the_same(sent: list[list[tuple[str, int, bool]]]):
    async def program() -> None:
        bus = Bus(lambda: NOW)
        whole: list[Message] = []
        single: list[Message] = []
        bus.subscribe_batches(("#",), whole.extend)
        bus.subscribe("#", single.append)
        for burst in sent:
            bus.publish_all([alarm(n) if event else telegram(d, n) for d, n, event in burst])
        await asyncio.sleep(1)
        split = [
            part
            for message in whole
            for part in (
                [message.reading(0), message.reading(1)]
                if isinstance(message, Telegram)
                else [message]
            )
        ]
        assert split == single
        await bus.close()

    in_virtual_time(program)
