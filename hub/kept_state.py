"""What an instance of a plugin keeps over a restart: one row of plain data.

For what is replaced as a whole each time, as a simulation's state. What grows, or is asked for in
parts, has tables of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from hub.store import Database

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table


class KeptState:
    """The row of one instance in a table of its plugin's."""

    def __init__(self, database: Database, table: str, instance: str) -> None:
        self._database = database
        self._table_name = table
        self._instance = instance
        self._made: Table | None = None

    async def _table(self) -> Table:
        """Return the table, which is created at first use."""
        if self._made is None:
            from sqlalchemy import Column, MetaData, String, Table, Text

            tables = MetaData()
            table = Table(
                self._table_name,
                tables,
                Column("instance", String(64), primary_key=True),
                Column("saved_at", String(40), nullable=False),
                Column("state", Text, nullable=False),
            )
            await self._database.create(tables)
            self._made = table
        return self._made

    async def load(self) -> Mapping[str, Any] | None:
        """Return what was last saved, or None. Raises as `Database.run`."""
        table = await self._table()

        def read(connection: Connection) -> Any:
            query = table.select().where(table.c.instance == self._instance)
            row = connection.execute(query).one_or_none()
            return None if row is None else json.loads(row.state)

        found: Mapping[str, Any] | None = await self._database.run(read)
        return found

    async def save(self, at: datetime, state: Mapping[str, Any]) -> None:
        """Replace what was saved before. Raises as `Database.run`."""
        table = await self._table()

        def write(connection: Connection) -> None:
            # The text is made here, on the database's thread: it can be long.
            row = {"instance": self._instance, "saved_at": at.isoformat()}
            connection.execute(table.delete().where(table.c.instance == self._instance))
            connection.execute(table.insert().values(**row, state=json.dumps(state)))

        await self._database.run(write)
