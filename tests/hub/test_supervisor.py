"""A failing plugin ends in a state with a reason, and the others keep their pace."""

import asyncio
from pathlib import Path

import pytest

from hub import core
from hub.api import Context
from hub.core import Hub
from hub.messages import PluginState, PluginStatus
from hub.supervisor import Supervised
from hub.testing import Recording, in_virtual_time, running
from hub.watchdog import Block
from tests.hub.plugin_types import TYPES, Away


def yaml(*bad: str) -> str:
    return "plugins:\n  steady: {use: steady}\n" + "".join(f"  x: {{use: {use}}}\n" for use in bad)


def watch(folder: Path, bad: str, seconds: float) -> tuple[Supervised, list[PluginStatus], int]:
    """Run a bad plugin beside a steady one; return it, its states, and the other's ticks."""

    async def program() -> tuple[Supervised, list[PluginStatus], int]:
        async with running(folder, yaml(bad), types=TYPES) as hub:
            record = Recording(hub, "plugin/x/status")
            await asyncio.sleep(seconds)
            ticks = hub.plugins["steady"].plugin.ticks  # type: ignore[union-attr]
            states = [m for m in record.messages if isinstance(m, PluginStatus)]
            return hub.plugins["x"], states, ticks

    return in_virtual_time(program)


def last_states(states: list[PluginStatus]) -> list[str]:
    return [str(s.state) for s in states]


def test_raising_in_start_is_retried_five_times_then_failed(tmp_path: Path):
    _, states, ticks = watch(tmp_path, "raises_in_start", 600)
    backoffs = [s for s in states if s.state is PluginState.BACKOFF]
    assert [(s.attempt, s.attempts) for s in backoffs] == [(2, 5), (3, 5), (4, 5), (5, 5)]
    assert [round(s.retry_in_s) for s in backoffs] == pytest.approx([2, 4, 8, 16], abs=2)
    assert states[-1].state is PluginState.FAILED
    assert "cannot start at plugin_types.py:" in states[-1].reason
    assert "gave up after 5 restarts" in states[-1].reason
    assert ticks >= 595


def test_a_start_that_hangs_is_cut_off(tmp_path: Path):
    _, states, _ = watch(tmp_path, "hangs_in_start", 3600)
    assert states[-1].state is PluginState.FAILED
    assert "did not start within 60 s" in states[-1].reason


def test_system_exit_in_a_plugin_does_not_end_the_hub(tmp_path: Path):
    _, states, ticks = watch(tmp_path, "exits_in_start", 600)
    assert states[-1].state is PluginState.FAILED
    assert "SystemExit: 3" in states[-1].reason
    assert ticks >= 595


def test_a_config_error_is_not_retried(tmp_path: Path):
    plugin, _, _ = watch(tmp_path, "misconfigured", 600)
    assert plugin.restarts == 0
    # `watch` leaves the hub, which stops it; the reason is that of its last state.


