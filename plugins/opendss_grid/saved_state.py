"""What a feeder keeps over a restart: one row per instance in the hub's history."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, MetaData, String, Table, Text, delete, insert, select

from hub.api import Database

_TABLES = MetaData()
_STATE = Table(
    "opendss_grid_state",
    _TABLES,
    Column("instance", String(64), primary_key=True),
    Column("saved_at", String(40), nullable=False),
    Column("state", Text, nullable=False),
)


async def load(database: Database, instance: str) -> Mapping[str, Any] | None:
    """Return what the instance last saved, or None."""
    await database.create(_TABLES)

    def read(connection: Connection) -> Any:
        query = select(_STATE.c.state).where(_STATE.c.instance == instance)
        return connection.execute(query).scalar_one_or_none()

    text = await database.run(read)
    return None if text is None else json.loads(text)


async def save(database: Database, instance: str, at: datetime, state: Mapping[str, Any]) -> None:
    """Replace what the instance saved before."""
    row = {"instance": instance, "saved_at": at.isoformat(), "state": json.dumps(state)}

    def write(connection: Connection) -> None:
        connection.execute(delete(_STATE).where(_STATE.c.instance == instance))
        connection.execute(insert(_STATE).values(row))

    await database.run(write)
