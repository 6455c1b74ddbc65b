"""The feeder and its twin in a real hub, in virtual time."""

import asyncio
import math
from pathlib import Path

import pytest

from hub.errors import Unavailable
from hub.grid_messages import (
    FeederState,
    MeteringPoints,
    PowerFlowCase,
    PowerFlowQuestion,
    ShortCircuit,
)
from hub.kept_state import KeptState
from hub.messages import Command, CommandStatus, PluginState, Reading, ReadingBatch
from hub.testing import Recording, in_virtual_time, running

FEEDER = Path(__file__).parents[3] / "config/feeders/ieee13/feeder.dss"
HOUSES = """
houses:
  house1: {bus: 671.1, ev: {kw: 11}}
  house2: {bus: 671.1, pv: {kwp: 8}, battery: {kwh: 13.5, kw: 11}}
  works: {bus: 671.1.2.3, feeder_load: s671, site: business, load: {profile: none}}
  solar_park:
    bus: 675.1.2.3
    site: plant
    nominal_v: 2402
    service: {drop_m: 0, fuse_a: 1000}
    load: {profile: none}
    pv: {kwp: 3000}
"""
GRID = f"""
hub: {{time_lapse: 60, seed: 7}}
{HOUSES}
plugins:
  grid: {{use: opendss_grid, feeder: {FEEDER}, load_scale: 0.6, time_of_day: "12:00"}}
"""
WITH_TWIN = GRID + f"  twin: {{use: opendss_grid/opendss_twin, feeder: {FEEDER}}}\n"


def play(tmp_path: Path, text: str, program):
    """Run a program on a hub in virtual time and return what it returns."""

    async def main():
        async with running(tmp_path, text) as hub:
            await hub.settled()
            for plugin in hub.plugins.values():
                assert plugin.state is PluginState.ONLINE, plugin.reason
            return await program(hub)

    return in_virtual_time(main)


def send(hub, target: str, action: str, **args):
    return hub.commands.send(Command(target, action, args))


def last(hub, topic: str):
    found = hub.bus.last(topic)
    assert found is not None, topic
    return found.message


def pu(hub, node: str) -> float:
    state = last(hub, "grid/grid/state")
    return state.voltages_pu[state.nodes.index(node)]


def test_each_step_publishes_state_metering_and_taps(tmp_path: Path) -> None:
    async def program(hub):
        seen = Recording(hub)
        await asyncio.sleep(10.5)
        return seen.messages

    messages = play(tmp_path, GRID, program)
    states = [m for m in messages if isinstance(m, FeederState)]
    metering = [m for m in messages if isinstance(m, MeteringPoints)]
    assert len(states) == len(metering) == 11  # one at the start, when all plugins listen
    assert (states[1].feeder_time - states[0].feeder_time).total_seconds() == pytest.approx(60)
    # The file lets the feeder begin at noon, local time; virtual time begins at midnight UTC.
    assert f"{states[0].feeder_time:%H:%M}" == "12:00"
    assert metering[3].elapsed_s == pytest.approx(60)
    assert states[0].taps == {"reg_a": 7, "reg_b": 6, "reg_c": 7}
    at = {
        d + p: i
        for i, (d, p) in enumerate(zip(metering[0].devices, metering[0].phases, strict=True))
    }
    assert set(at) >= {"house1", "house2", "worksa", "solar_parkc", "heada", "headb", "headc"}
    assert metering[0].voltages_v[at["house1"]] == pytest.approx(241.7, abs=0.5)
    assert metering[0].powers_w[at["worksa"]] == pytest.approx(693_000 / 3, rel=0.02)
    assert [m for m in messages if isinstance(m, ReadingBatch) and m.quantity == "tap"]
    assert [m for m in messages if isinstance(m, ReadingBatch) and m.quantity == "state_of_charge"]


