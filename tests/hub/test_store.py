"""The store: transactions, durability, closing."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    func,
    insert,
    select,
)
from sqlalchemy.exc import IntegrityError

from hub.errors import ConfigProblemError, Unavailable
from hub.store import Database
from hub.store_schema import FORMAT

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


def old_file(path: Path) -> None:
    """A ledger as the hub wrote it in its first days: no numbers, a table that lacks columns."""
    with sqlite3.connect(path) as connection:
        connection.executescript(
            """
            CREATE TABLE "faults" (
                id VARCHAR(32) NOT NULL PRIMARY KEY, kind VARCHAR(32) NOT NULL
            );
            INSERT INTO faults VALUES ('a1', 'outage');
            """
        )


NEW = MetaData()
FAULTS = Table(
    "faults",
    NEW,
    Column("id", String(32), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("told", Boolean, nullable=False, default=True),
    Column("note", Text, nullable=False, default="it's old"),
    Column("block_at", BigInteger),
)
Table("others", NEW, Column("id", Integer, primary_key=True))


async def test_an_old_file_is_brought_up_and_keeps_its_rows(tmp_path: Path):
    old_file(tmp_path / "ledger.db")
    for _ in range(2):
        database = Database.sqlite(tmp_path / "ledger.db", durable=True)
        await database.create(NEW)
        rows = await database.run(lambda c: c.execute(select(FAULTS)).all())
        assert [tuple(row) for row in rows] == [("a1", "outage", True, "it's old", None)]
        await database.close()
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (FORMAT,)
        assert connection.execute("SELECT count(*) FROM others").fetchone() == (0,)


async def test_a_column_that_nothing_makes_up_for_is_named(tmp_path: Path):
    old_file(tmp_path / "ledger.db")
    tables = MetaData()
    Table(
        "faults", tables, Column("id", String, primary_key=True), Column("x", Text, nullable=False)
    )
    database = Database.sqlite(tmp_path / "ledger.db", durable=True)
    with pytest.raises(ConfigProblemError, match="its table faults lacks x"):
        await database.create(tables)
    await database.close()


async def test_a_file_of_a_newer_hub_is_refused(tmp_path: Path):
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        connection.execute(f"PRAGMA user_version = {FORMAT + 1}")
    database = Database.sqlite(tmp_path / "ledger.db", durable=True)
    for _ in range(2):
        with pytest.raises(ConfigProblemError, match=r"ledger\.db was written by a newer hub"):
            await database.check()
    await database.close()


def fill_half(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, text TEXT)")
        connection.executemany("INSERT INTO items (text) VALUES (?)", [("y" * 1000,)] * 100)
    path.write_bytes(path.read_bytes()[:40_000])


@pytest.mark.parametrize(
    ("spoil", "error", "said"),
    [
        (lambda path: path.write_bytes(b"no database" * 1000), ConfigProblemError, "no database"),
        (fill_half, ConfigProblemError, "it is damaged"),
        (lambda path: path.mkdir(), Unavailable, "it cannot be opened"),
    ],
    ids=["garbage", "cut off", "folder"],
)
async def test_a_ledger_that_cannot_be_used_is_said_in_one_line(
    tmp_path: Path, spoil: Callable[[Path], None], error: type[Exception], said: str
):
    spoil(tmp_path / "ledger.db")
    database = Database.sqlite(tmp_path / "ledger.db", durable=True)
    with pytest.raises(error) as raised:
        await database.run(lambda c: c.exec_driver_sql("SELECT count(*) FROM items").scalar())
    assert str(raised.value).startswith("ledger.db: ")
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
    await database.close()


async def test_a_locked_and_a_full_file_are_waited_for(tmp_path: Path):
    database = Database.sqlite(tmp_path / "x.db", durable=True)
    await database.create(TABLES)
    pages = await database.run(lambda c: c.exec_driver_sql("PRAGMA page_count").scalar())
    await database.run(lambda c: c.exec_driver_sql(f"PRAGMA max_page_count={pages}") and None)
    rows = [{"id": number} for number in range(5000)]
    with pytest.raises(Unavailable, match=r"x\.db: the disk is full; make room on it"):
        await database.run(lambda c: c.execute(insert(ITEMS), rows) and None)
    await database.run(lambda c: c.exec_driver_sql("PRAGMA busy_timeout=1") and None)
    other = sqlite3.connect(tmp_path / "x.db")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(Unavailable, match="another program holds it locked"):
        await database.run(lambda c: c.execute(insert(ITEMS).values(id=1)) and None)
    other.close()
    await database.close()


async def test_a_mistake_in_a_statement_is_nobodys_disk(tmp_path: Path):
    database = Database.sqlite(tmp_path / "x.db", durable=True)
    await database.create(TABLES)
    await database.run(lambda c: c.execute(insert(ITEMS).values(id=1)))
    with pytest.raises(IntegrityError):
        await database.run(lambda c: c.execute(insert(ITEMS).values(id=1)))
    await database.close()
