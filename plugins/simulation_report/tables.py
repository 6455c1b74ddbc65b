"""Tables with typed columns: one source for the page, the CSV files and the JSON.

Energies are kept as whole mWh and written in Wh with three decimals, so nothing is rounded; money
is whole wei.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

Value = int | float | str | bool | None


class Kind(StrEnum):
    """What a column holds, which says how it is shown and written."""

    TEXT = "text"
    COUNT = "count"
    #: Whole mWh; written in Wh, shown in kWh.
    ENERGY = "energy"
    #: Whole Wh on the market.
    ENERGY_WH = "energy_wh"
    #: Whole wei; shown in ETH.
    MONEY = "money"
    #: Whole wei per kWh; shown in ETH per kWh.
    PRICE = "price"
    #: 0 to 1; shown in percent.
    SHARE = "share"
    #: The same, where a tenth of a percent matters.
    FINE_SHARE = "fine_share"
    PERCENT = "percent"
    VOLTAGE = "voltage"
    #: Feeder seconds; shown in minutes.
    DURATION = "duration"
    #: Local time on the feeder.
    TIME = "time"

    @property
    def css(self) -> str:
        """Return the class of a cell on the page."""
        return {Kind.TEXT: "text", Kind.TIME: "time"}.get(self, "number")


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `key` names it in files, `label` on the page.

    `absent` is what the page shows in the place of None, `hint` what it says of the column.
    """

    key: str
    label: str
    kind: Kind = Kind.TEXT
    hint: str = ""
    absent: str = "\u2013"


@dataclass(slots=True)
class Table:
    """Rows of values in the order of `columns`. `name` is that of its CSV file.

    `total` is a last row for the page; files leave sums to who reads them.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: list[tuple[Value, ...]] = field(default_factory=list)
    total: tuple[Value, ...] | None = None

    def csv(self) -> str:
        """Return the table as CSV (RFC 4180) with a head; what is not known is empty."""
        out = io.StringIO(newline="")
        writer = csv.writer(out, lineterminator="\r\n")
        writer.writerow([column.key for column in self.columns])
        for row in self.rows:
            writer.writerow([_text(column, value) for column, value in self._cells(row)])
        return out.getvalue()

    def records(self) -> list[Mapping[str, Value | Decimal]]:
        """Return the rows for JSON, by the keys of the columns."""
        return [{c.key: _number(c, value) for c, value in self._cells(row)} for row in self.rows]

    def _cells(self, row: Sequence[Value]) -> list[tuple[Column, Value]]:
        return list(zip(self.columns, row, strict=True))


def _number(column: Column, value: Value) -> Value:
    """JSON has no decimals of its own: mWh / 1000 is the float nearest to the exact figure."""
    if column.kind is Kind.ENERGY and isinstance(value, int):
        return value / 1000
    return value


def _text(column: Column, value: Value) -> str:
    if value is None:
        return ""
    if column.kind is Kind.ENERGY and isinstance(value, int):
        return f"{Decimal(value).scaleb(-3):f}"
    if isinstance(value, str):
        return _harmless(value)
    return repr(value) if isinstance(value, float) else str(value)


def _harmless(text: str) -> str:
    """Texts come from devices and people: a spreadsheet must not take them for formulas."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
