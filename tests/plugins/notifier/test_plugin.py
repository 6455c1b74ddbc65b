"""The notifier in a hub, with real servers standing in for n8n and Telegram."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import text

from hub.core import Hub
from hub.messages import (
    Alarm,
    Command,
    CommandStatus,
    Message,
    Notification,
    PluginState,
    Reading,
    Severity,
)
from hub.testing import Recording, in_virtual_time, running
from tests.plugins.notifier.far_side import TOKEN, FarSide, eventually, far_side, hang

HOUSES = """
houses:
  house1: {bus: 671.1, telegram: "1001"}
  house2: {bus: 671.1, telegram: "1002"}
"""
SUBSTATION_TEXT = (
    "Alert: A fault has been detected at House 1. Please initiate rectification procedures."
)
SECRET = "whsec_" + base64.b64encode(b"a shared secret of some length").decode()


def yaml(n8n: FarSide | None = None, telegram: FarSide | None = None, more: str = "") -> str:
    lines = [HOUSES, "plugins:", "  alerts:", "    use: notifier"]
    if n8n is not None:
        lines.append(f'    n8n: {{url: "{n8n.url}/webhook/microgrid", secret: "{SECRET}"}}')
    if telegram is not None:
        lines.append(
            f'    telegram: {{token: "{TOKEN}", substation_chat: "-900", '
            f'api_url: "{telegram.url}", pacing: false}}'
        )
    lines.append("    retry: [20ms, 40ms, 80ms, 160ms]")
    return "\n".join([*lines, more]) + "\n"


def outage(
    hub: Hub, *, cleared: bool = False, house: str = "house1", alarm_id: str = "a1"
) -> Alarm:
    evidence = {"voltage_v": 0.0, **({"lasted_s": 42.0} if cleared else {})}
    return Alarm(
        "outage", house, Severity.CRITICAL, hub.clock.now(), "dark", evidence, cleared, alarm_id
    )


def serve_sellers(hub: Hub, answer: Callable[[Any], Awaitable[Any]]) -> None:
    hub.services.register("market/sellers", answer, "test")


async def two_sellers(request: Any) -> list[dict[str, Any]]:
    assert request == {"exclude": "house1"}
    return [
        {"house": "house3", "name": "House 3", "available_wh": 4000, "best_ask_wei_per_kwh": 20},
        {"house": "house2", "name": "House 2", "available_wh": 900, "best_ask_wei_per_kwh": 10},
    ]


LINK = "http://127.0.0.1:8080/dapp?side=buy&qty_wh=3000&max_price=20&src=alert"
HOME_TEXT = (
    "A fault has been detected at your house. You can buy backup power from House 2 or House 3 "
    f"on our trading platform: {LINK}"
)


async def status_of(hub: Hub, channel: str) -> list[tuple[str, str, str]]:
    entries = await hub.services.ask("alerts/recent", {"limit": 50})
    return [(e["audience"], e["status"], e["reason"]) for e in entries if e["channel"] == channel]


async def settled_status(hub: Hub, channel: str, *wanted: str) -> list[tuple[str, str, str]]:
    """Wait until the deliveries of a channel have these states."""

    async def reached() -> bool:
        found = await status_of(hub, channel)
        return sorted(status for _, status, _ in found) == sorted(wanted)

    await eventually(reached)
    return await status_of(hub, channel)


async def test_two_messages_leave_on_every_channel_with_the_words_of_the_mission(tmp_path: Path):
    async with far_side() as n8n, far_side() as bot, running(tmp_path, yaml(n8n, bot)) as hub:
        await hub.settled()
        serve_sellers(hub, two_sellers)
        record = Recording(hub, "notification/#")
        hub.bus.publish(outage(hub))
        await n8n.until(2)
        await bot.until(2)
        by_audience = {r.json["audience"]: r.json for r in n8n.requests}
        assert by_audience["substation"]["text"] == SUBSTATION_TEXT
        assert by_audience["house1"]["text"] == HOME_TEXT
        assert by_audience["house1"]["link"] == LINK
        assert by_audience["house1"]["event"] == "alarm.raised"
        assert by_audience["house1"]["chat_id"] == "1001"
        assert by_audience["substation"]["data"]["voltage_v"] == 0.0
        chats = {r.json["chat_id"]: r.json for r in bot.requests}
        assert chats["-900"]["text"] == SUBSTATION_TEXT
        assert chats["1001"]["text"] == HOME_TEXT.replace("&", "&amp;")
        assert chats["1001"]["parse_mode"] == "HTML"
        assert {r.path for r in bot.requests} == {f"/bot{TOKEN}/sendMessage"}
        seen = await record.until(lambda m: m if len(m) == 2 else None)
        assert {n.audience for n in seen if isinstance(n, Notification)} == {
            "substation",
            "house1",
        }
        assert all(isinstance(n, Notification) and n.cause == "a1" for n in seen)
        await settled_status(hub, "n8n", "sent", "sent")
        await settled_status(hub, "telegram", "sent", "sent")


async def test_the_link_leads_to_where_the_page_is_served(tmp_path: Path):
    async def address(_: Any) -> str:
        return "http://192.168.1.20:9000"

    async with running(tmp_path, yaml()) as hub:
        await hub.settled()
        serve_sellers(hub, two_sellers)
        hub.services.register("web/address", address, "test")
        record = Recording(hub, "notification/house1")
        hub.bus.publish(outage(hub))
        (message,) = await record.until(lambda got: got[:1])
        assert message.link.startswith("http://192.168.1.20:9000/dapp?side=buy")  # type: ignore[attr-defined]


async def test_both_hear_that_service_has_returned(tmp_path: Path):
    async with far_side() as n8n, running(tmp_path, yaml(n8n)) as hub:
        await hub.settled()
        hub.bus.publish(outage(hub))
        hub.bus.publish(outage(hub, cleared=True))
        requests = await n8n.until(4)
        told: dict[str, list[str]] = {}
        for request in requests:
            told.setdefault(request.json["audience"], []).append(request.json["text"])
        assert told["substation"] == [
            SUBSTATION_TEXT,
            "Service at House 1 has returned after 42 s. The fault is cleared.",
        ]
        assert told["house1"][1] == "Service at your house has returned after 42 s."


async def test_every_request_to_n8n_is_signed_and_keeps_its_id_over_retries(tmp_path: Path):
    async with far_side() as n8n, running(tmp_path, yaml(n8n)) as hub:
        n8n.script(500, 500, 500)
        await hub.settled()
        hub.bus.publish(Alarm("broker_lost", "meters", Severity.CRITICAL, hub.clock.now(), "away"))
        requests = await n8n.until(4)
        assert len({r.headers["webhook-id"] for r in requests}) == 1
        for request in requests:
            content = (
                f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode()
                + request.raw
            )
            digest = hmac.new(b"a shared secret of some length", content, hashlib.sha256).digest()
            assert request.headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
        await settled_status(hub, "n8n", "sent")


async def test_a_hanging_destination_delays_nobody_else(tmp_path: Path):
    async with far_side() as n8n, running(tmp_path, yaml(n8n)) as hub:

        async def answer(request: Any) -> web.StreamResponse:
            if request.json["audience"] == "substation":
                return await hang(request)
            return web.json_response({})

        n8n.answer = answer
        await hub.settled()
        hub.bus.publish(outage(hub))
        await n8n.until(2)

        async def told_the_house() -> bool:
            return ("house1", "sent", "") in await status_of(hub, "n8n")

        await eventually(told_the_house, timeout_s=5)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, "the workflow is not active, or the address is its test address"),
        (403, "the webhook refuses the header"),
        (302, "redirects, which is not followed"),
    ],
)
async def test_what_an_edit_in_n8n_can_mend_is_explained_and_tried_again(
    tmp_path: Path, status: int, words: str
):
    async with far_side() as n8n, running(tmp_path, yaml(n8n)) as hub:
        n8n.script(web.Response(status=status, headers={"location": n8n.url}))
        await hub.settled()
        states = Recording(hub, "plugin/alerts/status")
        hub.bus.publish(Alarm("meter_lost", "m", Severity.WARNING, hub.clock.now(), "silent"))
        await n8n.until(2)
        await settled_status(hub, "n8n", "sent")
        reasons = [m.reason for m in states.messages]  # type: ignore[attr-defined]
        assert any(words in reason for reason in reasons)
        assert hub.plugins["alerts"].status().state is PluginState.ONLINE


async def test_gone_closes_the_channel(tmp_path: Path):
    async with far_side() as n8n, running(tmp_path, yaml(n8n)) as hub:
        n8n.script(410)
        await hub.settled()
        hub.bus.publish(Alarm("meter_lost", "m", Severity.WARNING, hub.clock.now(), "silent"))
        await settled_status(hub, "n8n", "failed")
        hub.bus.publish(Alarm("meter_lost", "k", Severity.WARNING, hub.clock.now(), "silent"))
        await settled_status(hub, "n8n", "failed", "failed")
        assert len(n8n.requests) == 1
        assert hub.plugins["alerts"].status().state is PluginState.DEGRADED


async def test_the_pause_that_telegram_asks_for_is_kept(tmp_path: Path):
    async with far_side() as bot, running(tmp_path, yaml(telegram=bot)) as hub:
        bot.script(
            web.json_response(
                {"ok": False, "error_code": 429, "parameters": {"retry_after": 1}}, status=429
            )
        )
        await hub.settled()
        hub.bus.publish(Alarm("meter_lost", "m", Severity.WARNING, hub.clock.now(), "silent"))
        await bot.until(1)
        # More news to the same chat must not shorten the pause.
        hub.bus.publish(Alarm("meter_lost", "k", Severity.WARNING, hub.clock.now(), "silent"))
        first, second, *_ = await bot.until(3)
        assert 1.0 <= second.at - first.at < 2.0
        assert first.json["text"] == second.json["text"]


async def test_a_chat_that_refuses_is_given_up_and_the_next_message_is_tried(tmp_path: Path):
    async with far_side() as bot, running(tmp_path, yaml(telegram=bot)) as hub:
        bot.script(403)
        await hub.settled()
        hub.bus.publish(Alarm("meter_lost", "m", Severity.WARNING, hub.clock.now(), "silent"))
        hub.bus.publish(Alarm("meter_lost", "k", Severity.WARNING, hub.clock.now(), "silent"))
        found = await settled_status(hub, "telegram", "failed", "sent")
        assert any("Telegram refuses this chat or message: as told" in r for _, _, r in found)


async def test_what_was_not_sent_before_a_stop_is_sent_after_it_under_the_same_id(tmp_path: Path):
    async with far_side() as n8n:
        n8n.answer = hang
        async with running(tmp_path, yaml(n8n)) as hub:
            await hub.settled()
            hub.bus.publish(outage(hub))
            before = {r.headers["webhook-id"] for r in await n8n.until(2)}
        n8n.answer = None
        n8n.requests.clear()
        async with running(tmp_path, yaml(n8n)) as hub:
            after = {r.headers["webhook-id"] for r in await n8n.until(2)}
            await settled_status(hub, "n8n", "sent", "sent")
            # The same alarm again, as after a restart of its source: nobody hears it twice. In
            # each lane it would come before the next alarm.
            hub.bus.publish(outage(hub))
            hub.bus.publish(outage(hub, alarm_id="a2"))
            await settled_status(hub, "n8n", *["sent"] * 4)
            causes = [r.json["id"].partition("-")[0] for r in await n8n.until(4)]
            assert causes == ["a1", "a1", "a2", "a2"]
        assert before == after


async def test_no_secret_shows_when_nothing_answers(
    tmp_path: Path, unused_tcp_port: int, caplog: pytest.LogCaptureFixture
):
    away = FarSide(url=f"http://127.0.0.1:{unused_tcp_port}")
    async with running(tmp_path, yaml(away, away)) as hub:
        await hub.settled()
        hub.bus.publish(outage(hub))

        async def failed() -> bool:
            return any(reason for _, _, reason in await status_of(hub, "telegram"))

        await eventually(failed)
        shown = caplog.text + repr(await hub.services.ask("alerts/recent")) + repr(hub.state())
    assert "Telegram cannot be reached" in shown
    for secret in (TOKEN, TOKEN.split(":")[1], SECRET, "1001"):
        assert secret not in shown


async def test_an_outbox_that_cannot_be_written_silences_no_message(tmp_path: Path):
    async with far_side() as n8n, running(tmp_path, yaml(n8n)) as hub:
        await hub.settled()
        await hub.ledger.run(lambda c: c.execute(text("drop table notifier_delivery")))
        hub.bus.publish(outage(hub))
        await n8n.until(2)


@pytest.mark.parametrize("market", ["absent", "silent", "broken", "empty"])
async def test_the_homeowner_hears_whatever_the_market_does(tmp_path: Path, market: str):
    async def answer(request: Any) -> Any:
        if market == "silent":
            await asyncio.Event().wait()
        if market == "broken":
            raise RuntimeError("no")
        return []

    async with far_side() as n8n, running(tmp_path, yaml(n8n)) as hub:
        await hub.settled()
        if market != "absent":
            serve_sellers(hub, answer)
        hub.bus.publish(outage(hub))
        await n8n.until(2)
        told = {r.json["audience"]: r.json["text"] for r in n8n.requests}
        assert told["substation"] == SUBSTATION_TEXT
        if market == "empty":
            assert "Nobody has energy to sell at the moment." in told["house1"]
        else:
            assert "You can buy backup power on our trading platform: http://" in told["house1"]
        assert n8n.requests[0].json["audience"] == "substation" or market != "silent"


async def test_a_test_message_tells_what_became_of_it(tmp_path: Path):
    async with far_side() as n8n, far_side() as bot, running(tmp_path, yaml(n8n, bot)) as hub:
        bot.script(400)
        await hub.settled()
        result = await hub.commands.send(Command("alerts/test", "send", {"audience": "house1"}))
        assert result.status is CommandStatus.DONE
        assert result.data["channels"]["n8n"] == "sent"
        assert result.data["channels"]["telegram"].startswith("failed: Telegram refuses")
        refused = await hub.commands.send(Command("alerts/test", "send", {"audience": "moon"}))
        assert refused.reason == "there is no audience 'moon'; known: substation, house1, house2"


def test_in_virtual_time_notifications_are_published_and_repeat(tmp_path: Path):
    async def program() -> list[tuple[str, str, str]]:
        async with running(tmp_path, yaml(FarSide(url="http://127.0.0.1:1"))) as hub:
            await hub.settled()
            record = Recording(hub, "notification/#")
            hub.bus.publish(outage(hub))
            await asyncio.sleep(1)
            hub.bus.publish(outage(hub, cleared=True))
            await asyncio.sleep(1)
            return [(n.topic, n.id, n.text) for n in _notifications(record.messages)]

    first, second = in_virtual_time(program), in_virtual_time(program)
    assert first == second
    assert [topic for topic, _, _ in first] == [
        "notification/substation",
        "notification/house1",
        "notification/substation",
        "notification/house1",
    ]


def _notifications(messages: list[Message]) -> list[Notification]:
    return [m for m in messages if isinstance(m, Notification)]


BOTH = """
houses:
  house1: {bus: 671.1}
