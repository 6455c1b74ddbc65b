"""How records become tables: every column stands beside where its value comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from .tables import Column, Kind, Table, Value
from .timeline import Timeline

Record = TypeVar("Record")
#: A column, and what it shows of a record. A time is given in feeder seconds since the start.
Field = tuple[Column, Callable[[Record], Value]]


# Without slots: a frozen generic class that has them cannot be made as `Shape[Round](...)`.
@dataclass(frozen=True)
class Shape(Generic[Record]):
    """A table without its rows; `name` and `title` are the table's."""

    name: str
    title: str
    fields: tuple[Field[Record], ...]

    def table(self, records: Iterable[Record], timeline: Timeline) -> Table:
        """Return the table with a row per record, times as local times on the feeder."""
        shown = [(read, column.kind is Kind.TIME) for column, read in self.fields]
        rows = [
            tuple(
                _local(read(record), timeline) if is_time else read(record)
                for read, is_time in shown
            )
            for record in records
        ]
        return Table(self.name, self.title, tuple(column for column, _ in self.fields), rows)


def _local(elapsed_s: Value, timeline: Timeline) -> str | None:
    if elapsed_s is None:
        return None
    assert isinstance(elapsed_s, int | float)
    return timeline.at(elapsed_s).isoformat()
