"""The devices of all houses as arrays: consumption, PV, battery and vehicle, and their dispatch.

Arrays have one entry per house, in the order given. Power is in W, positive when it is imported or
taken up: a battery that charges is positive, PV output is given as a positive number of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .houses import HouseSpec
from .protocol import FloatArray
from .vehicles import Presence

#: What modules, wiring and inverter leave of the light, at module temperatures of a mild day.
PERFORMANCE_RATIO = 0.88
#: A vehicle begins to charge for its trip with this much time in hand.
_READY_BEFORE_H = 0.5
#: A power must be held for a second at least: a command is verified in a step without duration.
_SHORTEST_H = 1 / 3600
#: A house whose devices add up to less than this serves itself, whatever its voltage.
_BALANCED_W = 1.0


def _column(houses: Sequence[HouseSpec], value: Callable[[HouseSpec], float]) -> FloatArray:
    return np.array([value(house) for house in houses], dtype=np.float64)


def _within(
    values: FloatArray, lowest: FloatArray | float, highest: FloatArray | float
) -> FloatArray:
    """Clip, without the overhead that `np.clip` has on a handful of values."""
    return np.minimum(np.maximum(values, lowest), highest)


def _forced(
    set_w: FloatArray, lowest: FloatArray, highest: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Narrow limits to a commanded power, or as near to it as they let."""
    free, power_w = np.isnan(set_w), _within(set_w, lowest, highest)
    return np.where(free, lowest, power_w), np.where(free, highest, power_w)


@dataclass(frozen=True, slots=True)
class Powers:
    """What every device does for one interval. `net_w` is the sum at the meter."""

    load_w: FloatArray
    pv_w: FloatArray
    battery_w: FloatArray
    ev_w: FloatArray
    net_w: FloatArray
    net_var: FloatArray

    def as_metered(
        self,
        rows: NDArray[np.intp],
        net_w: FloatArray,
        net_var: FloatArray,
        live: NDArray[np.bool_],
        own_load: NDArray[np.bool_],
    ) -> Powers:
        """Return what devices really did in the houses `rows`, whose meters saw `net_w`.

        Other arrays have one entry per row. A house that is not `live` does nothing. One whose
        load is its own follows in proportion with all it has: at two of three phases two thirds,
        in a sag as an impedance does. What then differs is the load's, as that of a load of the
        circuit that follows its voltage.
        """
        set_w = self.net_w[rows]
        uneven = own_load & (np.abs(set_w) > _BALANCED_W)
        share = np.divide(net_w, set_w, out=np.ones(len(rows)), where=uneven)
        share = np.where(live, share, 0.0)
        pv_w, battery_w, ev_w = self.pv_w.copy(), self.battery_w.copy(), self.ev_w.copy()
        for column in (pv_w, battery_w, ev_w):
            column[rows] *= share
        load_w, all_w, all_var = self.load_w.copy(), self.net_w.copy(), self.net_var.copy()
        all_w[rows], all_var[rows] = net_w, net_var
        load_w[rows] = net_w + pv_w[rows] - battery_w[rows] - ev_w[rows]
        return Powers(load_w, pv_w, battery_w, ev_w, all_w, all_var)


