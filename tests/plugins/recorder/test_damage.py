"""A damaged history is set aside and said; the hub starts, and nothing else is lost."""

import sqlite3
from pathlib import Path

import pytest

from hub.messages import Alarm, Reading
from hub.store import set_aside_if_corrupt
from hub.testing import Recording, make_hub, running

YAML = "plugins:\n  history: {use: recorder}\n"


async def write_something(folder: Path) -> Path:
    async with running(folder, YAML) as hub:
        await hub.settled()
        for i in range(300):
            hub.bus.publish(Reading(f"meter{i}", "voltage", 230.0, "V", hub.clock.now()))
        await hub.services.ask("history/series", {"device": "meter0", "quantity": "voltage"})
    return folder / ".hub" / "history.db"


def flip_a_kilobyte(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096  # the start of a page: SQLite sums no contents up
    content[middle : middle + 1024] = bytes(255 - b for b in content[middle : middle + 1024])
    path.write_bytes(content)


def overwrite(path: Path) -> None:
    path.write_bytes(b"this is no database" * 1000)


@pytest.mark.parametrize("damage", [flip_a_kilobyte, overwrite])
async def test_a_damaged_history_is_set_aside_and_said(tmp_path: Path, damage):
    path = await write_something(tmp_path)
    ledger = path.with_name("ledger.db")
    kept = ledger.read_bytes() if ledger.exists() else b""
    damage(path)
    damaged = path.read_bytes()
    hub = make_hub(tmp_path, YAML)
    record = Recording(hub, "alarm/#")
    await hub.start()
    try:
        alarm = await record.until(lambda m: m[0] if m else None)
        assert isinstance(alarm, Alarm)
        asides = list(path.parent.glob("history.db.corrupt.*Z"))
        assert len(asides) == 1
        assert asides[0].read_bytes() == damaged
        assert alarm.text.endswith(f"the old file is {asides[0].name}.")
        at = hub.clock.now()
        hub.bus.publish(Reading("meter0", "voltage", 231.0, "V", at))
        request = {"device": "meter0", "quantity": "voltage"}
        assert (await hub.services.ask("history/series", request))["value"] == [231.0]
        events = await hub.services.ask("history/events", {"topics": ["alarm/#"]})
        assert events[0]["text"] == alarm.text
    finally:
        await hub.stop()
    assert (ledger.read_bytes() if ledger.exists() else b"") == kept


async def test_a_sound_history_stays(tmp_path: Path):
    path = await write_something(tmp_path)
    assert set_aside_if_corrupt(path) is None
    assert set_aside_if_corrupt(tmp_path / "none.db") is None
    async with running(tmp_path, YAML) as hub:
        await hub.settled()
        request = {"device": "meter7", "quantity": "voltage"}
        assert (await hub.services.ask("history/series", request))["value"] == [230.0]


def test_a_database_that_is_locked_is_not_taken_for_damaged(tmp_path: Path):
    path = tmp_path / "x.db"
    with sqlite3.connect(path, isolation_level=None) as connection:
        connection.execute("CREATE TABLE t (a)")
        connection.execute("BEGIN EXCLUSIVE")
        assert set_aside_if_corrupt(path) is None
        connection.execute("ROLLBACK")
    connection.close()
