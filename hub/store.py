"""Storage on SQLAlchemy Core: SQLite by default, PostgreSQL by URL.

Each database has one thread, on which every transaction runs; so a plugin writes plain synchronous
Core code in a function and the loop never waits for a disk.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hub import store_errors
from hub.errors import Unavailable

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, MetaData

T = TypeVar("T")

#: Files up to this size are checked page by page when they are opened.
MOST_CHECKED_BYTES = 256 * 1024 * 1024


def set_aside_if_corrupt(path: Path) -> Path | None:
    """Rename a file that is no sound SQLite database, and its journal; return its new path.

    Only for files that may be lost: a ledger in trouble must stop the hub instead. A file above
    `MOST_CHECKED_BYTES` is looked at only superficially, because checking takes a second per GB
    and more.
    """
    if not path.exists() or _is_sound(path):
        return None
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    aside = path.with_name(f"{path.name}.corrupt.{stamp}")
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside


def _is_sound(path: Path) -> bool:
    thorough = path.stat().st_size <= MOST_CHECKED_BYTES
    try:
        with closing(sqlite3.connect(path, timeout=0.2)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if not thorough:
                return True
            row = connection.execute("PRAGMA quick_check(1)").fetchone()
            return bool(row[0] == "ok")
    except sqlite3.OperationalError:
        return True  # locked or unreadable now: that is no proof against the file
    except sqlite3.DatabaseError:
        return False


class Database:
    """One database and its thread. Opened at first use."""

    def __init__(self, url: str, *, durable: bool) -> None:
        self.url = url
        self._durable = durable
        #: For messages.
        self.file = url.rsplit("/", 1)[-1] if url.startswith("sqlite") else "the database"
        self._engine: Engine | None = None
        self._accepted = False
        self._closed = False
        #: Where a file went that was no sound database when it was opened; None if it was sound.
        self.set_aside: Path | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="database")

    @classmethod
    def sqlite(cls, path: Path, *, durable: bool) -> Database:
        """Return a database in a file. `durable` commits reach the disk before they return."""
        return cls(f"sqlite:///{path}", durable=durable)

    def _open(self) -> Engine:
        if self._engine is None:
            from sqlalchemy import create_engine, event

            engine = create_engine(self.url)
            path = engine.url.database
            if engine.dialect.name == "sqlite" and path and not self._durable:
                self.set_aside = set_aside_if_corrupt(Path(path))
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
        with store_errors.in_words(self.file), self._open().begin() as connection:
            if not self._accepted:
                self._accept(connection)
            return function(connection)

    def _accept(self, connection: Connection) -> None:
        from hub import store_schema

        if connection.dialect.name == "sqlite":
            store_schema.accept(connection, self.file)
        self._accepted = True

    async def run(self, function: Callable[[Connection], T]) -> T:
        """Run `function(connection)` in one transaction: committed if it returns, rolled back if
        it raises.

        Once begun it is carried through, even if whoever waits for it is cancelled meanwhile.
        Raises `Unavailable` once the database is closed, and while its file cannot be used;
        `ConfigProblemError` if the file is damaged or of a newer hub.
        """
        if self._closed:
            raise Unavailable("the database is closed: the hub has stopped")
        return await asyncio.shield(
            asyncio.get_running_loop().run_in_executor(self._thread, self._transact, function)
        )

    async def create(self, tables: MetaData) -> None:
        """Create the tables and columns that are not there yet. Raises as `run`."""
        from hub import store_schema

        await self.run(lambda connection: store_schema.create(connection, tables, self.file))

    async def check(self) -> None:
        """Open the database; raises as `run`."""
        await self.run(lambda _: None)

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
