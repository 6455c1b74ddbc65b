"""Tables from records: a column beside where its value comes from."""

from datetime import datetime

from plugins.simulation_report.shape import Shape
from plugins.simulation_report.tables import Column, Kind
from plugins.simulation_report.timeline import Timeline

LINE = Timeline(datetime(2026, 6, 21, 6), 900.0, 86_400.0)  # noqa: DTZ001 - local time
STAYS = Shape[tuple[str, float, float | None]](
    "stays",
    "Stays",
    (
        (Column("from", "From", Kind.TIME), lambda stay: stay[1]),
        (Column("to", "To", Kind.TIME), lambda stay: stay[2]),
        (Column("who", "Who"), lambda stay: stay[0]),
    ),
)


def test_a_record_is_a_row_and_its_times_are_local_and_may_be_open():
    table = STAYS.table([("ann", 0.0, 3600.0), ("bob", 90.0, None)], LINE)
    assert (table.name, table.title) == ("stays", "Stays")
    assert [column.key for column in table.columns] == ["from", "to", "who"]
    assert table.rows == [
        ("2026-06-21T06:00:00", "2026-06-21T07:00:00", "ann"),
        ("2026-06-21T06:01:30", None, "bob"),
    ]


def test_no_record_is_a_table_without_rows():
    assert STAYS.table([], LINE).rows == []