class Storage:
    """One battery per house (capacity 0 where there is none), with losses both ways."""

    def __init__(
        self,
        *,
        capacity_wh: FloatArray,
        charge_w: FloatArray,
        discharge_w: FloatArray,
        efficiency: FloatArray,
        floor_wh: FloatArray,
        energy_wh: FloatArray,
    ) -> None:
        """`efficiency` is that of the round trip, `floor_wh` is never discharged below."""
        self.capacity_wh = capacity_wh
        self.charge_w = charge_w
        self.discharge_w = discharge_w
        self.one_way = np.sqrt(efficiency)
        self.floor_wh = floor_wh
        self.energy_wh = energy_wh.copy()

    def limits_w(self, hours: float) -> tuple[FloatArray, FloatArray]:
        """Return the lowest and highest power that can be held for so many hours."""
        room = np.maximum(self.capacity_wh - self.energy_wh, 0)
        left = np.maximum(self.energy_wh - self.floor_wh, 0)
        hours = max(hours, _SHORTEST_H)
        highest = np.minimum(self.charge_w, room / (self.one_way * hours))
        lowest = -np.minimum(self.discharge_w, left * self.one_way / hours)
        return lowest, highest

    def integrate(self, power_w: FloatArray, hours: float) -> None:
        """Store or release what flowed for so many hours, less the losses."""
        inside = np.where(power_w > 0, power_w * self.one_way, power_w / self.one_way)
        # The last rounding of a limit must not leave the range.
        self.energy_wh = _within(
            self.energy_wh + inside * hours,
            np.minimum(self.energy_wh, self.floor_wh),
            self.capacity_wh,
        )

    def drain(self, energy_wh: FloatArray) -> None:
        """Take out what is used elsewhere, as by driving; stops at empty."""
        self.energy_wh = np.maximum(self.energy_wh - energy_wh, 0)


