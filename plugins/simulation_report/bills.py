"""What every house owes and is owed: exact, in wei.

Energy that the market did not bring comes from the grid, and what it did not take goes there. What
that costs is known only with a tariff.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .market_log import Penalty, Trade

#: mWh in a kWh: prices are per kWh, counters in mWh.
MWH_PER_KWH = 1_000_000
MWH_PER_WH = 1000


@dataclass(frozen=True, slots=True)
class GridPrices:
    """The supplier's prices in wei per kWh."""

    buy_wei_per_kwh: int
    sell_wei_per_kwh: int


@dataclass(frozen=True, slots=True)
class Bill:
    """One house. Amounts to pay and to get are all positive; without a tariff the grid's are None,
    and so is all of the grid's where the house's meter is silent.

    `cost_wei` is what is left to pay in the end, negative where the house earns; `no_market_wei`
    what the same flows had cost at the supplier's prices alone.
    """

    bought_wh: int
    bought_wei: int
    sold_wh: int
    sold_wei: int
    penalties_paid_wei: int
    penalties_got_wei: int
    grid_import_mwh: int | None
    grid_export_mwh: int | None
    grid_cost_wei: int | None
    grid_credit_wei: int | None
    no_market_wei: int | None

    @property
    def market_cost_wei(self) -> int:
        """What the market cost, penalties included."""
        return self.bought_wei + self.penalties_paid_wei - self.sold_wei - self.penalties_got_wei

    @property
    def cost_wei(self) -> int | None:
        """What market and grid cost together; None without a tariff."""
        if self.grid_cost_wei is None or self.grid_credit_wei is None:
            return None
        return self.market_cost_wei + self.grid_cost_wei - self.grid_credit_wei


def bills(
    import_mwh: Mapping[str, int | None],
    export_mwh: Mapping[str, int | None],
    trades: Iterable[Trade],
    penalties: Iterable[Penalty],
    prices: GridPrices | None,
) -> dict[str, Bill]:
    """Return the bill of every house; parties of trades and penalties are house ids.

    Import and export are None where they are not known.
    """
    sums: Counter[tuple[str, str]] = Counter()
    for trade in trades:
        sums[trade.buyer, "bought_wh"] += trade.paid_wh
        sums[trade.buyer, "bought_wei"] += trade.paid_wei
        sums[trade.seller, "sold_wh"] += trade.paid_wh
        sums[trade.seller, "sold_wei"] += trade.paid_wei
    for penalty in penalties:
        sums[penalty.payer, "paid"] += penalty.amount_wei
        if penalty.receiver is not None:
            sums[penalty.receiver, "got"] += penalty.amount_wei
    return {
        house: _bill(house, sums, import_mwh[house], export_mwh[house], prices)
        for house in import_mwh
    }


def _bill(
    house: str,
    sums: Counter[tuple[str, str]],
    import_mwh: int | None,
    export_mwh: int | None,
    prices: GridPrices | None,
) -> Bill:
    rest_in = _rest(import_mwh, sums[house, "bought_wh"])
    rest_out = _rest(export_mwh, sums[house, "sold_wh"])
    buy, sell = (
        (None, None) if prices is None else (prices.buy_wei_per_kwh, prices.sell_wei_per_kwh)
    )
    all_in, all_out = _cost(import_mwh, buy), _cost(export_mwh, sell)
    return Bill(
        bought_wh=sums[house, "bought_wh"],
        bought_wei=sums[house, "bought_wei"],
        sold_wh=sums[house, "sold_wh"],
        sold_wei=sums[house, "sold_wei"],
        penalties_paid_wei=sums[house, "paid"],
        penalties_got_wei=sums[house, "got"],
        grid_import_mwh=rest_in,
        grid_export_mwh=rest_out,
        grid_cost_wei=_cost(rest_in, buy),
        grid_credit_wei=_cost(rest_out, sell),
        no_market_wei=None if all_in is None or all_out is None else all_in - all_out,
    )


def _rest(metered_mwh: int | None, traded_wh: int) -> int | None:
    return None if metered_mwh is None else max(0, metered_mwh - traded_wh * MWH_PER_WH)


def _cost(energy_mwh: int | None, price_wei_per_kwh: int | None) -> int | None:
    if energy_mwh is None or price_wei_per_kwh is None:
        return None
    return energy_mwh * price_wei_per_kwh // MWH_PER_KWH
