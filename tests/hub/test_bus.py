"""The bus: order, conflation, isolation, last values, refusals."""

import asyncio
import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.bus import Bus
from hub.messages import Alarm, Message, Reading, ReadingBatch, Severity
from hub.testing import in_virtual_time

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def reading(device: str = "house1", value: float = 1.0, at: datetime = NOW) -> Reading:
    return Reading(device, "power", value, "W", at)


def alarm(number: int) -> Alarm:
    return Alarm("outage", f"house{number}", Severity.CRITICAL, NOW, "no supply")


async def settle() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def test_a_message_reaches_every_matching_subscriber_once():
    bus = Bus(lambda: NOW)
    got: dict[str, list[Message]] = {"exact": [], "plus": [], "hash": [], "other": []}
    bus.subscribe("reading/house1/power", got["exact"].append)
    bus.subscribe("reading/+/power", got["plus"].append)
    bus.subscribe("#", got["hash"].append)
    bus.subscribe("reading/+/voltage", got["other"].append)
    bus.publish(reading())
    await settle()
    assert [len(v) for v in got.values()] == [1, 1, 1, 0]
    await bus.close()


async def test_events_keep_their_order_and_are_never_dropped():
    bus = Bus(lambda: NOW)
    got: list[Message] = []
    bus.subscribe("alarm/#", got.append)
    sent = [alarm(i) for i in range(5_000)]
    for message in sent:
        bus.publish(message)
    await settle()
    assert got == sent
    await bus.close()


async def test_readings_conflate_per_topic_and_the_loss_is_counted():
    bus = Bus(lambda: NOW)
    got: list[Reading] = []
    subscription = bus.subscribe("reading/#", got.append)
    for value in range(10):
        bus.publish(reading("house1", value))
        bus.publish(reading("house2", -value))
    await settle()
    assert [(r.device, r.value) for r in got] == [("house1", 9), ("house2", -9)]
    assert subscription.counters.conflated == 18
    assert subscription.counters.delivered == 2
    await bus.close()


async def test_a_raising_handler_costs_its_own_message_only():
    bus = Bus(lambda: NOW)
    errors: list[Exception] = []
    got: list[Message] = []

    def fragile(message: Alarm) -> None:
        if message.subject == "house1":
            raise ValueError("broken")
        got.append(message)

    healthy: list[Message] = []
    bus.subscribe("alarm/#", fragile, on_error=errors.append)
    bus.subscribe("alarm/#", healthy.append)
    for number in range(3):
        bus.publish(alarm(number))
    await settle()
    assert [m.subject for m in got] == ["house0", "house2"]
    assert len(healthy) == 3
    assert str(errors[0]) == "broken"
    await bus.close()


def test_a_slow_subscriber_delays_nobody():
    async def program() -> tuple[int, int]:
        bus = Bus(lambda: NOW)
        slow: list[Message] = []
        fast: list[Message] = []

        async def handler(message: Message) -> None:
            await asyncio.sleep(60)
            slow.append(message)

        bus.subscribe("alarm/#", handler)
        bus.subscribe("alarm/#", fast.append)
        for number in range(10):
            bus.publish(alarm(number))
        await asyncio.sleep(1)
        early = (len(slow), len(fast))
        await asyncio.sleep(600)
        assert len(slow) == 10
        await bus.close()
        return early

    assert in_virtual_time(program) == (0, 10)


async def test_numbers_that_are_none_are_refused_and_counted():
    bus = Bus(lambda: NOW)
    got: list[Message] = []
    bus.subscribe("#", got.append)
    for value in (math.nan, math.inf, -math.inf):
        bus.publish(reading("house1", value))
    bus.publish(ReadingBatch("m", "power", "W", ("a", "b"), (1.0, math.nan), NOW))
    bus.publish(Reading("house1", "power", "12", "W", NOW))  # type: ignore[arg-type]
    await settle()
    assert got == []
    assert bus.refused == {"reading/house1/power": 4, "readings/m/power": 1}
    assert bus.last("reading/house1/power") is None
    await bus.close()


async def test_last_values_have_an_age_from_their_own_timestamp():
    now = NOW
    bus = Bus(lambda: now, stale_after_s=10)
    bus.publish(reading(at=NOW - timedelta(seconds=4)))
    last = bus.last("reading/house1/power")
    assert last is not None
    assert (last.age_s, last.stale) == (4.0, False)
    now = NOW + timedelta(seconds=7)
    last = bus.last("reading/house1/power")
    assert last is not None
    assert (last.age_s, last.stale) == (11.0, True)
    assert bus.last("reading/house1/power", stale_after_s=60).stale is False  # type: ignore[union-attr]
    # A device whose clock runs ahead does not stay fresh for ever.
    bus.publish(reading("house2", at=NOW + timedelta(hours=1)))
    now = NOW + timedelta(minutes=1)
    ahead = bus.last("reading/house2/power")
    assert ahead is not None
    assert ahead.stale
    assert set(bus.last_matching("reading/+/power")) == {
        "reading/house1/power",
        "reading/house2/power",
    }
    await bus.close()