def test_a_tap_command_is_verified_and_seen_at_once(tmp_path: Path) -> None:
    async def program(hub):
        before = pu(hub, "671.1")
        result = await send(hub, "grid/grid/regulator/reg_a", "set_tap", tap=2)
        return before, result, pu(hub, "671.1"), last(hub, "grid/grid/state").taps

    before, result, after, taps = play(tmp_path, GRID, program)
    assert result.status is CommandStatus.DONE
    assert result.data["tap"] == 2
    assert result.data["operations"] == 5
    assert after < before - 0.025
    assert taps["reg_a"] == 2


def test_orders_of_one_moment_share_a_power_flow_and_each_has_its_own_answer(
    tmp_path: Path,
) -> None:
    async def program(hub):
        seen = Recording(hub)
        results = await asyncio.gather(
            send(hub, "house/house1", "set_power", net_w=3000),
            send(hub, "house/house2", "set_power", net_w=-2500),
            send(hub, "house/house2", "jump"),
            send(hub, "grid/grid/regulator/reg_a", "set_tap", tap=2),
        )
        return results, [m for m in seen.messages if isinstance(m, FeederState)]

    results, states = play(tmp_path, GRID, program)
    assert [r.status for r in results] == [
        CommandStatus.DONE, CommandStatus.DONE, CommandStatus.REJECTED, CommandStatus.DONE,
    ]  # fmt: skip
    assert results[0].data["achieved_w"] == pytest.approx(3000, abs=1)
    assert results[1].data["achieved_w"] == pytest.approx(-2500, abs=1)
    assert "no action 'jump'" in results[2].reason
    # The second order for house2 had to wait for the first one.
    assert len(states) == 1
    assert states[0].taps["reg_a"] == 2


@pytest.mark.parametrize(
    ("target", "action", "args", "reason"),
    [
        ("grid/grid/regulator/reg_a", "set_tap", {"tap": 40}, "out of range"),
        ("grid/grid/regulator/reg_a", "set_tap", {"tap": 1.5}, "whole number"),
        ("grid/grid/regulator/reg_a", "set_tap", {}, "whole number as tap, got None"),
        ("grid/grid/control", "commanded", {"for_s": 0}, "expected 0 to 604800 s for 'for_s'"),
        ("grid/grid/regulators", "set_taps", {"taps": {}}, "expected 'taps' as a mapping"),
        ("grid/grid/regulators", "set_taps", {"taps": {"reg_a": 1, "reg_b": 99}}, "out of range"),
        ("house/house1", "set_power", {"net_w": 1, "until_s": -5}, "up to 604800 s"),
        ("house/house1", "set_power", {"net_w": 1, "until_s": "soon"}, "expected a number"),
        ("grid/grid/branch/line.632_645", "open", {"phase": 1}, "has no phase 1"),
        ("grid/grid/branch/line.632_645", "open", {"phase": "b"}, "phase 1, 2 or 3"),
        ("grid/grid/regulator/reg_z", "set_tap", {"tap": 1}, "reg_z is not in the circuit"),
        ("grid/grid/regulator/reg_a", "jump", {}, "no action 'jump'; it has: set_tap"),
        ("house/house1", "set_power", {"net_w": math.nan}, "expected a number"),
        ("house/house1", "set_power", {"net_w": 1, "until": "noon"}, "expected a time"),
        ("grid/grid/fault/f1", "apply", {"type": "xy", "bus": "671"}, "such as ag"),
        ("grid/grid/fault/f1", "apply", {"type": "ag", "bus": "nowhere"}, "nowhere is not in"),
        ("grid/grid/motor/m1", "start", {"bus": "nowhere", "kva": 100}, "nowhere is not in"),
        ("grid/grid/motor/m1", "start", {"bus": "671", "kva": 1e9}, "kva up to 20000"),
        ("grid/grid/motor/m 1", "start", {"bus": "671", "kva": 10}, "expected a name"),
        ("grid/grid/sky", "set", {"irradiance_w_per_m2": 9000}, "0 to 1500"),
        ("grid/grid/sky", "set", {"clearness": 30}, "expected 'clearness' from 0 to 1"),
    ],
)
def test_an_order_that_cannot_be_is_rejected_with_its_reason(
    tmp_path: Path, target, action, args, reason
) -> None:
    result = play(tmp_path, GRID, lambda hub: send(hub, target, action, **args))
    assert result.status is CommandStatus.REJECTED
    assert reason in result.reason


