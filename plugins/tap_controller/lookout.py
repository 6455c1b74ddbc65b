"""What is seen now: readings of the hub, laid on the layout of the feeder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hub.api import Context, Unavailable

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
        #: The topics of all points and their nodes and nominal voltages, in the same order.
        self._voltages: list[str] = []
        self._places: list[tuple[str, float]] = []
        self._regulators: list[str] = []
        self._taps: list[str] = []

    async def look(self, frozen_by: str | None) -> Sight:
        """Return what is seen; `frozen_by` is the fault that forbids moves, if any."""
        twin = f"twin/{self._config.twin}/solve" in self._ctx.services
        now = self._ctx.clock.now()
        if self.layout is None and not await self._find_layout():
            return Sight(now, {}, 1, None, twin, frozen_by)
        voltages: dict[str, float] = {}
        dead = 0
        for (node, nominal_v), volts in zip(self._places, self._fresh(self._voltages), strict=True):
            if volts is not None:
                pu = volts / nominal_v
                if pu > DEAD_PU:
                    voltages[node] = pu
                else:
                    dead += 1
        taps = self._fresh(self._taps)
        known = {n: round(t) for n, t in zip(self._regulators, taps, strict=True) if t is not None}
        return Sight(
            now,
            voltages,
            len(self._places) - dead,
            known if len(known) == len(taps) else None,
            twin,
            frozen_by,
        )

    def powers(self, devices: Iterable[str]) -> dict[str, float]:
        """Return the net import in W of those devices that report it."""
        names = list(devices)
        powers = self._fresh([f"reading/{name}/power" for name in names])
        return {n: power for n, power in zip(names, powers, strict=True) if power is not None}

    def _fresh(self, topics: Sequence[str]) -> list[float | None]:
        return self._ctx.last_values(topics, stale_after_s=self._config.stale_after)

    async def _find_layout(self) -> bool:
        """Ask the twin or else the feeder; return whether one of them answered."""
        for service in (
            f"twin/{self._config.twin}/topology",
            f"grid/{self._config.feeder}/topology",
        ):
            if service in self._ctx.services:
                topology = await self._ctx.ask(service)
                try:
                    layout = read_layout(topology, self._meters)
                except ValueError as error:
                    raise Unavailable(str(error)) from None
                points = layout.points.values()
                self._voltages = [f"reading/{p.device}/{p.quantity}" for p in points]
                self._places = [(p.node, p.nominal_v) for p in points]
                self._regulators = [regulator.name for regulator in layout.regulators]
                devices = (r.get("device", r["name"]) for r in topology["regulators"])
                self._taps = [f"reading/{device}/tap" for device in devices]
                self.layout = layout
                return True
        return False
