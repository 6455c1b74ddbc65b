"""Energy counters of meters: what they read at a given moment, by interpolation.

A counter never decreases. Its reading at a moment is interpolated between the readings around it,
and only if those are close enough together; otherwise a `MeterGapError` says why the energy is not
known. A meter counts on while the hub is away, so the one gap that the hub itself has left may be
wider: the energy of the whole gap is known then, and how it is spread over the gap is estimated, as
meter operators do. Times are milliseconds since the epoch, energy is milliwatt-hours (mWh).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

#: Readings older than this are forgotten; settlement asks for the last minutes only.
KEPT_MS = 3_600_000
#: Of each meter, in the order of `Counters`.
QUANTITIES = ("energy_import", "energy_export")


class MeterGapError(Exception):
    """The counter's value at a moment is not known and never will be; says why."""


class NotYetError(Exception):
    """The counter's value at a moment is not known yet: a later reading is still to come."""


class Counters(NamedTuple):
    """Both energy counters of one meter at one moment."""

    import_mwh: int
    export_mwh: int


@dataclass(frozen=True, slots=True)
class Gaps:
    """How far apart two readings may be to tell what the counter was between them.

    `away_ms` is the same for the gap in which the hub was away, which ended at `back_ms`.
    """

    most_ms: int
    away_ms: int = 0
    back_ms: int = 0


class Counter:
    """The readings of one energy counter, in order of time."""

    def __init__(self, name: str) -> None:
        self.name = name
        # Arrays take a fifth of the memory of lists: an hour of a thousand meters is millions.
        self._at_ms = array("q")
        self._mwh = array("q")
        self._left_ms: int | None = None

    def add(self, at_ms: int, energy_wh: float) -> None:
        """Note a reading. One that is not newer than the last is a repetition and is ignored."""
        times_ms = self._at_ms
        if times_ms and at_ms <= times_ms[-1]:
            return
        times_ms.append(at_ms)
        self._mwh.append(round(energy_wh * 1000))
        if at_ms - times_ms[0] > 2 * KEPT_MS:
            old = bisect_left(times_ms, at_ms - KEPT_MS)
            del times_ms[:old], self._mwh[:old]

    def take_up(self, at_ms: int, mwh: int) -> None:
        """Begin with the last reading from before the hub was away."""
        if not self._at_ms or at_ms < self._at_ms[0]:
            self._at_ms.insert(0, at_ms)
            self._mwh.insert(0, mwh)
            self._left_ms = at_ms

    def was_unwatched(self, moment_ms: int) -> bool:
        """Whether the hub was away at a moment."""
        if self._left_ms is None or moment_ms <= self._left_ms:
            return False
        return moment_ms < self._at_ms[bisect_right(self._at_ms, self._left_ms)]

    @property
    def last_ms(self) -> int | None:
        """When the newest reading was taken."""
        return self._at_ms[-1] if self._at_ms else None

    def at(self, moment_ms: int, now_ms: int, gaps: Gaps) -> int:
        """The counter in mWh at a moment.

        Raises `NotYetError` while a reading after the moment may still come, `MeterGapError` once
        there is none around it near enough, or if the counter went backwards there.
        """
        after = bisect_left(self._at_ms, moment_ms)
        if after == len(self._at_ms):
            if now_ms - max(moment_ms, gaps.back_ms) <= gaps.most_ms:
                raise NotYetError(f"{self.name}: no reading yet after the moment in question")
            raise MeterGapError(
                f"{self.name}: no reading within {gaps.most_ms / 1000:g} s after it"
            )
        if self._at_ms[after] == moment_ms:
            return self._mwh[after]
        before = bisect_right(self._at_ms, moment_ms) - 1
        if before < 0:
            raise MeterGapError(f"{self.name}: no reading before it")
        span_ms = self._at_ms[after] - self._at_ms[before]
        away = self._at_ms[before] == self._left_ms
        most_ms = max(gaps.most_ms, gaps.away_ms) if away else gaps.most_ms
        if span_ms > most_ms:
            raise MeterGapError(
                f"{self.name}: the readings around it are {span_ms / 1000:g} s apart"
                f"{', for the hub was away,' if away else ','} "
                f"more than the {most_ms / 1000:g} s allowed"
            )
        gained_mwh = self._mwh[after] - self._mwh[before]
        if gained_mwh < 0:
            raise MeterGapError(
                f"{self.name}: the counter fell from {self._mwh[before] / 1000:g} "
                f"to {self._mwh[after] / 1000:g} Wh (replaced or reset)"
            )
        return self._mwh[before] + gained_mwh * (moment_ms - self._at_ms[before]) // span_ms