def test_taps_move_all_together_or_not_at_all(tmp_path: Path) -> None:
    async def program(hub):
        wrong = {"reg_a": 1, "reg_b": 2, "reg_x": 3}
        refused = await send(hub, "grid/grid/regulators", "set_taps", taps=wrong)
        await asyncio.sleep(1.5)
        kept = last(hub, "grid/grid/state").taps
        right = {"REG_A": 1, "reg_b": 2}
        done = await send(hub, "grid/grid/regulators", "set_taps", taps=right)
        return refused, kept, done, last(hub, "grid/grid/state").taps

    refused, kept, done, taps = play(tmp_path, GRID, program)
    assert "reg_x is not in the circuit" in refused.reason
    assert kept == {"reg_a": 7, "reg_b": 6, "reg_c": 7}
    assert done.data["before"] == kept
    assert taps == {"reg_a": 1, "reg_b": 2, "reg_c": 7}


def test_control_goes_to_the_circuit_and_comes_back(tmp_path: Path) -> None:
    async def program(hub):
        await send(hub, "grid/grid/regulator/reg_a", "set_tap", tap=-10)
        local = await send(hub, "grid/grid/control", "local")
        refused = await send(hub, "grid/grid/regulator/reg_a", "set_tap", tap=0)
        await send(hub, "grid/grid/control", "commanded")
        return local, refused, await send(hub, "grid/grid/regulator/reg_a", "set_tap", tap=0)

    local, refused, commanded = play(tmp_path, GRID, program)
    assert local.data["taps"]["reg_a"] > 3
    assert "under local control" in refused.reason
    assert commanded.data["tap"] == 0


def test_an_outage_is_dead_at_the_meter_and_ends(tmp_path: Path) -> None:
    async def program(hub):
        opened = await send(hub, "house/house1", "open_service")
        dead = pu(hub, "house1.1"), pu(hub, "671.1")
        devices = await hub.services.ask("grid/grid/houses")
        assert (devices["house1"]["net_w"], devices["house1"]["energised"]) == (0.0, False)
        closed = await send(hub, "house/house1", "close_service")
        return opened, dead, closed, pu(hub, "house1.1")

    opened, dead, closed, after = play(tmp_path, GRID, program)
    assert opened.data == {"closed": False, "energised": False, "operations": 1}
    assert dead[0] == 0.0
    assert dead[1] > 0.95
    assert closed.data == {"closed": True, "energised": True, "operations": 2}
    assert after > 0.95


def test_a_sale_is_delivered_until_its_end(tmp_path: Path) -> None:
    async def program(hub):
        seen = Recording(hub, "grid/grid/metering")
        until = hub.clock.now().timestamp() + 5
        ends = hub.clock.now().fromtimestamp(until, tz=hub.clock.now().tzinfo)
        result = await send(hub, "house/house2", "set_power", net_w=-6000, until=ends.isoformat())
        await asyncio.sleep(8.5)
        return result, seen.messages

    result, metering = play(tmp_path, GRID, program)
    assert result.data["achieved_w"] == pytest.approx(-6000)
    row = metering[0].devices.index("house2")
    powers = [m.powers_w[row] for m in metering]
    assert powers[:4] == pytest.approx([-6000] * 4)
    assert powers[-1] > -5999


def test_sales_raise_the_voltage_and_taps_bring_it_back(tmp_path: Path) -> None:
    async def program(hub):
        await send(hub, "grid/grid/sky", "set", irradiance_w_per_m2=1000)
        before = pu(hub, "675.2")
        await send(hub, "house/solar_park", "set_power", net_w=-2_031_000)
        high = pu(hub, "675.2")
        for name, tap in (("reg_a", -2), ("reg_b", 0), ("reg_c", 7)):
            assert (await send(hub, f"grid/grid/regulator/{name}", "set_tap", tap=tap)).done
        return before, high, pu(hub, "675.2")

    before, high, after = play(tmp_path, GRID, program)
    assert before < 1.05
    assert high == pytest.approx(1.056, abs=0.0005)
    assert after == pytest.approx(1.016, abs=0.0005)


