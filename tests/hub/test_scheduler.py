"""Triggers and the wall clock's driver: leaps of the clock, cancellation, the end."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.job import Job as ApschedulerJob
from apscheduler.triggers.interval import IntervalTrigger
from hypothesis import given
from hypothesis import strategies as st

from hub.clock import Clock
from hub.scheduler import Grid, VirtualScheduler, WallScheduler, interval, once
from hub.testing import in_virtual_time
from hub.virtual import VirtualLoop

START = datetime(2026, 6, 1, tzinfo=UTC)
SECONDS = st.floats(0.001, 5_000, allow_nan=False)


@given(SECONDS, st.floats(-10_000, 10_000))
def test_the_first_run_is_at_the_start_or_on_its_grid(period_s: float, now_s: float):
    period, now = timedelta(seconds=period_s), START + timedelta(seconds=now_s)
    first = Grid(period, START).get_next_fire_time(None, now)
    assert first >= max(now, START)
    assert first == START or first - now < period
    assert (first - START) % period == timedelta()


@given(SECONDS, st.integers(0, 1_000))
def test_in_time_it_is_apschedulers_interval_without_its_drift(period_s: float, runs: int):
    period = timedelta(seconds=period_s)
    moment = START + runs * period
    following = Grid(period, START).get_next_fire_time(moment, moment)
    theirs = IntervalTrigger(seconds=period_s, start_date=START, timezone=UTC)
    assert following == START + (runs + 1) * period
    expected = theirs.get_next_fire_time(moment, moment)
    assert abs(following - expected) <= timedelta(milliseconds=1)


def test_a_clock_that_leapt_by_years_costs_one_run():
    trigger = interval(1, START)
    job = ApschedulerJob.__new__(ApschedulerJob)
    job.trigger, job.next_run_time = trigger, START
    now = START + timedelta(days=20 * 365, seconds=0.5)
    began = time.perf_counter()
    moments = job._get_run_times(now)
    assert moments == [START]
    assert trigger.get_next_fire_time(moments[-1], now) == now + timedelta(seconds=0.5)
    assert time.perf_counter() - began < 1


def test_thirty_days_of_thirds_do_not_drift():
    async def program() -> tuple[int, datetime]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        clock = Clock.of_loop(loop, START)
        scheduler = VirtualScheduler(clock, loop)
        last = START

        async def note() -> None:
            nonlocal last
            last = clock.now()

        period_s = 1000 / 3
        job = scheduler.add("third", note, interval(period_s, START))
        scheduler.start()
        await asyncio.sleep(30 * 86_400 + 0.5)
        await scheduler.stop()
        return job.runs, last

    runs, last = in_virtual_time(program)
    assert runs == 7776 + 1
    assert abs(last - (START + 7776 * timedelta(seconds=1000 / 3))) <= timedelta(microseconds=1)


def test_a_driver_that_fails_says_so(caplog: pytest.LogCaptureFixture):
    class Broken(Grid):
        def get_next_fire_time(
            self, previous_fire_time: datetime | None, now: datetime
        ) -> datetime:
            if previous_fire_time is not None:
                raise OverflowError("year 10000")
            return now

    async def program() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        scheduler = VirtualScheduler(Clock.of_loop(loop, START), loop)

        async def nothing() -> None:
            return None

        scheduler.add("x", nothing, Broken(timedelta(seconds=1), START))
        scheduler.start()
        await asyncio.sleep(1)
        await scheduler.stop()

    in_virtual_time(program)
    assert "no job runs any more" in caplog.text


async def test_on_the_wall_a_job_fires_at_once_and_on_time_and_a_cancelled_one_does_not():
    scheduler = WallScheduler()
    scheduler.start()
    fired = asyncio.Queue[str]()

    async def note(name: str) -> None:
        fired.put_nowait(name)

    async def never() -> None:
        fired.put_nowait("never")

    now = datetime.now(UTC)
    scheduler.add("now", lambda: note("now"), interval(3600, now + timedelta(hours=1)), now=True)
    soon = scheduler.add("once", lambda: note("once"), once(now + timedelta(milliseconds=20)))
    cancelled = scheduler.add("cancelled", never, once(now + timedelta(milliseconds=10)))
    cancelled.cancel()
    cancelled.cancel()
    async with asyncio.timeout(20):
        assert {await fired.get(), await fired.get()} == {"now", "once"}
    soon.cancel()  # it is gone already
    await scheduler.stop()
    await scheduler.stop()
    assert fired.empty()


async def test_the_end_cancels_the_runs_under_way():
    scheduler = WallScheduler()
    await scheduler.stop()  # not begun
    scheduler.start()
    begun, ended = asyncio.Event(), asyncio.Event()

    async def long() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    scheduler.add("long", long, once(datetime.now(UTC)))
    async with asyncio.timeout(20):
        await begun.wait()
        await scheduler.stop()
    assert ended.is_set()


async def test_a_clock_that_is_set_back_does_not_silence_the_jobs(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """The clock stood an hour ahead when the job was made, and is then corrected."""
    monkeypatch.setattr("hub.scheduler.CLOCK_CHECK_S", 0.001)
    moments = iter((3600.0, 3600.0, 0.0))

    class Time:
        monotonic = staticmethod(lambda: 0.0)
        time = staticmethod(lambda: next(moments, 0.0))

    monkeypatch.setattr("hub.scheduler.time", Time)
    scheduler = WallScheduler()
    scheduler.start()
    fired = asyncio.Event()

    async def note() -> None:
        fired.set()

    scheduler.add("steady", note, interval(1, datetime.now(UTC) + timedelta(hours=1)))
    appointment = scheduler.add("once", note, once(datetime.now(UTC) + timedelta(hours=2)))
    async with asyncio.timeout(20):
        await fired.wait()
    assert "the clock was set back by 3600 s" in caplog.text
    assert appointment.runs == 0
    await scheduler.stop()
