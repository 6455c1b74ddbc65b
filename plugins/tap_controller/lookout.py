"""What is seen now: readings of the hub, laid on the layout of the feeder."""

from __future__ import annotations

from collections.abc import Iterable

from hub.api import Context

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
        seen = self._fresh(f"{p.device}/{p.quantity}" for p in layout.points.values())
        for (node, point), volts in zip(layout.points.items(), seen, strict=True):
            if volts is not None and volts / point.nominal_v > DEAD_PU:
                voltages[node] = volts / point.nominal_v
            elif volts is not None:
                dead += 1
        names = [regulator.name for regulator in layout.regulators]
        taps = zip(names, self._fresh(f"{name}/tap" for name in names), strict=True)
        known = {name: round(tap) for name, tap in taps if tap is not None}
        expected = len(layout.points) - dead
        return Sight(
            now, voltages, expected, known if len(known) == len(names) else None, twin, frozen_by
        )

    def powers(self, devices: Iterable[str]) -> dict[str, float]:
        """Return the net import in W of those devices that report it."""
        names = list(devices)
        powers = zip(names, self._fresh(f"{name}/power" for name in names), strict=True)
        return {device: power for device, power in powers if power is not None}

    def _fresh(self, points: Iterable[str]) -> list[float | None]:
        topics = [f"reading/{point}" for point in points]
        return self._ctx.last_values(topics, stale_after_s=self._config.stale_after)

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
