"""Tables of energy and money: by group, by house, by interval."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from .bills import Bill, bills
from .measures import Balance, Flows, balance
from .run_data import Customer, RunData
from .shape import Field, Shape
from .tables import Column, Kind, Table, Value

UNKNOWN = "unknown"
NO_TARIFF = "no tariff"


def house_bills(data: RunData, flows: Flows) -> dict[str, Bill]:
    """Return the bill of every house."""
    ids = [customer.id for customer in data.customers]
    metered = flows.metered.tolist()
    imports, exports = (
        {
            house: mwh if heard else None
            for house, mwh, heard in zip(ids, values.sum(axis=0).tolist(), metered, strict=True)
        }
        for values in (flows.imported, flows.exported)
    )
    log = data.market
    return bills(imports, exports, log.trades.values(), log.penalties, data.prices)


@dataclass(frozen=True, slots=True)
class Voltages:
    """The extremes of a house's nodes in pu, and how long they were outside limits or dead."""

    lowest_pu: float | None = None
    highest_pu: float | None = None
    outside_s: float | None = None
    dead_s: float | None = None


@dataclass(frozen=True, slots=True)
class House:
    """What is told of one house; its charge in percent at the start and at the end."""

    customer: Customer
    energy: Balance
    stored: int | None
    charge_start: float | None
    charge_end: float | None
    voltages: Voltages


@dataclass(frozen=True, slots=True)
class Group:
    """What is told of several houses together."""

    name: str
    houses: int
    energy: Balance
    stored: int | None


class HasEnergy(Protocol):
    """Whatever has an energy balance."""

    @property
    def energy(self) -> Balance: ...


class HasStore(Protocol):
    """Whatever has batteries, or might; the change of what they hold in mWh."""

    @property
    def stored(self) -> int | None: ...


#: In the order of every table with energies.
_ENERGIES: tuple[Field[HasEnergy], ...] = (
    (Column("import_wh", "Import", Kind.ENERGY, absent=UNKNOWN), lambda of: of.energy.imported),
    (Column("export_wh", "Export", Kind.ENERGY, absent=UNKNOWN), lambda of: of.energy.exported),
    (
        Column("production_wh", "Production", Kind.ENERGY, "of PV", UNKNOWN),
        lambda of: of.energy.produced,
    ),
    (
        Column(
            "consumption_wh", "Consumption", Kind.ENERGY, "by the balance at the meter", UNKNOWN
        ),
        lambda of: of.energy.consumed,
    ),
    (
        Column("battery_charge_wh", "Battery in", Kind.ENERGY, "charged", UNKNOWN),
        lambda of: of.energy.charged,
    ),
    (
        Column("battery_discharge_wh", "Battery out", Kind.ENERGY, "discharged", UNKNOWN),
        lambda of: of.energy.discharged,
    ),
)
_STORED: Field[HasStore] = (
    Column("stored_wh", "Stored", Kind.ENERGY, "more in the batteries than at the start", UNKNOWN),
    lambda of: of.stored,
)
_SHARES: tuple[Field[HasEnergy], ...] = (
    (
        Column("self_sufficiency", "Self-sufficient", Kind.SHARE),
        lambda of: of.energy.self_sufficiency,
    ),
    (
        Column("self_consumption", "Self-consumed", Kind.SHARE),
        lambda of: of.energy.self_consumption,
    ),
)

_HOUSES = Shape[House](
    "houses",
    "Houses",
    (
        (Column("house", "House"), lambda h: h.customer.id),
        (Column("name", "Name"), lambda h: h.customer.name),
        (Column("site", "Kind"), lambda h: h.customer.site),
        *_ENERGIES,
        _STORED,
        *_SHARES,
        (Column("charge_start_percent", "Charge start", Kind.PERCENT), lambda h: h.charge_start),
        (Column("charge_end_percent", "Charge end", Kind.PERCENT), lambda h: h.charge_end),
        (Column("lowest_pu", "Lowest", Kind.VOLTAGE), lambda h: h.voltages.lowest_pu),
        (Column("highest_pu", "Highest", Kind.VOLTAGE), lambda h: h.voltages.highest_pu),
        (Column("outside_s", "Outside limits", Kind.DURATION), lambda h: h.voltages.outside_s),
        (Column("dead_s", "No voltage", Kind.DURATION), lambda h: h.voltages.dead_s),
    ),
)