def test_faults_capacitors_and_branches_obey(tmp_path: Path) -> None:
    async def program(hub):
        fault = await send(hub, "grid/grid/fault/f1", "apply", type="bcg", bus="680", ohm=1)
        await send(hub, "grid/grid/fault/f1", "clear")
        cleared = pu(hub, "680.2")
        await send(hub, "grid/grid/capacitor/cap675", "open")
        without = pu(hub, "675.1")
        branch = await send(hub, "grid/grid/branch/line.671_692", "open")
        return fault, cleared, without, branch, pu(hub, "675.1")

    fault, cleared, without, branch, cut = play(tmp_path, GRID, program)
    assert max(fault.data["voltages_pu"].values()) < 0.95
    assert cleared > 1.0
    assert without > 0.95
    assert cut == 0.0
    assert branch.data["dead_nodes"] == 9


def test_a_motor_sags_the_voltage_until_it_runs(tmp_path: Path) -> None:
    async def program(hub):
        seen = [pu(hub, "671.1")]
        started = await send(hub, "grid/grid/motor/M1", "start", bus="671", kva=500, start_s=90)
        again = await send(hub, "grid/grid/motor/m1", "start", bus="671", kva=500)
        seen.append(pu(hub, "671.1"))
        await asyncio.sleep(2.5)  # two and a half feeder minutes
        seen.append(pu(hub, "671.1"))
        await send(hub, "grid/grid/motor/m1", "stop")
        seen.append(pu(hub, "671.1"))
        return started, again, seen

    started, again, (before, starting, running, after) = play(tmp_path, GRID, program)
    assert started.done
    assert "running already" in again.reason
    assert starting < before - 0.04
    assert starting + 0.02 < running < before - 0.004
    assert after == pytest.approx(before, abs=0.001)


def test_events_happen_at_their_feeder_time(tmp_path: Path) -> None:
    events = """
    events:
      - {after: 3m, target: house/house1, action: open_service}
      - {after: 5m, target: house/house1, action: close_service}
      - {after: 6m, target: house/nobody, action: open_service}
"""

    async def program(hub):
        seen = Recording(hub, "grid/grid/state")
        await asyncio.sleep(7)
        return [m.voltages_pu[m.nodes.index("house1.1")] for m in seen.messages]

    text = GRID.replace(', time_of_day: "12:00"}', "}").replace(
        f"{{use: opendss_grid, feeder: {FEEDER}, load_scale: 0.6}}",
        f"\n    use: opendss_grid\n    feeder: {FEEDER}{events}",
    )
    volts = play(tmp_path, text, program)
    assert 0.0 in volts
    first, last_dark = volts.index(0.0), len(volts) - 1 - volts[::-1].index(0.0)
    assert 2 <= first <= 4
    assert 2 <= last_dark - first <= 3
    assert volts[-1] > 0.9


def test_trouble_of_the_solver_is_told_and_never_passed_off_as_fresh(tmp_path: Path) -> None:
    async def program(hub):
        good = last(hub, "grid/grid/state")
        plugin = hub.plugins["grid"]
        seen = Recording(hub)
        simulation = plugin.plugin._simulation
        simulation.fleet.battery.charge_w[0] = simulation.fleet.battery.capacity_wh[0] = 1e15
        await send(hub, "house/house1", "set_power", net_w=1e12)
        await asyncio.sleep(2.5)
        state = plugin.state, plugin.reason
        bad = last(hub, "grid/grid/state")
        metering = [m for m in seen.messages if isinstance(m, MeteringPoints)]
        await send(hub, "house/house1", "release_power")
        await asyncio.sleep(1.5)
        return good, bad, state, metering, plugin.state, last(hub, "grid/grid/state")

    good, bad, (state, reason), metering, recovered, again = play(tmp_path, GRID, program)
    assert state is PluginState.DEGRADED
    assert "converge" in reason
    assert bad.converged is False
    assert "converge" in bad.problem
    assert list(bad.voltages_pu) == list(good.voltages_pu)
    assert metering == []
    assert recovered is PluginState.ONLINE
    assert again.converged is True


