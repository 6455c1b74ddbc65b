"""The meter reader on a hub: with a real Mosquitto, and in virtual time on hostile payloads."""

import asyncio
import json
import logging
import random
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.api import (
    Alarm,
    CheckContext,
    Context,
    House,
    MeteringPoints,
    Plugin,
    PluginConfig,
    PluginState,
    PluginStatus,
    Quality,
    Reading,
)
from hub.core import Hub
from hub.link import LinkMessage, LinkOptions
from hub.testing import Recording, in_virtual_time, running
from plugins.mqtt_link.plugin import MqttLink
from plugins.smart_meter_mqtt import plugin
from plugins.smart_meter_mqtt.store import load_counters
from tests.mosquitto import Mosquitto

NOW = datetime(2026, 6, 21, tzinfo=UTC)
#: Quantities of a meter of one phase and of one of three.
HOUSE1, HEAD = 8, 20


class Feeder(Plugin[PluginConfig]):
    """Publishes metering points when it is told to."""

    async def start(self, ctx: Context) -> None:
        self.ctx = ctx

    def step(self, count: int) -> None:
        now = self.ctx.clock.now()
        points = MeteringPoints(
            feeder="grid",
            at=now,
            feeder_time=now,
            elapsed_s=600.0,
            devices=("house1", "head", "head", "head"),
            phases=("", "a", "b", "c"),
            voltages_v=[240.0 - count, 2400.0, 2401.0, 2402.0],
            powers_w=[1200.0, -100.0, 200.0, 300.0],
            powers_var=[100.0, 1.0, 2.0, 3.0],
        )
        self.ctx.publish(points)


def yaml(url: str, rest: str = "", **options: object) -> str:
    settings = "".join(f", {key}: {value}" for key, value in options.items())
    return (
        "houses: {house1: {bus: 671.1}}\n"
        "plugins:\n"
        f"  meters: {{use: smart_meter_mqtt, broker: '{url}'{settings}}}\n{rest}"
    )


def published(messages: list[Any]) -> list[tuple[object, ...]]:
    """Readings in the order of their meters, as far as they are of the meter."""
    readings = [m for m in messages if isinstance(m, Reading)]
    return sorted((r.device, r.at, r.quantity, r.value, r.unit, r.quality) for r in readings)


def reasons(messages: list[Any]) -> list[str]:
    """What the plugin said of itself, without what it said at its start."""
    states = [m for m in messages if isinstance(m, PluginStatus) and m.plugin == "meters"]
    first = next(i for i, m in enumerate(states) if m.state is PluginState.ONLINE)
    return [f"{m.state} {m.reason}".strip() for m in states[first:]]


def count_of(kind: type[Any], number: int) -> Callable[[list[Any]], bool]:
    return lambda messages: sum(isinstance(m, kind) for m in messages) >= number


async def until_online(hub: Hub) -> None:
    """Wait until every plugin has started and the reader is connected."""
    async with asyncio.timeout(20):
        await hub.settled()
        while hub.plugins["meters"].state is not PluginState.ONLINE:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def mosquitto_pub(broker: Mosquitto, topic: str, payload: bytes, *flags: str) -> None:
    subprocess.run(
        ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(broker.port), "-t", topic, "-s", *flags],
        input=payload,
        check=True,
    )


async def test_payloads_from_outside_give_the_readings_that_simulated_meters_give(
    mosquitto: Mosquitto, tmp_path: Path
):
    """The same bytes, once sent by the hub's simulated meters, once by another program."""
    sent: list[LinkMessage] = []
    listener = MqttLink(LinkOptions(mosquitto.url, "listener"))
    listener.subscribe("tele/+/SENSOR", sent.append)
    rest = (
        "  grid: {use: feeder}\n"
        f"  sim: {{use: simulated_meters, broker: '{mosquitto.url}', interval: 0s}}\n"
    )
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    try:
        async with running(inside, yaml(mosquitto.url, rest), types={"feeder": Feeder}) as hub:
            record = Recording(hub, "reading/#")
            await until_online(hub)
            feeder = hub.plugins["grid"].plugin
            assert isinstance(feeder, Feeder)
            # One by one: readings that meet in a queue are conflated.
            for count in range(10):
                feeder.step(count)
                await record.until(count_of(Reading, (count + 1) * (HOUSE1 + HEAD)))
            of_simulated = published(record.messages)
        await listener.close()
        async with running(outside, yaml(mosquitto.url)) as hub:
            record = Recording(hub, "reading/#")
            await until_online(hub)
            for message in sent:
                number = len(record.messages) + (HEAD if "head" in message.topic else HOUSE1)
                await asyncio.to_thread(mosquitto_pub, mosquitto, message.topic, message.payload)
                await record.until(count_of(Reading, number))
            of_published = published(record.messages)
    finally:
        await listener.close()
    assert len(sent) == 20
    assert of_published == of_simulated


