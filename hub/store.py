"""Storage on SQLAlchemy Core: SQLite by default, PostgreSQL by URL.

Each database has one thread, on which every transaction runs; so a plugin writes plain synchronous
Core code in a function and the loop never waits for a disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, MetaData

T = TypeVar("T")


class Database:
    """One database and its thread. Opened at first use."""

    def __init__(self, url: str, *, durable: bool) -> None:
        self.url = url
        self._durable = durable
        self._engine: Engine | None = None
        self._closed = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="database")

    @classmethod
    def sqlite(cls, path: Path, *, durable: bool) -> Database:
        """Return a database in a file. `durable` commits reach the disk before they return."""
        return cls(f"sqlite:///{path}", durable=durable)

    def _open(self) -> Engine:
        if self._engine is None:
            from sqlalchemy import create_engine, event

            engine = create_engine(self.url)
            if engine.dialect.name == "sqlite":
                synchronous = "FULL" if self._durable else "NORMAL"

                @event.listens_for(engine, "connect")
                def configure(connection: Any, _: Any) -> None:
                    connection.execute("PRAGMA journal_mode=WAL")
                    connection.execute(f"PRAGMA synchronous={synchronous}")
                    connection.execute("PRAGMA busy_timeout=5000")
                    connection.execute("PRAGMA foreign_keys=ON")

            self._engine = engine
        return self._engine

    def _transact(self, function: Callable[[Connection], T]) -> T:
        with self._open().begin() as connection:
            return function(connection)

    async def run(self, function: Callable[[Connection], T]) -> T:
        """Run `function(connection)` in one transaction: committed if it returns, rolled back if
        it raises.

        Once begun it is carried through, even if whoever waits for it is cancelled meanwhile.
        """
        return await asyncio.shield(
            asyncio.get_running_loop().run_in_executor(self._thread, self._transact, function)
        )

    async def create(self, tables: MetaData) -> None:
        """Create the tables that are not there yet."""
        await self.run(tables.create_all)

    async def close(self) -> None:
        """Finish what is under way and close. Idempotent."""
        if not self._closed:
            self._closed = True
            await asyncio.get_running_loop().run_in_executor(self._thread, self._dispose)
            self._thread.shutdown(wait=False)

    def _dispose(self) -> None:
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None
