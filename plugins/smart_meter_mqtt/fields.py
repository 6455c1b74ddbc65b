"""One quantity in a payload, made ready to be read, and the units in which meters speak."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

#: Units that meters use: what the hub calls it, and how many of those one is.
SCALES: dict[str, tuple[str, Decimal]] = {
    "W": ("W", Decimal(1)),
    "kW": ("W", Decimal(1000)),
    "MW": ("W", Decimal(1_000_000)),
    "var": ("var", Decimal(1)),
    "kvar": ("var", Decimal(1000)),
    "VA": ("VA", Decimal(1)),
    "kVA": ("VA", Decimal(1000)),
    "V": ("V", Decimal(1)),
    "mV": ("V", Decimal("0.001")),
    "kV": ("V", Decimal(1000)),
    "A": ("A", Decimal(1)),
    "mA": ("A", Decimal("0.001")),
    "Hz": ("Hz", Decimal(1)),
    "Wh": ("Wh", Decimal(1)),
    "kWh": ("Wh", Decimal(1000)),
    "MWh": ("Wh", Decimal(1_000_000)),
    "Ws": ("Wh", Decimal(1) / 3600),
    "%": ("%", Decimal(1)),
    "1": ("1", Decimal(1)),
}
#: What lies outside cannot have been measured at a feeder; limits in the hub's units.
LIMITS: dict[str, tuple[int, int]] = {
    "V": (-1_000_000, 1_000_000),
    "A": (-1_000_000, 1_000_000),
    "W": (-1_000_000_000, 1_000_000_000),
    "var": (-1_000_000_000, 1_000_000_000),
    "VA": (-1_000_000_000, 1_000_000_000),
    "Hz": (0, 1_000),
    "Wh": (0, 10_000_000_000_000),
    "%": (0, 100),
    "1": (-64, 64),
}
#: What a list of three values belongs to.
PHASES = ("a", "b", "c")


class FieldReader(NamedTuple):
    """A field map made ready: pointers split, limits in the payload's unit. One of that unit is
    `factor` of the hub's. `part` names the addend where a quantity comes in several; what is at
    `less` is taken off where it is there.
    """

    quantity: str
    pointers: tuple[tuple[str, ...], ...]
    factor: Decimal
    unit: str
    raw_unit: str
    raw_low: Decimal
    raw_high: Decimal
    channels: str
    part: str | None
    less: tuple[tuple[str, ...], ...] = ()

    @property
    def mwh_per_unit(self) -> int:
        """How many mWh one of the payload's unit is, where energy is counted and the answer is a
        whole number; else 0.
        """
        mwh = self.factor * 1000
        whole = self.unit == "Wh" and self.part is None and mwh > 0 and mwh == int(mwh)
        return int(mwh) if whole else 0

    @property
    def is_plain(self) -> bool:
        """Whether a value needs no more than to be in range: it is in the hub's unit already, and
        nothing is counted or added up.
        """
        return self.unit != "Wh" and self.part is None and self.factor == 1
