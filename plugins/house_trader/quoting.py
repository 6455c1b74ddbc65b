"""Which orders a house should have on the book now.

Prices start well inside the house's limit and approach it as long as nobody takes them. An order
that is still good is left alone. Pure. Prices are wei per kWh, quantities Wh.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

#: An order stays as it is while its price is off, and its quantity too small or too large, by no
#: more than this, in per mille: too large a one ends in a penalty.
PRICE_TOLERANCE = 20
TOO_SMALL, TOO_LARGE = 250, 50


class Limits(NamedTuple):
    """The most a house pays and the least it takes."""

    buy_max: int
    sell_min: int


class Rules(NamedTuple):
    """What the market accepts."""

    price_tick: int
    lot_wh: int
    min_qty_wh: int


class Quote(NamedTuple):
    """An order as it should be."""

    price: int
    qty_wh: int


class OpenOrder(NamedTuple):
    """An order of ours on the book, with what is left of it."""

    order_id: int
    price: int
    qty_wh: int


@dataclass(frozen=True, slots=True)
class Concession:
    """How prices move: from `opening_permille` inside the limit to the limit in `steps` steps."""

    opening_permille: int
    steps: int

    def price(self, limit: int, step: int, tick: int, *, is_bid: bool) -> int:
        """The price after `step` unanswered quotes, on a tick and never beyond the limit."""
        left = max(0, self.steps - step)
        inside = limit * self.opening_permille * left // (1000 * max(1, self.steps))
        if is_bid:
            return max(tick, (limit - inside) // tick * tick)
        return -(-(limit + inside) // tick) * tick


def quantity(energy_wh: float, rules: Rules) -> int:
    """A tradable quantity not above an energy; 0 if that is too small to trade."""
    qty_wh = int(energy_wh) // rules.lot_wh * rules.lot_wh
    return qty_wh if qty_wh >= max(rules.min_qty_wh, 1) else 0


class Change(NamedTuple):
    """What to do about one side of a house: cancel these orders, then place this one."""

    cancel: tuple[int, ...]
    place: Quote | None


def change(wanted: Quote | None, standing: tuple[OpenOrder, ...]) -> Change:
    """Compare what should be with what is; one open order a side at most."""
    keep = next((o for o in standing if wanted is not None and _close(wanted, o)), None)
    cancel = tuple(o.order_id for o in standing if o is not keep)
    return Change(cancel, None if keep is not None else wanted)


def _close(wanted: Quote, order: OpenOrder) -> bool:
    missing = (wanted.qty_wh - order.qty_wh) * 1000
    price_off = abs(wanted.price - order.price) * 1000
    return (
        -TOO_LARGE * wanted.qty_wh <= missing <= TOO_SMALL * wanted.qty_wh
        and price_off <= PRICE_TOLERANCE * wanted.price
    )
