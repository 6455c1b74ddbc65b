"""The scenarios in the hub: started by command, told step by step on the bus."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, ClassVar

from pydantic import Field

from hub.api import (
    Command,
    CommandStatus,
    Context,
    HubError,
    Message,
    Plugin,
    PluginConfig,
    PowerFlowCase,
    PowerFlowQuestion,
    Rejected,
    ScenarioStep,
    hookimpl,
    new_id,
)

from . import outage, overvoltage, trade
from .stage import Listener, Point, ScenarioFailed, Stage

Play = Callable[[Stage], Awaitable[None]]


class TradeConfig(PluginConfig):
    """Scenario 1."""

    seller: str = Field("house2", description="house that sells")
    buyer: str = Field("house1", description="house that buys")
    qty_wh: int = Field(3000, gt=0, description="energy to trade in Wh")


class OutageConfig(PluginConfig):
    """Scenario 2."""

    house: str = Field("house1", description="house that loses its supply")
    neighbours: list[str] = Field(
        ["house2", "house3"], description="houses that offer backup power if nobody does"
    )
    dark_s: float = Field(5, ge=0, le=600, description="how long the house stays dark after that")


class OvervoltageConfig(PluginConfig):
    """Scenario 3."""

    seller: str = Field("solar_park", description="house whose sales raise the voltage")
    buyer: str = Field("works", description="house that buys")
    max_w: float = Field(800_000, gt=0, description="the most the seller can export, in W")
    watched: str = Field("mill", description="house whose voltage the sale raises the most")
    phase: str = Field("", pattern="^[abc]?$", description="its phase, if it has several")
    start_taps: dict[str, int] = Field(
        default_factory=dict, description="tap positions to begin with, by regulator"
    )
    limit_pu: float = Field(1.05, gt=1, lt=1.2, description="the upper limit of the voltage")
    low_pu: float = Field(0.95, gt=0.5, lt=1, description="the lower limit of the voltage")
    high_pu: float = Field(1.056, gt=1, lt=1.2, description="the voltage that the sale brings")
    safe_pu: float = Field(
        1.02, gt=0.9, lt=1.1, description="what no meter's voltage is above in the end"
    )


class Config(PluginConfig):
    """Who plays which part."""

    market: str = Field("market", description="key of the market among the plugins")
    grid: str = Field("grid", description="key of the feeder among the plugins")
    twin: str = Field("twin", description="key of the twin among the plugins")
    order_ttl_s: float = Field(600, gt=0, description="how long the orders placed here are valid")
    trade: TradeConfig | None = TradeConfig()
    outage: OutageConfig | None = OutageConfig()
    overvoltage: OvervoltageConfig | None = OvervoltageConfig()


class Scenarios(Plugin[Config]):
    """Plays the scenarios of the mission, one at a time, and checks what comes of them."""

    Config = Config
    summary: ClassVar[str] = "Plays and checks a trade, an outage and an overvoltage"

    async def start(self, ctx: Context) -> None:
        """Offer the scenarios that hub.yaml has parts for."""
        self._ctx = ctx
        self._running: str | None = None
        self._plays = self._make_plays()
        for name in self._plays:
            ctx.handle(f"scenario/{name}", partial(self._run, name))
        ctx.serve("scenarios/list", self._list)

    def _make_plays(self) -> dict[str, tuple[str, Play]]:
        config, market = self.config, self.config.market
        plays: dict[str, tuple[str, Play]] = {}
        if (one := config.trade) is not None:
            plays["trade"] = (
                trade.TITLE,
                lambda stage: trade.play(
                    stage, market=market, ttl_s=config.order_ttl_s, **one.model_dump()
                ),
            )
        if (two := config.outage) is not None:
            plays["outage"] = (
                outage.TITLE,
                lambda stage: outage.play(stage, market=market, **two.model_dump()),
            )
        if (three := config.overvoltage) is not None:
            plays["overvoltage"] = (
                overvoltage.TITLE,
                lambda stage: overvoltage.play(
                    stage,
                    grid=config.grid,
                    twin=config.twin,
                    market=market,
                    ttl_s=config.order_ttl_s,
                    **three.model_dump(),
                ),
            )
        return plays

    async def _list(self, _: Any) -> list[dict[str, Any]]:
        return [
            {"id": name, "title": title, "running": self._running == name}
            for name, (title, _) in self._plays.items()
        ]

    async def _run(self, name: str, command: Command) -> Mapping[str, Any]:
        if command.action != "run":
            raise Rejected(f"scenario {name}: no action {command.action!r}; it has: run")
        if self._running is not None:
            raise Rejected(f"the scenario {self._running!r} is still running")
        self._running = name
        run = new_id()
        self._ctx.background(self._perform(name, run), name=f"scenario {name}")
        return {"run": run}

    async def _perform(self, name: str, run: str) -> None:
        title, play = self._plays[name]
        stage = HubStage(self._ctx, name, run)
        try:
            stage.say(title)
            await play(stage)
            stage.end("passed", f"passed after {stage.elapsed_s:.1f} s")
        except ScenarioFailed as failure:
            stage.end("failed", f"failed: {failure}")
        except Exception as error:
            stage.end("failed", f"failed: {type(error).__name__}: {error}")
            raise
        finally:
            stage.close()
            self._running = None


class HubStage(Stage):
    """The hub as the plays see it."""

    def __init__(self, ctx: Context, scenario: str, run: str) -> None:
        self._ctx = ctx
        self._scenario = scenario
        self._run = run
        self._began = ctx.clock.now()
        self._listeners: list[HubListener] = []
        self.time_lapse = ctx.time_lapse

    @property
    def elapsed_s(self) -> float:
        return (self._ctx.clock.now() - self._began).total_seconds()

    def say(self, text: str, **figures: Any) -> None:
        self._tell(text, "running", figures)

    def end(self, outcome: str, text: str) -> None:
        """Tell how it ended."""
        self._tell(text, outcome, {}, last=True)

    def _tell(
        self, text: str, outcome: str, figures: Mapping[str, Any], *, last: bool = False
    ) -> None:
        self._ctx.log.info("%s: %s", self._scenario, text)
        self._ctx.publish(
            ScenarioStep(
                scenario=self._scenario,
                run=self._run,
                text=text,
                at=self._ctx.clock.now(),
                elapsed_s=self.elapsed_s,
                outcome=outcome,
                last=last,
                figures=figures,
            )
        )

    def name(self, house: str) -> str:
        self._known(house)
        return self._ctx.houses[house].name(house)

    def device(self, house: str) -> str:
        self._known(house)
        return self._ctx.houses[house].device(house)

    async def points(self, twin: str) -> Sequence[Point]:
        topology = await self.ask(f"twin/{twin}/topology")
        points = []
        for entry in topology["houses"]:
            house_id, device, several = entry["id"], entry["device"], len(entry["phases"]) > 1
            for phase in entry["phases"]:
                letter = "abc"[phase - 1]
                points.append(
                    Point(
                        house=house_id,
                        phase=letter if several else "",
                        label=self.name(house_id) + (f" phase {letter.upper()}" if several else ""),
                        topic=f"reading/{device}/voltage" + (f"_{letter}" if several else ""),
                        node=f"{entry['bus']}.{phase}",
                        nominal_v=self._ctx.houses[house_id].nominal_v,
                    )
                )
        return points

    def voltage_pu(self, point: Point, since: datetime) -> float | None:
        last = self._ctx.last(point.topic)
        if last is None or last.message.at < since:
            return None
        return float(last.message.value) / point.nominal_v

    async def solve(self, twin: str, power_w: Mapping[str, float]) -> Mapping[str, float]:
        question = PowerFlowQuestion((PowerFlowCase(power_w=power_w),))
        answer = await self.ask(f"twin/{twin}/solve", question)
        if not answer.converged[0]:
            raise ScenarioFailed("the twin found no power flow")
        return dict(zip(answer.nodes, answer.voltages_pu[0], strict=True))

    def now(self) -> datetime:
        return self._ctx.clock.now()

    def _known(self, house: str) -> None:
        if house not in self._ctx.houses:
            known = ", ".join(self._ctx.houses) or "none"
            raise ScenarioFailed(f"there is no house {house!r} in hub.yaml; there are: {known}")

    def listen(self, topic_filter: str) -> Listener:
        listener = HubListener(self._ctx, topic_filter)
        self._listeners.append(listener)
        return listener

    async def send(self, target: str, action: str, **args: Any) -> Mapping[str, Any]:
        result = await self._ctx.send(Command(target, action, args, deadline_s=30))
        if result.status is not CommandStatus.DONE:
            raise ScenarioFailed(f"{action} at {target}: {result.status}, {result.reason}")
        return result.data

    async def ask(self, service: str, request: Any = None) -> Any:
        try:
            return await self._ctx.ask(service, request)
        except HubError as error:
            raise ScenarioFailed(str(error)) from None

    def reading(self, device: str, quantity: str) -> float | None:
        last = self._ctx.last(f"reading/{device}/{quantity}")
        return None if last is None or last.stale else float(last.message.value)

    async def pause(self, seconds: float) -> None:
        await self._ctx.clock.sleep(seconds)

    def close(self) -> None:
        """Stop listening."""
        for listener in self._listeners:
            listener.close()


class HubListener(Listener):
    """Messages of one topic filter, kept from the moment it was opened."""

    def __init__(self, ctx: Context, topic_filter: str) -> None:
        self._messages: list[Message] = []
        self._arrived = asyncio.Event()
        self.close = ctx.subscribe(topic_filter, self._keep)

    def _keep(self, message: Message) -> None:
        self._messages.append(message)
        self._arrived.set()

    async def first(self, wanted: Callable[[Any], bool], *, within_s: float, what: str) -> Any:
        seen = 0
        try:
            async with asyncio.timeout(within_s):
                while True:
                    for message in self._messages[seen:]:
                        seen += 1
                        if wanted(message):
                            return message
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            raise ScenarioFailed(f"waited {within_s:g} s in vain for {what}") from None


@hookimpl
def hub_plugin_types() -> dict[str, type[Plugin[Any]]]:
    """Offer the scenarios."""
    return {"scenarios": Scenarios}
