"""The alarms on disk, so that a restart neither loses nor repeats one.

Plain SQLAlchemy Core; every function takes the connection of one transaction. A finding is
committed before it is told and marked after, so what was not told is known.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    DateTime,
    MetaData,
    String,
    Table,
    Text,
    delete,
    select,
    update,
)

from .alarms import Finding

tables = MetaData()

alarms = Table(
    "fault_detector_alarm",
    tables,
    Column("instance", String(64), primary_key=True),
    Column("id", String(32), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("subject", String(128), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("since", DateTime, nullable=False),
    Column("at", DateTime, nullable=False),
    Column("text", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("cleared", Boolean, nullable=False),
    Column("told", Boolean, nullable=False, default=True),
)


def write(connection: Connection, instance: str, finding: Finding) -> None:
    """Store a finding in place of the former one of the same alarm."""
    values = {
        "kind": finding.kind,
        "subject": finding.subject,
        "severity": finding.severity,
        "since": _naive(finding.since),
        "at": _naive(finding.at),
        "text": finding.text,
        "evidence": json.dumps(finding.evidence, allow_nan=False),
        "cleared": finding.cleared,
        "told": False,
    }
    of_it = (alarms.c.instance == instance) & (alarms.c.id == finding.id)
    if connection.execute(update(alarms).where(of_it).values(values)).rowcount == 0:
        connection.execute(alarms.insert().values(instance=instance, id=finding.id, **values))


def mark_told(connection: Connection, instance: str, finding: Finding) -> None:
    """Note that a finding was told; a newer one of the same alarm stays untold."""
    connection.execute(
        update(alarms)
        .where(alarms.c.instance == instance, alarms.c.id == finding.id)
        .where(alarms.c.at == _naive(finding.at), alarms.c.cleared == finding.cleared)
        .values(told=True)
    )


def standing(connection: Connection, instance: str) -> list[Finding]:
    """Return the alarms that were raised and not cleared."""
    return _read(connection, (alarms.c.instance == instance) & ~alarms.c.cleared)


def untold(connection: Connection, instance: str) -> list[Finding]:
    """Return what was found and perhaps not told, oldest first."""
    return _read(connection, (alarms.c.instance == instance) & ~alarms.c.told)


def recent(connection: Connection, instance: str, since: datetime) -> list[Finding]:
    """Return what was raised or cleared since a time, oldest first."""
    return _read(connection, (alarms.c.instance == instance) & (alarms.c.at >= _naive(since)))


def forget_old(connection: Connection, instance: str, now: datetime, keep: timedelta) -> None:
    """Delete what was cleared and told longer ago than `keep`."""
    connection.execute(
        delete(alarms).where(
            alarms.c.instance == instance,
            alarms.c.cleared,
            alarms.c.told,
            alarms.c.at < _naive(now - keep),
        )
    )


def _read(connection: Connection, condition: ColumnElement[bool]) -> list[Finding]:
    rows = connection.execute(select(alarms).where(condition).order_by(alarms.c.at))
    return [
        Finding(
            id=row.id,
            kind=row.kind,
            subject=row.subject,
            severity=row.severity,
            since=row.since.replace(tzinfo=UTC),
            at=row.at.replace(tzinfo=UTC),
            text=row.text,
            evidence=json.loads(row.evidence),
            cleared=row.cleared,
        )
        for row in rows
    ]


def _naive(at: datetime) -> datetime:
    """Return UTC without zone, as SQLite keeps times."""
    return at.astimezone(UTC).replace(tzinfo=None)
