"""Tables in files: exact, and harmless in a spreadsheet."""

import csv
import io

from plugins.simulation_report.tables import Column, Kind, Table

COLUMNS = (
    Column("name", "Name"),
    Column("import_wh", "Import", Kind.ENERGY),
    Column("paid_wei", "Paid", Kind.MONEY),
    Column("share", "Share", Kind.SHARE),
)


def rows(table: Table) -> list[list[str]]:
    return list(csv.reader(io.StringIO(table.csv(), newline="")))


def test_energy_is_written_in_wh_to_the_mwh_and_money_to_the_wei():
    table = Table("t", "T", COLUMNS, [("a", 9_007_199_254_740_993, 10**24 + 1, 0.25)])
    assert rows(table) == [
        ["name", "import_wh", "paid_wei", "share"],
        ["a", "9007199254740.993", "1000000000000000000000001", "0.25"],
    ]


def test_what_is_not_known_is_empty_and_not_nought():
    table = Table("t", "T", COLUMNS, [("a", None, None, None)])
    assert rows(table)[1] == ["a", "", "", ""]
    assert table.records() == [{"name": "a", "import_wh": None, "paid_wei": None, "share": None}]


def test_texts_survive_and_are_no_formulas():
    hostile = ['=HYPERLINK("http://x")', "+1", "-1", "@x", "\tx", 'a "b", c\nd']
    table = Table("t", "T", COLUMNS[:1], [(text,) for text in hostile])
    found = [row[0] for row in rows(table)[1:]]
    assert found == [f"'{text}" for text in hostile[:-1]] + [hostile[-1]]


def test_records_are_the_rows_by_key():
    table = Table("t", "T", COLUMNS, [("a", 1500, 7, 1.0)])
    assert table.records() == [{"name": "a", "import_wh": 1.5, "paid_wei": 7, "share": 1.0}]
