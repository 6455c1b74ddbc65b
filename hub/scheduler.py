"""Jobs: what runs every so often, at a moment, or by a cron line.

Jobs are APScheduler jobs with APScheduler triggers. Two drivers fire them: `WallScheduler` is
APScheduler's own, `VirtualScheduler` steps the same triggers in order in virtual time. A late job
runs late instead of being dropped, missed runs are made up for once, and every run has a timeout.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger

from hub.clock import Clock
from hub.virtual import VirtualLoop

log = logging.getLogger("hub.scheduler")

#: The wall clock is compared with the machine's own this often.
CLOCK_CHECK_S = 1.0
#: A smaller correction is waited for.
SET_BACK_S = 2.0

JobFunction = Callable[[], Awaitable[None]]


class Job:
    """A scheduled function. `cancel` is idempotent; a run under way is left to finish."""

    def __init__(self, name: str, function: JobFunction, trigger: BaseTrigger) -> None:
        self.name = name
        self.function = function
        self.trigger = trigger
        self.cancelled = False
        self.runs = 0
        self.skipped = 0
        self.on_cancel: Callable[[], None] | None = None
        self._running = False

    def cancel(self) -> None:
        if not self.cancelled:
            self.cancelled = True
            if self.on_cancel is not None:
                self.on_cancel()

    async def run(self) -> None:
        """Run once, unless the run before has not ended."""
        if self.cancelled:
            return
        if self._running:
            self.skipped += 1
            return
        self._running = True
        try:
            self.runs += 1
            await self.function()
        finally:
            self._running = False


class Grid(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """Fires at `start` and every `period` after it, on that grid whatever happens to the clock.

    APScheduler's own interval trigger names every moment that was missed, one by one: after a
    weekend of sleep that is a quarter of a million for a job that runs each second.
    """

    def __init__(self, period: timedelta, start: datetime) -> None:
        self.period = max(period, timedelta(microseconds=1))
        self.start = start

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """Return the first moment of the grid after the last run, and not before now."""
        if previous_fire_time is None:
            return self.start + max(0, -((self.start - now) // self.period)) * self.period
        passed = max(previous_fire_time, now) - self.start
        return self.start + (passed // self.period + 1) * self.period


def interval(seconds: float, start: datetime) -> BaseTrigger:
    """Return a trigger that fires at `start` and every `seconds` after it."""
    return Grid(timedelta(seconds=seconds), start)


def once(when: datetime) -> BaseTrigger:
    """Return a trigger that fires at `when` and never again."""
    return DateTrigger(run_date=when, timezone=UTC)


def cron(expression: str) -> BaseTrigger:
    """Return a trigger for a five-field cron line in UTC; ValueError if it is none."""
    return CronTrigger.from_crontab(expression, timezone=UTC)


class Scheduler(ABC):
    """What both drivers offer."""

    @abstractmethod
    def add(
        self, name: str, function: JobFunction, trigger: BaseTrigger, *, now: bool = False
    ) -> Job:
        """Schedule a function by a trigger; with `now` it fires at once, too."""

    @abstractmethod
    def start(self) -> None:
        """Begin to fire jobs."""

    @abstractmethod
    async def stop(self) -> None:
        """Fire no more jobs; wait for the runs under way to end or be cancelled."""


class WallScheduler(Scheduler):
    """Fires jobs by the wall clock, through APScheduler."""

    def __init__(self) -> None:
        self._scheduler = AsyncIOScheduler(
            timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True}
        )
        self._runs: set[asyncio.Task[None]] = set()
        self._watch: asyncio.Task[None] | None = None

    def add(
        self, name: str, function: JobFunction, trigger: BaseTrigger, *, now: bool = False
    ) -> Job:
        job = Job(name, function, trigger)

        async def fire() -> None:
            # A task of our own: APScheduler swallows the cancellation of what it runs itself.
            task = asyncio.get_running_loop().create_task(job.run(), name=f"job:{name}")
            self._runs.add(task)
            task.add_done_callback(self._runs.discard)

        first = {"next_run_time": datetime.now(UTC)} if now else {}
        scheduled = self._scheduler.add_job(fire, trigger, name=name, **first)
        job.on_cancel = lambda: _remove(scheduled)
        return job

    def start(self) -> None:
        self._scheduler.start()
        self._watch = asyncio.get_running_loop().create_task(self._watch_clock(), name="clock")

    async def _watch_clock(self) -> None:
        """See when the wall clock is set back, as a board without a battery does after its boot."""
        ahead_s = time.time() - time.monotonic()
        while True:
            await asyncio.sleep(CLOCK_CHECK_S)
            before_s, ahead_s = ahead_s, time.time() - time.monotonic()
            if ahead_s < before_s - SET_BACK_S:
                log.warning("the clock was set back by %.0f s", before_s - ahead_s)
                self.resume_after_set_back(datetime.now(UTC))

    def resume_after_set_back(self, now: datetime) -> None:
        """Fire periodic jobs now; they would wait until the clock is where it was."""
        for scheduled in self._scheduler.get_jobs():
            if isinstance(scheduled.trigger, Grid):
                scheduled.modify(next_run_time=now)

    async def stop(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
        if not self._scheduler.running:
            return
        self._scheduler.pause()
        for task in tuple(self._runs):
            task.cancel()
        await asyncio.gather(*self._runs, return_exceptions=True)
        self._scheduler.shutdown(wait=False)
        await asyncio.sleep(0)


def _remove(scheduled: Any) -> None:
    with suppress(JobLookupError):  # a job that fires once is gone after it fired
        scheduled.remove()


class VirtualScheduler(Scheduler):
    """Fires jobs in virtual time: in order of time, then of registration, each one's consequences
    settled before the next job starts.

    The loop asks for the next job whenever nothing is ready (`hub.virtual.Jobs`).
    """

    def __init__(self, clock: Clock, loop: VirtualLoop) -> None:
        self._clock = clock
        self._loop = loop
        self._due: list[tuple[datetime, int, Job]] = []
        self._order = itertools.count()
        self._runs: set[asyncio.Task[None]] = set()

    def add(
        self, name: str, function: JobFunction, trigger: BaseTrigger, *, now: bool = False
    ) -> Job:
        job = Job(name, function, trigger)
        if now:
            heapq.heappush(self._due, (self._clock.now(), next(self._order), job))
        else:
            self._push(job, next(self._order), None)
        return job

    def _push(self, job: Job, order: int, fired: datetime | None) -> None:
        when = job.trigger.get_next_fire_time(fired, self._clock.now())
        if when is not None:
            heapq.heappush(self._due, (when, order, job))

    def start(self) -> None:
        self._loop.start_jobs_of(self)

    def wait_s(self) -> float | None:
        """Return how long the next job has to wait; None if there is none."""
        due = self._due
        while due and due[0][2].cancelled:
            heapq.heappop(due)
        return (due[0][0] - self._clock.now()).total_seconds() if due else None

    def start_due(self) -> None:
        """Start the next job, which is due."""
        when, order, job = heapq.heappop(self._due)
        self._runs.add(self._loop.create_task(self._run(job), name=f"job:{job.name}"))
        try:
            self._push(job, order, when)
        except Exception as error:
            self._loop.start_jobs_of(None)
            log.critical("no job runs any more: the scheduler failed", exc_info=error)

    async def _run(self, job: Job) -> None:
        try:
            await job.run()
        finally:
            # Not by a callback: that would cost a turn of the loop for every job.
            self._runs.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def stop(self) -> None:
        self._loop.start_jobs_of(None)
        tasks = tuple(self._runs)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
