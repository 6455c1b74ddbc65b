"""The tables of a report, from what was collected."""

from __future__ import annotations

import numpy as np

from .bills import Bill, bills
from .measures import Balance, Flows, balance
from .run_data import RunData
from .tables import Column, Kind, Table, Value

TIME = Column("time", "Time", Kind.TIME)
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
            Column("charge_start_percent", "Charge at start", Kind.PERCENT),
            Column("charge_end_percent", "Charge at end", Kind.PERCENT),
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
            Column("bought_wei", "paid", Kind.MONEY),
            Column("sold_wh", "Sold", Kind.ENERGY_WH),
            Column("sold_wei", "got", Kind.MONEY),
            Column("penalties_paid_wei", "Penalties paid", Kind.MONEY),
            Column("penalties_received_wei", "Penalties got", Kind.MONEY),
            Column("market_cost_wei", "Market bill", Kind.MONEY),
            Column("grid_import_wh", "From the grid", Kind.ENERGY),
            Column("grid_cost_wei", "costs", Kind.MONEY, absent=NO_TARIFF),
            Column("grid_export_wh", "To the grid", Kind.ENERGY),
            Column("grid_credit_wei", "brings", Kind.MONEY, absent=NO_TARIFF),
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
    return table


def rounds(data: RunData) -> Table:
    """One row per clearing that found a price."""
    table = Table(
        "rounds",
        "Market rounds",
        (
            TIME,
            Column("market", "Market"),
            Column("round", "Round", Kind.COUNT),
            Column("price_wei_per_kwh", "Price", Kind.PRICE),
            Column("qty_wh", "Energy", Kind.ENERGY_WH),
            Column("trades", "Trades", Kind.COUNT),
        ),
    )
    for r in data.market.rounds:
        time = data.timeline.at(r.elapsed_s).isoformat()
        table.rows.append((time, r.market, r.number, r.price_wei_per_kwh, r.qty_wh, r.trades))
    return table


def trades(data: RunData) -> Table:
    """One row per trade."""
    table = Table(
        "trades",
        "Trades",
        (
            TIME,
            Column("market", "Market"),
            Column("trade", "Trade"),
            Column("seller", "Seller"),
            Column("buyer", "Buyer"),
            Column("qty_wh", "Matched", Kind.ENERGY_WH),
            Column("price_wei_per_kwh", "Price", Kind.PRICE),
            Column("delivery_start", "Delivery from", Kind.TIME),
            Column("delivery_end", "to", Kind.TIME),
            Column("state", "State"),
            Column("paid_wh", "Paid for", Kind.ENERGY_WH),
            Column("paid_wei", "Paid", Kind.MONEY),
        ),
    )
    line = data.timeline
    for t in data.market.trades.values():
        window = (
            None if at is None else line.at(at).isoformat()
            for at in (t.delivery_start_s, t.delivery_end_s)
        )  # fmt: skip
        table.rows.append(
            (
                line.at(t.elapsed_s).isoformat(), t.market, str(t.trade_id), t.seller, t.buyer,
                t.qty_wh, t.price_wei_per_kwh, *window, t.state, t.paid_wh, t.paid_wei,
            )
        )  # fmt: skip
    return table


def voltages(data: RunData) -> Table:
    """One row per node of the feeder."""
    table = Table(
        "voltages",
        "Voltage by node",
        (
            Column("feeder", "Feeder"),
            Column("node", "Node"),
            Column("lowest_pu", "Lowest", Kind.VOLTAGE),
            Column("mean_pu", "Mean", Kind.VOLTAGE),
            Column("highest_pu", "Highest", Kind.VOLTAGE),
            Column("below_s", "Below limit", Kind.DURATION),
            Column("above_s", "Above limit", Kind.DURATION),
            Column("dead_s", "No voltage", Kind.DURATION),
        ),
    )
    for feeder, log in data.voltages.items():
        for n in log.all():
            table.rows.append(
                (
                    feeder, n.node, n.lowest_pu, n.mean_pu, n.highest_pu, n.below_s, n.above_s,
                    n.dead_s,
                )
            )  # fmt: skip
    return table


def taps(data: RunData) -> Table:
    """One row per tap operation."""
    table = Table(
        "taps",
        "Tap operations",
        (
            TIME,
            Column("feeder", "Feeder"),
            Column("regulator", "Regulator"),
            Column("before", "From", Kind.COUNT),
            Column("after", "To", Kind.COUNT),
            Column("steps", "Steps", Kind.COUNT),
            Column("by", "On the word of"),
        ),
    )
    for m in data.taps.attributed():
        time = data.timeline.at(m.elapsed_s).isoformat()
        table.rows.append((time, m.feeder, m.regulator, m.before, m.after, m.steps, m.by))
    return table


def alarms(data: RunData) -> Table:
    """One row per alarm."""
    table = Table(
        "alarms",
        "Alarms",
        (
            Column("raised", "Raised", Kind.TIME),
            Column("cleared", "Cleared", Kind.TIME),
            Column("duration_s", "Lasted", Kind.DURATION),
            Column("severity", "Severity"),
            Column("kind", "Kind"),
            Column("subject", "Subject"),
            Column("text", "What was said"),
        ),
    )
    line = data.timeline
    for a in data.alarms.alarms:
        cleared = None if a.cleared_s is None else line.at(a.cleared_s).isoformat()
        lasted = None if a.cleared_s is None else round(a.cleared_s - a.raised_s, 3)
        table.rows.append(
            (
                line.at(a.raised_s).isoformat(), cleared, lasted, a.severity, a.kind, a.subject,
                a.text,
            )
        )  # fmt: skip
    return table


def notifications(data: RunData) -> Table:
    """One row per message to a person."""
    table = Table(
        "notifications",
        "Notifications",
        (TIME, Column("audience", "To"), Column("severity", "Severity"), Column("text", "Text")),
    )
    for n in data.alarms.notifications:
        time = data.timeline.at(n.elapsed_s).isoformat()
        table.rows.append((time, n.audience, n.severity, n.text))
    return table


def troubles(data: RunData) -> Table:
    """One row per time that a plugin was not well."""
    table = Table(
        "troubles",
        "Plugins in trouble",
        (
            Column("since", "From", Kind.TIME),
            Column("until", "To", Kind.TIME),
            Column("plugin", "Plugin"),
            Column("state", "State"),
            Column("reason", "Reason"),
        ),
    )
    line = data.timeline
    for t in data.troubles:
        until = None if t.until_s is None else line.at(t.until_s).isoformat()
        table.rows.append((line.at(t.since_s).isoformat(), until, t.plugin, t.state, t.reason))
    return table


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
