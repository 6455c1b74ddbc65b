"""The dialogue of the planner with the twin."""

from __future__ import annotations

from collections.abc import Sequence

from hub.api import Context, PowerFlowAnswer, PowerFlowCase, PowerFlowQuestion

from .planner import Case, Plan, Planning, Request, plan

#: The twin answers a question within this time or counts as absent.
TWIN_S = 5.0


class Advisor:
    """Finds tap positions with the twin's help."""

    def __init__(self, ctx: Context, twin: str) -> None:
        self._ctx = ctx
        self._service = f"twin/{twin}/solve"
        self._nodes: tuple[str, ...] = ()

    async def nodes(self) -> tuple[str, ...]:
        """Return the twin's nodes."""
        if not self._nodes:
            self._nodes = (await self._solve([Case({})])).nodes
        return self._nodes

    async def find(self, request: Request) -> Plan:
        """Return a plan. HubError if the twin does not answer, SearchError if there is no plan."""
        planning = plan(request)
        cases = next(planning)
        while True:
            answer = await self._solve(cases)
            # Thousands of combinations are tried: not on the hub's loop.
            outcome = await self._ctx.run_blocking(_advance, planning, answer.voltages_pu)
            if isinstance(outcome, Plan):
                return outcome
            cases = outcome

    async def _solve(self, cases: Sequence[Case]) -> PowerFlowAnswer:
        asked = tuple(PowerFlowCase(taps=case.taps, power_w=case.power_w) for case in cases)
        answer = await self._ctx.ask(self._service, PowerFlowQuestion(asked), TWIN_S)
        assert isinstance(answer, PowerFlowAnswer)
        return answer


def _advance(planning: Planning, rows: Sequence[Sequence[float]]) -> list[Case] | Plan:
    """Send solutions into a planning; return its next cases, or the plan it ends with."""
    try:
        return planning.send(rows)
    except StopIteration as end:
        found: Plan = end.value
        return found
