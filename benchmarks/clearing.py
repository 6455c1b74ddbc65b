"""CPU time to clear one book of n bids and n asks, against pymarket and a bare numpy sort.

The hub's clearing returns every fill; pymarket's curve intersection and the numpy line
return quantity and price only, so the comparison is in their favour. numpy is the floor:
two stable sorts, two sums and one search, in compiled code.

    python benchmarks/clearing.py                # 100, 1,000 and 10,000 orders a side
    python benchmarks/clearing.py --sizes 100 --repeats 3

pymarket is measured where it is installed: `pip install pymarket==0.7.6` into an
environment of its own, since it brings pandas, and run this file with that Python.
Prints a table and, last, one JSON line. All rivals get the same book and must agree on
the quantity.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from plugins.chain_auction.clearing import Order, clear

SEED = 7
WEI_PER_TICK = 10**11
# pymarket's intersection is quadratic; beyond this size a run takes minutes
PYMARKET_MAX_ORDERS = 1_000

Clear = Callable[[], int]
"""Clears one prepared book and returns the Wh traded."""


def random_book(orders_a_side: int) -> list[Order]:
    """A book whose two sides overlap by half, with few ties."""
    rng = random.Random(SEED)
    return [
        Order(
            id=i + 1,
            is_bid=i % 2 == 0,
            price_wei_per_kwh=rng.randint(1, 1_000_000) * WEI_PER_TICK,
            qty_wh=rng.randint(1, 500) * 10,
            trader=f"0x{i:040x}",
            expiry=1,
        )
        for i in range(2 * orders_a_side)
    ]


def hub(book: list[Order]) -> Clear:
    """The hub's clearing: all fills, the price, and what remains."""
    return lambda: clear(book, now=0).volume_wh


def numpy_floor(book: list[Order]) -> Clear:
    """Quantity and marginal pair alone, by sort, cumulative sum and search."""
    bid_price = np.array([o.price_wei_per_kwh for o in book if o.is_bid])
    bid_qty = np.array([o.qty_wh for o in book if o.is_bid])
    ask_price = np.array([o.price_wei_per_kwh for o in book if not o.is_bid])
    ask_qty = np.array([o.qty_wh for o in book if not o.is_bid])

    def run() -> int:
        bid_order = np.argsort(-bid_price, kind="stable")
        ask_order = np.argsort(ask_price, kind="stable")
        demand, supply = np.cumsum(bid_qty[bid_order]), np.cumsum(ask_qty[ask_order])
        ends = np.union1d(demand, supply)
        ends = ends[ends <= min(demand[-1], supply[-1])]
        bid = np.searchsorted(demand, ends, side="left")
        ask = np.searchsorted(supply, ends, side="left")
        crossing = bid_price[bid_order][bid] >= ask_price[ask_order][ask]
        return int(ends[crossing][-1]) if crossing.any() else 0

    return run


def pymarket_curves(book: list[Order]) -> Clear:
    """The demand and supply curves of pymarket and their intersection."""
    import pymarket

    market = pymarket.Market()
    for order in book:
        price = order.price_wei_per_kwh // WEI_PER_TICK
        market.accept_bid(order.qty_wh, price, order.id, order.is_bid)
    table = market.bm.get_df()

    def run() -> int:
        demand, _ = pymarket.demand_curve_from_bids(table)
        supply, _ = pymarket.supply_curve_from_bids(table)
        quantity, *_ = pymarket.intersect_stepwise(demand, supply)
        return int(quantity or 0)

    return run


def median_ms(run: Clear, repeats: int) -> float:
    """Median CPU time of one clearing, in milliseconds: a busy machine does not show in it."""
    times = []
    for _ in range(repeats):
        begin = time.process_time()
        run()
        times.append(time.process_time() - begin)
    return statistics.median(times) * 1e3


def main() -> int:
    """Measure, print the table and the JSON line; 1 when the rivals disagree."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1_000, 10_000])
    parser.add_argument("--repeats", type=int, default=9)
    args = parser.parse_args()

    rivals: dict[str, Callable[[list[Order]], Clear]] = {"hub": hub, "numpy": numpy_floor}
    if find_spec("pymarket"):
        rivals["pymarket"] = pymarket_curves
    else:
        print("pymarket is not installed here; see the top of this file", file=sys.stderr)

    print(f"{'orders a side':>13}  {'rival':<9} {'ms':>10}  {'rival / hub':>11}")
    figures: dict[str, dict[str, float]] = {}
    for size in args.sizes:
        book = random_book(size)
        runs = {
            name: prepare(book)
            for name, prepare in rivals.items()
            if name != "pymarket" or size <= PYMARKET_MAX_ORDERS
        }
        volumes = {name: run() for name, run in runs.items()}
        if len(set(volumes.values())) != 1:
            print(f"the rivals disagree on the quantity at {size}: {volumes}", file=sys.stderr)
            return 1
        row = {name: median_ms(run, args.repeats) for name, run in runs.items()}
        for name, ms in row.items():
            print(f"{size:>13}  {name:<9} {ms:>10.3f}  {ms / row['hub']:>11.2f}")
        figures[str(size)] = {name: round(ms, 4) for name, ms in row.items()}
    print(json.dumps({"benchmark": "clearing", "seed": SEED, "median_cpu_ms": figures}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
