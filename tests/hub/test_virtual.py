"""Virtual time: it jumps, it is exact, it waits for threads, and it repeats."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

from hub.clock import Clock
from hub.scheduler import VirtualScheduler, cron, interval, once
from hub.testing import in_virtual_time
from hub.virtual import VirtualLoop

START = datetime(2026, 6, 1, tzinfo=UTC)


def virtual_loop() -> VirtualLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop


def test_a_day_of_sleep_takes_no_time():
    async def program() -> float:
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(86_400)
        return asyncio.get_running_loop().time() - began

    wall = time.perf_counter()
    assert in_virtual_time(program) == 86_400
    assert time.perf_counter() - wall < 5  # a thousandth of the day would be 86 s


def test_timeouts_fire_at_their_moment():
    async def program() -> float:
        try:
            async with asyncio.timeout(7.5):
                await asyncio.Event().wait()
        except TimeoutError:
            return asyncio.get_running_loop().time()
        return -1.0

    assert in_virtual_time(program) == 7.5


def test_time_waits_for_threads():
    async def program() -> list[str]:
        order: list[str] = []

        async def timer() -> None:
            await asyncio.sleep(1000)
            order.append("timer")

        async def thread() -> None:
            await asyncio.get_running_loop().run_in_executor(None, time.sleep, 0.05)
            order.append("thread")

        await asyncio.gather(timer(), thread())
        return order

    assert in_virtual_time(program) == ["thread", "timer"]


def test_jobs_fire_in_order_of_time_then_of_registration():
    async def program() -> list[tuple[float, str]]:
        loop = virtual_loop()
        clock = Clock.of_loop(loop, START)
        scheduler = VirtualScheduler(clock, loop)
        fired: list[tuple[float, str]] = []

        def note(name: str):
            async def run() -> None:
                await asyncio.sleep(0)  # a job may suspend and is still first
                fired.append(((clock.now() - START).total_seconds(), name))

            return run

        scheduler.add("b", note("b"), interval(2, START + timedelta(seconds=2)))
        scheduler.add("a", note("a"), interval(1, START + timedelta(seconds=1)))
        scheduler.add("once", note("once"), once(START + timedelta(seconds=2)))
        scheduler.add("minute", note("minute"), cron("* * * * *"))
        scheduler.start()
        await asyncio.sleep(4.5)
        await scheduler.stop()
        return fired

    assert in_virtual_time(program) == [
        (0.0, "minute"),
        (1.0, "a"),
        (2.0, "b"),
        (2.0, "a"),
        (2.0, "once"),
        (3.0, "a"),
        (4.0, "b"),
        (4.0, "a"),
    ]


def test_what_a_job_sets_off_has_settled_before_the_next_job_of_that_moment_starts():
    async def program() -> list[str]:
        loop = virtual_loop()
        clock = Clock.of_loop(loop, START)
        scheduler = VirtualScheduler(clock, loop)
        seen: list[str] = []
        tasks: set[asyncio.Task[None]] = set()

        async def hop(left: int) -> None:
            """Hand on from task to task, as a message does from subscriber to subscriber."""
            if left:
                tasks.add(loop.create_task(hop(left - 1)))
            else:
                seen.append("hops")

        async def solve() -> None:
            await loop.run_in_executor(None, time.sleep, 0.02)
            await hop(20)

        async def first() -> None:
            seen.append("first")
            tasks.update((loop.create_task(hop(50)), loop.create_task(solve())))

        async def second() -> None:
            seen.append("second")

        moment = START + timedelta(seconds=1)
        scheduler.add("first", first, once(moment))
        scheduler.add("second", second, once(moment))
        scheduler.start()
        await asyncio.sleep(2)
        await scheduler.stop()
        return seen

    assert in_virtual_time(program) == ["first", "hops", "hops", "second"]


def test_a_job_that_waits_does_not_stop_the_clock_or_overlap_itself():
    async def program() -> tuple[int, int]:
        loop = virtual_loop()
        clock = Clock.of_loop(loop, START)
        scheduler = VirtualScheduler(clock, loop)

        async def slow() -> None:
            await asyncio.sleep(2.5)

        job = scheduler.add("slow", slow, interval(1, START + timedelta(seconds=1)))
        scheduler.start()
        await asyncio.sleep(10.2)
        await scheduler.stop()
        return job.runs, job.skipped

    assert in_virtual_time(program) == (4, 6)


def test_a_cancelled_job_does_not_fire_again():
    async def program() -> int:
        loop = virtual_loop()
        clock = Clock.of_loop(loop, START)
        scheduler = VirtualScheduler(clock, loop)

        async def run() -> None:
            if job.runs == 3:
                job.cancel()

        job = scheduler.add("j", run, interval(1, START + timedelta(seconds=1)))
        scheduler.start()
        await asyncio.sleep(60)
        await scheduler.stop()
        return job.runs

    assert in_virtual_time(program) == 3


def test_feeder_time_runs_faster_by_the_time_lapse():
    async def program() -> timedelta:
        clock = Clock.of_loop(asyncio.get_running_loop(), START, time_lapse=60)
        await asyncio.sleep(90)
        return clock.feeder_now() - START

    assert in_virtual_time(program) == timedelta(minutes=90)


def test_timers_of_a_moment_and_what_they_set_off_go_before_its_jobs():
    async def program() -> list[str]:
        loop = virtual_loop()
        clock = Clock.of_loop(loop, START)
        scheduler = VirtualScheduler(clock, loop)
        seen: list[str] = []

        async def job() -> None:
            seen.append("job")

        async def sleeper() -> None:
            await asyncio.sleep(1)
            for _ in range(10):
                await asyncio.sleep(0)
            seen.append("sleeper")

        scheduler.add("job", job, once(START + timedelta(seconds=1)))
        scheduler.start()
        task = loop.create_task(sleeper())
        await asyncio.sleep(2)
        await task
        await scheduler.stop()
        return seen

    assert in_virtual_time(program) == ["sleeper", "job"]


def test_who_waits_until_all_is_idle_sees_one_due_job_settle():
    async def program() -> tuple[list[str], list[str]]:
        loop = virtual_loop()
        clock = Clock.of_loop(loop, START)
        scheduler = VirtualScheduler(clock, loop)
        seen: list[str] = []

        def named(name: str):
            async def job() -> None:
                await asyncio.sleep(0)
                seen.append(name)

            return job

        for name in ("first", "second"):
            scheduler.add(name, named(name), once(START + timedelta(seconds=1)))
        scheduler.start()
        await asyncio.sleep(1)
        await loop.idle()
        then = list(seen)
        await loop.idle()
        await loop.idle()  # nothing is due any more: at once
        await scheduler.stop()
        return then, seen

    assert in_virtual_time(program) == (["first"], ["first", "second"])


def test_all_that_is_due_at_a_moment_is_done_before_it_has_settled():
    async def program() -> tuple[list[str], float]:
        loop = virtual_loop()
        scheduler = VirtualScheduler(Clock.of_loop(loop, START), loop)
        done: list[str] = []
        for name in "abc":

            async def job(name: str = name) -> None:
                await asyncio.sleep(0)
                done.append(name)

            scheduler.add(name, job, interval(10, START + timedelta(seconds=10)))
        scheduler.start()
        await loop.sleep_until(10)
        await loop.all_settled()
        found = list(done), loop.time()
        await scheduler.stop()
        return found

    assert in_virtual_time(program) == (["a", "b", "c"], 10)


def test_nobody_starts_jobs_after_the_end():
    async def program() -> int:
        loop = virtual_loop()
        scheduler = VirtualScheduler(Clock.of_loop(loop, START), loop)

        async def nothing() -> None:
            return None

        job = scheduler.add("x", nothing, interval(1, START))
        scheduler.start()
        await asyncio.sleep(2.5)
        await scheduler.stop()
        await asyncio.sleep(10)
        return job.runs

    assert in_virtual_time(program) == 3