_GROUPS = Shape[Group](
    "groups",
    "Groups",
    (
        (Column("group", "Group"), lambda g: g.name),
        (Column("houses", "Houses", Kind.COUNT), lambda g: g.houses),
        *_ENERGIES,
        _STORED,
        (
            Column("from_grid_wh", "Group import", Kind.ENERGY, "netted each quarter of an hour"),
            lambda g: g.energy.from_grid,
        ),
        (
            Column("to_grid_wh", "Group export", Kind.ENERGY, "netted each quarter of an hour"),
            lambda g: g.energy.to_grid,
        ),
        (
            Column("shared_wh", "Shared", Kind.ENERGY, "from neighbour to neighbour"),
            lambda g: g.energy.shared,
        ),
        *_SHARES,
    ),
)

_BILLS = Shape[tuple[Customer, Bill]](
    "bills",
    "Bills",
    (
        (Column("house", "House"), lambda of: of[0].id),
        (Column("name", "Name"), lambda of: of[0].name),
        (Column("bought_wh", "Bought", Kind.ENERGY_WH), lambda of: of[1].bought_wh),
        (Column("bought_wei", "Spent", Kind.MONEY), lambda of: of[1].bought_wei),
        (Column("sold_wh", "Sold", Kind.ENERGY_WH), lambda of: of[1].sold_wh),
        (Column("sold_wei", "Earned", Kind.MONEY), lambda of: of[1].sold_wei),
        (
            Column("penalties_paid_wei", "Penalties paid", Kind.MONEY),
            lambda of: of[1].penalties_paid_wei,
        ),
        (
            Column("penalties_received_wei", "Penalties received", Kind.MONEY),
            lambda of: of[1].penalties_got_wei,
        ),
        (Column("market_cost_wei", "Market bill", Kind.MONEY), lambda of: of[1].market_cost_wei),
        (
            Column("grid_import_wh", "From the grid", Kind.ENERGY, absent=UNKNOWN),
            lambda of: of[1].grid_import_mwh,
        ),
        (
            Column("grid_cost_wei", "Grid cost", Kind.MONEY, absent=NO_TARIFF),
            lambda of: of[1].grid_cost_wei,
        ),
        (
            Column("grid_export_wh", "To the grid", Kind.ENERGY, absent=UNKNOWN),
            lambda of: of[1].grid_export_mwh,
        ),
        (
            Column("grid_credit_wei", "Grid credit", Kind.MONEY, absent=NO_TARIFF),
            lambda of: of[1].grid_credit_wei,
        ),
        (Column("total_wei", "Total", Kind.MONEY, absent=NO_TARIFF), lambda of: of[1].cost_wei),
        (
            Column("no_market_wei", "Without market", Kind.MONEY, absent=NO_TARIFF),
            lambda of: of[1].no_market_wei,
        ),
    ),
)


def houses(data: RunData, flows: Flows) -> Table:
    """One row per house: energies, measures, charge and voltage."""
    found = [
        House(
            customer,
            balance(flows.of([column])),
            data.stored_mwh([column]),
            *data.charges(column),
            _house_voltages(data, customer.id),
        )
        for column, customer in enumerate(data.customers)
    ]
    return _HOUSES.table(found, data.timeline)


def _house_voltages(data: RunData, house: str) -> Voltages:
    feeder, nodes = data.house_nodes.get(house, ("", ()))
    log = data.voltages.get(feeder)
    if log is None:
        return Voltages()
    found = [log.of(node) for node in nodes if node in log.nodes]
    lows = [n.lowest_pu for n in found if n.lowest_pu is not None]
    highs = [n.highest_pu for n in found if n.highest_pu is not None]
    outside = [n.above_s + n.below_s for n in found]
    return Voltages(
        min(lows, default=None),
        max(highs, default=None),
        max(outside, default=None),
        max((n.dead_s for n in found), default=None),
    )


def groups(data: RunData, flows: Flows) -> Table:
    """One row per group of houses, netted."""
    found = [
        Group(name, len(columns), data.group_balance(flows, name), data.stored_mwh(columns))
        for name, columns in data.groups().items()
    ]
    return _GROUPS.table(found, data.timeline)


def bill_table(data: RunData, found: dict[str, Bill]) -> Table:
    """One row per house: what was bought, sold and is to be paid."""
    table = _BILLS.table([(c, found[c.id]) for c in data.customers], data.timeline)
    if data.prices is not None:  # then it is for another reason that an amount is not known
        table.columns = tuple(replace(c, absent=UNKNOWN) for c in table.columns)
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
            *(column for column, _ in _ENERGIES),
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
    known, metered = flows.known.tolist(), flows.metered.tolist()
    for i in range(len(flows.imported)):
        start = data.timeline.at(edges[i]).isoformat()
        for h, customer in enumerate(data.customers):
            row = [values[i][h] for values in columns]
            cells = row if known[h] else [*(row[:2] if metered[h] else [None] * 2), *[None] * 4]
            table.rows.append((start, customer.id, *cells, charges[i + 1][h]))
    return table
