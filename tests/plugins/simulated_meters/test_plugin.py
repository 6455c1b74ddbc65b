"""Simulated meters in a hub in virtual time, read back through their own payloads."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy.exc import OperationalError

from hub.api import Command, Context, MeteringPoints, Plugin, PluginConfig, PluginStatus, Reading
from hub.config import ConfigError
from hub.core import Hub
from hub.link import LinkMessage, LinkOptions
from hub.testing import Recording, in_virtual_time, running
from plugins.mqtt_link.plugin import MqttLink
from plugins.simulated_meters.meter import MJ_PER_WH
from plugins.simulated_meters.store import load_counts
from tests.mosquitto import Mosquitto

T = TypeVar("T")
URL = "mqtt://127.0.0.1:1883"


class Feeder(Plugin[PluginConfig]):
    """Publishes metering points every second; the test turns the supply of house1 off and on."""

    supplied = True
    #: In which order the channels are published.
    order = (0, 1, 2, 3, 4, 5)

    async def start(self, ctx: Context) -> None:
        self.ctx = ctx
        self.supplied = True
        ctx.every(1.0, self.step)

    async def step(self) -> None:
        now = self.ctx.clock.now()
        house_v, house_w = (240.0, 1200.0) if self.supplied else (0.0, 0.0)
        points = MeteringPoints(
            feeder="grid",
            at=now,
            feeder_time=now,
            elapsed_s=60.0,
            devices=self.ordered("house1", "park", "park", "head", "head", "head"),
            phases=self.ordered("", "b", "c", "a", "b", "c"),
            voltages_v=self.ordered(house_v, 2400.0, 2401.0, 2400.0, 2401.0, 2402.0),
            powers_w=self.ordered(house_w, -6000.0, -6000.0, 1000.0, -5000.0, -5000.0),
            powers_var=self.ordered(400.0, 0.0, 0.0, 100.0, 0.0, 0.0),
        )
        self.ctx.publish(points)

    def ordered(self, *values: T) -> tuple[T, ...]:
        return tuple(values[index] for index in self.order)


def yaml(**options: object) -> str:
    settings = "".join(f", {key}: {value}" for key, value in options.items())
    return (
        "hub: {time_lapse: 60}\n"
        "houses: {house1: {bus: 671.1}, park: {bus: 646.2.3}}\n"
        "plugins:\n"
        "  grid: {use: feeder}\n"
        f"  sim: {{use: simulated_meters{settings}}}\n"
        "  meters: {use: smart_meter_mqtt, stale_after: 5s}\n"
    )


def simulate(
    folder: Path, text: str, program: Callable[[Hub, Recording], Awaitable[Any]]
) -> list[Any]:
    """Run a program on a hub in virtual time; return everything that was published."""

    async def run() -> list[Any]:
        async with running(folder, text, types={"feeder": Feeder}) as hub:
            record = Recording(hub)
            await program(hub, record)
            return record.messages

    return in_virtual_time(run)


def feeder(hub: Hub) -> Feeder:
    plugin = hub.plugins["grid"].plugin
    assert isinstance(plugin, Feeder)
    return plugin


def readings(messages: list[Any], device: str, quantity: str) -> list[Reading]:
    return [
        m
        for m in messages
        if isinstance(m, Reading) and (m.device, m.quantity) == (device, quantity)
    ]


async def ten_seconds(_hub: Hub, _record: Recording) -> None:
    await asyncio.sleep(10.5)


def test_readings_are_what_is_true_at_the_meters(tmp_path: Path):
    messages = simulate(tmp_path, yaml(), ten_seconds)
    assert [r.value for r in readings(messages, "house1", "power")] == [1200.0] * 10
    assert readings(messages, "house1", "voltage")[-1].value == 240.0
    assert readings(messages, "head", "power")[-1].value == -9000.0
    assert readings(messages, "head", "power_b")[-1].value == -5000.0
    assert readings(messages, "park", "power")[-1].value == -12000.0
    assert readings(messages, "park", "voltage_c")[-1].value == 2401.0
    assert not readings(messages, "park", "voltage_a")


def test_the_channels_of_a_meter_need_not_be_in_a_row(tmp_path: Path):
    class Mixed(Feeder):
        order = (1, 3, 0, 2, 4, 5)

    async def run() -> list[Any]:
        async with running(tmp_path, yaml(), types={"feeder": Mixed}) as hub:
            record = Recording(hub)
            await asyncio.sleep(3.5)
            return record.messages

    messages = in_virtual_time(run)
    found = {
        (device, quantity): readings(messages, device, quantity)[-1].value
        for device in ("house1", "park", "head")
        for quantity in ("power", "voltage_c" if device != "house1" else "voltage")
    }
    assert found == {
        ("house1", "power"): 1200.0,
        ("house1", "voltage"): 240.0,
        ("park", "power"): -12_000.0,
        ("park", "voltage_c"): 2401.0,
        ("head", "power"): -9000.0,
        ("head", "voltage_c"): 2402.0,
    }


def test_a_meter_that_the_feeder_does_not_have_is_named(tmp_path: Path):
    async def program(hub: Hub, _record: Recording) -> None:
        await asyncio.sleep(2.5)
        assert hub.plugins["sim"].reason == (
            "the feeder has no metering point for hous1; it has: house1, park, head"
        )

    messages = simulate(tmp_path, yaml(devices="[hous1, park]"), program)
    assert readings(messages, "park", "power")
    assert not readings(messages, "head", "power")


def test_counters_run_on_the_feeders_time(tmp_path: Path):
    """1200 W over ten feeder minutes are 200 Wh."""
    messages = simulate(tmp_path, yaml(), ten_seconds)
    assert [r.value for r in readings(messages, "house1", "energy_import")] == [
        20.0 * step for step in range(1, 11)
    ]
    assert readings(messages, "head", "energy_export")[-1].value == 1500.0
    assert readings(messages, "head", "energy_import")[-1].value == 0.0


def test_a_reading_has_the_time_of_its_measurement(tmp_path: Path):
    messages = simulate(tmp_path, yaml(), ten_seconds)
    points = [m.at for m in messages if isinstance(m, MeteringPoints)]
    assert [r.at for r in readings(messages, "house1", "power")] == points


def test_two_runs_with_chance_are_the_same(tmp_path: Path):
    text = yaml(accuracy_percent=0.5, clock_error="3s", loss_percent=30)
    runs = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        messages = simulate(folder, text, ten_seconds)
        runs.append([repr(m) for m in messages if isinstance(m, Reading)])
    assert runs[0] == runs[1]
    assert 0 < len(readings(messages, "house1", "power")) < 10
    power_w = readings(messages, "house1", "power")[-1].value
    assert power_w != 1200.0
    assert abs(power_w - 1200.0) <= 6.0


def test_lost_messages_lose_no_energy(tmp_path: Path):
    messages = simulate(tmp_path, yaml(loss_percent=50), ten_seconds)
    counts = readings(messages, "house1", "energy_import")
    assert len(counts) < 10
    first = messages.index(next(m for m in messages if isinstance(m, MeteringPoints)))
    minutes = [m.at for m in messages[first:] if isinstance(m, MeteringPoints)]
    assert [c.value for c in counts] == [20.0 * (minutes.index(c.at) + 1) for c in counts]


def test_a_meter_speaks_at_its_interval_and_at_once_when_supply_is_lost(tmp_path: Path):
    async def program(hub: Hub, _record: Recording) -> None:
        await asyncio.sleep(6.5)
        feeder(hub).supplied = False
        await asyncio.sleep(2)

    messages = simulate(tmp_path, yaml(interval="5s"), program)
    voltages = readings(messages, "house1", "voltage")
    assert [r.value for r in voltages] == [240.0, 240.0, 0.0]
    assert [round((r.at - voltages[0].at).total_seconds()) for r in voltages] == [0, 5, 6]


def test_a_meter_without_supply_goes_on_by_its_backup_and_then_offline(tmp_path: Path):
    async def program(hub: Hub, _record: Recording) -> None:
        await asyncio.sleep(2.5)
        feeder(hub).supplied = False
        await asyncio.sleep(10)
        feeder(hub).supplied = True
        await asyncio.sleep(3)

    messages = simulate(tmp_path, yaml(backup="4m"), program)
    voltages = [r.value for r in readings(messages, "house1", "voltage")]
    assert voltages == [240.0] * 2 + [0.0] * 4 + [240.0] * 3
    states = [m for m in messages if isinstance(m, PluginStatus) and m.plugin == "meters"]
    assert "house1 has gone offline" in [m.reason for m in states]
    assert states[-1].reason == ""


def test_the_last_gasp_of_a_meter_without_backup(tmp_path: Path):
    async def cut(hub: Hub, _record: Recording) -> None:
        await asyncio.sleep(3.5)
        feeder(hub).supplied = False
        await asyncio.sleep(5)

    gasps = simulate(tmp_path, yaml(interval="10s", backup="0s"), cut)
    assert [r.value for r in readings(gasps, "house1", "voltage")] == [240.0, 0.0]
    silent = simulate(tmp_path, yaml(interval="10s", backup="0s", last_gasp="false"), cut)
    assert [r.value for r in readings(silent, "house1", "voltage")] == [240.0]


def test_class_resolution_and_clock_are_those_of_the_file(tmp_path: Path):
    options = {"accuracy_percent": 0.5, "voltage_accuracy_percent": 1, "resolution_wh": 100}
    messages = simulate(tmp_path, yaml(clock_error="30s", **options), ten_seconds)
    power = readings(messages, "house1", "power")[0]
    assert 0 < abs(power.value / 1200 - 1) <= 0.005
    assert 0 < abs(readings(messages, "house1", "voltage")[0].value / 240 - 1) <= 0.01
    counts = {r.value for r in readings(messages, "house1", "energy_import")}
    assert counts <= {0.0, 100.0, 200.0}
    assert len(counts) > 1
    exact = readings(simulate(tmp_path, yaml(), ten_seconds), "house1", "power")[0]
    assert 0 < abs((power.at - exact.at).total_seconds()) <= 30


def test_a_counter_that_starts_over_costs_its_reader_nothing(tmp_path: Path):
    results = []

    async def exchange(hub: Hub, _record: Recording) -> None:
        await asyncio.sleep(5.5)
        for target, action in (
            ("meters/sim/house1", "restart_counters"),
            ("meters/sim/house9", "restart_counters"),
            ("meters/sim/house1", "explode"),
        ):
            results.append(await hub.commands.send(Command(target, action)))
        shown = (await hub.plugins["sim"].plugin.probe())["house1"]
        await asyncio.sleep(5)
        results.append(shown)

    messages = simulate(tmp_path, yaml(), exchange)
    done, stranger, unknown, shown = results
    assert done.data == {"import_wh": 100, "export_wh": 0}
    assert stranger.reason.startswith("meter house9 is not here; there are: house1")
    assert "no action 'explode'; it has: restart_counters" in unknown.reason
    assert shown["import_wh"] == 100
    counts = [r.value for r in readings(messages, "house1", "energy_import")]
    assert counts == sorted(counts)
    assert counts[-1] == 200.0


def test_makes_can_be_mixed_and_dsmr_stands_alone(tmp_path: Path):
    text = yaml(devices="[park, head]", preset="shelly_gen2").replace(
        "  meters: {use: smart_meter_mqtt, stale_after: 5s}\n",
        "  p1: {use: simulated_meters, preset: dsmr, devices: [house1]}\n"
        "  shellies: {use: smart_meter_mqtt, preset: shelly_gen2, devices: [park, head]}\n"
        "  home: {use: smart_meter_mqtt, preset: dsmr, devices: [house1]}\n",
    )
    messages = simulate(tmp_path, text, ten_seconds)
    assert readings(messages, "park", "power")[-1].value == -12_000
    assert readings(messages, "house1", "power")[-1].value == 1200
    assert readings(messages, "house1", "voltage")[-1].value == 240
    with pytest.raises(ConfigError, match="expected 'devices' with one name, such as"):
        simulate(tmp_path, yaml(preset="dsmr"), ten_seconds)


def test_birth_is_retained_and_farewell_is_said(tmp_path: Path):
    heard: list[LinkMessage] = []

    async def run() -> None:
        async with running(tmp_path, yaml(), types={"feeder": Feeder}) as hub:
            await asyncio.sleep(1.5)
            link = hub.loopback.connect(LinkOptions(URL, "test"))
            link.subscribe("tele/house1/LWT", heard.append)
            await asyncio.sleep(1)
        await asyncio.sleep(0)

    in_virtual_time(run)
    assert heard == [
        LinkMessage("tele/house1/LWT", b"Online", retained=True),
        LinkMessage("tele/house1/LWT", b"Offline"),
    ]


async def test_a_broker_that_forgot_all_hears_again_who_is_there(
    mosquitto: Mosquitto, tmp_path: Path
):
    text = yaml(broker=f"'{mosquitto.url}'").replace(
        "stale_after", f"broker: '{mosquitto.url}', stale_after"
    )
    async with running(tmp_path, text, types={"feeder": Feeder}) as hub:
        record = Recording(hub, "reading/house1/voltage")
        await record.until(lambda messages: messages)
        mosquitto.stop()
        mosquitto.start()
        count = len(record.messages)
        await record.until(lambda messages: len(messages) > count + 1)
        link = MqttLink(LinkOptions(mosquitto.url, "late"))
        heard: asyncio.Queue[LinkMessage] = asyncio.Queue()
        link.subscribe("tele/house1/LWT", heard.put_nowait)
        async with asyncio.timeout(15):
            message = await heard.get()
        await link.close()
    assert message == LinkMessage("tele/house1/LWT", b"Online", retained=True)


async def test_what_was_said_was_saved(mosquitto: Mosquitto, tmp_path: Path):
    """A hub that is killed leaves counters that are not below what its meters have said."""
    text = yaml(broker=f"'{mosquitto.url}'").replace(
        "stale_after", f"broker: '{mosquitto.url}', stale_after"
    )
    async with running(tmp_path, text, types={"feeder": Feeder}) as hub:
        record = Recording(hub, "reading/house1/energy_import")
        await record.until(lambda messages: len(messages) >= 2)
        said = [m.value for m in record.messages if isinstance(m, Reading)]
        context = hub.plugins["sim"].context
        assert context is not None
        counts = await context.history.run(lambda c: load_counts(c, "sim"))
    saved = {device: imported for device, imported, _ in counts}
    assert saved["house1"] >= max(said) * MJ_PER_WH


async def test_a_store_that_fails_silences_no_meter(
    mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def fail(*_: object) -> None:
        raise OperationalError("INSERT", None, Exception("disk full"))

    monkeypatch.setattr("plugins.simulated_meters.plugin.save_counts", fail)
    text = yaml(broker=f"'{mosquitto.url}'").replace(
        "stale_after", f"broker: '{mosquitto.url}', stale_after"
    )
    async with running(tmp_path, text, types={"feeder": Feeder}) as hub:
        record = Recording(hub, "reading/house1/voltage")
        await record.until(lambda messages: messages)
        assert hub.plugins["sim"].reason == "counters cannot be saved: history.db: disk full"


async def test_counters_go_on_after_a_restart(tmp_path: Path, unused_tcp_port: int):
    """On the wall clock, with a broker: what a meter counted outlives the hub."""
    text = yaml(broker=f"mqtt://127.0.0.1:{unused_tcp_port}").replace(
        "stale_after", f"broker: 'mqtt://127.0.0.1:{unused_tcp_port}', stale_after"
    )
    text += f"  broker: {{use: mqtt_broker, port: {unused_tcp_port}}}\n"
    counts = []
    for _ in range(2):
        async with running(tmp_path, text, types={"feeder": Feeder}) as hub:
            record = Recording(hub, "reading/house1/energy_import")
            await record.until(lambda messages: len(messages) >= 2)
            counts += [m.value for m in record.messages if isinstance(m, Reading)]
    assert counts == sorted(set(counts))
    assert counts[-1] >= 80.0
