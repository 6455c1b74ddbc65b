"""Ends and beginnings that cross each other: crash, stop, reload, cancellation."""

import asyncio
import gc
from pathlib import Path

import pytest

from hub.core import Hub
from hub.errors import HubError, Unavailable
from hub.messages import PluginState, Reading
from hub.plugin import Context, Plugin, PluginConfig
from hub.supervisor import Supervised
from hub.testing import in_virtual_time, make_hub, running
from tests.hub.plugin_types import TYPES, ReloadsItself, SlowToStop, WorksLong


def one(use: str) -> str:
    return f"plugins:\n  x: {{use: {use}}}\n"


def with_x(folder: Path, use: str, seconds: float) -> tuple[Hub, Supervised, float]:
    """Run a plugin for some seconds; return it, ended, and how long the end took."""

    async def program() -> tuple[Hub, Supervised, float]:
        hub = make_hub(folder, one(use), types=TYPES)
        start = asyncio.create_task(hub.start())
        await asyncio.sleep(seconds)
        bad = hub.plugins["x"]
        loop = asyncio.get_running_loop()
        began = loop.time()
        await hub.stop()
        took = loop.time() - began
        await start
        return hub, bad, took

    return in_virtual_time(program)


def test_a_stop_during_the_stop_of_a_crashed_plugin_takes_everything_back(tmp_path: Path):
    SlowToStop.stops = 0
    hub, _, took = with_x(tmp_path, "slow_to_stop", 2)
    assert SlowToStop.stops == 1
    assert took == 2  # what was left of the three seconds, and no start in between
    assert hub.commands.targets == {}


def test_a_stop_during_a_start_cuts_it_off(tmp_path: Path):
    _, bad, took = with_x(tmp_path, "hangs_in_start", 2)
    assert bad.state is PluginState.STOPPED
    assert took == 0


def test_a_start_that_swallows_its_cancellation_does_not_hold_up_the_stop(tmp_path: Path):
    _, bad, took = with_x(tmp_path, "deaf_in_start", 2)
    assert bad.state is PluginState.STOPPED
    assert took <= 10


