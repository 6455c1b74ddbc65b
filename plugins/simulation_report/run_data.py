"""All that was collected in one run: what tables, charts and the page are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .alarm_log import AlarmLog
from .bills import GridPrices
from .counter_log import CounterLog, FloatArray
from .market_log import MarketLog
from .measures import Balance, Flows, balance
from .netting_log import NettingLog
from .supply_log import SupplyLog
from .tap_log import TapLog
from .timeline import Timeline
from .trouble_log import Trouble
from .voltage_log import VoltageLog

#: Counters of devices, by their names in the answer of `grid/<name>/houses`.
DEVICE_COUNTERS = ("pv_wh", "battery_in_wh", "battery_out_wh")


@dataclass(frozen=True, slots=True)
class Customer:
    """One house as the report needs it. Without PV and battery all is known from its meter."""

    id: str
    name: str
    site: str
    has_pv: bool
    #: What its battery can hold, 0 without one.
    battery_wh: float


@dataclass(frozen=True, slots=True)
class About:
    """What was simulated."""

    file: str
    name: str
    version: str
    seed: int
    feeder_hours: float
    time_lapse: float


@dataclass(slots=True)
class RunData:
    """One run. Counters have one column per customer, in their order."""

    about: About
    timeline: Timeline
    customers: tuple[Customer, ...]
    imports: CounterLog
    exports: CounterLog
    devices: Mapping[str, CounterLog]
    head_imports: CounterLog
    head_exports: CounterLog
    netting: NettingLog
    #: State of charge in percent at the edges (rows) per customer, NaN where there is none.
    charge_percent: list[FloatArray] = field(default_factory=list)
    voltages: dict[str, VoltageLog] = field(default_factory=dict)
    #: Of every feeder that is simulated, as `voltages`.
    supplies: dict[str, SupplyLog] = field(default_factory=dict)
    #: Nodes of each house's meter, by feeder and house id.
    house_nodes: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    limits_from: str = "ANSI C84.1, range A"
    taps: TapLog = field(default_factory=TapLog)
    market: MarketLog = field(default_factory=MarketLog)
    has_market: bool = False
    alarms: AlarmLog = field(default_factory=AlarmLog)
    troubles: list[Trouble] = field(default_factory=list)
    unsolved_steps: int = 0
    prices: GridPrices | None = None
    #: What `hub simulate --out` writes: plugins, failures, fingerprint.
    result: Mapping[str, Any] = field(default_factory=dict)

    def flows(self) -> Flows:
        """Return the energy flows of all customers."""
        counted = {name: log.gained_mwh() for name, log in self.devices.items()}
        inverters = self.devices[DEVICE_COUNTERS[0]].known
        plain = np.array([not (c.has_pv or c.battery_wh) for c in self.customers], dtype=bool)
        metered = self.imports.known | self.exports.known
        return Flows(
            imported=self.imports.gained_mwh(),
            exported=self.exports.gained_mwh(),
            produced=counted["pv_wh"],
            charged=counted["battery_in_wh"],
            discharged=counted["battery_out_wh"],
            metered=metered,
            known=np.asarray((inverters | plain) & metered),
        )

    def groups(self) -> dict[str, list[int]]:
        """Return the groups that get figures of their own, with the columns of their houses."""
        return groups_of(self.customers)

    def group_balance(self, flows: Flows, name: str) -> Balance:
        """Return the balance of one of the groups."""
        return balance(flows.of(self.groups()[name]), self.netting.of(name))

    def charges(self, column: int) -> tuple[float | None, float | None]:
        """Return the first and the last state of charge of a house in percent."""
        seen = [float(look[column]) for look in self.charge_percent if not np.isnan(look[column])]
        return (seen[0], seen[-1]) if seen else (None, None)

    def stored_mwh(self, columns: Sequence[int]) -> int | None:
        """Return by how much more the batteries of some houses hold in the end; None if any of them
        is not known.
        """
        total_wh = 0.0
        for column in columns:
            start, end = self.charges(column)
            if start is not None and end is not None:
                total_wh += self.customers[column].battery_wh * (end - start) / 100
            elif self.customers[column].battery_wh:
                return None
        return round(total_wh * 1000)


def groups_of(customers: Sequence[Customer]) -> dict[str, list[int]]:
    """Return the places of the customers by group, the homes first; none without customers."""
    everyone = list(range(len(customers)))
    homes = [i for i in everyone if customers[i].site == "home"]
    if not everyone:
        return {}
    if len(homes) == len(everyone):
        return {"Neighbourhood": everyone}
    return {"Homes": homes, "All customers": everyone} if homes else {"All customers": everyone}
