"""Energy counters of meters: what they read at a given moment, by interpolation.

A counter never decreases. Its reading at a moment is interpolated between the readings around it,
and only if those are close enough together; otherwise a `MeterGapError` says why the energy is not
known. Times are milliseconds since the epoch, energy is milliwatt-hours (mWh).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import NamedTuple

#: Readings older than this are forgotten; settlement asks for the last minutes only.
KEPT_MS = 3_600_000


class MeterGapError(Exception):
    """The counter's value at a moment is not known and never will be; says why."""


class NotYetError(Exception):
    """The counter's value at a moment is not known yet: a later reading is still to come."""


class Counters(NamedTuple):
    """Both energy counters of one meter at one moment."""

    import_mwh: int
    export_mwh: int


class Counter:
    """The readings of one energy counter, in order of time."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._at_ms: list[int] = []
        self._mwh: list[int] = []

    def add(self, at_ms: int, energy_wh: float) -> None:
        """Note a reading. One that is not newer than the last is a repetition and is ignored."""
        if self._at_ms and at_ms <= self._at_ms[-1]:
            return
        self._at_ms.append(at_ms)
        self._mwh.append(round(energy_wh * 1000))
        if at_ms - self._at_ms[0] > 2 * KEPT_MS:
            old = bisect_left(self._at_ms, at_ms - KEPT_MS)
            del self._at_ms[:old], self._mwh[:old]

    @property
    def last_ms(self) -> int | None:
        """When the newest reading was taken."""
        return self._at_ms[-1] if self._at_ms else None

    def at(self, moment_ms: int, now_ms: int, max_gap_ms: int) -> int:
        """The counter in mWh at a moment.

        Raises `NotYetError` while a reading after the moment may still come, `MeterGapError` once
        there is none around it within `max_gap_ms`, or if the counter went backwards there.
        """
        after = bisect_left(self._at_ms, moment_ms)
        if after == len(self._at_ms):
            if now_ms - moment_ms <= max_gap_ms:
                raise NotYetError(f"{self.name}: no reading yet after the moment in question")
            raise MeterGapError(f"{self.name}: no reading within {max_gap_ms / 1000:g} s after it")
        if self._at_ms[after] == moment_ms:
            return self._mwh[after]
        before = bisect_right(self._at_ms, moment_ms) - 1
        if before < 0:
            raise MeterGapError(f"{self.name}: no reading before it")
        span_ms = self._at_ms[after] - self._at_ms[before]
        if span_ms > max_gap_ms:
            raise MeterGapError(
                f"{self.name}: the readings around it are {span_ms / 1000:g} s apart, "
                f"more than the {max_gap_ms / 1000:g} s allowed"
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

    def __init__(self, max_gap_ms: int) -> None:
        self.max_gap_ms = max_gap_ms
        self._counters: dict[tuple[str, str], Counter] = {}
        self._edges: dict[tuple[str, int], Counters] = {}

    def add(self, device: str, quantity: str, at_ms: int, energy_wh: float) -> None:
        """Note a reading of `energy_import` or `energy_export`."""
        counter = self._counters.get((device, quantity))
        if counter is None:
            counter = self._counters[device, quantity] = Counter(f"{device} {quantity}")
        counter.add(at_ms, energy_wh)

    def knows(self, device: str) -> bool:
        """Whether this meter has ever reported a counter."""
        return (device, "energy_import") in self._counters

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
        for quantity in ("energy_import", "energy_export"):
            counter = self._counters.get((device, quantity))
            if counter is None:
                if now_ms - at_ms <= self.max_gap_ms:
                    raise NotYetError(f"{device} {quantity}: no reading yet")
                raise MeterGapError(f"{device} {quantity}: no reading at all")
            values.append(counter.at(at_ms, now_ms, self.max_gap_ms))
        found = self._edges[device, at_ms] = Counters(*values)
        return found, True

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
