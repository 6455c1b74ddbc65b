"""A house's consumption from the user's own CSV file."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import numpy as np

from .protocol import FloatArray, GridError

_UNITS = {"power_w": 1.0, "power_kw": 1000.0}
#: No customer of a feeder takes more, in W or kW.
_MOST = 1e9
_AN_HOUR = timedelta(hours=1)


class _Rows(Protocol):
    """A `csv.reader`, which has no name of its own."""

    @property
    def line_num(self) -> int: ...
    def __iter__(self) -> Iterator[list[str]]: ...
    def __next__(self) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class CsvProfile:
    """Mean powers of equal steps from `start` on, in local time; repeated when they are over."""

    start: datetime
    step_s: float
    powers_w: FloatArray

    def step_at(self, local_time: datetime) -> int:
        """Return the step that a local time falls into."""
        steps = math.floor((local_time - self.start).total_seconds() / self.step_s)
        return steps % len(self.powers_w)

    def power_w(self, local_time: datetime) -> float:
        """Return the power of the step that a local time falls into."""
        return float(self.powers_w[self.step_at(local_time)])


def read_csv(path: Path) -> CsvProfile:
    """Read `time,power_w` (or `power_kw`) with times such as 2026-01-31 18:15 in equal steps.

    GridError names file and line of a gap, a step of another length, text, or a negative power.
    A zone on the times is dropped: they are local time on the feeder.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise GridError(f"{path}: cannot be read: {reason}") from None
    rows = csv.reader(lines)
    try:
        return _read_rows(path, rows, lines[0] if lines else "")
    except csv.Error as error:
        raise GridError(f"{path}:{rows.line_num}: {error}") from None


def _read_rows(path: Path, rows: _Rows, first_line: str) -> CsvProfile:
    head = [cell.strip().lower() for cell in next(rows, [])]
    if len(head) != 2 or head[0] != "time" or head[1] not in _UNITS:
        raise GridError(
            f"{path}:1: expected the header 'time,power_w' or 'time,power_kw', "
            f"got {first_line[:60]!r}"
        )
    times: list[datetime] = []
    powers_w: list[float] = []
    for row in rows:
        where = f"{path}:{rows.line_num}"
        if not row:
            continue
        if len(row) != 2:
            raise GridError(
                f"{where}: expected a time and a power such as 2026-01-31 18:15,230.5, "
                f"got {len(row)} cells"
            )
        times.append(_time(row[0], where))
        powers_w.append(_power(row[1], where) * _UNITS[head[1]])
        _check_step(times, where)
    if len(times) < 2:
        raise GridError(f"{path}: expected at least two rows of data")
    step_s = (times[1] - times[0]).total_seconds()
    return CsvProfile(times[0], step_s, np.array(powers_w))


def _time(text: str, where: str) -> datetime:
    try:
        return datetime.fromisoformat(text.strip()).replace(tzinfo=UTC)
    except ValueError:
        raise GridError(
            f"{where}: expected a time such as 2026-01-31 18:15, got {text.strip()!r}"
        ) from None


def _power(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= _MOST:
        got = text.strip()[:40]
        raise GridError(f"{where}: expected a power of 0 or more, such as 230.5, got {got!r}")
    return value


def _check_step(times: list[datetime], where: str) -> None:
    """Hold the last two times against the first two."""
    if len(times) < 2:
        return
    step, last = times[1] - times[0], times[-1] - times[-2]
    if times[-1] <= times[-2] and last != step - _AN_HOUR:
        raise GridError(f"{where}: expected a time after {times[-2]:%Y-%m-%d %H:%M:%S}")
    if last != step:
        expected = times[-2] + step
        # Clocks that are put forward leave an hour out, and repeat one in autumn.
        changed = abs(times[-1] - expected) == _AN_HOUR
        raise GridError(
            f"{where}: expected {expected:%Y-%m-%d %H:%M:%S}, a step of "
            f"{step.total_seconds():g} s, got {times[-1]:%Y-%m-%d %H:%M:%S}"
            + ("; there is no summer time here, write standard time all year" if changed else "")
        )
