"""What a house can sell and what it needs, of what is expected of it and with its battery.

Pure. Energies are Wh as the meter counts them; net energy is positive when it is imported.
"""

from __future__ import annotations

from dataclasses import dataclass

from .forecast import Expectation


@dataclass(frozen=True, slots=True)
class Storage:
    """A battery: what it holds, keeps back, and how fast it gives."""

    capacity_wh: float
    power_w: float
    reserve_percent: float

    def can_give_wh(self, charge_percent: float, window_h: float, promised_wh: float) -> float:
        """What it could give in a window, besides what is promised of its charge until then."""
        above_reserve_wh = (charge_percent - self.reserve_percent) / 100 * self.capacity_wh
        return max(0.0, min(self.power_w * window_h, above_reserve_wh - promised_wh))


def sellable_wh(net: Expectation, stored_wh: float, share: float) -> float:
    """What a house can sell in a window.

    Of its surplus all that may be relied on, and what is expected beyond that as far as the battery
    could stand in with the `stored_wh` it can give. Of what the battery could give after that, and
    after the house's own need, the `share`.
    """
    firm_wh, expected_wh = max(0.0, -net.firm_wh), max(0.0, -net.expected_wh)
    backed_wh = min(expected_wh - firm_wh, stored_wh)
    own_need_wh = max(0.0, net.expected_wh)
    return firm_wh + backed_wh + max(0.0, share * (stored_wh - backed_wh) - own_need_wh)


def needed_wh(net: Expectation) -> float:
    """What a house will import in a window, as far as that may be relied on."""
    return max(0.0, net.firm_wh)
