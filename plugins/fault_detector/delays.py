"""Which readings speak of now, although no two clocks agree."""

from __future__ import annotations

from datetime import datetime, timedelta


class Delays:
    """Knows by how much each meter's clock is behind, from the quickest of its readings.

    A meter whose clock is a minute slow always seems a minute late and is believed; one that was
    in step and then delivers what it measured a minute ago is not. If nothing else comes for as
    long as readings may be late, its clock was set anew, and it is believed again.
    """

    def __init__(self, allowed: timedelta) -> None:
        self._allowed = allowed
        self._least: dict[str, timedelta] = {}
        self._late_since: dict[str, datetime] = {}

    def is_current(self, device: str, at: datetime, now: datetime) -> bool:
        """Return whether a reading of the time `at`, by the meter's clock, tells how things are."""
        delay = now - at
        if self._least.get(device) == delay and not self._late_since:
            return True
        least = min(self._least.get(device, delay), delay)
        if delay - least > self._allowed:
            if now - self._late_since.setdefault(device, now) <= self._allowed:
                return False
            least = delay
        self._least[device] = least
        self._late_since.pop(device, None)
        return True