class Fleet:
    """All houses' devices and the set-points that command them."""

    def __init__(self, houses: Sequence[HouseSpec]) -> None:
        self.names = tuple(house.name for house in houses)
        power_factor = _column(houses, lambda h: h.power_factor)
        self.var_per_w = np.sqrt(1 / power_factor**2 - 1)
        self.pv_peak_w = _column(houses, lambda h: h.pv_kwp * 1000)
        self.pv_limit_w = _column(houses, lambda h: (h.inverter_kw or h.pv_kwp) * 1000)
        battery_wh = _column(houses, lambda h: h.battery_kwh * 1000)
        battery_w = _column(houses, lambda h: h.battery_kw * 1000)
        self.battery = Storage(
            capacity_wh=battery_wh,
            charge_w=battery_w,
            discharge_w=battery_w,
            efficiency=_column(houses, lambda h: h.battery_efficiency),
            floor_wh=battery_wh * _column(houses, lambda h: h.battery_reserve),
            energy_wh=battery_wh * _column(houses, lambda h: h.battery_initial),
        )
        ev_wh = _column(houses, lambda h: h.ev_kwh * 1000)
        discharge_kw = _column(
            houses, lambda h: (h.ev_discharge_kw or h.ev_kw) if h.ev_discharge else 0.0
        )
        self.ev = Storage(
            capacity_wh=ev_wh,
            charge_w=_column(houses, lambda h: h.ev_kw * 1000),
            discharge_w=discharge_kw * 1000,
            efficiency=np.full(len(houses), 0.9),
            floor_wh=ev_wh * _column(houses, lambda h: h.ev_reserve),
            energy_wh=ev_wh * _column(houses, lambda h: h.ev_initial),
        )
        #: The charge a vehicle wants when it leaves.
        self.ev_target_wh = ev_wh * _column(houses, lambda h: h.ev_target)
        #: What vehicles that never leave use all the time.
        self.errands_w = _column(
            houses, lambda h: 0.0 if h.ev_trips else h.ev_driving_kwh_per_day * 1000 / 24
        )
        #: Commands, NaN where there is none: the net power at the meter, and that of one device.
        self.set_point_w = np.full(len(houses), np.nan)
        self.battery_set_w = np.full(len(houses), np.nan)
        self.ev_set_w = np.full(len(houses), np.nan)
        #: Whether any device has a command of its own: few ever have.
        self.devices_commanded = False
        self._has_vehicles = bool(ev_wh.any())
        self._nothing: FloatArray = np.zeros(len(houses))
        #: The most that PV may give, infinity where nobody limits it.
        self.pv_cap_w = np.full(len(houses), np.inf)
        #: What a house holds without a command: a plant delivers only what it is told to.
        self.idle_w = np.where([house.site == "plant" for house in houses], 0.0, np.nan)

    def dispatch(
        self,
        load_w: FloatArray,
        light_w_per_m2: FloatArray,
        hours: float,
        presence: Presence | None = None,
    ) -> Powers:
        """Decide what each device does for the coming `hours`; without `presence` all are there.

        Without a set-point a house serves itself: its battery takes up a surplus and covers a
        need, as far as it can, and its vehicle charges in time for its trip. With a set-point the
        net power at the meter is brought to it by the battery, then the vehicle, then by curtailing
        PV; what they cannot do is left undone. A command to one device stands above both.
        """
        pv_w = self.pv_peak_w * light_w_per_m2 / 1000 * PERFORMANCE_RATIO
        pv_w = np.minimum(np.minimum(pv_w, self.pv_limit_w), self.pv_cap_w)
        target_w = np.where(np.isnan(self.set_point_w), self.idle_w, self.set_point_w)
        commanded = ~np.isnan(target_w)
        battery_low, battery_high = self.battery.limits_w(hours)
        if self.devices_commanded:
            battery_low, battery_high = _forced(self.battery_set_w, battery_low, battery_high)
        ev_low, ev_high, ev_own_w = self._vehicles(hours, presence)
        # Under a set-point the vehicle is at its disposal, unless it has a command of its own.
        ev_w = np.where(commanded & np.isnan(self.ev_set_w), 0.0, ev_own_w)

        missing_w = np.where(commanded, target_w, 0.0) - (load_w - pv_w + ev_w)
        battery_w = _within(missing_w, battery_low, battery_high)
        # Without a command the battery is all that acts: nothing is missing after it.
        missing_w = np.where(commanded, missing_w - battery_w, 0.0)
        ev_more_w = _within(missing_w, ev_low - ev_w, ev_high - ev_w)
        ev_w = ev_w + ev_more_w
        pv_w = pv_w - _within(missing_w - ev_more_w, 0.0, pv_w)
        return Powers(
            load_w=load_w,
            pv_w=pv_w,
            battery_w=battery_w,
            ev_w=ev_w,
            net_w=load_w - pv_w + battery_w + ev_w,
            net_var=load_w * self.var_per_w,
        )

    def _vehicles(
        self, hours: float, presence: Presence | None
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the limits of every vehicle, and what it does by itself."""
        if not self._has_vehicles:
            return self._nothing, self._nothing, self._nothing
        low, high = self.ev.limits_w(hours)
        must_charge = self.ev.energy_wh < self.ev.floor_wh
        if presence is not None:
            low, high = np.where(presence.away, 0.0, low), np.where(presence.away, 0.0, high)
            wanted_wh = np.maximum(self.ev_target_wh - self.ev.energy_wh, 0)
            hours_left = np.maximum(presence.leaves_in_h - _READY_BEFORE_H, 0)
            late = wanted_wh >= hours_left * self.ev.charge_w * self.ev.one_way
            must_charge |= late & (wanted_wh > 0)
        low = np.where(must_charge, 0.0, low)
        if self.devices_commanded:
            low, high = _forced(self.ev_set_w, low, high)
        # What it does by itself lies within its limits, which a command narrows to one value.
        return low, high, _within(np.where(must_charge, high, 0.0), low, high)

    def charge_percent(self) -> FloatArray:
        """Return the batteries' state of charge in percent, NaN where there is none."""
        capacity_wh = np.where(self.battery.capacity_wh > 0, self.battery.capacity_wh, np.nan)
        return np.asarray(100 * self.battery.energy_wh / capacity_wh)

    def integrate(
        self,
        powers: Powers,
        energised: NDArray[np.bool_],
        hours: float,
        driven_wh: FloatArray | None = None,
    ) -> None:
        """Move energy in and out of the storages; a house without supply stands still.

        `driven_wh` is what trips used meanwhile.
        """
        self.battery.integrate(np.where(energised, powers.battery_w, 0), hours)
        self.ev.integrate(np.where(energised, powers.ev_w, 0), hours)
        used_wh = self.errands_w * hours
        self.ev.drain(used_wh if driven_wh is None else used_wh + driven_wh)
