"""What asyncio leaves to its users about the end of a task, and of waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from types import coroutine
from typing import Any


def was_cancelled() -> bool:
    """Return whether a CancelledError just caught is meant for the running task.

    It may also come from something awaited that was cancelled by others; a task that takes that
    for its own end dies without a word.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class TimeLimit:
    """A limit on how long one piece of work may wait; TimeoutError if it is over.

    The timer is set only when the work has to wait for something for the first time. Most jobs
    never do, and a timer costs more than many of them.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._timeout: asyncio.Timeout | None = None

    @property
    def expired(self) -> bool:
        """Whether it was this limit that ended the work."""
        return self._timeout is not None and self._timeout.expired()

    async def keep(self, work: Awaitable[None]) -> None:
        """Do the work."""
        steps = work.__await__()
        try:
            waits_for = steps.send(None)
        except StopIteration:
            return
        self._timeout = asyncio.timeout(self._seconds)
        async with self._timeout:
            await _go_on(steps, waits_for)


@coroutine
def _go_on(steps: Generator[Any, None, None], waits_for: Any) -> Generator[Any, None, None]:
    """Go on with work that has begun and waits for something, whatever comes, to its end."""
    while True:
        try:
            yield waits_for
        except BaseException as error:  # noqa: BLE001 - what becomes of it is the work's affair
            go_on: Callable[[], Any] = partial(steps.throw, error)
        else:
            go_on = partial(steps.send, None)
        try:
            waits_for = go_on()
        except StopIteration:
            return
