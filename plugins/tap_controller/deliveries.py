"""Trades that are delivered now or soon, and the power they mean at the meters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """`seller` feeds `qty_wh` into the feeder from `start` to `end`, for `buyer`. `power_w` is the
    mean on the feeder's own clock."""

    trade_id: int
    buyer: str
    seller: str
    qty_wh: int
    power_w: float
    start: datetime
    end: datetime


def mean_power_w(qty_wh: int, start: datetime, end: datetime, time_lapse: float) -> float:
    """Return the mean power of a delivery; `time_lapse` is feeder seconds per second."""
    seconds = (end - start).total_seconds() * time_lapse
    return qty_wh * 3600 / seconds if seconds > 0 else 0.0


class Deliveries:
    """The schedule. Forgets what has ended."""

    def __init__(self) -> None:
        self._scheduled: dict[int, Delivery] = {}

    def add(self, delivery: Delivery) -> None:
        self._scheduled[delivery.trade_id] = delivery

    def under_way(self, now: datetime) -> list[Delivery]:
        """Return what is delivered now, the largest first."""
        self._forget(now)
        found = [d for d in self._scheduled.values() if d.start <= now]
        return sorted(found, key=lambda d: (-d.power_w, d.trade_id))

    def ahead(self, now: datetime) -> list[Delivery]:
        """Return what is still to begin, in order of time."""
        self._forget(now)
        found = [d for d in self._scheduled.values() if d.start > now]
        return sorted(found, key=lambda d: (d.start, d.trade_id))

    def _forget(self, now: datetime) -> None:
        self._scheduled = {i: d for i, d in self._scheduled.items() if d.end > now}


def expected_power_w(
    deliveries: Sequence[Delivery], devices: Mapping[str, str], power_w: Mapping[str, float]
) -> dict[str, float]:
    """Return the net import in W expected per device while deliveries run.

    `devices` maps a house to its meter and `power_w` is what meters say now. A seller exports what
    it sold on top of what it feeds in now; a buyer draws what it bought on top.
    """
    expected: dict[str, float] = {}
    for delivery in deliveries:
        for house, sign in ((delivery.seller, -1.0), (delivery.buyer, 1.0)):
            device = devices.get(house)
            if device is not None and device in power_w:
                expected.setdefault(device, power_w[device])
                expected[device] += sign * delivery.power_w
    return expected
