"""Tables of energy and money: by group, by house, by interval."""

from __future__ import annotations

import numpy as np

from .bills import Bill, bills
from .measures import Balance, Flows, balance
from .run_data import RunData
from .tables import Column, Kind, Table, Value

UNKNOWN = "unknown"
NO_TARIFF = "no tariff"


def house_bills(data: RunData, flows: Flows) -> dict[str, Bill]:
    """Return the bill of every house."""
    ids = [customer.id for customer in data.customers]
    imports, exports = (
        dict(zip(ids, values.sum(axis=0).tolist(), strict=True))
        for values in (flows.imported, flows.exported)
    )
    log = data.market
    return bills(imports, exports, log.trades.values(), log.penalties, data.prices)


_ENERGY = (
    Column("import_wh", "Import", Kind.ENERGY),
    Column("export_wh", "Export", Kind.ENERGY),
    Column("production_wh", "Production", Kind.ENERGY, "of PV", UNKNOWN),
    Column("consumption_wh", "Consumption", Kind.ENERGY, "by the balance at the meter", UNKNOWN),
    Column("battery_charge_wh", "Battery in", Kind.ENERGY, "charged", UNKNOWN),
    Column("battery_discharge_wh", "Battery out", Kind.ENERGY, "discharged", UNKNOWN),
)
_SHARES = (
    Column("self_sufficiency", "Self-sufficient", Kind.SHARE),
    Column("self_consumption", "Self-consumed", Kind.SHARE),
)


def _energies(of: Balance) -> tuple[Value, ...]:
    return (of.imported, of.exported, of.produced, of.consumed, of.charged, of.discharged)


def houses(data: RunData, flows: Flows) -> Table:
    """One row per house: energies, measures, charge and voltage."""
    table = Table(
        "houses",
        "Houses",
        (
            Column("house", "House"),
            Column("name", "Name"),
            Column("site", "Kind"),
            *_ENERGY,
            *_SHARES,
            Column("charge_start_percent", "Charge start", Kind.PERCENT),
            Column("charge_end_percent", "Charge end", Kind.PERCENT),
            Column("lowest_pu", "Lowest", Kind.VOLTAGE),
            Column("highest_pu", "Highest", Kind.VOLTAGE),
            Column("outside_s", "Outside limits", Kind.DURATION),
            Column("dead_s", "No voltage", Kind.DURATION),
        ),
    )
    for column, customer in enumerate(data.customers):
        found = balance(flows.of([column]))
        table.rows.append(
            (
                customer.id, customer.name, customer.site, *_energies(found),
                found.self_sufficiency, found.self_consumption,
                *_charges(data, column), *_house_voltages(data, customer.id),
            )
        )  # fmt: skip
    return table


def _charges(data: RunData, column: int) -> tuple[Value, Value]:
    seen = [float(look[column]) for look in data.charge_percent if not np.isnan(look[column])]
    return (seen[0], seen[-1]) if seen else (None, None)


def _house_voltages(data: RunData, house: str) -> tuple[Value, ...]:
    feeder, nodes = data.house_nodes.get(house, ("", ()))
    log = data.voltages.get(feeder)
    if log is None:
        return (None, None, None, None)
    found = [log.of(node) for node in nodes if node in log.nodes]
    lows = [n.lowest_pu for n in found if n.lowest_pu is not None]
    highs = [n.highest_pu for n in found if n.highest_pu is not None]
    outside = [n.above_s + n.below_s for n in found]
    return (
        min(lows, default=None),
        max(highs, default=None),
        max(outside, default=None),
        max((n.dead_s for n in found), default=None),
    )


def groups(data: RunData, flows: Flows) -> Table:
    """One row per group of houses, netted."""
    table = Table(
        "groups",
        "Groups",
        (
            Column("group", "Group"),
            Column("houses", "Houses", Kind.COUNT),
            *_ENERGY,
            Column("from_grid_wh", "Group import", Kind.ENERGY, "netted in each interval"),
            Column("to_grid_wh", "Group export", Kind.ENERGY, "netted in each interval"),
            Column("shared_wh", "Shared", Kind.ENERGY, "from neighbour to neighbour"),
            *_SHARES,
        ),
    )
    for name, columns in data.groups():
        found = balance(flows.of(columns))
        table.rows.append(
            (
                name, len(columns), *_energies(found), found.from_grid, found.to_grid,
                found.shared, found.self_sufficiency, found.self_consumption,
            )
        )  # fmt: skip
    return table


def bill_table(data: RunData, found: dict[str, Bill]) -> Table:
    """One row per house: what was bought, sold and is to be paid."""
    table = Table(
        "bills",
        "Bills",
        (
            Column("house", "House"),
            Column("name", "Name"),
            Column("bought_wh", "Bought", Kind.ENERGY_WH),
            Column("bought_wei", "Spent", Kind.MONEY),
            Column("sold_wh", "Sold", Kind.ENERGY_WH),
            Column("sold_wei", "Earned", Kind.MONEY),
            Column("penalties_paid_wei", "Penalties paid", Kind.MONEY),
            Column("penalties_received_wei", "Penalties received", Kind.MONEY),
            Column("market_cost_wei", "Market bill", Kind.MONEY),
            Column("grid_import_wh", "From the grid", Kind.ENERGY),
            Column("grid_cost_wei", "Grid cost", Kind.MONEY, absent=NO_TARIFF),
            Column("grid_export_wh", "To the grid", Kind.ENERGY),
            Column("grid_credit_wei", "Grid credit", Kind.MONEY, absent=NO_TARIFF),
            Column("total_wei", "Total", Kind.MONEY, absent=NO_TARIFF),
        ),
    )
    for customer in data.customers:
        bill = found[customer.id]
        table.rows.append(
            (
                customer.id, customer.name, bill.bought_wh, bill.bought_wei, bill.sold_wh,
                bill.sold_wei, bill.penalties_paid_wei, bill.penalties_got_wei,
                bill.market_cost_wei, bill.grid_import_mwh, bill.grid_cost_wei,
                bill.grid_export_mwh, bill.grid_credit_wei, bill.cost_wei,
            )
        )  # fmt: skip
    if len(table.rows) > 1:
        sums = [_sum(values) for values in list(zip(*table.rows, strict=True))[2:]]
        table.total = ("", "All", *sums)
    return table


def _sum(values: tuple[Value, ...]) -> int | None:
    """Return the sum of a column of whole numbers; None where any is unknown."""
    known = [value for value in values if isinstance(value, int)]
    return sum(known) if len(known) == len(values) else None


def intervals(data: RunData, flows: Flows) -> Table:
    """One row per interval and house: for spreadsheets and own analysis."""
    table = Table(
        "intervals",
        "Energy by interval and house",
        (
            Column("start", "From", Kind.TIME),
            Column("house", "House"),
            *_ENERGY,
            Column("charge_percent", "Charge", Kind.PERCENT),
        ),
    )
    edges = data.timeline.edges_s()
    columns = [
        values.tolist()
        for values in (
            flows.imported, flows.exported, flows.produced, flows.consumed, flows.charged,
            flows.discharged,
        )
    ]  # fmt: skip
    charges = [[None if np.isnan(v) else v for v in look.tolist()] for look in data.charge_percent]
    known = flows.known.tolist()
    for i in range(len(flows.imported)):
        start = data.timeline.at(edges[i]).isoformat()
        for h, customer in enumerate(data.customers):
            row = [values[i][h] for values in columns]
            cells = row[:2] + (row[2:] if known[h] else [None] * 4)
            table.rows.append((start, customer.id, *cells, charges[i + 1][h]))
    return table