def test_something_away_is_tried_until_it_is_back(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    Away.starts = 0
    with caplog.at_level("INFO", "hub.plugins.x"):
        _, states, _ = watch(tmp_path, "away", 1200)
    assert states[-1].state is PluginState.ONLINE
    lines = [r.message for r in caplog.records if r.name == "hub.plugins.x"]
    assert lines == ["no broker at 127.0.0.1:1; trying again until it is back", "back"]
    waits_s = [s.retry_in_s for s in states if s.state is PluginState.BACKOFF]
    assert 54 <= max(waits_s) <= 66


def test_a_crashing_task_restarts_the_plugin(tmp_path: Path):
    plugin, states, _ = watch(tmp_path, "crashes_later", 30)
    assert plugin.restarts >= 2
    reasons = {s.reason for s in states if s.state is PluginState.BACKOFF}
    assert any("lost my mind" in reason for reason in reasons)


@pytest.mark.parametrize(("online_s", "end"), [(5, "FAILED"), (61, "ONLINE")])
def test_only_a_minute_online_forgives_a_crash(tmp_path: Path, online_s: float, end: str):
    class Crashes(TYPES["crashes_later"]):  # type: ignore[misc]
        async def work(self, ctx: Context) -> None:
            await ctx.clock.sleep(online_s)
            raise RuntimeError("again")

    async def program() -> str:
        text = "plugins:\n  x: {use: crashes}\n"
        async with running(tmp_path, text, types={"crashes": Crashes}) as hub:
            await asyncio.sleep(20 * 62.2)
            return str(hub.plugins["x"].state)

    assert in_virtual_time(program) == end


def test_a_raising_handler_degrades_and_is_forgiven(tmp_path: Path):
    async def program() -> None:
        async with running(tmp_path, yaml("raises_in_handler"), types=TYPES) as hub:
            await asyncio.sleep(5)
            bad = hub.plugins["x"]
            assert bad.state is PluginState.DEGRADED
            assert "handler of reading/# raised KeyError: 'nope' at plugin_types.py" in bad.reason
            assert bad.errors >= 4
            await hub.plugins["steady"].end()
            await asyncio.sleep(70)
            assert bad.state is PluginState.ONLINE

    in_virtual_time(program)


def test_a_raising_job_degrades_until_it_passes_again(tmp_path: Path):
    async def program() -> None:
        async with running(tmp_path, yaml("raises_in_job"), types=TYPES) as hub:
            await asyncio.sleep(3)
            bad = hub.plugins["x"]
            assert (bad.state, bad.reason) == (
                PluginState.DEGRADED,
                "job 'measure': OSError: cable out",
            )
            bad.plugin.bad = False  # type: ignore[union-attr]
            await asyncio.sleep(2)
            assert bad.state is PluginState.ONLINE

    in_virtual_time(program)


def test_a_job_that_hangs_is_cut_off(tmp_path: Path):
    async def program() -> str:
        async with running(tmp_path, yaml("hangs_in_job"), types=TYPES) as hub:
            await asyncio.sleep(10)
            return hub.plugins["x"].reason

    assert in_virtual_time(program) == "job 'measure': took longer than 5 s"


def test_a_stop_that_hangs_is_left_behind(tmp_path: Path):
    async def program() -> float:
        async with running(tmp_path, yaml("hangs_in_stop"), types=TYPES) as hub:
            await asyncio.sleep(1)
            began = asyncio.get_running_loop().time()
            await hub.plugins["x"].end()
            return asyncio.get_running_loop().time() - began

    assert in_virtual_time(program) == 5.0


async def state_of(hub: Hub, wanted: PluginState) -> Supervised:
    record = Recording(hub, "plugin/x/status")

    def reached(_: object) -> Supervised | None:
        plugin = hub.plugins["x"]
        return plugin if plugin.state is wanted else None

    if (now := reached(None)) is not None:
        return now
    return await record.until(reached)


async def test_a_plugin_that_blocks_the_hub_is_named_and_the_others_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    async with running(tmp_path, yaml("blocks"), types=TYPES) as hub:
        bad = await state_of(hub, PluginState.DEGRADED)
        assert bad.reason.startswith("blocked the hub for ")
        assert "plugin_types.py" in bad.reason
        told = next(r for r in caplog.records if r.getMessage().startswith("blocked the hub"))
        assert "time.sleep(" in str(told.stack_info)
        record = Recording(hub, "reading/steady/power")
        await record.until(lambda got: len(got) >= 2)
        assert hub.plugins["steady"].state is PluginState.ONLINE
        assert hub.state()["loop_worst_s"] >= 1.5


def block(seconds: float) -> Block:
    return Block(seconds, "job:x/work", "x/plugin.py:7", "  File x/plugin.py, line 7, in work\n")


@pytest.mark.parametrize(
    ("blocks_s", "every_s", "section", "stopped"),
    [
        ([0.6] * 20, 1, "", False),  # a slow machine
        ([11] * 3, 1, "", True),
        ([40, 40], 1, "", False),  # it was not warned often enough
        ([11] * 20, 40, "", False),  # never so much within a minute
        ([11] * 20, 1, "hub: {blocking: {stop_after: 0s}}\n", False),
        ([0.6] * 3, 1, "hub: {blocking: {stop_after: 1s}}\n", True),
    ],
)
def test_a_plugin_that_goes_on_blocking_is_warned_of_then_stopped(
    blocks_s: list[float],
    every_s: float,
    section: str,
    stopped: bool,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
):
    async def program() -> str:
        text = section + "plugins:\n  x: {use: steady}\n"
        async with running(tmp_path, text, types=TYPES) as hub:
            await hub.settled()
            for seconds in blocks_s:
                hub.plugins["x"].blocked(block(seconds))
                await asyncio.sleep(every_s)
            return hub.plugins["x"].reason

    assert ("so it was stopped" in in_virtual_time(program)) is stopped
    assert caplog.records[0].getMessage().startswith("blocked the hub for ")
    assert "line 7, in work" in str(caplog.records[0].stack_info)


async def test_a_plugin_that_floods_the_bus_is_stopped_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(core, "FLOOD_STOPPED", 500)  # what a busy machine manages, too
    monkeypatch.setattr(core, "FLOOD_SHOWN", 400)
    async with running(tmp_path, yaml("floods"), types=TYPES) as hub:
        bad = await state_of(hub, PluginState.FAILED)
        assert "messages a second, so it was stopped" in bad.reason
        record = Recording(hub, "reading/steady/power")
        await record.until(lambda got: len(got) >= 2)