def test_two_feeders_in_one_hub_keep_apart(tmp_path: Path) -> None:
    text = GRID.replace("load_scale: 0.6,", "load_scale: 0.6, houses: [house1, works],") + (
        f"  other: {{use: opendss_grid, feeder: {FEEDER}, houses: [house2], load_scale: 0.3}}\n"
    )

    async def program(hub):
        before = last(hub, "grid/other/state").taps
        await send(hub, "grid/grid/regulator/reg_a", "set_tap", tap=-16)
        await send(hub, "house/house2", "open_service")
        await asyncio.sleep(1.5)
        return before, last(hub, "grid/other/state"), last(hub, "grid/grid/state")

    before, other, grid = play(tmp_path, text, program)
    assert other.taps == before != grid.taps
    assert grid.taps["reg_a"] == -16
    assert "house2.1" in other.nodes
    assert "house2.1" not in grid.nodes
    assert other.voltages_pu[other.nodes.index("house2.1")] == 0.0


def test_a_restart_keeps_charge_taps_and_outages(tmp_path: Path) -> None:
    async def first(hub):
        await send(hub, "grid/grid/regulator/reg_b", "set_tap", tap=-3)
        await send(hub, "house/house1", "open_service")
        await send(hub, "house/house2", "set_power", net_w=-8000)
        await asyncio.sleep(5)
        return last(hub, "reading/house2/state_of_charge").value

    async def second(hub):
        state = last(hub, "grid/grid/state")
        return state.taps, pu(hub, "house1.1"), last(hub, "reading/house2/state_of_charge").value

    charge = play(tmp_path, GRID, first)
    taps, house1, kept = play(tmp_path, GRID, second)
    assert charge < 60
    assert taps["reg_b"] == -3
    assert house1 == 0.0
    assert kept == pytest.approx(charge, abs=0.1)


def test_switches_banks_faults_and_motors_stay_as_they_were_left(tmp_path: Path, caplog) -> None:
    async def first(hub):
        await send(hub, "grid/grid/branch/line.671_692", "open")
        await send(hub, "grid/grid/branch/line.632_645", "open", phase=2)
        await send(hub, "grid/grid/capacitor/cap611", "open")
        await send(hub, "grid/grid/fault/tree", "apply", type="cg", bus="652", ohm=30)
        await send(hub, "grid/grid/fault/tree", "apply", type="ag", bus="652", ohm=20)
        await send(hub, "grid/grid/motor/pump", "start", bus="671", kva=200)
        await send(hub, "grid/grid/sky", "set", irradiance_w_per_m2=150)
        await asyncio.sleep(2)
        return list(last(hub, "grid/grid/state").voltages_pu)

    async def second(hub):
        left = await hub.services.ask("grid/grid/network")
        volts = list(last(hub, "grid/grid/state").voltages_pu)
        done = await send(hub, "grid/grid/feeder", "put_back")
        after = await hub.services.ask("grid/grid/network")
        return left, volts, done, after, pu(hub, "675.1")

    before = play(tmp_path, GRID, first)
    left, volts, done, after, bus675 = play(tmp_path, GRID, second)
    assert volts == pytest.approx(before, abs=2e-3)
    assert {entry["text"] for entry in left["changed"]} == {
        "line.671_692 is open on phase A",
        "line.671_692 is open on phase B",
        "line.671_692 is open on phase C",
        "line.632_645 is open on phase B",
        "capacitor bank cap611 is open",
        "fault tree: ag at 652 with 20 ohm",
        "motor pump runs at 671 (200 kVA)",
        "the light is held at 150 W/m2",
    }
    assert left["operations"] == {"line.671_692": 1, "line.632_645": 1, "cap611": 1}
    assert "as it was left" in caplog.text
    assert "'hub send grid/grid/feeder put_back' brings all of it back" in caplog.text
    assert len(done.data["put_back"]) == 8
    assert done.data["dead_nodes"] == 0
    assert after["changed"] == []
    assert bus675 > 0.95


