"""The recorder in a hub, on real SQLite."""

import asyncio
import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hub.core import Hub
from hub.grid_messages import FeederState
from hub.market_messages import TradeSettled
from hub.messages import Alarm, Message, Reading, ReadingBatch, Severity
from hub.testing import in_virtual_time, running

YAML = "plugins:\n  history: {use: recorder, min_interval: 1s, heartbeat: 10s}\n"


def reading(hub: Hub, value: float, device: str = "house1") -> Reading:
    return Reading(device, "voltage", value, "V", hub.clock.now())


async def series(hub: Hub, device: str = "house1", quantity: str = "voltage", **more: object):
    request = {"device": device, "quantity": quantity, "points": 5000, **more}
    # A busy machine may take its time; what hangs for ever is cut off by the suite.
    return await hub.services.ask("history/series", request, timeout_s=200)


def test_readings_come_back_as_a_series(tmp_path: Path):
    async def program() -> dict[str, list[float]]:
        async with running(tmp_path, YAML) as hub:
            await hub.settled()
            for step in range(10):
                hub.bus.publish(reading(hub, 230.0 + step))
                hub.bus.publish(
                    ReadingBatch(
                        "m", "power", "W", ("a", "b"), (1.0 + step, -step - 1.0), hub.clock.now()
                    )
                )
                await asyncio.sleep(1)
            answer = await series(hub)
            batch = await series(hub, "b", "power")
            json.dumps(answer, allow_nan=False)
            return {"voltage": answer["value"], "power": batch["value"], "max": answer["max"]}

    found = in_virtual_time(program)
    assert found["voltage"] == [230.0 + step for step in range(10)]
    assert found["power"] == [-1.0 - step for step in range(10)]
    assert found["max"] == found["voltage"]


def test_few_points_are_means_with_their_extremes(tmp_path: Path):
    async def program():
        async with running(tmp_path, YAML) as hub:
            await hub.settled()
            start = hub.clock.now()
            for step in range(100):
                hub.bus.publish(reading(hub, 100.0 + step))
                await asyncio.sleep(1)
            until = start + timedelta(seconds=99.999)
            return await series(hub, since=start.isoformat(), until=until.isoformat(), points=4)

    answer = in_virtual_time(program)
    assert answer["value"] == [112.0, 137.0, 162.0, 187.0]
    assert answer["min"] == [100.0, 125.0, 150.0, 175.0]
    assert answer["max"] == [124.0, 149.0, 174.0, 199.0]


def test_events_come_back_newest_first_with_words_and_by_topic(tmp_path: Path):
    async def program():
        async with running(tmp_path, YAML) as hub:
            await hub.settled()
            now = hub.clock.now()
            hub.bus.publish(Alarm("outage", "house1", Severity.CRITICAL, now, "dark", {"v": 0.0}))
            hub.bus.publish(
                TradeSettled(
                    market="m", at=now, trade_id=7, buyer="b", seller="s", qty_wh=3000,
                    delivered_wh=2500, received_wh=2500, paid_wei=10**20, price_wei_per_kwh=1,
                )
            )  # fmt: skip
            everything = await hub.services.ask("history/events", {"limit": 10})
            alarms = await hub.services.ask("history/events", {"topics": ["alarm/#"]})
            trades = await hub.services.ask(
                "history/events", {"topics": ["market/+/trade_settled"]}
            )
            return everything, alarms, trades

    everything, alarms, trades = in_virtual_time(program)
    texts = [event["text"] for event in everything]
    assert texts[:2] == ["s to b settled: 2.5 kWh of 3 kWh delivered", "dark"]
    assert [event["topic"] for event in alarms] == ["alarm/outage/house1"]
    assert alarms[0]["data"]["evidence"] == {"v": 0.0}
    assert [event["topic"] for event in trades] == ["market/m/trade_settled"]


def test_a_feeder_state_becomes_a_summary(tmp_path: Path):
    async def program():
        async with running(tmp_path, YAML) as hub:
            await hub.settled()
            now = hub.clock.now()
            hub.bus.publish(
                FeederState(
                    "grid", now, now, ("a.1", "a.2", "b.1"), (1.05, 0.0, 0.97), {"reg": 3}, (), (),
                    (), 3.5e6, 1e6, 1e5,
                )
            )  # fmt: skip
            await asyncio.sleep(0)
            return [
                (await series(hub, "grid", quantity))["value"]
                for quantity in ("source_power", "voltage_max_pu", "voltage_min_pu")
            ]

    assert in_virtual_time(program) == [[3.5e6], [1.05], [0.97]]


def test_an_unchanged_value_is_kept_as_a_sign_of_life_only(tmp_path: Path):
    async def program():
        async with running(tmp_path, YAML) as hub:
            await hub.settled()
            for _ in range(30):
                hub.bus.publish(reading(hub, 240.0))
                await asyncio.sleep(1)
            return len((await series(hub))["value"])

    assert in_virtual_time(program) == 3


