"""The scratch twin in the hub: learns from readings, answers what-if questions.

Its context and thread are its own, so a question never delays the plant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from hub.api import (
    CheckContext,
    ConfigProblemError,
    Context,
    Plugin,
    PowerFlowAnswer,
    PowerFlowCase,
    PowerFlowQuestion,
    Reading,
    Unavailable,
)

from .configuration import TwinConfig, house_specs
from .engine import OpenDssEngine
from .feeder_check import check_feeder, check_twin
from .feeder_messages import topology
from .houses import HEAD
from .protocol import FaultSpec, GridError
from .twin import Case, Twin

_PHASES = ("_a", "_b", "_c")


def _faults(case: PowerFlowCase) -> tuple[FaultSpec, ...]:
    return tuple(
        FaultSpec.of_type(f"what_if_{number}", fault.type, fault.bus, fault.ohm)
        for number, fault in enumerate(case.faults)
    )


class OpenDssTwin(Plugin[TwinConfig]):
    """Answers `twin/<name>/solve` with `PowerFlowQuestion` and `PowerFlowAnswer`, and
    `twin/<name>/topology` as the plant does.

    Before each question it takes in the readings that are not stale: power of every house, power
    at the head per phase, taps. Without them it keeps what it knew.
    """

    Config = TwinConfig
    summary: ClassVar[str] = "A scratch copy of a feeder that answers what-if questions"

    async def start(self, ctx: Context) -> None:
        """Compile a copy of the circuit on a thread of its own."""
        self._ctx = ctx
        try:
            self._specs = house_specs(self.config, ctx.houses)
            self._twin = await ctx.run_blocking(self._build)
        except GridError as error:
            raise ConfigProblemError(str(error)) from None
        ctx.serve(f"twin/{ctx.name}/solve", self._answer)
        ctx.serve(f"twin/{ctx.name}/topology", self._answer_topology)

    def _build(self) -> Twin:
        return Twin(OpenDssEngine(), self.config.feeder, self._specs, self.config.load_scale)

    async def _answer_topology(self, _: object) -> Mapping[str, Any]:
        twin = self._twin
        return topology(
            self._ctx.name, twin.circuit, self._specs, twin.load_rows, self.config.device_prefix
        )

    async def _answer(self, question: PowerFlowQuestion) -> PowerFlowAnswer:
        prefix = self.config.device_prefix
        regulators = self._twin.circuit.regulators
        taps = {r.name: self._reading(prefix + r.name, "tap") for r in regulators}
        devices = [spec.device for spec in self._specs]
        head = [self._reading(prefix + HEAD, f"power{phase}") for phase in _PHASES]
        try:
            return await self._ctx.run_blocking(
                self._solve,
                question,
                {name: round(tap) for name, tap in taps.items() if tap is not None},
                self._powers(devices, "power"),
                self._powers(devices, "reactive_power"),
                [power for power in head if power is not None],
            )
        except GridError as error:
            raise Unavailable(str(error)) from None

    def _solve(
        self,
        question: PowerFlowQuestion,
        taps: Mapping[str, int],
        power_w: Mapping[str, float],
        power_var: Mapping[str, float],
        head_w: list[float],
    ) -> PowerFlowAnswer:
        twin = self._twin
        twin.update(taps, power_w, power_var, head_w if len(head_w) == len(_PHASES) else None)
        solutions = [
            twin.solve(Case(case.taps, case.power_w, case.power_var, case.opened, _faults(case)))
            for case in question.cases
        ]
        return PowerFlowAnswer(
            nodes=twin.circuit.nodes,
            voltages_pu=tuple(
                np.where(s.dead, 0.0, s.voltages_pu).tolist() if s.converged else ()
                for s in solutions
            ),
            source_w=tuple(float(s.source_va.real.sum()) for s in solutions),
            converged=tuple(s.converged for s in solutions),
        )

    def _powers(self, devices: list[str], quantity: str) -> dict[str, float]:
        """Return the sum of phases per meter, for meters that are not stale."""
        powers = {}
        for device in devices:
            single = self._reading(device, quantity)
            phases = [self._reading(device, quantity + phase) for phase in _PHASES]
            known = [value for value in phases if value is not None]
            if single is not None:
                powers[device] = single
            elif known:
                powers[device] = sum(known)
        return powers

    def _reading(self, device: str, quantity: str) -> float | None:
        last = self._ctx.last(f"reading/{device}/{quantity}")
        if last is None or last.stale or not isinstance(last.message, Reading):
            return None
        return last.message.value

    @classmethod
    def check(cls, config: TwinConfig, check: CheckContext) -> list[str]:
        """Compile the circuit and hold every house against it."""
        check_feeder(config, check)
        check_twin(config, check)
        return []