def test_a_store_that_fails_refuses_no_command(tmp_path: Path, monkeypatch, caplog) -> None:
    async def full(*_: object) -> None:
        raise Unavailable("the disk is full")

    async def program(hub):
        monkeypatch.setattr(KeptState, "save", full)
        done = await send(hub, "house/house1", "open_service")
        monkeypatch.undo()
        return done, hub.plugins["grid"].state

    done, state = play(tmp_path, GRID, program)
    assert done.done
    assert state is PluginState.ONLINE
    assert "what was switched cannot be saved: the disk is full" in caplog.text


def test_a_blown_fuse_is_an_alarm_until_it_is_replaced(tmp_path: Path) -> None:
    text = GRID.replace("ev: {kw: 11}", "ev: {kw: 15, kwh: 90}, service: {fuse_a: 30}")

    async def first(hub):
        seen = Recording(hub, "alarm/#")
        await send(hub, "house/house1", "set_power", net_w=15_000)
        await asyncio.sleep(25)
        # It is on disk before the hub ends, or is killed.
        saved = await hub.plugins["grid"].plugin._kept.load()
        assert [entry["kind"] for entry in saved["network"]["changed"]] == ["fuse"]
        return seen.messages

    async def second(hub):
        (left,) = (await hub.services.ask("grid/grid/network"))["changed"]
        seen = Recording(hub, "alarm/#")
        refused = await send(hub, "house/house1", "close_service")
        done = await send(hub, left["target"], left["action"])
        await asyncio.sleep(1.5)
        return left, refused, done, seen.messages, pu(hub, "house1.1")

    (blown,) = play(tmp_path, text, first)
    assert (blown.kind, blown.subject, blown.cleared) == ("fuse", "house1", False)
    assert "The service fuse of House 1 (30 A) blew at" in blown.text
    assert blown.evidence["current_a"] == pytest.approx(63, abs=3)
    left, refused, done, later, volts = play(tmp_path, text, second)
    assert left["kind"] == "fuse"
    assert left["since"] == blown.evidence["since"]
    assert "replace_fuse" in refused.reason
    assert done.data["energised"]
    assert [(alarm.id, alarm.cleared) for alarm in later] == [(blown.id, True)]
    assert volts > 0.95


def test_two_runs_with_one_seed_are_equal(tmp_path: Path) -> None:
    async def program(hub):
        seen = Recording(hub, "grid/grid/metering")
        await asyncio.sleep(30)
        return [list(m.powers_w) for m in seen.messages]

    runs = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        runs.append(play(tmp_path / name, GRID.replace("seed: 7", "seed: 9"), program))
    assert runs[0] == runs[1]
    (tmp_path / "c").mkdir()
    assert play(tmp_path / "c", GRID, program) != runs[0]


def test_the_topology_has_a_place_and_a_distance_for_every_bus(tmp_path: Path) -> None:
    topology = play(tmp_path, GRID, lambda hub: hub.services.ask("grid/grid/topology"))
    buses = {bus["name"]: bus for bus in topology["buses"]}
    assert buses["671"]["distance_m"] == pytest.approx(4000 * 0.3048)
    assert buses["house1"]["fed_by"] == "house1_lv"
    assert all(0 <= bus["y"] <= 1.2 for bus in topology["buses"])
    assert len({(bus["x"], bus["y"]) for bus in topology["buses"]}) == len(buses)
    assert [h["bus"] for h in topology["houses"]] == ["house1", "house2", "671", "solar_park"]


def test_the_twin_knows_the_same_topology(tmp_path: Path) -> None:
    async def program(hub):
        return [await hub.services.ask(f"{who}/topology") for who in ("grid/grid", "twin/twin")]

    plant, twin = play(tmp_path, WITH_TWIN, program)
    assert twin.pop("feeder") == "twin"
    del plant["feeder"]
    assert twin == plant


