"""Time as plugins see it.

There is one clock class. In a running hub it follows the wall; in virtual time it follows the event
loop, whose time jumps (`hub.virtual`). Plugins never ask `datetime.now` or `time.sleep`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class Clock:
    """The current time (UTC) and the time on the simulated feeder.

    `feeder_now` runs `time_lapse` times as fast as `now`, from the moment the clock was made; with
    `time_lapse` 1 both are the same.
    """

    def __init__(self, now: Callable[[], datetime], time_lapse: float = 1.0) -> None:
        self._now = now
        self._origin = now()
        self.time_lapse = time_lapse

    @classmethod
    def wall(cls, time_lapse: float = 1.0) -> Clock:
        return cls(lambda: datetime.now(UTC), time_lapse)

    @classmethod
    def of_loop(
        cls, loop: asyncio.AbstractEventLoop, start: datetime, time_lapse: float = 1.0
    ) -> Clock:
        """Return a clock that reads `start` now and then follows the time of `loop`."""
        zero = loop.time()
        last_s, last = zero, start

        def now() -> datetime:
            """Time stands still between two jumps of the loop, and is asked thousands of times."""
            nonlocal last_s, last
            now_s = loop.time()
            if now_s != last_s:
                last_s, last = now_s, start + timedelta(seconds=now_s - zero)
            return last

        return cls(now, time_lapse)

    def now(self) -> datetime:
        return self._now()

    def feeder_now(self) -> datetime:
        now = self._now()
        return self._origin + (now - self._origin) * self.time_lapse

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
