"""Writes a report: the page, a CSV file per table, and all tables in one JSON file.

The same run gives the same bytes: nothing in it is of the machine or of the moment of writing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from . import energy_tables, event_tables, feeder_table, summary
from .definitions import DEFINITIONS
from .measures import Flows
from .page import render
from .run_data import RunData
from .tables import Table

PAGE, DATA = "report.html", "report.json"
#: Left to its CSV file: a row per house and interval.
ONLY_CSV = "intervals"


def write(data: RunData, folder: Path) -> Path:
    """Write all files into a folder that exists; returns the page. OSError if it cannot."""
    flows = data.flows()
    bills = energy_tables.house_bills(data, flows)
    tables = _tables(data, flows, bills)
    for name, table in tables.items():
        (folder / f"{name}.csv").write_bytes(table.csv().encode())
    text = json.dumps(_as_json(data, tables), indent=1, ensure_ascii=False, allow_nan=False)
    (folder / DATA).write_text(text + "\n", encoding="utf-8")
    page = folder / PAGE
    page.write_text(render(data, flows, tables, bills), encoding="utf-8")
    return page


def _tables(data: RunData, flows: Flows, bills: dict[str, Any]) -> dict[str, Table]:
    made = (
        energy_tables.groups(data, flows),
        feeder_table.feeders(data, flows),
        energy_tables.houses(data, flows),
        energy_tables.bill_table(data, bills),
        event_tables.rounds(data),
        event_tables.trades(data),
        event_tables.voltages(data),
        event_tables.taps(data),
        event_tables.alarms(data),
        event_tables.notifications(data),
        event_tables.troubles(data),
        energy_tables.intervals(data, flows),
    )
    return {table.name: table for table in made}


def _as_json(data: RunData, tables: Mapping[str, Table]) -> dict[str, Any]:
    sums = summary.market(data)
    return {
        "run": {
            **asdict(data.about),
            "start": data.timeline.start.isoformat(),
            "end": data.timeline.end.isoformat(),
            "interval_s": data.timeline.interval_s,
            "fingerprint": data.result.get("fingerprint"),
            "steps_without_solution": data.unsolved_steps,
            "troubles": summary.troubles(data),
        },
        "limits_pu": {
            feeder: {"low": log.low_pu, "high": log.high_pu, "from": data.limits_from}
            for feeder, log in data.voltages.items()
        },
        "tariff_wei_per_kwh": data.prices and asdict(data.prices),
        "market": asdict(sums),
        "definitions": [definition._asdict() for definition in DEFINITIONS],
        "tables": {name: table.records() for name, table in tables.items() if name != ONLY_CSV},
    }
