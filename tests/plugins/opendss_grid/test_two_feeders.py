"""Two feeders in one hub, here of one and the same circuit, do not hear each other."""

import asyncio
import shutil
from pathlib import Path

import pytest

from hub.check import check_plugins
from hub.config import load
from hub.grid_messages import PowerFlowCase, PowerFlowQuestion
from hub.loader import Loader
from hub.messages import Command
from hub.testing import in_virtual_time, running

IEEE13 = Path(__file__).parents[3] / "config/feeders/ieee13"
BROKER = 'broker: "mqtt://127.0.0.1:1883"'
HUB = f"""\
houses:
  a: {{bus: 671.1, load: {{annual_kwh: 9000}}}}
  b: {{bus: 671.1, battery: {{kwh: 20, kw: 10}}}}
plugins:
  north: {{use: opendss_grid, feeder: ieee13/feeder.dss, houses: [a], load_scale: 0.6}}
  south:
    use: opendss_grid
    feeder: ieee13/feeder.dss
    houses: [b]
    device_prefix: south_
    load_scale: 0.3
  n_meters: {{use: simulated_meters, feeder: north, {BROKER}}}
  s_meters: {{use: simulated_meters, feeder: south, {BROKER}}}
  meters: {{use: smart_meter_mqtt, {BROKER}, devices: [a, b, head, south_head]}}
  n_twin: {{use: opendss_grid/opendss_twin, feeder: ieee13/feeder.dss, houses: [a]}}
  s_twin:
    use: opendss_grid/opendss_twin
    feeder: ieee13/feeder.dss
    houses: [b]
    device_prefix: south_
  n_taps: {{use: tap_controller, feeder: north, twin: n_twin}}
  s_taps: {{use: tap_controller, feeder: south, twin: s_twin}}
"""


SOUTH = "[b]\n    device_prefix: south_\n    load"
TWIN = "[b]\n    device_prefix: south_\n  n_taps"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(IEEE13, tmp_path / "ieee13")
    return tmp_path


def check(folder: Path, text: str) -> list[str]:
    path = folder / "hub.yaml"
    path.write_text(text)
    loader = Loader(folder)
    config = load(path, loader.resolve, known_types=loader.known_types())
    return check_plugins(config, loader).problems


def test_meters_taps_twins_and_commands_stay_apart(folder: Path) -> None:
    assert check(folder, HUB) == []

    async def program():
        async with running(folder, HUB) as hub:
            await hub.settled()
            await asyncio.sleep(5)
            states = {name: plugin.state.value for name, plugin in hub.plugins.items()}

            def read(*names: str) -> dict[str, float]:
                return {name: hub.bus.last(f"reading/{name}").message.value for name in names}

            moved = Command("grid/south/regulators", "set_taps", {"taps": {"reg_a": -5}})
            assert (await hub.commands.send(moved)).done
            readings = read("reg_a/tap", "south_reg_a/tap")  # before the agent puts it back
            charging = Command("house/b", "set_battery", {"power_w": 9000})
            assert (await hub.commands.send(charging)).done
            await asyncio.sleep(3)
            readings |= read("head/power_a", "south_head/power_a", "a/power", "b/power")
            question = PowerFlowQuestion((PowerFlowCase(),))
            north, south = [
                await hub.services.ask(f"twin/{name}/solve", question)
                for name in ("n_twin", "s_twin")
            ]
            served = {s for s in hub.services.names if s.startswith("taps/")}
            return states, readings, (north.source_w[0], south.source_w[0]), served

    states, readings, (north_w, south_w), served = in_virtual_time(program)
    assert set(states.values()) == {"ONLINE"}
    assert readings["head/power_a"] > 1.5 * readings["south_head/power_a"]
    assert readings["b/power"] > 8000 > readings["a/power"]
    assert readings["south_reg_a/tap"] == -5 != readings["reg_a/tap"]
    assert north_w > 1.5 * south_w
    assert served == {"taps/status", "taps/n_taps/status", "taps/s_taps/status"}


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (SOUTH, "[b]\n    load", "hub.yaml:7:5: plugins.south: head and regulators of feeder no"),
        (SOUTH, SOUTH.replace("b", "a, b"), "9:13: plugins.south.houses: house a is on feeder"),
        (TWIN, TWIN.replace("south_", "x_"), "s_twin.device_prefix: no feeder of this circuit has"),
        ("feeder: north, broker", "feeder: grid, broker",
         "plugins.n_meters.feeder: there is no plugin 'grid'; there are: north, south, n_meters"),
    ],
)  # fmt: skip
def test_what_two_feeders_cannot_share_is_told(folder: Path, old, new, problem) -> None:
    assert old in HUB
    found = check(folder, HUB.replace(old, new))
    assert any(problem in line for line in found), found


def test_an_agent_for_a_feeder_without_regulators_says_so_without_a_traceback(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "plain.dss").write_text(
        "Clear\nNew Circuit.plain basekv=11\nNew Line.a bus1=sourcebus bus2=b\n"
        "Set VoltageBases=[11]\nCalcVoltageBases\n"
    )
    text = (
        "plugins:\n  grid: {use: opendss_grid, feeder: plain.dss}\n  taps: {use: tap_controller}\n"
    )

    async def program():
        async with running(tmp_path, text) as hub:
            await hub.settled()
            await asyncio.sleep(3)
            return hub.plugins["taps"].reason

    assert "the feeder has no regulator" in in_virtual_time(program)
    assert "Traceback" not in caplog.text
