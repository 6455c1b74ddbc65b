"""Simulated homes for tests of the market: they do as they are told and their meters say so.

A plugin type of the tests' own. Each home exports or imports a set power; its energy counters run
by the hub's clock and time lapse and are published as readings.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from pydantic import Field

from hub.api import Command, Context, Plugin, PluginConfig, Reading, Rejected


class Config(PluginConfig):
    every: float = 0.2
    obedience_permille: int = 1000  # how much of a set power is really reached
    silent: tuple[str, ...] = ()  # houses whose meters say nothing
    #: What a house does when nobody tells it anything.
    natural_w: dict[str, float] = Field(default_factory=dict)


class Homes(Plugin[Config]):
    Config: ClassVar[type[PluginConfig]] = Config
    #: Counters to begin with, as meters that outlive a restart of the hub have them.
    initial: ClassVar[dict[str, list[float]]] = {}

    async def start(self, ctx: Context) -> None:
        self.ctx = ctx
        self.power_w = {house: self.config.natural_w.get(house, 0.0) for house in ctx.houses}
        self.counters = {
            house: list(self.initial.get(house, (1_000_000.0, 2_000_000.0))) for house in ctx.houses
        }
        self.commands: list[Command] = []
        self._last: datetime = ctx.clock.now()
        for house in ctx.houses:
            ctx.handle(f"house/{house}", self._command)
        ctx.every(self.config.every, self._publish, name="meters", now=True)

    async def _command(self, command: Command) -> Mapping[str, Any]:
        self._advance()
        house = command.target.split("/")[1]
        self.commands.append(command)
        if command.action == "set_power":
            wanted_w = float(command.args["net_w"])
            self.power_w[house] = wanted_w * self.config.obedience_permille / 1000
        elif command.action == "release_power":
            self.power_w[house] = self.config.natural_w.get(house, 0.0)
        else:
            raise Rejected(f"homes know no {command.action}")
        return {}

    def _advance(self) -> None:
        now = self.ctx.clock.now()
        hours = (now - self._last).total_seconds() * self.ctx.time_lapse / 3600
        self._last = now
        for house, power_w in self.power_w.items():
            self.counters[house][0 if power_w > 0 else 1] += abs(power_w) * hours

    async def _publish(self) -> None:
        self._advance()
        now = self.ctx.clock.now()
        for house, (imported_wh, exported_wh) in self.counters.items():
            if house in self.config.silent:
                continue
            device = self.ctx.houses[house].device(house)
            values = {
                "power": self.power_w[house],
                "energy_import": imported_wh,
                "energy_export": exported_wh,
            }
            for quantity, value in values.items():
                unit = "W" if quantity == "power" else "Wh"
                self.ctx.publish(Reading(device, quantity, value, unit, now))