def test_devices_are_told(tmp_path: Path) -> None:
    devices = play(tmp_path, GRID, lambda hub: hub.services.ask("grid/grid/houses"))
    assert devices["house2"]["battery_percent"] == pytest.approx(60)
    assert devices["house2"]["pv_w"] > 3000
    assert devices["solar_park"]["pv_w"] == 0
    assert devices["house1"]["set_point_w"] is None
    assert devices["house1"]["ev_away"] is False


def test_the_twin_predicts_what_the_plant_then_does(tmp_path: Path) -> None:
    async def program(hub):
        metering = last_metering = None
        seen = Recording(hub, "grid/grid/metering")
        await asyncio.sleep(1.5)
        last_metering = seen.messages[-1]
        # What real meters would say, without their error.
        metering = last_metering
        for device, phase, power, var in zip(
            metering.devices, metering.phases, metering.powers_w, metering.powers_var, strict=True
        ):
            suffix = f"_{phase}" if phase else ""
            hub.bus.publish(Reading(device, f"power{suffix}", power, "W", metering.at))
            hub.bus.publish(Reading(device, f"reactive_power{suffix}", var, "var", metering.at))
        question = PowerFlowQuestion(
            (
                PowerFlowCase(),
                PowerFlowCase(taps={"reg_a": 2, "reg_b": 1, "reg_c": 2}),
                PowerFlowCase(opened=frozenset({"works"})),
                PowerFlowCase(faults=(ShortCircuit("671", "bcg", 1.0),)),
            )
        )
        answer = await hub.services.ask("twin/twin/solve", question)
        here = last(hub, "grid/grid/state")
        for name, tap in (("reg_a", 2), ("reg_b", 1), ("reg_c", 2)):
            await send(hub, f"grid/grid/regulator/{name}", "set_tap", tap=tap)
        return answer, here, last(hub, "grid/grid/state")

    answer, here, moved = play(tmp_path, WITH_TWIN, program)
    assert answer.converged == (True, True, True, True)
    faulted = dict(zip(answer.nodes, answer.voltages_pu[3], strict=True))
    assert max(faulted["671.2"], faulted["671.3"]) < 0.8 < faulted["671.1"]
    assert answer.nodes == here.nodes
    # The twin knows the true load scale (0.6) from the head alone.
    assert answer.voltages_pu[0] == pytest.approx(list(here.voltages_pu), abs=0.0015)
    assert answer.voltages_pu[1] == pytest.approx(list(moved.voltages_pu), abs=0.0015)
    assert answer.source_w[2] < answer.source_w[0] - 600_000


def test_a_house_consumes_what_its_csv_says(tmp_path: Path) -> None:
    rows = "".join(f"2026-01-01 {h:02}:00,{1234 if h % 2 else 1000}\n" for h in range(24))
    (tmp_path / "house1.csv").write_text("time,power_w\n" + rows)
    text = GRID.replace("load_scale: 0.6,", "load_scale: 0.6, profiles: {house1: house1.csv},")

    async def program(hub):
        seen = Recording(hub, "grid/grid/metering")
        await asyncio.sleep(70)
        row = seen.messages[0].devices.index("house1")
        return [m.powers_w[row] for m in seen.messages]

    powers = play(tmp_path, text, program)
    assert {round(p, 6) for p in powers} == {1000.0, 1234.0}


@pytest.mark.parametrize(
    ("house", "message"),
    [
        ("house1: {bus: 999.1}", "bus 999 is not in"),
        ("house1: {bus: 611.1}", "bus 611 has no phase 1; it has 3"),
        ("house1: {bus: 671.1.2.3, feeder_load: nope}", "load nope is not in"),
    ],
)
def test_check_names_a_house_that_does_not_fit(tmp_path: Path, house, message) -> None:
    from hub.check import check_plugins
    from hub.config import load
    from hub.loader import Loader

    path = tmp_path / "hub.yaml"
    path.write_text(
        f"houses:\n  {house}\nplugins:\n  grid: {{use: opendss_grid, feeder: {FEEDER}}}\n"
    )
    loader = Loader(tmp_path)
    outcome = check_plugins(load(path, loader.resolve, known_types=loader.known_types()), loader)
    assert len(outcome.problems) == 1
    assert message in outcome.problems[0]
