"""Wiring: the outlook of each house, fed by its meter and kept over a restart."""

from __future__ import annotations

from datetime import UTC

from hub.api import Context, HubError, KeptState, Quality

from .forecast import Expectation, Outlook

#: What was learned is saved this often, and at the end.
SAVE_EVERY_S = 900.0


class Outlooks:
    """What several houses do by themselves, and what is to be expected of them."""

    def __init__(
        self, ctx: Context, houses: tuple[str, ...], window_s: float, confidence: float,
        least_wh: float,
    ) -> None:  # fmt: skip
        """Forecasts below `least_wh` in a window teach nothing."""
        self._ctx = ctx
        self._window_h = window_s * ctx.time_lapse / 3600
        epoch_h = _epoch_h(ctx)
        self._outlooks = {
            house: Outlook(window_s, ctx.time_lapse, confidence, least_wh, epoch_h)
            for house in houses
        }
        self._kept = KeptState(ctx.history, "house_trader_state", ctx.name)

    async def take_up(self) -> None:
        """Begin with what was learned before the restart."""
        learned = await self._kept.load() or {}
        for house in learned.keys() & self._outlooks.keys():
            self._outlooks[house].take_up(learned[house])

    async def save(self) -> None:
        """Keep what was learned for the next start; the trade goes on without."""
        learned = {house: outlook.kept() for house, outlook in self._outlooks.items()}
        try:
            await self._kept.save(self._ctx.clock.now(), learned)
        except HubError as error:
            self._ctx.log.warning("what was learned of the houses cannot be saved: %s", error)

    async def look(self) -> None:
        """Read the counters of all houses."""
        for house in self._outlooks:
            self.read_counters(house)

    def read_counters(self, house: str) -> None:
        """Take in what the meter of a house said last, if that can be trusted."""
        device = self._ctx.houses[house].device(house)
        last = [self._ctx.last(f"reading/{device}/energy_{way}") for way in ("import", "export")]
        imported, exported = (None if one is None else one.message for one in last)
        if imported is None or exported is None:
            return
        if Quality.BAD not in (imported.quality, exported.quality):
            at_s = max(imported.at, exported.at).timestamp()
            self._outlooks[house].note(at_s, imported.value - exported.value)

    def set_point_changed(self, house: str, power_w: float | None) -> None:
        """From now on the market wants this power of a house, or (None) nothing."""
        self.read_counters(house)  # until now it had another set-point, or none
        self.interrupt(house, None if power_w is None else power_w * self._window_h)
        self.read_counters(house)

    def interrupt(self, house: str, commanded_wh: float | None = None) -> None:
        """What comes is not what a house did so far."""
        self._outlooks[house].interrupt(commanded_wh)

    def ahead(self, house: str, start_s: float, end_s: float) -> Expectation | None:
        """What to expect of a house in a window; None as long as nothing was seen of it."""
        return self._outlooks[house].ahead(start_s, end_s)


def _epoch_h(ctx: Context) -> float:
    """The hour of the feeder at second 0 of the hub: a simulated one has a day of its own."""
    now, feeder_now = ctx.clock.now(), ctx.clock.feeder_now()
    for last in ctx.last_matching("grid/+/state").values():
        now, feeder_now = last.message.at, last.message.feeder_time
    feeder_h = feeder_now.replace(tzinfo=UTC).timestamp() / 3600
    return feeder_h - now.timestamp() * ctx.time_lapse / 3600
