"""Messages on disk until they are sent: what was accepted survives a kill.

A message and its deliveries are written in one transaction before anything is sent, and a delivery
is marked after it was. A kill between the two sends it again under the same id. With the first
message of an event the event itself is written, so that whoever was not told yet can be after a
restart. Plain SQLAlchemy Core; every function takes the connection of one transaction.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    delete,
    select,
    update,
)

from .message import Outgoing

tables = MetaData()

events = Table(
    "notifier_event",
    tables,
    Column("instance", String(64), primary_key=True),
    Column("id", String(128), primary_key=True),
    Column("at", DateTime, nullable=False),
    Column("audiences", Text, nullable=False),
    Column("data", Text, nullable=False),
)

messages = Table(
    "notifier_message",
    tables,
    Column("seq", Integer, primary_key=True),
    Column("instance", String(64), nullable=False),
    Column("id", String(128), nullable=False),
    Column("audience", String(64), nullable=False),
    Column("event", String(32), nullable=False),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("severity", String(16), nullable=False),
    Column("at", DateTime, nullable=False),
    Column("link", Text),
    Column("data", Text, nullable=False),
    Column("cause", String(64)),
    Index("notifier_message_id", "instance", "id", unique=True),
)

deliveries = Table(
    "notifier_delivery",
    tables,
    Column("seq", Integer, primary_key=True),
    Column("channel", String(16), primary_key=True),
    Column("status", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", DateTime),
    Column("done_at", DateTime),
    Column("reason", Text, nullable=False),
    Index("notifier_delivery_status", "status"),
)

PENDING, SENT, FAILED = "pending", "sent", "failed"
#: The hub's own page and log: there is nothing to send.
PAGE = "page"


@dataclass(frozen=True, slots=True)
class Pending:
    """A delivery that is still to be made. `next_at` is None if it may go at once."""

    message: Outgoing
    channel: str
    attempts: int
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class Cause:
    """What a message tells of: an event under an id of its own, as plain data, and for whom."""

    id: str
    at: datetime
    audiences: tuple[str, ...]
    data: Mapping[str, Any]


def accept(
    connection: Connection,
    instance: str,
    message: Outgoing,
    channels: Sequence[str],
    cause: Cause | None = None,
) -> bool:
    """Write a message with one delivery per channel; False if that id was accepted before."""
    if known(connection, instance, [message.id]):
        return False
    if cause is not None:
        _keep(connection, instance, cause)
    values = {
        "instance": instance,
        "id": message.id,
        "audience": message.audience,
        "event": message.event,
        "title": message.title,
        "text": message.text,
        "severity": message.severity,
        "at": _naive(message.at),
        "link": message.link,
        "data": json.dumps(message.data, allow_nan=False),
        "cause": message.cause,
    }
    key = connection.execute(messages.insert().values(values)).inserted_primary_key
    assert key is not None
    rows: list[dict[str, Any]] = [
        {"seq": key[0], "channel": channel, "status": PENDING, "attempts": 0, "reason": ""}
        for channel in channels
    ]
    page = {"seq": key[0], "channel": PAGE, "status": SENT, "attempts": 1, "reason": ""}
    connection.execute(deliveries.insert(), [page, *rows])
    return True


def _keep(connection: Connection, instance: str, cause: Cause) -> None:
    of_it = (events.c.instance == instance) & (events.c.id == cause.id)
    if connection.execute(select(events.c.id).where(of_it)).first() is None:
        values = {
            "at": _naive(cause.at),
            "audiences": json.dumps(cause.audiences),
            "data": json.dumps(cause.data, allow_nan=False),
        }
        connection.execute(events.insert().values(instance=instance, id=cause.id, **values))


def causes(connection: Connection, instance: str) -> list[Cause]:
    """Return the events that are kept, oldest first."""
    query = select(events).where(events.c.instance == instance).order_by(events.c.at)
    return [
        Cause(
            row.id,
            row.at.replace(tzinfo=UTC),
            tuple(json.loads(row.audiences)),
            json.loads(row.data),
        )
        for row in connection.execute(query)
    ]


def known(connection: Connection, instance: str, message_ids: Sequence[str]) -> set[str]:
    """Return which of some messages were accepted before."""
    found: set[str] = set()
    for first in range(0, len(message_ids), 500):
        query = select(messages.c.id).where(
            messages.c.instance == instance, messages.c.id.in_(message_ids[first : first + 500])
        )
        found.update(connection.execute(query).scalars())
    return found


def pending(connection: Connection, instance: str) -> list[Pending]:
    """Return what is still to be sent, in the order in which it was accepted."""
    query = (
        select(messages, deliveries)
        .join(deliveries, deliveries.c.seq == messages.c.seq)
        .where(messages.c.instance == instance, deliveries.c.status == PENDING)
        .order_by(messages.c.seq)
    )
    return [
        Pending(_message(row), row.channel, row.attempts, _aware(row.next_at))
        for row in connection.execute(query)
    ]


def record(
    connection: Connection,
    instance: str,
    message_id: str,
    channel: str,
    *,
    status: str,
    attempts: int,
    reason: str = "",
    next_at: datetime | None = None,
    done_at: datetime | None = None,
) -> None:
    """Write down what an attempt led to."""
    of_message = select(messages.c.seq).where(
        messages.c.instance == instance, messages.c.id == message_id
    )
    connection.execute(
        update(deliveries)
        .where(deliveries.c.seq == of_message.scalar_subquery(), deliveries.c.channel == channel)
        .values(
            status=status,
            attempts=attempts,
            reason=reason,
            next_at=None if next_at is None else _naive(next_at),
            done_at=None if done_at is None else _naive(done_at),
        )
    )


def recent(connection: Connection, instance: str, limit: int) -> list[dict[str, Any]]:
    """Return the latest deliveries as plain data, newest first."""
    query = (
        select(messages, deliveries)
        .join(deliveries, deliveries.c.seq == messages.c.seq)
        .where(messages.c.instance == instance)
        .order_by(messages.c.seq.desc(), deliveries.c.channel)
        .limit(limit)
    )
    return [
        {
            "at": row.at.replace(tzinfo=UTC).isoformat(),
            "audience": row.audience,
            "title": row.title,
            "text": row.text,
            "severity": row.severity,
            "link": row.link,
            "channel": row.channel,
            "status": row.status,
            "attempts": row.attempts,
            "reason": row.reason,
        }
        for row in connection.execute(query)
    ]


def forget_old(connection: Connection, instance: str, before: datetime) -> None:
    """Delete messages from before a time that have nothing left to send."""
    unsent = select(deliveries.c.seq).where(deliveries.c.status == PENDING)
    old = select(messages.c.seq).where(
        messages.c.instance == instance,
        messages.c.at < _naive(before),
        messages.c.seq.not_in(unsent),
    )
    connection.execute(
        delete(events).where(events.c.instance == instance, events.c.at < _naive(before))
    )
    connection.execute(delete(deliveries).where(deliveries.c.seq.in_(old)))
    connection.execute(
        delete(messages).where(
            messages.c.instance == instance,
            messages.c.at < _naive(before),
            messages.c.seq.not_in(unsent),
        )
    )


def _message(row: Any) -> Outgoing:
    return Outgoing(
        id=row.id,
        audience=row.audience,
        event=row.event,
        title=row.title,
        text=row.text,
        severity=row.severity,
        at=row.at.replace(tzinfo=UTC),
        link=row.link,
        data=json.loads(row.data),
        cause=row.cause,
    )


def _naive(at: datetime) -> datetime:
    """Return UTC without zone, as SQLite keeps times."""
    return at.astimezone(UTC).replace(tzinfo=None)


def _aware(at: datetime | None) -> datetime | None:
    return None if at is None else at.replace(tzinfo=UTC)