plugins:
  %s
  faults: {use: fault_detector, head: null}
"""


async def test_an_alarm_that_nobody_here_heard_is_told_after_the_start_and_its_end_too(
    tmp_path: Path,
):
    """The notifier was away when the fault detector raised an alarm, and again at its end."""
    async with far_side() as n8n:
        notifier = f'alerts: {{use: notifier, n8n: {{url: "{n8n.url}/webhook/x"}}, retry: [20ms]}}'
        async with running(tmp_path, BOTH % "") as hub:
            await hub.settled()
            alarms = Recording(hub, "alarm/outage/#")
            at = hub.clock.now()
            hub.bus.publish(Reading("house1", "voltage", 0.0, "V", at))
            await alarms.until(lambda m: m or None)
        async with running(tmp_path, BOTH % notifier) as hub:
            await n8n.until(2)
            await settled_status(hub, "n8n", "sent", "sent")
        async with running(tmp_path, BOTH % "") as hub:
            await hub.settled()
            alarms = Recording(hub, "alarm/outage/#")
            hub.bus.publish(Reading("house1", "voltage", 240.0, "V", hub.clock.now()))
            await alarms.until(lambda m: m or None)
        async with running(tmp_path, BOTH % notifier) as hub:
            requests = await n8n.until(4)
            await settled_status(hub, "n8n", *["sent"] * 4)
    events = sorted((r.json["audience"], r.json["event"]) for r in requests)
    assert events == [
        ("house1", "alarm.cleared"),
        ("house1", "alarm.raised"),
        ("substation", "alarm.cleared"),
        ("substation", "alarm.raised"),
    ]
