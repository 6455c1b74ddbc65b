"""One row per instance that is replaced as a whole."""

from datetime import UTC, datetime
from pathlib import Path

from hub.kept_state import KeptState
from hub.store import Database

AT = datetime(2026, 6, 1, tzinfo=UTC)


async def test_each_instance_has_its_own_and_the_last_counts(tmp_path: Path):
    database = Database.sqlite(tmp_path / "x.db", durable=False)
    one, other = (KeptState(database, "some_state", name) for name in ("one", "other"))
    assert await one.load() is None
    await one.save(AT, {"taps": [1, 2]})
    await other.save(AT, {"taps": []})
    await one.save(AT, {"taps": [3], "label": "Mühle"})
    await database.close()

    database = Database.sqlite(tmp_path / "x.db", durable=False)
    again = KeptState(database, "some_state", "one")
    assert await again.load() == {"taps": [3], "label": "Mühle"}
    assert await KeptState(database, "some_state", "other").load() == {"taps": []}
    assert await KeptState(database, "other_state", "one").load() is None
    await database.close()
