"""From memory to the disk: one transaction for all that waits, and few statements in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np
from sqlalchemy import Connection, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from . import tables
from .buffer import Batch

#: What the database knows a series by, for its device and quantity.
SeriesIds = dict[tuple[str, str], int]
#: As a row of the table has it: id of the series, milliseconds since the epoch, value.
Row = tuple[int, int, float]

#: How SQLite is told of samples; those that are there stay.
INSERT = "INSERT OR IGNORE INTO recorder_sample (series, at_ms, value) VALUES "
PLACES = "(?, ?, ?)"
#: So many samples go to SQLite in one statement: that takes half the time of one for each.
ROWS_AT_ONCE = 100


def write(
    connection: Connection,
    batch: Batch,
    names: Sequence[tuple[str, str]],
    known: Mapping[tuple[str, str], int],
) -> SeriesIds:
    """Write a batch; returns the series that were not `known`. A value that is there stays.

    `names` has the device and the quantity of each series, by its number in the samples.
    """
    new: SeriesIds = {}
    numbers = np.unique(batch.samples["series"])
    if len(numbers):
        wanted = [names[number] for number in numbers]
        new = _series_ids(connection, sorted(set(wanted) - known.keys()))
        ids = np.zeros(numbers[-1] + 1, np.int64)
        ids[numbers] = [known[name] if name in known else new[name] for name in wanted]
        rows = batch.samples.copy()
        rows["series"] = ids[rows["series"]]
        # In the order of the table: each of its pages is then written once, not once for each row.
        order = np.lexsort((rows["at_ms"], rows["series"]))
        _insert_samples(connection, rows[order].tolist())
    if batch.events:
        connection.execute(
            insert(tables.events),
            [
                {"at_ms": e.at_ms, "topic": e.topic[:160], "text": e.text, "data": e.data}
                for e in batch.events
            ],
        )
    return new


def _series_ids(connection: Connection, names: Sequence[tuple[str, str]]) -> SeriesIds:
    """Return the ids of series, of new ones and of those that are there already."""
    if not names:
        return {}
    series = tables.series
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(
        dialect.insert(series).on_conflict_do_nothing(),
        [{"device": device, "quantity": quantity} for device, quantity in names],
    )
    wanted = set(names)
    there = connection.execute(select(series.c.device, series.c.quantity, series.c.id))
    return {(row[0], row[1]): int(row[2]) for row in there if (row[0], row[1]) in wanted}


def _insert_samples(connection: Connection, rows: list[Row]) -> None:
    """Add samples; those that are there stay."""
    if connection.dialect.name == "postgresql":
        names = ("series", "at_ms", "value")
        statement = postgresql.insert(tables.samples).on_conflict_do_nothing()
        connection.execute(statement, [dict(zip(names, row, strict=True)) for row in rows])
        return
    # Straight to the driver: SQLAlchemy takes twice as long to look at rows as SQLite to write
    # them. There are `ROWS_AT_ONCE` rows in a statement, and the rest one by one.
    rest = len(rows) % ROWS_AT_ONCE
    full = [
        tuple(chain.from_iterable(rows[first : first + ROWS_AT_ONCE]))
        for first in range(0, len(rows) - rest, ROWS_AT_ONCE)
    ]
    for count, parameters in ((ROWS_AT_ONCE, full), (1, rows[len(rows) - rest :])):
        if parameters:
            connection.exec_driver_sql(INSERT + ", ".join([PLACES] * count), parameters)
