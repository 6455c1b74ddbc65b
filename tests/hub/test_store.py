"""The store: transactions, durability, closing."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, func, insert, select

from hub.errors import Unavailable
from hub.store import Database

TABLES = MetaData()
ITEMS = Table("items", TABLES, Column("id", Integer, primary_key=True))


async def test_a_transaction_that_raises_leaves_nothing(tmp_path: Path):
    database = Database.sqlite(tmp_path / "x.db", durable=True)
    await database.create(TABLES)

    def insert_and_fail(connection):
        connection.execute(insert(ITEMS).values(id=1))
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        await database.run(insert_and_fail)
    count = await database.run(
        lambda c: c.execute(select(func.count()).select_from(ITEMS)).scalar()
    )
    assert count == 0
    await database.close()
    await database.close()


@pytest.mark.parametrize(("durable", "synchronous"), [(True, 2), (False, 1)])
async def test_pragmas(tmp_path: Path, durable: bool, synchronous: int):
    database = Database.sqlite(tmp_path / "x.db", durable=durable)
    mode = await database.run(lambda c: c.exec_driver_sql("PRAGMA journal_mode").scalar())
    level = await database.run(lambda c: c.exec_driver_sql("PRAGMA synchronous").scalar())
    assert (mode, level) == ("wal", synchronous)
    await database.close()


async def test_what_was_committed_is_there_for_another_process(tmp_path: Path):
    database = Database.sqlite(tmp_path / "x.db", durable=True)
    await database.create(TABLES)
    await database.run(lambda c: c.execute(insert(ITEMS).values(id=7)))
    with sqlite3.connect(tmp_path / "x.db") as other:
        assert other.execute("SELECT id FROM items").fetchall() == [(7,)]
    await database.close()


async def test_a_closed_database_says_so(tmp_path: Path):
    database = Database.sqlite(tmp_path / "x.db", durable=True)
    await database.close()
    with pytest.raises(Unavailable, match="the hub has stopped"):
        await database.create(TABLES)
