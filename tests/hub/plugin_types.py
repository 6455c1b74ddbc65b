"""Plugin types that misbehave in known ways, and one that keeps its pace and counts it."""

import asyncio
import time
from contextlib import suppress

from hub.api import (
    Alarm,
    ConfigProblemError,
    Context,
    Plugin,
    PluginConfig,
    Reading,
    Severity,
    Unavailable,
)


class Steady(Plugin[PluginConfig]):
    """Publishes a reading a second and counts what it hears: the others' pace."""

    async def start(self, ctx: Context) -> None:
        self.ctx = ctx
        self.ticks = 0
        self.heard = 0
        ctx.every(1.0, self.tick)
        ctx.subscribe("alarm/#", self.hear)

    async def tick(self) -> None:
        self.ticks += 1
        self.ctx.publish(Reading("steady", "power", self.ticks, "W", self.ctx.clock.now()))

    def hear(self, _: Alarm) -> None:
        self.heard += 1


class RaisesInStart(Plugin[PluginConfig]):
    async def start(self, ctx: Context) -> None:
        raise ZeroDivisionError("cannot start")


class HangsInStart(Plugin[PluginConfig]):
    async def start(self, ctx: Context) -> None:
        await asyncio.Event().wait()


class ExitsInStart(Plugin[PluginConfig]):
    async def start(self, ctx: Context) -> None:
        raise SystemExit(3)


class Misconfigured(Plugin[PluginConfig]):
    async def start(self, ctx: Context) -> None:
        raise ConfigProblemError("plugins.x.port: 1883 is in use; choose another")


class Away(Plugin[PluginConfig]):
    """Its device is away for the first ten starts."""

    starts = 0

    async def start(self, ctx: Context) -> None:
        type(self).starts += 1
        if type(self).starts <= 10:
            raise Unavailable("no broker at 127.0.0.1:1")


class CrashesLater(Plugin[PluginConfig]):
    async def start(self, ctx: Context) -> None:
        ctx.background(self.work(ctx), name="work")

    async def work(self, ctx: Context) -> None:
        await ctx.clock.sleep(5)
        raise RuntimeError("lost my mind")


class RaisesInHandler(Plugin[PluginConfig]):
    async def start(self, ctx: Context) -> None:
        ctx.subscribe("reading/#", self.handle)

    def handle(self, _: Reading) -> None:
        raise KeyError("nope")


class RaisesInJob(Plugin[PluginConfig]):
    async def start(self, ctx: Context) -> None:
        self.bad = True
        ctx.every(1.0, self.job, name="measure")

    async def job(self) -> None:
        if self.bad:
            raise OSError("cable out")


class HangsInJob(Plugin[PluginConfig]):
    async def start(self, ctx: Context) -> None:
        ctx.every(1.0, self.job, name="measure", timeout_s=5)

    async def job(self) -> None:
        await asyncio.Event().wait()


class HangsInStop(Plugin[PluginConfig]):
    async def start(self, ctx: Context) -> None:
        return None

    async def stop(self) -> None:
        await asyncio.Event().wait()


class Blocks(Plugin[PluginConfig]):
    """Blocks the event loop for two seconds, once."""

    async def start(self, ctx: Context) -> None:
        ctx.every(3600, self.job, name="block", now=True)

    async def job(self) -> None:
        time.sleep(2)  # noqa: ASYNC251 - the fault under test


class Floods(Plugin[PluginConfig]):
    """Publishes events as fast as it can."""

    async def start(self, ctx: Context) -> None:
        self.ctx = ctx
        ctx.background(self.flood(), name="flood")

    async def flood(self) -> None:
        while True:
            for _ in range(200):
                self.ctx.publish(
                    Alarm("flood", "x", Severity.INFO, self.ctx.clock.now(), "", id="x")
                )
            await asyncio.sleep(0)


class SlowToStop(Plugin[PluginConfig]):
    """Takes a command, crashes after a second, and needs three more to stop."""

    stops = 0

    async def start(self, ctx: Context) -> None:
        async def nothing(_: object) -> None:
            return None

        async def crash() -> None:
            await asyncio.sleep(1)
            raise RuntimeError("crashed")

        ctx.handle("slow", nothing)
        ctx.background(crash(), name="crash")

    async def stop(self) -> None:
        await asyncio.sleep(3)
        type(self).stops += 1


class DeafInStart(Plugin[PluginConfig]):
    """Swallows the cancellation of its start."""

    async def start(self, ctx: Context) -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(30)


class ExitsInStop(Plugin[PluginConfig]):
    async def start(self, ctx: Context) -> None:
        return None

    async def stop(self) -> None:
        raise SystemExit(3)


class WorksLong(Plugin[PluginConfig]):
    """Has a job that is always under way."""

    def __init__(self, config: PluginConfig) -> None:
        super().__init__(config)
        self.worked = 0
        self.stopped = False

    async def start(self, ctx: Context) -> None:
        self.ctx = ctx
        ctx.every(1, self.work, timeout_s=600)

    async def work(self) -> None:
        while True:
            await asyncio.sleep(1)
            assert not self.stopped
            self.worked += 1

    async def stop(self) -> None:
        self.stopped = True
        await asyncio.sleep(3)


class ReloadsItself(Plugin[PluginConfig]):
    """Asks for a reload, as the page does."""

    async def start(self, ctx: Context) -> None:
        self.ctx = ctx

    def ask(self) -> None:
        async def reload() -> None:
            await self.ctx.reload()

        self.ctx.background(reload(), name="reload")


class WaitsForTheDead(Plugin[PluginConfig]):
    """Waits, in a background task, for a task that somebody cancels."""

    async def start(self, ctx: Context) -> None:
        ctx.background(self.wait(), name="wait")

    async def wait(self) -> None:
        other = asyncio.create_task(asyncio.sleep(60))
        asyncio.get_running_loop().call_later(1, other.cancel)
        await other


class TimesOutInside(Plugin[PluginConfig]):
    """Its own, shorter timeouts run out."""

    async def start(self, ctx: Context) -> None:
        ctx.every(1, self.job, name="measure")

    async def job(self) -> None:
        async with asyncio.timeout(0.1):
            await asyncio.Event().wait()


TYPES = {
    "slow_to_stop": SlowToStop,
    "deaf_in_start": DeafInStart,
    "exits_in_stop": ExitsInStop,
    "works_long": WorksLong,
    "reloads_itself": ReloadsItself,
    "waits_for_the_dead": WaitsForTheDead,
    "times_out_inside": TimesOutInside,
    "steady": Steady,
    "raises_in_start": RaisesInStart,
    "hangs_in_start": HangsInStart,
    "exits_in_start": ExitsInStart,
    "misconfigured": Misconfigured,
    "away": Away,
    "crashes_later": CrashesLater,
    "raises_in_handler": RaisesInHandler,
    "raises_in_job": RaisesInJob,
    "hangs_in_job": HangsInJob,
    "hangs_in_stop": HangsInStop,
    "blocks": Blocks,
    "floods": Floods,
}
