"""Keeps the counters of simulated meters over restarts: a meter does not forget."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import BigInteger, Column, Connection, MetaData, String, Table, delete, select

TABLES = MetaData()
_METERS = Table(
    "simulated_meters",
    TABLES,
    Column("instance", String(64), primary_key=True),
    Column("device", String(64), primary_key=True),
    Column("import_mj", BigInteger, nullable=False),
    Column("export_mj", BigInteger, nullable=False),
)

#: Device, import and export in millijoules.
Count = tuple[str, int, int]


def load_counts(connection: Connection, instance: str) -> list[Count]:
    """Return the counts of a plugin instance as they were saved last."""
    rows = connection.execute(select(_METERS).where(_METERS.c.instance == instance))
    return [(row.device, row.import_mj, row.export_mj) for row in rows]


def save_counts(connection: Connection, instance: str, counts: Iterable[Count]) -> None:
    """Write the counts of a plugin instance in place of the earlier ones."""
    connection.execute(delete(_METERS).where(_METERS.c.instance == instance))
    rows = [
        {"instance": instance, "device": device, "import_mj": imported, "export_mj": exported}
        for device, imported, exported in counts
    ]
    if rows:
        connection.execute(_METERS.insert(), rows)
