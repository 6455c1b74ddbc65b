"""The fault detector in a hub: on the bus, across restarts, and with its ledger in trouble."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

from hub.core import Hub
from hub.messages import Alarm, Message, PluginState, PluginStatus, Quality, Reading, Severity
from hub.testing import Recording, in_virtual_time, make_hub, running

YAML = """
houses:
  house1: {bus: 671.1}
  house2: {bus: 671.1}
  works: {bus: 671.1.2.3, nominal_v: 2401.78}
plugins:
  faults: {use: fault_detector, dwell: 3s, stale_after: 5s}
"""


def tell(hub: Hub, device: str, quantity: str, volts: float, age_s: float = 0.0) -> None:
    at = hub.clock.now() - timedelta(seconds=age_s)
    hub.bus.publish(Reading(device, quantity, volts, "V", at))


def tell_all(hub: Hub, house1_v: float = 240.0) -> None:
    tell(hub, "house1", "voltage", house1_v)
    tell(hub, "house2", "voltage", 240.0)
    for phase in "abc":
        tell(hub, "works", f"voltage_{phase}", 2401.78)
        tell(hub, "head", f"voltage_{phase}", 2401.78)


def alarms(messages: list[Message]) -> list[Alarm]:
    return [m for m in messages if isinstance(m, Alarm)]


def raised_and_cleared(messages: list[Message]) -> Alarm | None:
    found = alarms(messages)
    return found[-1] if len(found) == 2 else None


async def test_an_outage_is_alarmed_and_served_and_cleared_under_one_id(tmp_path: Path):
    async with running(tmp_path, YAML) as hub:
        await hub.settled()
        record = Recording(hub, "alarm/#")
        tell_all(hub, house1_v=3.0)
        raised = await record.until(lambda m: alarms(m)[0] if alarms(m) else None)
        assert raised.topic == "alarm/outage/house1"
        assert raised.evidence["voltage_v"] == 3.0
        answer = await hub.services.ask("faults/alarms")
        assert [a["id"] for a in answer["active"]] == [raised.id]
        json.dumps(answer, allow_nan=False)
        tell_all(hub)
        cleared = await record.until(raised_and_cleared)
        assert cleared.cleared
        assert cleared.id == raised.id
        assert (await hub.services.ask("faults/alarms"))["active"] == []


async def test_a_restart_neither_loses_nor_repeats_an_alarm(tmp_path: Path):
    async with running(tmp_path, YAML) as hub:
        await hub.settled()
        record = Recording(hub, "alarm/#")
        tell_all(hub, house1_v=0.0)
        raised = await record.until(lambda m: alarms(m)[0] if alarms(m) else None)
        await _until_told(hub)
    async with running(tmp_path, YAML) as hub:
        record = Recording(hub, "alarm/#")
        await hub.settled()
        answer = await hub.services.ask("faults/alarms")
        assert [a["id"] for a in answer["active"]] == [raised.id]
        tell_all(hub, house1_v=0.0)
        tell_all(hub)
        cleared = await record.until(lambda m: alarms(m)[0] if alarms(m) else None)
        assert (cleared.id, cleared.cleared) == (raised.id, True)
        assert cleared.evidence["voltage_pu"] == 1.0


async def test_what_was_found_but_not_told_before_a_crash_is_told_after_it(tmp_path: Path):
    async with running(tmp_path, YAML) as hub:
        await hub.settled()
        record = Recording(hub, "alarm/#")
        tell_all(hub, house1_v=0.0)
        raised = await record.until(lambda m: alarms(m)[0] if alarms(m) else None)
        await _until_told(hub)
        # The state that a kill between the commit and the bus leaves behind.
        await hub.ledger.run(lambda c: c.execute(text("update fault_detector_alarm set told = 0")))
    hub = make_hub(tmp_path, YAML)
    record = Recording(hub, "alarm/#")
    await hub.start()
    try:
        again = await record.until(lambda m: alarms(m)[0] if alarms(m) else None)
    finally:
        await hub.stop()
    assert again.id == raised.id


async def _until_told(hub: Hub) -> None:
    await hub.plugins["faults"].plugin._tick()  # type: ignore[union-attr]

    def count(connection: Any) -> int:
        query = text("select count(*) from fault_detector_alarm where told = 1")
        return int(connection.execute(query).scalar_one())

    assert await hub.ledger.run(count) == 1


async def test_a_ledger_that_cannot_be_written_silences_no_alarm(tmp_path: Path):
    async with running(tmp_path, YAML) as hub:
        await hub.settled()
        await hub.ledger.run(lambda c: c.execute(text("drop table fault_detector_alarm")))
        record = Recording(hub, "alarm/#")
        tell_all(hub, house1_v=0.0)
        await record.until(lambda m: alarms(m)[0] if alarms(m) else None)
        status = hub.plugins["faults"].status()
        assert status.state is PluginState.DEGRADED
        assert "told but not kept: ledger.db: no such table" in status.reason


def test_in_virtual_time_dwell_and_silence_are_exact_and_repeat(tmp_path: Path):
    async def program() -> list[tuple[str, float, bool]]:
        async with running(tmp_path, YAML) as hub:
            await hub.settled()
            record = Recording(hub, "alarm/#")
            start = hub.clock.now()
            for second in range(30):
                await asyncio.sleep(1)
                tell_all(hub, house1_v=255.0 if 5 <= second < 15 else 240.0)
            await asyncio.sleep(15)
            return [
                (a.topic, (a.at - start).total_seconds(), a.cleared)
                for a in alarms(record.messages)
            ]

    first, second = in_virtual_time(program), in_virtual_time(program)
    assert first == second
    assert [(topic, cleared) for topic, _, cleared in first] == [
        ("alarm/voltage/house1", False),
        ("alarm/voltage/house1", True),
        ("alarm/broker_lost/all_meters", False),
    ]
    assert [at for _, at, _ in first] == [9.0, 16.0, 40.5]


def test_a_meter_plugin_in_trouble_is_no_loss_of_meters(tmp_path: Path):
    async def program() -> list[str]:
        async with running(tmp_path, YAML) as hub:
            await hub.settled()
            record = Recording(hub, "alarm/#")
            tell_all(hub)
            now = hub.clock.now()
            hub.bus.publish(
                PluginStatus("meters", "smart_meter_mqtt", PluginState.FAILED, now, "no broker")
            )
            await asyncio.sleep(60)
            silent = [a.topic for a in alarms(record.messages)]
            assert silent == []
            hub.bus.publish(PluginStatus("meters", "smart_meter_mqtt", PluginState.ONLINE, now))
            await asyncio.sleep(60)
            return [a.topic for a in alarms(record.messages)]

    assert in_virtual_time(program) == ["alarm/broker_lost/all_meters"]


def test_a_reading_that_is_bad_or_was_old_on_arrival_is_no_evidence(tmp_path: Path):
    async def program() -> list[str]:
        async with running(tmp_path, YAML) as hub:
            await hub.settled()
            record = Recording(hub, "alarm/outage/#")
            for _ in range(3):
                tell_all(hub)
                await asyncio.sleep(1)
            tell(hub, "house1", "voltage", 0.0, age_s=60)
            tell(hub, "house2", "voltage", 240.0)
            bad = Reading("house1", "voltage", 0.0, "V", hub.clock.now(), Quality.BAD)
            hub.bus.publish(bad)
            hub.bus.publish(replace(bad, quality=Quality.ESTIMATED, at=bad.at - timedelta(hours=1)))
            await asyncio.sleep(2)
            return [a.topic for a in alarms(record.messages)]

    assert in_virtual_time(program) == []


def test_a_meter_plugin_that_misses_one_meter_hides_no_loss(tmp_path: Path):
    async def program() -> list[str]:
        async with running(tmp_path, YAML) as hub:
            await hub.settled()
            record = Recording(hub, "alarm/#")
            now = hub.clock.now()
            hub.bus.publish(
                PluginStatus("meters", "smart_meter_mqtt", PluginState.DEGRADED, now, "one is away")
            )
            for _ in range(10):
                await asyncio.sleep(1)
                tell(hub, "house2", "voltage", 240.0)
                for phase in "abc":
                    tell(hub, "works", f"voltage_{phase}", 2401.78)
                    tell(hub, "head", f"voltage_{phase}", 2401.78)
            return [a.topic for a in alarms(record.messages)]

    assert in_virtual_time(program) == ["alarm/meter_lost/house1"]


def test_without_a_word_from_others_an_outage_is_told_after_the_settling_time(tmp_path: Path):
    async def program() -> list[tuple[str, float]]:
        async with running(tmp_path, YAML) as hub:
            await hub.settled()
            await asyncio.sleep(0.1)
            tell_all(hub)
            record = Recording(hub, "alarm/#")
            await asyncio.sleep(1)
            start = hub.clock.now()
            tell(hub, "house1", "voltage", 0.0)
            await asyncio.sleep(2)
            return [(a.topic, (a.at - start).total_seconds()) for a in alarms(record.messages)]

    assert in_virtual_time(program) == [("alarm/outage/house1", 0.25)]


def test_while_the_broker_is_away_no_meter_is_lost(tmp_path: Path):
    async def program() -> list[str]:
        async with running(tmp_path, YAML) as hub:
            await hub.settled()
            tell_all(hub)
            record = Recording(hub, "alarm/+/+")
            away = Alarm("broker_lost", "meters", Severity.WARNING, hub.clock.now(), "", id="b")
            hub.bus.publish(away)
            await asyncio.sleep(60)
            hub.bus.publish(replace(away, cleared=True))
            await asyncio.sleep(4)
            return [a.topic for a in alarms(record.messages)]

    assert in_virtual_time(program) == ["alarm/broker_lost/meters"] * 2
