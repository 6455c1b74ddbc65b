"""How much of a forecast to rely on, learned from what became of earlier ones.

Pure. The share of a forecast that came true is noted each time. What may be relied on is the share
that was reached in as many of these cases as is asked for; the rest is the safety margin. No model
of the errors is needed, so it holds for a house under drifting clouds as for one with a kettle.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence

#: Cases that are remembered: two days of quarter-hours.
CASES = 192
#: What is relied on at most while fewer cases are known than the confidence asks for.
AT_FIRST = 0.8
#: One tenth of ten cases is one case, whatever binary fractions make of it.
ROUNDING = 1e-9


class Reliability:
    """The shares of one kind of forecast that came true."""

    def __init__(self, confidence: float) -> None:
        """`confidence`: in this part of all cases what is relied on is to come true, 0 to 1."""
        self._doubt = 1 - confidence
        self._shares: deque[float] = deque()
        self._sorted: list[float] = []

    def kept(self) -> list[float]:
        """Return what was noted, the oldest first."""
        return [round(share, 4) for share in self._shares]

    def take_up(self, shares: Sequence[float]) -> None:
        """Begin with what was noted before."""
        for share in shares:
            self.learn(1.0, share)

    def learn(self, expected: float, came: float) -> None:
        """Note a forecast other than 0 and what came; more than expected counts as all of it."""
        share = min(1.0, max(0.0, came / expected))
        if len(self._shares) == CASES:
            del self._sorted[bisect_left(self._sorted, self._shares.popleft())]
        self._shares.append(share)
        insort(self._sorted, share)

    @property
    def share(self) -> float:
        """The part of a forecast that may be relied on, 0 to 1."""
        # One more than there are: the case to come is as likely as any to be the worst.
        rank = int((len(self._sorted) + 1) * self._doubt + ROUNDING)
        if rank == 0:
            return min([AT_FIRST, *self._sorted[:1]])
        return self._sorted[rank - 1]
