"""What must survive a restart: how often the taps moved, and the alarm that stands.

Plain SQLAlchemy Core; every function takes the connection of one transaction.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    delete,
    insert,
    select,
)

tables = MetaData()

operations = Table(
    "tap_controller_operation",
    tables,
    Column("id", Integer, primary_key=True),
    Column("instance", String(64), nullable=False, index=True),
    Column("at", DateTime, nullable=False),
    Column("steps", Integer, nullable=False),
    Column("moves", Text, nullable=False),
)
alarms = Table(
    "tap_controller_alarm",
    tables,
    Column("instance", String(64), primary_key=True),
    Column("id", String(32), nullable=False),
)


def add_operation(
    connection: Connection, instance: str, at: datetime, steps: int, moves: str
) -> None:
    """Count a move."""
    connection.execute(
        insert(operations).values(instance=instance, at=_naive(at), steps=steps, moves=moves)
    )


def operations_since(
    connection: Connection, instance: str, since: datetime
) -> list[tuple[datetime, int]]:
    """Return times and steps of the moves since a time, oldest first."""
    query = (
        select(operations.c.at, operations.c.steps)
        .where(operations.c.instance == instance, operations.c.at >= _naive(since))
        .order_by(operations.c.at)
    )
    return [(row.at.replace(tzinfo=UTC), row.steps) for row in connection.execute(query)]


def standing_alarm(connection: Connection, instance: str) -> str | None:
    """Return the id of the alarm that was raised and not cleared."""
    query = select(alarms.c.id).where(alarms.c.instance == instance)
    found = connection.execute(query).scalar()
    return None if found is None else str(found)


def set_alarm(connection: Connection, instance: str, alarm_id: str | None) -> None:
    """Note the alarm that stands now, or that none does."""
    connection.execute(delete(alarms).where(alarms.c.instance == instance))
    if alarm_id is not None:
        connection.execute(insert(alarms).values(instance=instance, id=alarm_id))


def _naive(at: datetime) -> datetime:
    """Return UTC without zone, as SQLite keeps times."""
    return at.astimezone(UTC).replace(tzinfo=None)