async def test_a_lost_broker_is_one_alarm_and_two_lines_and_is_told_from_a_lost_meter(
    mosquitto: Mosquitto,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    monkeypatch.setattr(plugin, "BROKER_LOST_AFTER_S", 0.2)
    monkeypatch.setattr(plugin, "REVIEW_EVERY_S", 0.1)
    caplog.set_level(logging.INFO, "hub.plugins.meters")
    async with running(tmp_path, yaml(mosquitto.url, stale_after="1h")) as hub:
        record = Recording(hub)
        await until_online(hub)
        mosquitto.stop()
        await record.until(count_of(Alarm, 1))
        mosquitto.start()
        await record.until(count_of(Alarm, 2))
        lost, back = (m for m in record.messages if isinstance(m, Alarm))
        said = reasons(record.messages)
    assert (lost.kind, lost.subject, lost.cleared) == ("broker_lost", "meters", False)
    assert (back.kind, back.subject, back.cleared) == ("broker_lost", "meters", True)
    assert back.id == lost.id
    assert said[0] == said[-1] == "ONLINE"
    assert f"DEGRADED connection to 127.0.0.1:{mosquitto.port} lost" in said
    lines = [r.message for r in caplog.records if r.name == "hub.plugins.meters"]
    assert len(lines) == 2
    assert lines[1] == "connected to the broker again"


async def test_no_broker_at_the_start_is_an_alarm_too(
    tmp_path: Path, unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(plugin, "BROKER_LOST_AFTER_S", 0.1)
    monkeypatch.setattr(plugin, "REVIEW_EVERY_S", 0.1)
    async with running(tmp_path, yaml(f"mqtt://127.0.0.1:{unused_tcp_port}")) as hub:
        record = Recording(hub, "alarm/#")
        await record.until(count_of(Alarm, 1))
        assert "is a broker running there?" in hub.plugins["meters"].reason


async def test_a_retained_payload_is_an_estimate(mosquitto: Mosquitto, tmp_path: Path):
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    payload = {"Time": at.replace(tzinfo=None).isoformat(), "ENERGY": {"Power": 7}}
    await asyncio.to_thread(
        mosquitto_pub, mosquitto, "tele/house1/SENSOR", json.dumps(payload).encode(), "-r"
    )
    async with running(tmp_path, yaml(mosquitto.url)) as hub:
        record = Recording(hub, "reading/#")
        await record.until(count_of(Reading, 1))
    assert record.messages == [
        Reading("house1", "power", 7.0, "W", at, Quality.ESTIMATED),
    ]


async def test_a_counter_that_was_reset_while_the_hub_was_down_goes_on(
    mosquitto: Mosquitto, tmp_path: Path
):
    totals = []
    for total in ("5000.0", "0.002"):
        async with running(tmp_path, yaml(mosquitto.url)) as hub:
            record = Recording(hub, "reading/house1/energy_import")
            await until_online(hub)
            payload = f'{{"ENERGY":{{"Total":{total}}}}}'.encode()
            await asyncio.to_thread(mosquitto_pub, mosquitto, "tele/house1/SENSOR", payload)
            await record.until(count_of(Reading, 1))
            totals += [(m.value, m.quality) for m in record.messages if isinstance(m, Reading)]
    assert totals == [(5_000_000.0, Quality.GOOD), (5_000_002.0, Quality.ESTIMATED)]


async def test_a_new_cycle_is_saved_at_once(
    mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(plugin, "REVIEW_EVERY_S", 0.05)
    async with running(tmp_path, yaml(mosquitto.url)) as hub:
        record = Recording(hub, "reading/house1/energy_import")
        await until_online(hub)
        for number, total in enumerate(("5000.0", "0.002"), start=1):
            payload = f'{{"ENERGY":{{"Total":{total}}}}}'.encode()
            await asyncio.to_thread(mosquitto_pub, mosquitto, "tele/house1/SENSOR", payload)
            await record.until(count_of(Reading, number))
        context = hub.plugins["meters"].context
        assert context is not None
        async with asyncio.timeout(20):
            while True:
                saved = await context.history.run(lambda c: load_counters(c, "meters"))
                if saved and saved["house1"]["energy_import"].offset_mwh == 5_000_000_000:
                    return


# --- In virtual time ------------------------------------------------------------------------------


def simulate(folder: Path, text: str, messages: list[tuple[str, bytes]]) -> tuple[Hub, list[Any]]:
    """Let a link say all messages to a hub; return the hub and what was on its bus."""

    async def run() -> tuple[Hub, list[Any]]:
        async with running(folder, text) as hub:
            record = Recording(hub)
            link = hub.loopback.connect(LinkOptions("mqtt://broker", "meter"))
            await asyncio.sleep(1)
            for topic, payload in messages:
                await link.publish(topic, payload)
                await asyncio.sleep(0.001)
            await asyncio.sleep(1)
            probed = await hub.plugins["meters"].plugin.probe()  # type: ignore[union-attr]
            return hub, [probed, *record.messages]

    return in_virtual_time(run)


def hostile(chance: random.Random) -> bytes:
    """Return something that no meter says."""
    kinds: list[Callable[[], bytes]] = [
        lambda: chance.randbytes(chance.randrange(60)) + b"\xff",
        lambda: b"",
        lambda: b"[" * 60_000,
        lambda: b"x" * 1_000_000,
        lambda: b'{"ENERGY":{"Power":' + b"9" * 5001 + b"}}",
        lambda: b'{"ENERGY":{"Power":NaN}}',
        lambda: b'{"ENERGY":{"Power":-Infinity}}',
        lambda: b'{"ENERGY":{"Power":1e999}}',
        lambda: b'{"ENERGY":{"Total":-1}}',
        lambda: b'{"ENERGY":{"Total":1e12}}',
        lambda: b'{"ENERGY":{"Voltage":"<img src=x onerror=alert(1)>"}}',
        lambda: b'{"ENERGY":{"Power":[1,2,3,4,5]}}',
        lambda: b'{"ENERGY":null}',
        lambda: b'{"Time":"tomorrow","ENERGY":{"Power":1}}',
        lambda: b'{"Time":"2099-01-01T00:00:00","ENERGY":{"Power":1}}',
        lambda: b'{"Time":' + b"9" * 400 + b',"ENERGY":{"Power":1}}',
    ]
    return chance.choice(kinds)()


def test_ten_thousand_hostile_payloads_are_counted_and_the_next_good_one_is_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    chance = random.Random(7)
    messages = [("tele/house1/SENSOR", hostile(chance)) for _ in range(10_000)]
    good = ("tele/house1/SENSOR", b'{"ENERGY":{"Power":7}}')
    caplog.set_level(logging.INFO, "hub.plugins.meters")
    _, (probed, *bus) = simulate(tmp_path, yaml("mqtt://broker"), [*messages, good])
    readings = [m for m in bus if isinstance(m, Reading)]
    assert [(r.quantity, r.value) for r in readings] == [("power", 7.0)]
    assert probed["devices"]["house1"]["unusable"] == 10_000
    # They came within ten virtual seconds: one line.
    lines = [r.message for r in caplog.records if r.name == "hub.plugins.meters"]
    assert len(lines) == 1
    assert lines[0].startswith("house1: ")


def test_strangers_on_the_broker_do_not_get_onto_the_bus(tmp_path: Path):
    payload = b'{"ENERGY":{"Power":7}}'
    topics = ["tele/stranger/SENSOR", "tele/<b>/SENSOR", "tele//SENSOR", "tele/house1/STATE"]
    _, (_, *bus) = simulate(tmp_path, yaml("mqtt://broker"), [(t, payload) for t in topics])
    assert not [m for m in bus if isinstance(m, Reading)]


def test_meters_have_other_names_and_topics_at_the_broker(tmp_path: Path):
    text = yaml(
        "mqtt://broker",
        devices="{house1: tasmota_3F21A0}",
        topic="'home/{device}/tele/SENSOR'",
        availability_topic="'home/{device}/tele/LWT'",
        timezone="Europe/Berlin",
    )
    payload = b'{"Time":"2026-06-21T02:00:00.500","ENERGY":{"Power":7}}'
    messages = [("home/tasmota_3F21A0/tele/SENSOR", payload)]
    _, (probed, *bus) = simulate(
        tmp_path, text, [*messages, ("home/tasmota_3F21A0/tele/LWT", b"Offline")]
    )
    readings = [m for m in bus if isinstance(m, Reading)]
    assert [(r.device, r.at) for r in readings] == [("house1", NOW + timedelta(seconds=0.5))]
    assert probed["devices"]["house1"]["offline"]


def test_a_field_map_of_ones_own_needs_no_preset(tmp_path: Path):
    own = (
        "{topics: [{topic: 'plant/{device}', time: /t, fields: ["
        "{quantity: power, pointer: /p/0, unit: kW, scale: -1}]}]}"
    )
    text = yaml("mqtt://broker", map=own, devices="[solar]")
    _, (_, *bus) = simulate(tmp_path, text, [("plant/solar", b'{"t":1782000000,"p":[2.5]}')])
    readings = [m for m in bus if isinstance(m, Reading)]
    assert [(r.device, r.quantity, r.value, r.unit) for r in readings] == [
        ("solar", "power", -2500.0, "W")
    ]


def test_silent_meters_are_named(tmp_path: Path):
    payload = b'{"ENERGY":{"Power":7}}'
    text = yaml("mqtt://broker", stale_after="1s")
    _, (_, *bus) = simulate(tmp_path, text, [("tele/house1/SENSOR", payload)] * 2_000)
    assert reasons(bus)[-1] == "DEGRADED head was never heard"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"preset": "tasmato"}, "no preset 'tasmato' in config/meters; there are: dsmr, esphome"),
        ({"preset": "mine.yaml"}, "mine.yaml"),
        ({"preset": "dsmr"}, "the same for all 2 meters"),
        ({"devices": {"house1": "#"}}, "no topic has that"),
        (
            {"map": {"topics": [{"topic": "t/{device}", "fields": [
                {"quantity": "power", "unit": "V", "pointer": "/p"}]}]}},
            "power is in W, but its field is in V",
        ),
        (
            {"map": {"topics": [{"topic": "t/{device}", "fields": [
                {"quantity": "pwr", "unit": "W", "pointer": "/p"}]}]}},
            "unknown quantity 'pwr'",
        ),
    ],
)  # fmt: skip
def test_the_offline_check_names_what_cannot_work(
    tmp_path: Path, options: dict[str, Any], words: str
):
    check = CheckContext({"house1": House()}, tmp_path, "meters")
    (problem,) = plugin.SmartMeterMqtt.check(plugin.Config.model_validate(options), check)
    assert words in problem


def test_the_offline_check_passes_the_default(tmp_path: Path):
    check = CheckContext({"house1": House()}, tmp_path, "meters")
    assert plugin.SmartMeterMqtt.check(plugin.Config(), check) == []
    assert check.unchecked == ["whether the broker answers"]


@pytest.mark.parametrize(
    "options", [{"timezone": "Europe/Bern"}, {"broker": "http://b"}, {"max_power_w": 0}]
)
def test_settings_that_cannot_be_meant_are_refused(options: dict[str, Any]):
    with pytest.raises(ValueError, match="1 validation error"):
        plugin.Config.model_validate(options)
