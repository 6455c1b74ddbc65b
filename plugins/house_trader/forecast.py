"""How much energy a house will need or have left in a window that is still to come.

A house is expected to do what it does at this time of the day, and to stay above or below that for
a while if it is so now. Before a day has passed nothing is known of the first, and it is expected
to go on as it does, or to fall as it falls. How much of that to rely on is learned from the errors.

Pure. Energies are Wh as the meter counts them, a window long; times are seconds of the hub since
the epoch, and hours are those of the feeder, whose days begin at multiples of 24. Net energy is
positive when it is imported.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

from .history import History, Stretch
from .reliability import AT_FIRST, CASES, Reliability

DAY_H = 24.0
#: The day is known by quarters of an hour, in the mean over an hour: a single quarter is chance.
QUARTERS = 96
QUARTER_H = DAY_H / QUARTERS
AROUND_H = 0.5
#: How much of a new day goes into what is known of the time of the day.
NEW_DAY = 0.4
#: A quarter must have been seen for this part of it.
SEEN_PART = 0.3
#: After so many hours a third is left of what a house is above or below its usual power.
LASTING_H = 1.4

#: Kinds of forecast, that err differently: whether it is of a need, and the usual day is known.
KINDS = tuple(product((True, False), repeat=2))


class Expectation(NamedTuple):
    """Net energy of a coming window: what is expected, and what of it may be relied on."""

    expected_wh: float
    firm_wh: float


class DailyShape:
    """The usual net energy of a window by the time of the day, from the days before."""

    def __init__(self) -> None:
        self._usual: list[float | None] = [None] * QUARTERS
        self._today: list[float | None] = [None] * QUARTERS
        self._quarter = -1
        self._seen_h = self._sum = 0.0

    def kept(self) -> dict[str, list[float | None]]:
        """Return what is known, but for the quarter under way."""
        return {
            name: [None if wh is None else round(wh, 1) for wh in quarters]
            for name, quarters in (("usual", self._usual), ("today", self._today))
        }

    def take_up(self, kept: Mapping[str, Sequence[float | None]]) -> None:
        """Begin with what was known before."""
        self._usual, self._today = list(kept["usual"]), list(kept["today"])

    def learn(self, start_h: float, end_h: float, window_wh: float) -> None:
        """Note what was measured from one time to another; in order of time."""
        while start_h < end_h:
            quarter = math.floor(start_h / QUARTER_H)
            until_h = min(end_h, (quarter + 1) * QUARTER_H)
            if quarter != self._quarter:
                self._complete()
                self._quarter = quarter
            self._seen_h += until_h - start_h
            self._sum += window_wh * (until_h - start_h)
            start_h = until_h

    def _complete(self) -> None:
        """Keep a quarter that is over, and take in that of half a day ago: what happens now must
        not count as usual yet while it is compared with what is usual."""
        if self._seen_h >= SEEN_PART * QUARTER_H:
            self._today[self._quarter % QUARTERS] = self._sum / self._seen_h
        self._seen_h = self._sum = 0.0
        old = (self._quarter + QUARTERS // 2) % QUARTERS
        seen, usual = self._today[old], self._usual[old]
        if seen is not None:
            self._usual[old] = seen if usual is None else usual + NEW_DAY * (seen - usual)
            self._today[old] = None

    def at(self, hour: float) -> float | None:
        """The usual net energy of a window around an hour; None if hardly anything is known."""
        total = known_h = 0.0
        first, last = (math.floor((hour + side) / QUARTER_H) for side in (-AROUND_H, AROUND_H))
        for quarter in range(first, last + 1):
            usual = self._usual[quarter % QUARTERS]
            if usual is not None:
                start_h = max(quarter * QUARTER_H, hour - AROUND_H)
                part_h = min((quarter + 1) * QUARTER_H, hour + AROUND_H) - start_h
                total += usual * part_h
                known_h += part_h
        return total / known_h if known_h >= AROUND_H else None


class Outlook:
    """What to expect of one house."""

    def __init__(
        self,
        window_s: float,
        time_lapse: float,
        confidence: float,
        least_wh: float,
        epoch_h: float = 0.0,
    ) -> None:
        """Windows are `window_s` long on the hub; forecasts below `least_wh` teach nothing.
        `epoch_h` is the feeder's hour at second 0 of the hub."""
        self._window_s = window_s
        self._hours_per_s = time_lapse / 3600
        self._epoch_h = epoch_h
        self._least_wh = least_wh
        self._history = History(window_s)
        self._shape = DailyShape()
        self._reliability = {kind: Reliability(confidence) for kind in KINDS}
        self._last: Stretch | None = None
        self._before: Stretch | None = None
        self._open: deque[_Open] = deque(maxlen=CASES)

    def _hour(self, at_s: float) -> float:
        return self._epoch_h + at_s * self._hours_per_s

    def kept(self) -> dict[str, Any]:
        """Return what was learned, as plain data for `take_up`."""
        return {
            "window_h": self._window_s * self._hours_per_s,
            "shape": self._shape.kept(),
            "came_true": [self._reliability[kind].kept() for kind in KINDS],
        }

    def take_up(self, kept: Mapping[str, Any]) -> None:
        """Begin with what was learned before; nothing of it holds for windows of another length."""
        if math.isclose(kept["window_h"], self._window_s * self._hours_per_s):
            self._shape.take_up(kept["shape"])
            for kind, shares in zip(KINDS, kept["came_true"], strict=True):
                self._reliability[kind].take_up(shares)

    def note(self, at_s: float, net_wh: float) -> None:
        """Take in a reading of the counters, import less export, and learn from it."""
        self._history.note(at_s, net_wh)
        natural = self._history.natural()
        if natural is None or (self._last is not None and natural.end_s <= self._last.end_s):
            return
        new_s = natural.start_s if self._last is None else max(natural.start_s, self._last.end_s)
        self._shape.learn(self._hour(new_s), self._hour(natural.end_s), natural.window_wh)
        self._before, self._last = self._last, natural
        while self._open and self._open[0].middle_s < natural.end_s:
            forecast = self._open.popleft()
            if forecast.middle_s >= natural.start_s and abs(forecast.expected_wh) >= self._least_wh:
                forecast.reliability.learn(forecast.expected_wh, natural.window_wh)

    def interrupt(self, commanded_wh: float | None = None) -> None:
        """From now on the market wants this net energy a window, or (None) nothing."""
        self._history.interrupt(commanded_wh)

    def ahead(self, start_s: float, end_s: float) -> Expectation | None:
        """What to expect of a window to come, to be judged when it has come; None as long as
        nothing was seen of the house.
        """
        last = self._last
        if last is None:
            return None
        middle_s = (start_s + end_s) / 2
        usual_wh = self._shape.at(self._hour(middle_s))
        usual_then_wh = self._shape.at(self._hour(last.middle_s))
        if usual_wh is None or usual_then_wh is None:
            expected_wh, most, day_is_known = self._as_it_goes_on(last), AT_FIRST, False
        else:
            passed_h = max(0.0, middle_s - last.middle_s) * self._hours_per_s
            apart_wh = (last.window_wh - usual_then_wh) * math.exp(-passed_h / LASTING_H)
            expected_wh, most, day_is_known = usual_wh + apart_wh, 1.0, True
        reliability = self._reliability[expected_wh > 0, day_is_known]
        if not self._open or middle_s > self._open[-1].middle_s:
            self._open.append(_Open(middle_s, expected_wh, reliability))
        return Expectation(expected_wh, expected_wh * min(most, reliability.share))

    def _as_it_goes_on(self, last: Stretch) -> float:
        """As in the last window; or less, if it became less before: the sun goes on to fall."""
        before = self._before
        if before is None:
            return last.window_wh
        per_s = (last.window_wh - before.window_wh) / (last.middle_s - before.middle_s)
        change_wh = per_s * self._window_s
        if change_wh * last.window_wh >= 0:
            return last.window_wh
        if abs(change_wh) >= abs(last.window_wh):
            return 0.0
        return last.window_wh + change_wh


class _Open(NamedTuple):
    """A forecast that is not judged yet: of the window with this middle, and who learns from it."""

    middle_s: float
    expected_wh: float
    reliability: Reliability
