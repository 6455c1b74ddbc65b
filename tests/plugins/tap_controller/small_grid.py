"""A feeder of two houses and one regulator behind the hub's interfaces: plant, meters and twin."""

from collections.abc import Mapping
from typing import Any

from hub.errors import Rejected
from hub.grid_messages import PowerFlowAnswer, PowerFlowQuestion
from hub.messages import Command, Reading
from hub.plugin import Context, Plugin, PluginConfig

STEP_PU = 0.00625
NODES = ("650.1", "rg60.1", "house1.1", "house2.1")
YAML = """
houses:
  house1: {bus: 671.1}
  house2: {bus: 671.1}
plugins:
  grid: {use: small_grid}
  taps: {use: tap_controller, twin: grid, %s}
"""


class SmallGrid(Plugin[PluginConfig]):
    """`lift_pu` is what exports add at house 2; tests set it, silence meters, or refuse moves.

    `false_pu` is what the meter of house 2 adds by itself.
    """

    async def start(self, ctx: Context) -> None:
        self._ctx = ctx
        self.tap = 0
        self.lift_pu = 0.0
        self.false_pu = 0.0
        self.silent = False
        self.refusing = False
        self.unsolvable = False
        self.broken = False
        self.questions = 0
        self.commands: list[Command] = []
        ctx.handle("grid/grid/regulators", self._set_taps)
        ctx.handle("grid/grid/control", self._control)
        ctx.serve("grid/grid/topology", self._topology)
        ctx.serve("twin/grid/solve", self._solve)
        ctx.every(1.0, self.step, name="step", now=True)

    def voltages(self, tap: int, lift_pu: float) -> list[float]:
        raised = 1.0 + tap * STEP_PU
        return [1.0, raised, raised - 0.005, raised + lift_pu]

    async def step(self) -> None:
        now = self._ctx.clock.now()
        self._ctx.publish(Reading("reg", "tap", float(self.tap), "1", now))
        if self.silent:
            return
        _, _, house1, house2 = self.voltages(self.tap, self.lift_pu)
        for device, pu in (("house1", house1), ("house2", house2 + self.false_pu)):
            self._ctx.publish(Reading(device, "voltage", pu * 240.0, "V", now))
            self._ctx.publish(Reading(device, "power", 0.0, "W", now))

    async def _set_taps(self, command: Command) -> Mapping[str, Any]:
        self.commands.append(command)
        if self.refusing:
            raise Rejected("the motor is stuck")
        self.tap = command.args["taps"]["reg"]
        await self.step()
        return {}

    async def _control(self, command: Command) -> Mapping[str, Any]:
        self.commands.append(command)
        return {}

    async def _topology(self, _: Any) -> Mapping[str, Any]:
        return {
            "regulators": [{"name": "reg", "lowest": -16, "highest": 16}],
            "houses": [
                {"device": name, "bus": name, "phases": [1]} for name in ("house1", "house2")
            ],
        }

    async def _solve(self, question: PowerFlowQuestion) -> PowerFlowAnswer:
        if self.broken:
            raise ValueError("no twin ever says this")
        rows = tuple(
            self.voltages(
                case.taps.get("reg", self.tap),
                self.lift_pu - case.power_w.get("house2", 0.0) * 1e-6,
            )
            for case in question.cases
        )
        count = len(rows)
        if self.unsolvable and count > 1:
            self.questions += 1
            return PowerFlowAnswer(NODES, ((),) * count, (0.0,) * count, (False,) * count)
        return PowerFlowAnswer(NODES, rows, (0.0,) * count, (True,) * count)

    @property
    def actions(self) -> list[str]:
        return [command.action for command in self.commands]


TYPES = {"small_grid": SmallGrid}
