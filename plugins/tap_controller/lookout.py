"""What is seen now: readings of the hub, laid on the layout of the feeder."""

from __future__ import annotations

from collections.abc import Iterable

from hub.api import Context, Quality, Reading

from .configuration import TapControllerConfig
from .eyes import Layout, Meter, read_layout
from .watch import Sight

#: Below this in pu a meter has no supply: that is an outage, and no matter of taps.
DEAD_PU = 0.1


class Lookout:
    """Looks at the meters, the regulators and the twin. Only fresh and good readings count."""

    def __init__(self, ctx: Context, config: TapControllerConfig) -> None:
        self._ctx = ctx
        self._config = config
        self._meters = [
            Meter(house_id, house.device(house_id), house.nominal_v, house.name(house_id))
            for house_id, house in ctx.houses.items()
        ]
        self.layout: Layout | None = None

    async def look(self, frozen_by: str | None) -> Sight:
        """Return what is seen; `frozen_by` is the fault that forbids moves, if any."""
        twin = f"twin/{self._config.twin}/solve" in self._ctx.services
        now = self._ctx.clock.now()
        layout = await self._find_layout()
        if layout is None:
            return Sight(now, {}, 1, None, twin, frozen_by)
        voltages: dict[str, float] = {}
        dead = 0
        for node, point in layout.points.items():
            volts = self._fresh(point.device, point.quantity)
            if volts is not None and volts / point.nominal_v > DEAD_PU:
                voltages[node] = volts / point.nominal_v
            elif volts is not None:
                dead += 1
        taps = {
            regulator.name: self._fresh(regulator.name, "tap") for regulator in layout.regulators
        }
        known = {name: round(tap) for name, tap in taps.items() if tap is not None}
        expected = len(layout.points) - dead
        return Sight(
            now, voltages, expected, known if len(known) == len(taps) else None, twin, frozen_by
        )

    def powers(self, devices: Iterable[str]) -> dict[str, float]:
        """Return the net import in W of those devices that report it."""
        powers = {device: self._fresh(device, "power") for device in devices}
        return {device: power for device, power in powers.items() if power is not None}

    def _fresh(self, device: str, quantity: str) -> float | None:
        topic = f"reading/{device}/{quantity}"
        last = self._ctx.last(topic, stale_after_s=self._config.stale_after)
        if last is None or last.stale or not isinstance(last.message, Reading):
            return None
        return None if last.message.quality is Quality.BAD else last.message.value

    async def _find_layout(self) -> Layout | None:
        """Ask the twin or else the feeder, until one of them answers."""
        if self.layout is None:
            for service in (
                f"twin/{self._config.twin}/topology",
                f"grid/{self._config.feeder}/topology",
            ):
                if service in self._ctx.services:
                    self.layout = read_layout(await self._ctx.ask(service), self._meters)
                    break
        return self.layout
