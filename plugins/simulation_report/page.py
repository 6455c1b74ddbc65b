"""The page: one HTML file with everything in it, that loads nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from . import charts, shown, summary
from .bills import Bill
from .definitions import DEFINITIONS
from .measures import Flows
from .run_data import RunData
from .svg import Chart, figure
from .tables import Table, Value

HERE = Path(__file__).parent
#: Longer tables are cut on the page; the files have all of it.
MOST_ROWS = 2000
#: Tables up to this length are open from the start.
OPEN_ROWS = 30


@dataclass(frozen=True, slots=True)
class Shown:
    """A table as the page shows it.

    A head is label, unit, class and hint; a cell is its text, what it is sorted by, and its class.
    """

    table: Table
    heads: Sequence[tuple[str, str, str, str]]
    rows: Sequence[Sequence[tuple[str, str, str]]]
    total: Sequence[tuple[str, str, str]] | None

    @property
    def cut(self) -> int:
        """How many rows are left out."""
        return len(self.table.rows) - len(self.rows)

    @property
    def open(self) -> bool:
        return len(self.rows) <= OPEN_ROWS


def show(table: Table, leave_out: Sequence[str] = ()) -> Shown:
    """Return a table in texts, without some of its columns."""
    columns = [(i, c) for i, c in enumerate(table.columns) if c.key not in leave_out]
    heads = [(c.label, shown.UNITS.get(c.kind, ""), c.kind.css, c.hint) for _, c in columns]

    def cells(row: Sequence[Value]) -> list[tuple[str, str, str]]:
        return [(shown.cell(c, row[i]), _sort_key(row[i]), c.kind.css) for i, c in columns]

    rows = [cells(row) for row in table.rows[:MOST_ROWS]]
    return Shown(table, heads, rows, None if table.total is None else cells(table.total))


def _sort_key(value: Value) -> str:
    return "" if value is None else str(value)


def render(data: RunData, flows: Flows, tables: dict[str, Table], bills: dict[str, Bill]) -> str:
    """Return the whole page."""
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    script = (HERE / "report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    market_charts = charts.prices(data)
    one_site = len({customer.site for customer in data.customers}) == 1
    return environment.get_template("report.html").render(
        about=data.about,
        line=data.timeline,
        period=shown.period(data.about.feeder_hours),
        span=shown.span(data.timeline.start, data.timeline.end),
        interval=shown.duration(data.timeline.interval_s),
        fingerprint=data.result.get("fingerprint", ""),
        style=Markup((HERE / "report.css").read_text(encoding="utf-8")),  # noqa: S704  # our own
        script=Markup(script),  # noqa: S704  # our own
        script_hash=f"sha256-{digest}",
        figures=summary.figures(data, flows),
        sentences=summary.sentences(data, flows, bills),
        troubles=summary.troubles(data),
        trouble_table=show(tables["troubles"]),
        group_charts=[
            _drawn(charts.group_power(data, flows, name, columns))
            for name, columns in data.groups().items()
        ],
        battery_chart=_drawn(charts.battery_charge(data)),
        groups=show(tables["groups"]),
        feeder_balance=show(tables["feeders"], ("nodes_outside_s", "meters_outside_s")),
        has_market=data.has_market,
        house_charts=[_drawn(chart) for chart in charts.houses(data, flows)],
        charts_left_out=max(0, len(data.customers) - charts.MOST_HOUSES),
        houses=show(tables["houses"], ("house", "stored_wh", *(("site",) if one_site else ()))),
        market_charts=[_drawn(chart) for chart in market_charts or ()],
        market=summary.market(data),
        bills=show(tables["bills"], ("house",)),
        has_tariff=data.prices is not None,
        trades=show(tables["trades"], ("market", "trade")),
        feeders=[
            (feeder, log, [_drawn(chart) for chart in charts.voltage_bands(data, feeder)])
            for feeder, log in data.voltages.items()
        ],
        limits_from=data.limits_from,
        voltages=show(_worst_first(tables["voltages"], data), _one_feeder(data)),
        tap_chart=_drawn(charts.tap_positions(data)),
        taps=show(tables["taps"], _one_feeder(data)),
        alarms=show(tables["alarms"]),
        notifications=show(tables["notifications"]),
        head=_head(data),
        definitions=DEFINITIONS,
        files=sorted(f"{name}.csv" for name in tables),
        duration=shown.duration,
    )


def _drawn(chart: Chart | None) -> Markup | None:
    return None if chart is None else Markup(figure(chart))  # noqa: S704  # escaped in `figure`


def _one_feeder(data: RunData) -> tuple[str, ...]:
    return ("feeder",) if len(data.voltages) == 1 else ()


def _worst_first(table: Table, data: RunData) -> Table:
    """Return the nodes with those first that were outside the limits longest, or nearest to one."""

    def rank(row: Sequence[object]) -> tuple[float, float]:
        log = data.voltages[str(row[0])]
        low, high, below_s, above_s = row[2], row[4], row[5], row[6]
        room = min(float(low) - log.low_pu, log.high_pu - float(high)) if low and high else 9.0  # type: ignore[arg-type]
        return -(float(below_s) + float(above_s)), room  # type: ignore[arg-type]

    return Table(table.name, table.title, table.columns, sorted(table.rows, key=rank))


def _head(data: RunData) -> str | None:
    """Return what the substation's meter counted; None if there is none, or a simulated feeder,
    whose balance says more.
    """
    if data.supplies or not data.head_imports.known.any():
        return None
    imported = int(data.head_imports.gained_mwh().sum())
    exported = int(data.head_exports.gained_mwh().sum())
    return f"{shown.energy(imported)} in, {shown.energy(exported)} out"
