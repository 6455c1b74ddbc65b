"""The history on disk. Plain SQLAlchemy Core; every function takes the connection of one
transaction. Times are milliseconds since the epoch, which every database counts alike.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Double,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    delete,
    func,
    insert,
    select,
)

MINUTE_MS = 60_000

tables = MetaData()

series = Table(
    "recorder_series",
    tables,
    Column("id", Integer, primary_key=True),
    Column("device", String(64), nullable=False),
    Column("quantity", String(64), nullable=False),
    UniqueConstraint("device", "quantity"),
)
samples = Table(
    "recorder_sample",
    tables,
    Column("series", Integer, primary_key=True),
    Column("at_ms", BigInteger, primary_key=True),
    Column("value", Double, nullable=False),
    sqlite_with_rowid=False,
)
minutes = Table(
    "recorder_minute",
    tables,
    Column("series", Integer, primary_key=True),
    Column("at_ms", BigInteger, primary_key=True),
    Column("n", Integer, nullable=False),
    Column("total", Double, nullable=False),
    Column("low", Double, nullable=False),
    Column("high", Double, nullable=False),
    sqlite_with_rowid=False,
)
events = Table(
    "recorder_event",
    tables,
    Column("id", Integer, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("topic", String(160), nullable=False),
    Column("text", Text, nullable=False),
    Column("data", Text, nullable=False),
    Index("recorder_event_at", "at_ms"),
)


@dataclass(frozen=True, slots=True)
class Bucket:
    """All values of one stretch of time."""

    at_ms: int
    mean: float
    low: float
    high: float


def read_series(
    connection: Connection, device: str, quantity: str, since_ms: int, until_ms: int, points: int
) -> list[Bucket]:
    """Return at most `points` buckets of equal width; stretches without a value are left out.

    Minutes stand in where samples have been thinned out already.
    """
    query = select(series.c.id).where(series.c.device == device, series.c.quantity == quantity)
    number = connection.execute(query).scalar()
    if number is None or until_ms <= since_ms:
        return []
    width_ms = max(1, -(-(until_ms - since_ms) // points))
    oldest = connection.execute(
        select(func.min(samples.c.at_ms)).where(samples.c.series == number)
    ).scalar()
    split_ms = until_ms if oldest is None else int(oldest) - int(oldest) % MINUTE_MS
    found = _buckets(
        connection,
        select(
            ((minutes.c.at_ms - since_ms) // width_ms).label("bucket"),
            func.sum(minutes.c.n),
            func.sum(minutes.c.total),
            func.min(minutes.c.low),
            func.max(minutes.c.high),
        ).where(
            minutes.c.series == number,
            minutes.c.at_ms >= since_ms,
            minutes.c.at_ms < min(split_ms, until_ms),
        ),
        {},
    )
    found = _buckets(
        connection,
        select(
            ((samples.c.at_ms - since_ms) // width_ms).label("bucket"),
            func.count(),
            func.sum(samples.c.value),
            func.min(samples.c.value),
            func.max(samples.c.value),
        ).where(
            samples.c.series == number,
            samples.c.at_ms >= max(since_ms, split_ms),
            samples.c.at_ms < until_ms,
        ),
        found,
    )
    return [
        Bucket(since_ms + bucket * width_ms, total / n, low, high)
        for bucket, (n, total, low, high) in sorted(found.items())
    ]


_Sums = dict[int, tuple[int, float, float, float]]


def _buckets(connection: Connection, query: Any, before: _Sums) -> _Sums:
    found = dict(before)
    for bucket, n, total, low, high in connection.execute(query.group_by("bucket")):
        if bucket in found:
            other = found[bucket]
            found[bucket] = (
                other[0] + n,
                other[1] + total,
                min(other[2], low),
                max(other[3], high),
            )
        else:
            found[bucket] = (n, total, low, high)
    return found


def read_events(
    connection: Connection, limit: int, topics: Sequence[str] = ()
) -> list[Mapping[str, Any]]:
    """Return the latest events, newest first; `topics` are filters as MQTT has them."""
    wanted = [_pattern(topic) for topic in topics]
    found: list[Mapping[str, Any]] = []
    query = select(events).order_by(events.c.id.desc()).execution_options(yield_per=500)
    with connection.execute(query) as rows:
        for row in rows:
            if not wanted or any(pattern.fullmatch(row.topic) for pattern in wanted):
                found.append(dict(row._mapping))
                if len(found) >= limit:
                    break
    return found


def _pattern(topic_filter: str) -> re.Pattern[str]:
    """Return a filter as a regular expression: `+` is one level, a last `#` is all that follow."""
    levels = topic_filter.split("/")
    parts = ["[^/]*" if level == "+" else re.escape(level) for level in levels]
    if levels[-1] == "#":
        return re.compile("/".join(parts[:-1]) + "(/.*)?" if parts[:-1] else ".*")
    return re.compile("/".join(parts))


def all_series(connection: Connection) -> list[int]:
    """Return the ids of all series."""
    return list(connection.execute(select(series.c.id).order_by(series.c.id)).scalars())


def thin_out(
    connection: Connection, numbers: Sequence[int], *, now_ms: int, raw_ms: int, minutes_ms: int
) -> None:
    """Sum up whole minutes of some series, then delete samples and minutes beyond their age.

    Series that were summed up to the same minute share a statement.
    """
    until_ms = now_ms - now_ms % MINUTE_MS
    # Whole minutes only: a minute is either all there as samples or all summed up.
    gone_ms = min(until_ms, now_ms - raw_ms)
    gone_ms -= gone_ms % MINUTE_MS
    newest = connection.execute(
        select(minutes.c.series, func.max(minutes.c.at_ms))
        .where(minutes.c.series.in_(numbers))
        .group_by(minutes.c.series)
    )
    last = {row.series: int(row[1]) for row in newest}
    alike: dict[int, list[int]] = {}
    for number in numbers:
        since_ms = last[number] + MINUTE_MS if number in last else 0
        alike.setdefault(since_ms, []).append(number)
    for since_ms, of_these in alike.items():
        _sum_up(connection, of_these, since_ms, until_ms)
    for table, before_ms in ((samples, gone_ms), (minutes, now_ms - minutes_ms)):
        connection.execute(
            delete(table).where(table.c.series.in_(numbers), table.c.at_ms < before_ms)
        )


def _sum_up(connection: Connection, numbers: Sequence[int], since_ms: int, until_ms: int) -> None:
    """Write the minutes of some series within a span."""
    minute = (samples.c.at_ms // MINUTE_MS) * MINUTE_MS
    summed = (
        select(
            samples.c.series,
            minute.label("minute"),
            func.count(),
            func.sum(samples.c.value),
            func.min(samples.c.value),
            func.max(samples.c.value),
        )
        .where(
            samples.c.series.in_(numbers),
            samples.c.at_ms >= since_ms,
            samples.c.at_ms < until_ms,
        )
        .group_by(samples.c.series, "minute")
    )
    names = ["series", "at_ms", "n", "total", "low", "high"]
    connection.execute(insert(minutes).from_select(names, summed))


def forget_events(connection: Connection, before_ms: int) -> None:
    """Delete events from before a time."""
    connection.execute(delete(events).where(events.c.at_ms < before_ms))
