"""An event loop in virtual time: when nothing is ready, time jumps to the next timer.

Everything that waits by the loop (`asyncio.sleep`, `asyncio.timeout`, `call_later`) runs unchanged
and as fast as the machine can. Work outside the loop holds the clock: threads started through
`run_in_executor`, and whatever is wrapped in `outside()`. With no such work the order of events
depends on the program alone, so two runs are the same.

Jobs are the loop's own business: the moment that nothing is ready is the moment to start the next
one, so no task and no timer has to wait for it.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any, Protocol


class Jobs(Protocol):
    """What is to be started at certain times, each when all before it has settled."""

    def wait_s(self) -> float | None:
        """Return how long the next job has to wait, 0 or less if it is due; None without one."""

    def start_due(self) -> None:
        """Start the next job if it is due. Must not raise."""


class _NoJobs:
    def wait_s(self) -> float | None:
        return None

    def start_due(self) -> None:
        return


class _Jump(selectors.BaseSelector):
    """A selector that never waits for time while nothing is under way outside."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self.jumped_s = 0.0
        self.outside = 0
        self.jobs: Jobs = _NoJobs()
        self.wake_idle: Callable[[bool], bool] = lambda _: False

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            # Callbacks are ready. Only what is under way outside can have more for the loop; what
            # else may have come (a signal) is asked for before time jumps.
            return self._selector.select(0) if self.outside else []
        if self.outside:
            return self._selector.select(None)
        wait_s = self.jobs.wait_s()
        due = wait_s is not None and wait_s <= 0
        if self.wake_idle(due):
            return []
        if due:
            self.jobs.start_due()
            return []
        ready = self._selector.select(0)
        if ready:
            return ready
        if wait_s is not None and (timeout is None or wait_s < timeout):
            # What timers of that moment set off has settled, too, before the first job starts.
            self.jumped_s += wait_s
        elif timeout is not None:
            self.jumped_s += timeout
        else:
            # No job, no timer and nothing outside: only a signal or another thread can go on.
            return self._selector.select(None)
        return ready

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._selector.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._selector.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._selector.modify(fileobj, events, data)

    def close(self) -> None:
        self._selector.close()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._selector.get_map()


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop of `hub simulate`. Its time starts at 0 and advances only by jumps."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)
        self._idle_waiters: list[asyncio.Future[None]] = []
        #: Those among them whose job has been started.
        self._settling: list[asyncio.Future[None]] = []
        self._jump.wake_idle = self._wake_idle

    def time(self) -> float:
        return self._jump.jumped_s

    def start_jobs_of(self, jobs: Jobs | None) -> None:
        """Start these jobs from now on, or none any more."""
        self._jump.jobs = _NoJobs() if jobs is None else jobs

    async def idle(self) -> None:
        """Wait until what is under way has settled, and if jobs are due, the next one with it."""
        waiter: asyncio.Future[None] = self.create_future()
        self._idle_waiters.append(waiter)
        await waiter

    async def all_settled(self) -> None:
        """Wait until all that is due now, every job included, has been done and has settled."""
        await self.idle()
        while (wait_s := self._jump.jobs.wait_s()) is not None and wait_s <= 0:
            await self.idle()

    async def sleep_until(self, time_s: float) -> None:
        """Wait for a time of this loop: many sleeps in a row would add up their roundings."""
        await asyncio.sleep(time_s - self.time())

    def _wake_idle(self, job_due: bool) -> bool:
        """Wake whoever waits for this moment; return whether there was anybody."""
        waiters, self._settling = self._settling, []
        if not waiters and job_due:
            self._settling, self._idle_waiters = self._idle_waiters, []
        elif not waiters:
            waiters, self._idle_waiters = self._idle_waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
        return bool(waiters)

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Hold the clock while something outside the loop (a process, a socket) is awaited."""
        self._jump.outside += 1
        try:
            yield
        finally:
            self._jump.outside -= 1

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        future = super().run_in_executor(executor, func, *args)
        self._jump.outside += 1
        future.add_done_callback(self._returned)
        return future

    def _returned(self, _: asyncio.Future[Any]) -> None:
        self._jump.outside -= 1