class Meters:
    """The counters of all meters, and the readings at window edges that settlement rests on."""

    def __init__(self, gaps: Gaps) -> None:
        self._gaps = gaps
        self._counters: dict[tuple[str, str], Counter] = {}
        self._edges: dict[tuple[str, int], Counters] = {}
        self._of_telegrams: dict[tuple[str, tuple[str, ...]], tuple[tuple[int, Counter], ...]] = {}

    def add(
        self, device: str, quantities: tuple[str, ...], at_ms: int, values: Sequence[float]
    ) -> None:
        """Note what a device said; of its quantities only the energy counters matter, in Wh."""
        counters = self._of_telegrams.get((device, quantities))
        if counters is None:
            counters = self._of_telegrams[device, quantities] = tuple(
                (quantities.index(quantity), self._counter(device, quantity))
                for quantity in QUANTITIES
                if quantity in quantities
            )
        for place, counter in counters:
            counter.add(at_ms, values[place])

    def come_back(self, now_ms: int, kept: Iterable[tuple[str, int, Counters]]) -> None:
        """Go on after the hub was away, from the last readings: device, time and counters."""
        self._gaps = replace(self._gaps, back_ms=now_ms)
        for device, at_ms, counters in kept:
            for quantity, mwh in zip(QUANTITIES, counters, strict=True):
                self._counter(device, quantity).take_up(at_ms, mwh)

    def newest(self, device: str) -> tuple[int, Counters] | None:
        """The last moment at which both counters are known, and what they were."""
        both = [self._counters.get((device, quantity)) for quantity in QUANTITIES]
        times = [counter.last_ms for counter in both if counter is not None]
        known = [at_ms for at_ms in times if at_ms is not None]
        if len(known) < len(QUANTITIES):
            return None
        at_ms = min(known)
        try:
            return at_ms, Counters(*(c.at(at_ms, at_ms, self._gaps) for c in both if c is not None))
        except MeterGapError:
            return None

    def _counter(self, device: str, quantity: str) -> Counter:
        counter = self._counters.get((device, quantity))
        if counter is None:
            counter = self._counters[device, quantity] = Counter(f"{device} {quantity}")
        return counter

    def remember(self, device: str, at_ms: int, counters: Counters) -> None:
        """Take a reading at a window's edge from the ledger."""
        self._edges[device, at_ms] = counters

    def edge(self, device: str, at_ms: int, now_ms: int) -> tuple[Counters, bool]:
        """Both counters at a window's edge, and whether they are known for the first time.

        Once known an edge stays as it is, so that neighbouring windows never overlap or gape.
        Raises as `Counter.at`.
        """
        found = self._edges.get((device, at_ms))
        if found is not None:
            return found, False
        values = []
        for quantity in QUANTITIES:
            counter = self._counters.get((device, quantity))
            if counter is None:
                if now_ms - max(at_ms, self._gaps.back_ms) <= self._gaps.most_ms:
                    raise NotYetError(f"{device} {quantity}: no reading yet")
                raise MeterGapError(f"{device} {quantity}: no reading at all")
            values.append(counter.at(at_ms, now_ms, self._gaps))
        found = self._edges[device, at_ms] = Counters(*values)
        return found, True

    def is_estimate(self, device: str, at_ms: int) -> bool:
        """Whether a window's edge that is known lies in the time the hub was away."""
        known = [self._counters.get((device, quantity)) for quantity in QUANTITIES]
        return any(counter is not None and counter.was_unwatched(at_ms) for counter in known)

    def between(self, device: str, start_ms: int, end_ms: int, now_ms: int) -> Counters:
        """What both counters gained between two edges. Raises `MeterGapError` if one fell."""
        first, _ = self.edge(device, start_ms, now_ms)
        last, _ = self.edge(device, end_ms, now_ms)
        gained = Counters(last.import_mwh - first.import_mwh, last.export_mwh - first.export_mwh)
        if min(gained) < 0:
            raise MeterGapError(f"{device}: a counter fell during the window (replaced or reset)")
        return gained

    def forget_before(self, at_ms: int) -> None:
        """Drop edges that no running window needs."""
        self._edges = {key: value for key, value in self._edges.items() if key[1] >= at_ms}
