"""What a meter's clock shows, held against the hub's: a wrong one is found out and corrected.

A message that waited on its way and one of a clock that is behind look alike; several do not. What
waited comes in a burst, each with less delay than the one before. What a wrong clock stamps is late
or early by the same each time.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

#: So many messages in a row must agree about a clock, as well as this, and over this long at least.
AGREEING = 5
AGREEMENT = timedelta(seconds=2)
AGREEING_OVER = timedelta(seconds=4)
#: What a clock may be off without being corrected: meters, gateways and networks take their time.
TOLERATED = timedelta(seconds=5)
#: A clock that drifts is followed in steps of this.
FOLLOWED = timedelta(seconds=1)
_ZERO = timedelta()


class MeterClock:
    """One meter's clock. `behind` is what has to be added to its times, negative if it is ahead."""

    def __init__(self) -> None:
        self.behind = _ZERO
        self._last: deque[tuple[datetime, timedelta]] = deque(maxlen=AGREEING)

    def note(self, said_at: datetime, now: datetime) -> bool:
        """Take in the time of a live message that has just come; return whether that has changed
        what is known of the clock.
        """
        last, delay = self._last, now - said_at
        if not last and not self.behind and -TOLERATED < delay < TOLERATED:
            return False  # a right clock, as nearly all are
        if last and said_at <= last[-1][0]:
            if said_at == last[-1][0]:
                return False  # the same message once more
            last.clear()
        last.append((said_at, delay))
        if len(last) < AGREEING or said_at - last[0][0] < AGREEING_OVER:
            return False
        delays = [each for _, each in last]
        shortest = min(delays)
        if max(delays) - shortest > AGREEMENT:
            return False
        behind = shortest if abs(shortest) > TOLERATED else _ZERO
        if not behind:
            last.clear()
        if abs(behind - self.behind) < FOLLOWED:
            return False
        self.behind = behind
        return True

    @property
    def text(self) -> str:
        """Say what is wrong with it."""
        seconds = self.behind.total_seconds()
        if not seconds:
            return "its clock is right again"
        way = "behind" if seconds > 0 else "ahead of"
        return f"its clock is {abs(seconds):.0f} s {way} the hub's; its times are corrected"
