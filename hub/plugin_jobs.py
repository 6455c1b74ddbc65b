"""The jobs of one plugin: each run under a time limit, what comes of it told to the supervisor."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any

from hub.errors import Unavailable
from hub.scheduler import Job, Scheduler
from hub.tasks import TimeLimit, was_cancelled

if TYPE_CHECKING:
    from hub.supervisor import Supervised


class PluginJobs:
    """Schedules functions for a plugin, and ends what it scheduled."""

    def __init__(self, plugin: str, scheduler: Scheduler, supervised: Supervised) -> None:
        self._plugin = plugin
        self._scheduler = scheduler
        self._supervised = supervised
        self._jobs: set[Job] = set()
        self._runs: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._jobs)

    def add(
        self,
        function: Callable[[], Awaitable[None]],
        trigger: Any,
        name: str | None,
        limit_s: float,
        *,
        now: bool = False,
        last: bool = False,
    ) -> Job:
        """Run a function whenever a trigger fires, for `limit_s` at most; `last` if it fires once.

        With `now` it runs at once, too.
        """
        label: str = name or str(getattr(function, "__name__", "job"))

        async def run() -> None:
            task = asyncio.current_task()
            assert task is not None
            self._runs.add(task)
            try:
                await self._run(label, function, limit_s)
            finally:
                self._runs.discard(task)
                if last:
                    self._jobs.discard(job)

        job = self._scheduler.add(f"{self._plugin}/{label}", run, trigger, now=now)
        self._jobs.add(job)
        return job

    async def _run(
        self, label: str, function: Callable[[], Awaitable[None]], limit_s: float
    ) -> None:
        limit = TimeLimit(limit_s)
        try:
            await limit.keep(function())
        except Unavailable as error:
            self._supervised.job_failed(label, str(error), expected=True)
        except (Exception, SystemExit, KeyboardInterrupt, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and was_cancelled():
                raise
            if limit.expired:
                self._supervised.job_failed(label, f"took longer than {limit_s:g} s")
            else:
                text = f"{type(error).__name__}: {error}"
                self._supervised.job_failed(label, text, error=error)
        else:
            self._supervised.job_passed(label)

    def cancel(self) -> Iterable[asyncio.Task[Any]]:
        """Fire no more jobs; return the runs under way, which nobody has cancelled yet."""
        jobs, self._jobs = self._jobs, set()
        for job in jobs:
            job.cancel()
        return tuple(self._runs)
