"""The simulated feeder in the hub: steps on a schedule, carries out commands, answers questions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from hub.api import (
    CheckContext,
    Command,
    ConfigProblemError,
    Context,
    FeederState,
    HubError,
    KeptState,
    Plugin,
    Rejected,
    Unavailable,
    hookimpl,
)

from . import feeder_messages, simulation_state
from .configuration import GridConfig, simulated_houses
from .engine import OpenDssEngine
from .feeder_check import check_grid
from .feeder_events import FeederEvents
from .network import Deviation
from .network_messages import fuse_alarm, network_state
from .order_arguments import Order
from .orders import NAMED, SINGLE, carry_out_all
from .protocol import GridError
from .simulation import Simulation, StepResult
from .step_messages import StepMessages, StepReport
from .twin_plugin import OpenDssTwin

if TYPE_CHECKING:
    import typer

#: State is saved this often, and at the end.
SAVE_EVERY_S = 30.0
#: What the market orders every few seconds, and what does not last: not worth a save each time.
PASSING = frozenset({"set_power", "release_power"})


class OpenDssGrid(Plugin[GridConfig]):
    """A feeder on OpenDSS with the houses of hub.yaml: the plant behind the meters.

    Publishes `grid/<name>/state`, `grid/<name>/metering` and the regulators' taps; carries out
    commands for `grid/<name>/...` and `house/<id>`; answers `grid/<name>/topology`,
    `grid/<name>/houses` and `grid/<name>/network`. A blown fuse is an alarm `fuse`.
    """

    Config = GridConfig
    summary: ClassVar[str] = "A simulated feeder with houses, solved by OpenDSS each step"

    async def start(self, ctx: Context) -> None:
        """Compile the circuit, draw the houses, and step once before anybody asks."""
        self._ctx = ctx
        self._last_good: FeederState | None = None
        self._orders: list[tuple[Order, asyncio.Future[Mapping[str, Any]]]] = []
        self._troubled = False
        self._blown: dict[str, Deviation] = {}
        self._kept = KeptState(ctx.history, "opendss_grid_state", ctx.name)
        saved = await self._kept.load()
        try:
            self._simulation = await ctx.run_blocking(self._build, saved)
        except GridError as error:
            raise ConfigProblemError(str(error)) from None
        simulation = self._simulation
        self._messages = StepMessages(ctx.name, simulation, self.config.device_prefix)
        self._topology = await ctx.run_blocking(
            feeder_messages.topology,
            ctx.name,
            simulation.circuit,
            simulation.houses,
            simulation.meters.load_rows,
            self.config.device_prefix,
        )
        self._tell_what_was_left()
        await self._step()
        for kind in NAMED:
            ctx.handle(f"grid/{ctx.name}/{kind}/+", partial(self._command, kind))
        for kind in SINGLE:
            ctx.handle(f"grid/{ctx.name}/{kind}", partial(self._command, kind))
        for house in simulation.houses:
            ctx.handle(f"house/{house.name}", partial(self._command, "house"))
        ctx.serve(f"grid/{ctx.name}/topology", self._answer_topology)
        ctx.serve(f"grid/{ctx.name}/houses", self._answer_devices)
        ctx.serve(f"grid/{ctx.name}/network", self._answer_network)
        # In virtual time all plugins have started by the first run: meters speak from the start.
        ctx.every(self.config.step, self._step, name="step", now=ctx.virtual)
        ctx.every(SAVE_EVERY_S, self._save, name="save")
        self._events = FeederEvents(ctx, self.config.events)

    async def stop(self) -> None:
        """Save what the next start needs."""
        if hasattr(self, "_simulation"):
            await self._save()
        if hasattr(self, "_events"):
            self._events.tell_what_never_came()

    def _build(self, saved: Mapping[str, Any] | None) -> Simulation:
        ctx, config = self._ctx, self.config
        start = ctx.clock.feeder_now()
        simulation = Simulation(
            OpenDssEngine(),
            config.feeder,
            simulated_houses(config, ctx.houses),
            config.settings(ctx.random.getrandbits(32), start),
            start,
        )
        self._misfits = [] if saved is None else simulation_state.restore(simulation, saved)
        return simulation

    def _tell_what_was_left(self) -> None:
        """Say at the start what is still open or faulty from before, and how to put it back."""
        ctx = self._ctx
        for misfit in self._misfits:
            ctx.log.warning("left out of what was saved: %s", misfit)
        for point in self._simulation.set_points.held:
            release = f"hub send house/{point.house} release_{point.kind}"
            ctx.log.warning("as it was left: %s; '%s' lets go", point.text, release)
        left = network_state(ctx.name, self._simulation)["changed"]
        for entry in left:
            since = f" since {entry['since'][:16]}" if entry["since"] else ""
            ctx.log.warning("as it was left%s: %s", since, entry["text"])
        if left:
            ctx.log.warning(
                "'hub send grid/%s/feeder put_back' brings all of it back to the circuit's file",
                ctx.name,
            )

    # --- stepping -----------------------------------------------------------------------------

    async def _step(self) -> None:
        clock = self._ctx.clock
        now = clock.now()
        try:
            report = await self._ctx.run_blocking(self._advance, now, clock.feeder_now())
        except GridError as error:
            raise Unavailable(str(error)) from None
        self._publish(now, report)

    def _advance(self, now: datetime, feeder_time: datetime) -> StepReport:
        result = self._simulation.step(now, feeder_time)
        return self._messages.report(now, result, measured=True)

    def _publish(self, now: datetime, report: StepReport) -> None:
        """Publish what a step has to say, and take in how the feeder is."""
        ctx = self._ctx
        self._last_result = report.result
        for happening in report.result.happenings:
            ctx.log.warning("%s", happening.text)
        self._publish_fuses(now)
        if report.state is None:
            self._publish_trouble(now, report.result)
            return
        if self._troubled:
            self._troubled = False
            ctx.online()
        self._last_good = report.state
        ctx.publish(report.state)
        for message in report.others:
            ctx.publish(message)

    def _publish_fuses(self, now: datetime) -> None:
        """Raise an alarm for each fuse that blew, and clear it with its replacement."""
        ctx = self._ctx
        deviations = self._simulation.network.deviations
        if not deviations and not self._blown:
            return
        blown = {d.name: d for d in deviations if d.kind == "fuse"}
        if blown != self._blown:
            ctx.background(self._keep(), name="keep a fuse")
        for house, fuse in (self._blown | blown).items():
            if self._blown.get(house) != blown.get(house):
                name = ctx.houses[house].name(house)
                ctx.publish(fuse_alarm(ctx.name, fuse, name, now, cleared=house not in blown))
        self._blown = blown

    def _publish_trouble(self, now: datetime, result: StepResult) -> None:
        """Say that there is no solution; meters and readings stay silent and grow stale."""
        problem = result.solution.problem or "no solution"
        self._troubled = True
        self._ctx.degraded(problem)
        if self._last_good is not None:
            self._ctx.publish(
                replace(
                    self._last_good,
                    at=now,
                    feeder_time=self._messages.local_time(result),
                    converged=False,
                    problem=problem,
                )
            )

    async def _save(self) -> None:
        ctx = self._ctx
        snapshot = await ctx.run_blocking(simulation_state.snapshot, self._simulation)
        await self._kept.save(ctx.clock.now(), snapshot)

    async def _keep(self) -> None:
        """Save at once what was switched; a database that fails does not undo it."""
        try:
            await self._save()
        except HubError as error:
            self._ctx.log.warning("what was switched cannot be saved: %s", error)

    # --- commands and questions -----------------------------------------------------------------

    async def _command(self, kind: str, command: Command) -> Mapping[str, Any]:
        """Carry out a command and verify it in a power flow before answering.

        Commands that come in one turn of the loop share one: the market moves many houses at once.
        """
        name = command.target.rsplit("/", 1)[-1]
        now, priority = self._ctx.clock.now(), int(command.priority)
        order = Order(kind, name, command.action, command.args, now, priority)
        answer: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
        self._orders.append((order, answer))
        if len(self._orders) == 1:
            self._ctx.background(self._carry_out_waiting(), name="orders")
        return await answer

    async def _carry_out_waiting(self) -> None:
        waiting, self._orders = self._orders, []
        orders = [order for order, _ in waiting]
        set_points = self._simulation.set_points
        try:
            report, outcomes = await self._ctx.run_blocking(self._carry_out, orders)
            if report is not None:
                self._publish(orders[0].at, report)
            if any(order.action not in PASSING for order in orders) or set_points.lasting_changed:
                set_points.lasting_changed = False
                await self._keep()
        except Exception as error:  # whoever waits for an answer gets it, and the plugin goes on
            self._ctx.log.debug("orders failed", exc_info=True)
            outcomes = [error] * len(orders)
        for (_, answer), outcome in zip(waiting, outcomes, strict=True):
            if answer.done():  # its deadline has passed
                continue
            if isinstance(outcome, Exception):
                refused = isinstance(outcome, GridError)
                answer.set_exception(Rejected(str(outcome)) if refused else outcome)
            else:
                answer.set_result(outcome)

    def _carry_out(
        self, orders: Sequence[Order]
    ) -> tuple[StepReport | None, Sequence[Mapping[str, Any] | Exception]]:
        result, outcomes = carry_out_all(self._simulation, orders)
        if result is None:
            return None, outcomes
        return self._messages.report(orders[0].at, result, measured=False), outcomes

    async def _answer_topology(self, _: Any) -> Mapping[str, Any]:
        return self._topology

    async def _answer_network(self, _: Any) -> Mapping[str, Any]:
        return network_state(self._ctx.name, self._simulation)

    async def _answer_devices(self, _: Any) -> Mapping[str, Any]:
        return feeder_messages.device_states(self._simulation, self._last_result)

    # --- looking ---------------------------------------------------------------------------------

    @classmethod
    def check(cls, config: GridConfig, check: CheckContext) -> list[str]:
        """Compile the circuit, hold every house against it, and play the events through."""
        check_grid(config, check)
        return []

    async def probe(self) -> Mapping[str, Any]:
        """Return one fresh power flow in figures."""
        await self._step()
        solution = self._last_result.solution
        return {
            "converged": solution.converged,
            "iterations": solution.iterations,
            "nodes": len(solution.voltages_pu),
            "dead_nodes": int(solution.dead.sum()),
            "lowest_pu": round(float(solution.voltages_pu[~solution.dead].min(initial=9)), 4),
            "highest_pu": round(float(solution.voltages_pu.max()), 4),
            "source_kw": round(float(solution.source_va.real.sum()) / 1000, 1),
            "losses_kw": round(solution.losses_va.real / 1000, 1),
            **{f"tap_{name}": tap for name, tap in solution.taps.items()},
        }


@hookimpl
def hub_plugin_types() -> Mapping[str, type[Plugin[Any]]]:
    """Offer the plant and its scratch twin."""
    return {"opendss_grid": OpenDssGrid, "opendss_twin": OpenDssTwin}


@hookimpl
def hub_cli(app: typer.Typer) -> None:
    """Offer `hub grid`."""
    from .command_line import grid

    app.add_typer(grid, name="grid")