async def test_a_batch_serves_listeners_of_batches_and_of_single_readings():
    bus = Bus(lambda: NOW)
    single: list[Reading] = []
    batches: list[ReadingBatch] = []
    everything: list[Message] = []
    bus.subscribe("reading/b/power", single.append)
    bus.subscribe("readings/#", batches.append)
    bus.subscribe("#", everything.append)
    bus.publish(ReadingBatch("meters", "power", "W", ("a", "b"), (1.0, 2.0), NOW))
    await settle()
    assert [(r.device, r.value) for r in single] == [("b", 2.0)]
    assert len(batches) == len(everything) == 1
    last = bus.last("reading/a/power")
    assert last is not None
    assert last.message.value == 1.0
    await bus.close()


async def test_closing_a_subscription_ends_it_even_with_a_backlog():
    bus = Bus(lambda: NOW)
    got: list[Message] = []
    subscription = bus.subscribe("alarm/#", got.append)
    bus.publish(alarm(1))
    subscription.close()
    bus.publish(alarm(2))
    await settle()
    assert got == []
    assert bus.subscriptions == ()


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(), st.booleans()), max_size=60))
def test_what_a_late_subscriber_gets_is_the_newest_reading_and_every_event(
    sent: list[tuple[str, int, bool]],
):
    async def program() -> None:
        bus = Bus(lambda: NOW)
        got: list[Message] = []
        bus.subscribe("#", got.append)
        for device, value, event in sent:
            bus.publish(alarm(value) if event else reading(device, value))
        await asyncio.sleep(1)
        events = [m.subject for m in got if isinstance(m, Alarm)]
        assert events == [f"house{v}" for _, v, event in sent if event]
        newest = {device: value for device, value, event in sent if not event}
        assert {m.device: m.value for m in got if isinstance(m, Reading)} == newest
        assert len(got) == len(events) + len(newest)
        await bus.close()

    in_virtual_time(program)


async def test_a_handler_that_dies_of_anothers_cancellation_costs_its_own_message_only():
    bus = Bus(lambda: NOW)
    errors: list[BaseException] = []
    got: list[str] = []

    async def handler(message: Alarm) -> None:
        if message.subject == "house0":
            other = asyncio.get_running_loop().create_future()
            other.cancel()
            await other
        got.append(message.subject)

    bus.subscribe("alarm/#", handler, on_error=errors.append)
    bus.publish(alarm(0))
    bus.publish(alarm(1))
    await settle()
    assert got == ["house1"]
    assert [type(error) for error in errors] == [asyncio.CancelledError]
    await bus.close()


async def test_a_batch_whose_values_do_not_fit_its_devices_is_refused():
    bus = Bus(lambda: NOW)
    bus.publish(ReadingBatch("m", "power", "W", ("a", "b"), (1.0,), NOW))
    assert bus.refused == {"readings/m/power": 1}


async def test_hostile_names_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("hub.bus.MAX_TOPICS", 100)
    monkeypatch.setattr("hub.bus.MAX_REFUSED_TOPICS", 10)
    moments = iter(NOW + timedelta(seconds=i) for i in range(10_000))
    bus = Bus(lambda: next(moments))
    for number in range(1_000):
        bus.publish(reading(f"hostile{number}"))
        bus.publish(reading(f"hostile{number}", math.nan))
        bus.publish(reading("house1", number))
    assert len(bus._last) <= 100
    assert len(bus._routes) <= 100
    for number in range(60):  # what was heard lately is forgotten last
        bus.publish(reading(f"more{number}"))
    assert all(bus.last(f"reading/more{number}/power") for number in range(10, 60))
    assert bus.last("reading/house1/power").message.value == 999  # type: ignore[union-attr]
    assert len(bus.refused) == 11
    assert sum(bus.refused.values()) == 1_000
    bus.publish(ReadingBatch("m", "power", "W", tuple(map(str, range(500))), [1.0] * 500, NOW))
    assert len(bus._last) <= 100


async def test_a_closed_bus_takes_messages_and_gives_them_to_nobody():
    bus = Bus(lambda: NOW)
    got: list[Message] = []
    subscription = bus.subscribe("#", got.append)
    await bus.close()
    await bus.close()
    subscription.close()
    bus.publish(alarm(1))
    await settle()
    assert got == []
