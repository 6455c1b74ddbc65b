"""The energy balance of every simulated feeder: what came in, and where it went."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .measures import Flows
from .run_data import RunData
from .shape import Shape
from .supply_log import SupplyLog
from .tables import Column, Kind, Table

MWH_PER_WH = 1000


@dataclass(frozen=True, slots=True)
class FeederBalance:
    """One feeder; energies in mWh.

    `customers` is what its houses drew by their meters, less what they fed in; None where a house
    is silent. What is left is `others`: loads of the circuit that no house stands for, less its own
    generators, and the errors of the meters. The last two say how long any node and any house's
    meter was outside the limits; None where there is no house.
    """

    feeder: str
    supplied: int
    returned: int
    lost: int
    customers: int | None
    nodes_outside_s: float
    meters_outside_s: float | None

    @property
    def others(self) -> int | None:
        if self.customers is None:
            return None
        return self.supplied - self.returned - self.lost - self.customers

    @property
    def loss_share(self) -> float | None:
        """Losses as a share of what was supplied, 0 to 1; None where nothing was."""
        return self.lost / self.supplied if self.supplied else None


_FEEDERS = Shape[FeederBalance](
    "feeders",
    "Feeders",
    (
        (Column("feeder", "Feeder"), lambda f: f.feeder),
        (Column("supplied_wh", "Supplied", Kind.ENERGY, "from the source"), lambda f: f.supplied),
        (Column("returned_wh", "Returned", Kind.ENERGY, "to the source"), lambda f: f.returned),
        (
            Column("customers_wh", "Customers", Kind.ENERGY, "import less export", "unknown"),
            lambda f: f.customers,
        ),
        (
            Column("others_wh", "Other loads", Kind.ENERGY, "what is left", "unknown"),
            lambda f: f.others,
        ),
        (
            Column("losses_wh", "Losses", Kind.ENERGY, "in lines and transformers"),
            lambda f: f.lost,
        ),
        (
            Column("loss_share", "Losses", Kind.FINE_SHARE, "of what was supplied"),
            lambda f: f.loss_share,
        ),
        (
            Column("nodes_outside_s", "Any node outside limits", Kind.DURATION),
            lambda f: f.nodes_outside_s,
        ),
        (
            Column("meters_outside_s", "Any meter outside limits", Kind.DURATION),
            lambda f: f.meters_outside_s,
        ),
    ),
)


def balances(data: RunData, flows: Flows) -> list[FeederBalance]:
    """Return the balance of every simulated feeder."""
    return [_balance(data, flows, name, log) for name, log in data.supplies.items()]


def _balance(data: RunData, flows: Flows, feeder: str, log: SupplyLog) -> FeederBalance:
    columns = [
        column
        for column, customer in enumerate(data.customers)
        if data.house_nodes.get(customer.id, ("",))[0] == feeder
    ]
    of = flows.of(columns)
    voltages = data.voltages[feeder]
    heard = bool(np.all(of.metered))
    return FeederBalance(
        feeder,
        round(log.supplied_wh * MWH_PER_WH),
        round(log.returned_wh * MWH_PER_WH),
        round(log.lost_wh * MWH_PER_WH),
        int((of.imported - of.exported).sum()) if heard else None,
        round(voltages.at_any_node.either_s, 3),
        round(voltages.at_houses.either_s, 3) if voltages.has_houses else None,
    )


def feeders(data: RunData, flows: Flows) -> Table:
    """One row per simulated feeder."""
    return _FEEDERS.table(balances(data, flows), data.timeline)