def test_old_samples_become_minutes_and_old_minutes_go(tmp_path: Path):
    text = (
        "plugins:\n  history: {use: recorder, min_interval: 1s, flush: 10s, "
        "keep_raw: 20m, keep_minutes: 40m, keep_events: 40m}\n"
    )

    async def program():
        async with running(tmp_path, text) as hub:
            await hub.settled()
            start = hub.clock.now()
            hub.bus.publish(Alarm("outage", "house1", Severity.CRITICAL, start, "dark"))
            for step in range(0, 3600, 4):
                hub.bus.publish(reading(hub, float(step)))
                await asyncio.sleep(4)
            await asyncio.sleep(10)
            events = await hub.services.ask("history/events", {"topics": ["alarm/#"]})
            until = hub.clock.now().isoformat()
            fine = await series(hub, since=start.isoformat(), until=until, points=5000)
            coarse = await series(hub, since=start.isoformat(), until=until, points=1)
            return events, fine, coarse

    events, fine, coarse = in_virtual_time(program)
    assert events == []
    ages_s = [3610 - _seconds(at) for at in fine["at"]]
    assert 2400 <= max(ages_s) <= 2400 + 60 + 600
    raw = [at for at in fine["at"] if 3600 - _seconds(at) < 1200]
    assert len(raw) == pytest.approx(300, abs=2)
    thinned = len(fine["at"]) - len(raw)
    assert 20 <= thinned <= 31 + 150, "minutes, and samples since the last thinning out"
    # Nothing was lost or counted twice where both meet.
    first = _seconds(fine["at"][0])
    assert coarse["value"] == [pytest.approx((first + 3596) / 2, abs=4)]
    assert coarse["max"] == [3596.0]


def _seconds(at: str) -> float:
    return (datetime.fromisoformat(at) - datetime(2026, 6, 21, tzinfo=UTC)).total_seconds()


def test_two_runs_in_virtual_time_leave_the_same_history(tmp_path: Path):
    def run(folder: Path) -> list[tuple[object, ...]]:
        folder.mkdir()

        async def program() -> None:
            async with running(folder, YAML) as hub:
                await hub.settled()
                for step in range(50):
                    hub.bus.publish(reading(hub, 230.0 + step % 7))
                    await asyncio.sleep(0.7)

        in_virtual_time(program)
        with sqlite3.connect(folder / ".hub" / "history.db") as connection:
            return [
                *connection.execute("select * from recorder_sample"),
                *connection.execute("select at_ms, topic, text from recorder_event"),
            ]

    assert run(tmp_path / "one") == run(tmp_path / "two")


async def test_a_locked_history_loses_nothing_and_is_written_when_it_is_free(tmp_path: Path):
    async with running(tmp_path, YAML) as hub:
        await hub.settled()
        await hub.history.run(lambda c: c.exec_driver_sql("PRAGMA busy_timeout=1") and None)
        blocker = sqlite3.connect(tmp_path / ".hub" / "history.db", isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        recorder = hub.plugins["history"].plugin
        hub.bus.publish(reading(hub, 230.0))
        await asyncio.sleep(0)
        await recorder._flush()  # type: ignore[union-attr]
        status = hub.plugins["history"].status()
        assert status.state == "DEGRADED"
        assert (
            "the history is not written: history.db: another program holds it locked"
            in status.reason
        )
        blocker.execute("ROLLBACK")
        blocker.close()
        assert (await series(hub))["value"] == [230.0]
        assert hub.plugins["history"].status().state == "ONLINE"


async def test_a_full_disk_loses_nothing_and_is_written_when_there_is_room(tmp_path: Path):
    async with running(tmp_path, YAML) as hub:
        await hub.settled()

        def pages(connection) -> int:
            return int(connection.exec_driver_sql("PRAGMA page_count").scalar())

        used = await hub.history.run(pages)
        await hub.history.run(lambda c: c.exec_driver_sql(f"PRAGMA max_page_count={used}") and None)
        recorder = hub.plugins["history"].plugin
        for step in range(500):
            hub.bus.publish(reading(hub, 230.0, f"meter{step}"))
        await asyncio.sleep(0)
        await _until_delivered(hub)
        await recorder._flush()  # type: ignore[union-attr]
        assert (
            "history.db: the disk is full; make room on it"
            in hub.plugins["history"].status().reason
        )
        await hub.history.run(lambda c: c.exec_driver_sql("PRAGMA max_page_count=100000") and None)
        assert (await series(hub, "meter499"))["value"] == [230.0]
        assert (await series(hub, "meter0"))["value"] == [230.0]
        assert hub.plugins["history"].status().state == "ONLINE"


async def _until_delivered(hub: Hub) -> None:
    while any(s.backlog for s in hub.bus.subscriptions):  # noqa: ASYNC110 - a queue has no event
        await asyncio.sleep(0)


class Strange(Message):
    """A message of nobody the recorder knows."""

    @property
    def topic(self) -> str:
        return "strange/thing"


async def test_messages_it_does_not_know_are_passed_over(tmp_path: Path):
    async with running(tmp_path, YAML) as hub:
        await hub.settled()
        hub.bus.publish(Strange())
        events = await hub.services.ask("history/events", {"topics": ["strange/#"]})
        assert events == []
        assert hub.plugins["history"].errors == 0