def test_system_exit_in_stop_does_not_end_the_hub(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    hub, bad, _ = with_x(tmp_path, "exits_in_stop", 2)
    assert bad.state is PluginState.STOPPED
    assert hub.bus.subscriptions == ()
    assert "stop raised SystemExit: 3" in caplog.text


def test_a_job_under_way_ends_before_its_plugin_stops(tmp_path: Path):
    async def program() -> tuple[int, int]:
        async with running(tmp_path, one("works_long"), types=TYPES) as hub:
            await asyncio.sleep(10.5)
            plugin = hub.plugins["x"].plugin
            assert isinstance(plugin, WorksLong)
            worked = plugin.worked
            assert worked >= 9
            await hub.plugins["x"].end()
            await asyncio.sleep(10)
            assert hub.plugins["x"].errors == 0
            return worked, plugin.worked

    before, after = in_virtual_time(program)
    assert after == before


async def test_nothing_can_be_registered_on_a_plugin_that_has_stopped(tmp_path: Path):
    async with running(tmp_path, one("works_long"), types=TYPES) as hub:
        await hub.settled()
        plugin = hub.plugins["x"].plugin
        assert isinstance(plugin, WorksLong)
        ctx = plugin.ctx
        await hub.plugins["x"].context.close()  # type: ignore[union-attr]

        async def answer(_: object) -> None:
            return None

        for register in (
            lambda: ctx.subscribe("#", print),
            lambda: ctx.handle("x", answer),
            lambda: ctx.serve("x", answer),
            lambda: ctx.every(1, plugin.work),
            lambda: ctx.at(ctx.clock.now(), plugin.work),
        ):
            with pytest.raises(HubError, match="'x' has stopped"):
                register()
        with pytest.raises(HubError, match="'x' has stopped"):
            await ctx.run_blocking(print)
        with pytest.raises(HubError, match="'x' has stopped"):
            await ctx.connect("mqtt://127.0.0.1")
        ctx.publish(Reading("x", "power", 1.0, "W", ctx.clock.now()))  # a last word harms nobody


def test_what_is_done_once_is_not_kept_for_ever(tmp_path: Path):
    async def program() -> None:
        async with running(tmp_path, one("steady"), types=TYPES) as hub:
            ctx = hub.plugins["x"].context
            assert ctx is not None
            kept = len(ctx._jobs), len(ctx._undo)

            async def nothing() -> None:
                return None

            for _ in range(10):
                ctx.at(ctx.clock.now(), nothing)
                ctx.subscribe("alarm/#", print)()
            await asyncio.sleep(1)
            assert (len(ctx._jobs), len(ctx._undo)) == kept

    in_virtual_time(program)


def test_a_plugin_can_ask_for_the_reload_that_restarts_it(tmp_path: Path):
    async def program() -> None:
        async with running(tmp_path, one("reloads_itself"), types=TYPES) as hub:
            first = hub.plugins["x"].plugin
            assert isinstance(first, ReloadsItself)
            (tmp_path / "hub.yaml").write_text(
                "houses: {h: {bus: 671.1}}\n" + one("reloads_itself")
            )
            first.ask()
            await asyncio.sleep(1)
            assert hub.plugins["x"].state is PluginState.ONLINE
            second = hub.plugins["x"].plugin
            assert isinstance(second, ReloadsItself)
            assert second is not first

    in_virtual_time(program)


def test_a_reload_that_a_stop_overtakes_starts_nothing(tmp_path: Path):
    text = "plugins:\n  x: {use: hangs_in_stop}\n  y: {use: steady}\n"

    async def program() -> None:
        async with running(tmp_path, text, types=TYPES) as hub:
            (tmp_path / "hub.yaml").write_text("plugins:\n  z: {use: steady}\n")
            reload = asyncio.create_task(hub.reload())
            await asyncio.sleep(1)
            await hub.stop()
            assert hub.plugins == {}
            assert (await reload)["started"] == []
            assert await hub.reload() == {"problems": ["the hub is stopping"]}

    in_virtual_time(program)


def test_a_storm_of_reloads_is_at_most_two(tmp_path: Path):
    async def program() -> int:
        async with running(tmp_path, one("hangs_in_stop"), types=TYPES) as hub:
            reads = 0
            change = hub._change_to

            async def counted(new):  # type: ignore[no-untyped-def]
                nonlocal reads
                reads += 1
                return await change(new)

            hub._change_to = counted  # type: ignore[method-assign]
            (tmp_path / "hub.yaml").write_text(one("steady"))
            first = asyncio.create_task(hub.reload())
            await asyncio.sleep(1)
            await asyncio.gather(first, *(hub.reload() for _ in range(20)))
            return reads

    assert in_virtual_time(program) == 2


def test_a_task_that_dies_of_anothers_cancellation_is_a_crash(tmp_path: Path):
    async def program() -> str:
        async with running(tmp_path, one("waits_for_the_dead"), types=TYPES) as hub:
            await asyncio.sleep(1.5)
            assert hub.plugins["x"].state is PluginState.BACKOFF
            return hub.plugins["x"].reason

    assert "something it waited for was cancelled" in in_virtual_time(program)


def test_a_timeout_inside_a_job_is_not_taken_for_the_jobs_own(tmp_path: Path):
    async def program() -> str:
        async with running(tmp_path, one("times_out_inside"), types=TYPES) as hub:
            await asyncio.sleep(5)
            return hub.plugins["x"].reason

    assert in_virtual_time(program) == "job 'measure': TimeoutError: "


async def test_settled_means_the_first_start_only(tmp_path: Path):
    class FailsThenHangs(TYPES["steady"]):  # type: ignore[misc]
        starts = 0

        async def start(self, ctx: object) -> None:
            type(self).starts += 1
            if type(self).starts == 1:
                raise HubError("once")
            await asyncio.Event().wait()

    async with running(tmp_path, one("x"), types={"x": FailsThenHangs}) as hub:
        x = hub.plugins["x"]
        await hub.settled()
        x._set(PluginState.STARTING)
        async with asyncio.timeout(5):
            await hub.settled()


class LosesItsWorkInStop(Plugin[PluginConfig]):
    """Its task fails because `stop` takes away what the task looks at, as a chain's watch does."""

    async def start(self, ctx: Context) -> None:
        self.open = True
        ctx.background(self._watch(), name="watch")

    async def _watch(self) -> None:
        while self.open:  # noqa: ASYNC110 - as a watch of a process does
            await asyncio.sleep(0.5)
        raise Unavailable("it is gone")

    async def stop(self) -> None:
        self.open = False
        await asyncio.sleep(2)


def test_what_fails_because_the_plugin_stops_is_no_news(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    async def program() -> None:
        async with running(tmp_path, one("loses"), types={"loses": LosesItsWorkInStop}) as hub:
            await hub.settled()
        gc.collect()

    in_virtual_time(program)
    assert "was never retrieved" not in caplog.text
