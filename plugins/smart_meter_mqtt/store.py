"""Keeps counters over restarts, so that what is published goes on where it was."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Float,
    MetaData,
    String,
    Table,
    delete,
    select,
)

from .counters import Counter

TABLES = MetaData()
_COUNTERS = Table(
    "smart_meter_counters",
    TABLES,
    Column("instance", String(64), primary_key=True),
    Column("device", String(64), primary_key=True),
    Column("quantity", String(64), primary_key=True),
    Column("raw_mwh", BigInteger, nullable=False),
    Column("offset_mwh", BigInteger, nullable=False),
    Column("at", Float, nullable=False),
)

#: Counters by device and quantity.
Counters = Mapping[str, Mapping[str, Counter]]


def load_counters(connection: Connection, instance: str) -> dict[str, dict[str, Counter]]:
    """Return the counters of a plugin instance as they were saved last."""
    rows = connection.execute(select(_COUNTERS).where(_COUNTERS.c.instance == instance))
    counters: dict[str, dict[str, Counter]] = {}
    for row in rows:
        counter = Counter(row.raw_mwh, row.offset_mwh, datetime.fromtimestamp(row.at, UTC))
        counters.setdefault(row.device, {})[row.quantity] = counter
    return counters


def save_counters(connection: Connection, instance: str, counters: Counters) -> None:
    """Write all counters of a plugin instance."""
    connection.execute(delete(_COUNTERS).where(_COUNTERS.c.instance == instance))
    rows = [
        {
            "instance": instance,
            "device": device,
            "quantity": quantity,
            "raw_mwh": counter.raw_mwh,
            "offset_mwh": counter.offset_mwh,
            "at": counter.at.timestamp(),
        }
        for device, of_device in counters.items()
        for quantity, counter in of_device.items()
    ]
    if rows:
        connection.execute(_COUNTERS.insert(), rows)
