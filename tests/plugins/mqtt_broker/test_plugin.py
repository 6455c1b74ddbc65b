"""The embedded broker, with real clients."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hub.api import LinkMessage, LinkOptions, PluginState
from hub.core import Hub
from hub.testing import in_virtual_time, make_hub, running
from plugins.mqtt_link.address import Address
from plugins.mqtt_link.outbox import Outgoing
from plugins.mqtt_link.plugin import MqttLink
from plugins.mqtt_link.session import Arrived, Event, Session, Up

WAIT_S = 15.0


def yaml(port: int, settings: str = "") -> str:
    return f"plugins:\n  broker: {{use: mqtt_broker, port: {port}{settings}}}\n"


@asynccontextmanager
async def broker(folder: Path, text: str) -> AsyncIterator[Hub]:
    async with running(folder, text) as hub:
        await hub.settled()
        yield hub


async def exchange(url: str, count: int = 1) -> list[LinkMessage]:
    """Send a client's messages through the broker and return what comes back."""
    link = MqttLink(LinkOptions(url, "test"))
    heard: list[LinkMessage] = []
    all_there = asyncio.Event()

    def hear(message: LinkMessage) -> None:
        heard.append(message)
        if len(heard) == count:
            all_there.set()

    link.subscribe("tele/+/SENSOR", hear)
    link.on_change(lambda up: up and sent.set())
    sent = asyncio.Event()
    try:
        async with asyncio.timeout(WAIT_S):
            await sent.wait()
            for number in range(count):
                await link.publish("tele/m/SENSOR", b"%d" % number)
            await all_there.wait()
    finally:
        await link.close()
    return heard


async def test_clients_reach_each_other(tmp_path: Path, unused_tcp_port: int):
    async with broker(tmp_path, yaml(unused_tcp_port)):
        heard = await exchange(f"mqtt://127.0.0.1:{unused_tcp_port}", 100)
    assert [int(message.payload) for message in heard] == list(range(100))


async def test_retained_messages_go_to_those_who_subscribed(tmp_path: Path, unused_tcp_port: int):
    sessions: list[Session] = []

    def session(client_id: str, *filters: str) -> Session:
        made = Session(
            Address("127.0.0.1", unused_tcp_port),
            client_id=client_id,
            keepalive_s=30,
            will=None,
            wake=lambda: None,
        )
        for topic_filter in filters:
            made.subscribe(topic_filter, 0)
        sessions.append(made)
        made.start()
        return made

    async def events(of: Session, count: int) -> list[Event]:
        """Return what happened so far, `count` events at least."""
        found: list[Event] = []
        async with asyncio.timeout(WAIT_S):
            while len(found) < count:
                await asyncio.sleep(0.01)
                found += of.take(100)
        return found

    async with broker(tmp_path, yaml(unused_tcp_port)):
        try:
            first = session("first", "tele/+/LWT")
            first.publish(Outgoing("tele/house1/LWT", b"Online", 0, retain=True))
            await events(first, 2)
            # What a client sends itself comes after its subscriptions, whoever else is slow.
            second = session("second", "other", "done")
            second.publish(Outgoing("done", b"", 0, retain=False))
            heard_by_second = await events(second, 2)
            heard_by_third = await events(session("third", "tele/+/LWT"), 2)
        finally:
            for each in sessions:
                each.close()
                await asyncio.to_thread(each.join, 5.0)
    assert heard_by_third == [Up(), Arrived("tele/house1/LWT", b"Online", retained=True)]
    assert heard_by_second == [Up(), Arrived("done", b"", retained=False)]


async def test_it_can_be_stopped_and_started_on_the_same_port(tmp_path: Path, unused_tcp_port: int):
    for _ in range(2):
        async with broker(tmp_path, yaml(unused_tcp_port)) as hub:
            assert hub.plugins["broker"].state is PluginState.ONLINE
            await exchange(f"mqtt://127.0.0.1:{unused_tcp_port}")


async def test_a_port_in_use_is_told_with_what_to_do(tmp_path: Path, unused_tcp_port: int):
    with socket.create_server(("127.0.0.1", unused_tcp_port)):
        async with running(tmp_path, yaml(unused_tcp_port)) as hub:
            async with asyncio.timeout(WAIT_S):
                await hub.settled()
            state, reason = hub.plugins["broker"].state, hub.plugins["broker"].reason
    assert state is PluginState.BACKOFF
    assert reason == (
        f"cannot listen on 127.0.0.1:{unused_tcp_port}: Address already in use; if another broker "
        "runs there, remove plugins.broker and use that one, or change plugins.broker.port"
    )


async def test_users_need_their_password(tmp_path: Path, unused_tcp_port: int):
    settings = ", bind: 0.0.0.0, users: {meter: s3cret}"
    async with broker(tmp_path, yaml(unused_tcp_port, settings)):
        await exchange(f"mqtt://meter:s3cret@127.0.0.1:{unused_tcp_port}")
        for wrong in ("meter:wrong@", "other:s3cret@", "other:@", ""):
            link = MqttLink(LinkOptions(f"mqtt://{wrong}127.0.0.1:{unused_tcp_port}", "wrong"))
            async with asyncio.timeout(WAIT_S):
                while "refused" not in (link.problem or ""):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            await link.close()


async def test_it_does_not_open_to_strangers(tmp_path: Path, unused_tcp_port: int):
    async with broker(tmp_path, yaml(unused_tcp_port, ", bind: 0.0.0.0")) as hub:
        assert hub.plugins["broker"].state is PluginState.FAILED
        assert hub.plugins["broker"].reason == (
            "plugins.broker.bind is 0.0.0.0, so that other machines can connect, but there are no "
            "users: add plugins.broker.users, or bind to 127.0.0.1"
        )


@pytest.mark.parametrize("bind", ["localhost", "127.0.0.2", "::1"])
def test_loopback_needs_no_users(bind: str):
    from plugins.mqtt_broker.plugin import Config, _exposure

    assert _exposure(Config(bind=bind), "broker") is None


def test_it_is_left_out_of_virtual_time(tmp_path: Path):
    async def program() -> list[str]:
        hub = make_hub(tmp_path, yaml(1883))
        await hub.start()
        try:
            return list(hub.plugins)
        finally:
            await hub.stop()

    assert in_virtual_time(program) == []
