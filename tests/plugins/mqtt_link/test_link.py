"""Links against a real Mosquitto, and against what is no broker."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hub.api import ConfigProblemError, LinkMessage, LinkOptions
from plugins.mqtt_link import outbox, session
from plugins.mqtt_link.plugin import TURN_EVENTS, MqttLink, hub_link_factories
from tests.conftest import required
from tests.mosquitto import Mosquitto
from tools.system_tools import MOSQUITTO

WAIT_S = 15.0


@asynccontextmanager
async def linked(url: str, client_id: str = "test", **options: object) -> AsyncIterator[MqttLink]:
    link = MqttLink(LinkOptions(url, client_id, **options))  # type: ignore[arg-type]
    try:
        yield link
    finally:
        await link.close()


class Watch:
    """Keeps what arrives and how the link goes; waits for more."""

    def __init__(self, link: MqttLink, topic_filter: str = "#") -> None:
        self.messages: list[LinkMessage] = []
        self.changes: list[bool] = []
        self._link = link
        self._news = asyncio.Event()
        link.subscribe(topic_filter, self._message)
        link.on_change(self._change)

    def _message(self, message: LinkMessage) -> None:
        self.messages.append(message)
        self._news.set()

    def _change(self, up: bool) -> None:
        self.changes.append(up)
        self._news.set()

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def up(self) -> None:
        await self.until(lambda: self._link.connected)

    async def down(self) -> None:
        await self.until(lambda: not self._link.connected)


async def problem_of(link: MqttLink, words: str) -> str:
    """Wait until the link says what is wrong, after its first attempt."""
    async with asyncio.timeout(WAIT_S):
        while words not in (link.problem or ""):  # noqa: ASYNC110 - no event tells of the reason
            await asyncio.sleep(0.01)
    assert not link.connected
    return link.problem or ""


async def test_messages_go_there_and_back(mosquitto: Mosquitto):
    async with linked(mosquitto.url) as link:
        watch = Watch(link, "tele/+/SENSOR")
        await watch.up()
        assert link.problem is None
        await link.publish("tele/house1/SENSOR", b"\x00\xff", qos=1)
        await watch.until(lambda: watch.messages)
        assert watch.messages == [LinkMessage("tele/house1/SENSOR", b"\x00\xff", retained=False)]


async def test_a_stored_message_is_told_from_a_live_one(mosquitto: Mosquitto):
    async with linked(mosquitto.url) as link:
        watch = Watch(link, "a")
        await link.publish("a", b"live", retain=True)
        await watch.until(lambda: watch.messages)
        async with linked(mosquitto.url, "other") as other:
            late = Watch(other, "a")
            await late.until(lambda: late.messages)
        assert [m.retained for m in watch.messages + late.messages] == [False, True]


async def test_order_is_kept_over_thousands_of_messages(mosquitto: Mosquitto):
    async with linked(mosquitto.url) as link:
        watch = Watch(link, "n")
        await watch.up()
        for number in range(900):
            await link.publish("n", b"%d" % number)
        await watch.until(lambda: len(watch.messages) == 900)
        assert [int(m.payload) for m in watch.messages] == list(range(900))
        assert link.dropped == 0


async def test_it_comes_back_with_its_subscriptions_after_the_broker_forgot_them(
    mosquitto: Mosquitto,
):
    async with linked(mosquitto.url) as link:
        watch = Watch(link)
        await watch.up()
        mosquitto.stop()
        await watch.down()
        assert "lost" in (link.problem or "")
        mosquitto.start()
        await watch.up()
        await link.publish("a", b"back")
        await watch.until(lambda: watch.messages)
        assert watch.changes == [True, False, True]


async def test_what_is_published_while_down_arrives_later_the_newest_thousand(
    tmp_path: Path, unused_tcp_port: int
):
    # By default Mosquitto drops what a client is slow to take.
    settings = "allow_anonymous true\nmax_queued_messages 0\n"
    broker = Mosquitto(required(MOSQUITTO), unused_tcp_port, tmp_path, settings)
    async with linked(broker.url) as link:
        watch = Watch(link)
        for number in range(outbox.MAX_WAITING + 5):
            await link.publish("n", b"%d" % number, qos=1)
        assert link.dropped == 5
        broker.start()
        try:
            await watch.until(lambda: len(watch.messages) == outbox.MAX_WAITING)
        finally:
            broker.stop()
        assert int(watch.messages[0].payload) == 5


async def test_silence_of_a_stopped_broker_is_noticed_within_one_and_a_half_keepalives(
    mosquitto: Mosquitto,
):
    """The socket stays open and nothing is refused; only the answers are missing."""
    async with linked(f"{mosquitto.url}?keepalive=2") as link:
        watch = Watch(link)
        await watch.up()
        os.kill(mosquitto.pid, signal.SIGSTOP)
        try:
            since = time.monotonic()
            await watch.down()
            assert time.monotonic() - since <= 1.5 * 2
            assert "no sign of life" in (link.problem or "")
        finally:
            os.kill(mosquitto.pid, signal.SIGCONT)
        await watch.up()


def start_victim(url: str) -> subprocess.Popen[bytes]:
    """Start a process that has a link with a will."""
    program = (
        "import asyncio, sys\n"
        "from hub.api import LinkOptions\n"
        "from plugins.mqtt_link.plugin import MqttLink\n"
        "async def main():\n"
        "    link = MqttLink(LinkOptions(sys.argv[1], 'victim', will_topic='v/LWT',"
        " will_payload=b'Offline'))\n"
        "    await link.publish('v/LWT', b'Online', retain=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    root = Path(__file__).parents[3]
    return subprocess.Popen([sys.executable, "-c", program, url], cwd=root)


async def test_a_will_is_published_when_the_process_is_killed(mosquitto: Mosquitto):
    async with linked(mosquitto.url) as link:
        watch = Watch(link, "v/LWT")
        await watch.up()
        with start_victim(mosquitto.url) as victim:
            try:
                await watch.until(lambda: watch.messages)
            finally:
                victim.kill()
        await watch.until(lambda: len(watch.messages) == 2)
        assert [m.payload for m in watch.messages] == [b"Online", b"Offline"]


async def test_a_raising_handler_costs_only_its_own_message(
    mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
):
    async with linked(mosquitto.url) as link:

        def raising(message: LinkMessage) -> None:
            raise ValueError(message.topic)

        link.subscribe("a", raising)
        watch = Watch(link)
        await watch.up()
        await link.publish("a", b"1")
        await link.publish("a", b"2")
        await watch.until(lambda: len(watch.messages) == 2)
        assert link.connected
    assert sum("raised" in record.message for record in caplog.records) == 1


async def test_a_flood_is_handled_in_turns_so_that_the_loop_goes_on(mosquitto: Mosquitto):
    async with linked(mosquitto.url) as link:
        watch = Watch(link, "n")
        await watch.up()
        async with linked(mosquitto.url, "sender") as sender:
            for _ in range(900):
                await sender.publish("n", b"x" * 100)
            # Let them gather while the loop is busy with something else.
            time.sleep(0.5)  # noqa: ASYNC251 - blocking is what this is about
            in_turn, before = [], 0
            while len(watch.messages) < 900:
                await asyncio.sleep(0)
                in_turn.append(len(watch.messages) - before)
                before = len(watch.messages)
        assert max(in_turn) == TURN_EVENTS


@pytest.fixture
def guarded(tmp_path: Path, unused_tcp_port: int) -> Iterator[Mosquitto]:
    """A broker that lets in the user hub with the password s3cret!."""
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "hub", "s3cret!"], check=True)
    settings = f"user root\nallow_anonymous false\npassword_file {passwords}\n"
    broker = Mosquitto(required(MOSQUITTO), unused_tcp_port, tmp_path, settings)
    broker.start()
    yield broker
    broker.stop()


async def test_a_password_opens_the_door(guarded: Mosquitto, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    async with linked(guarded.url, username="hub", password="s3cret!") as link:
        await Watch(link).up()
    async with linked(guarded.url.replace("//", "//hub:s3cret!@")) as link:
        await Watch(link).up()
    async with linked(guarded.url.replace("//", "//hub:wr0ng!@")) as link:
        problem = await problem_of(link, "refused")
    assert problem == (
        f"refused by 127.0.0.1:{guarded.port}: not authorized; "
        "are the user name and the password right?"
    )
    assert "s3cret!" not in caplog.text
    assert "wr0ng!" not in caplog.text


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for localhost that nobody has signed, with its key in key.pem beside it."""
    path = tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", tmp_path / "key.pem", "-out", path],
        check=True, capture_output=True,
    )  # fmt: skip
    return path


@pytest.fixture
def encrypted(tmp_path: Path, unused_tcp_port: int, certificate: Path) -> Iterator[Mosquitto]:
    """A broker that speaks TLS."""
    key = certificate.with_name("key.pem")
    settings = f"user root\nallow_anonymous true\ncertfile {certificate}\nkeyfile {key}\n"
    broker = Mosquitto(required(MOSQUITTO), unused_tcp_port, tmp_path, settings)
    broker.start()
    yield broker
    broker.stop()


# paho leaves the socket of a failed handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_tls_with_the_brokers_authority(encrypted: Mosquitto, certificate: Path):
    url = f"mqtts://localhost:{encrypted.port}"
    async with linked(f"{url}?ca={certificate}") as link:
        watch = Watch(link)
        await watch.up()
        await link.publish("a", b"1")
        await watch.until(lambda: watch.messages)
    async with linked(url) as link:
        assert "is not trusted" in await problem_of(link, "trusted")


async def test_nobody_there(unused_tcp_port: int):
    async with linked(f"mqtt://127.0.0.1:{unused_tcp_port}") as link:
        problem = await problem_of(link, "refused")
        assert problem == (
            f"connection refused by 127.0.0.1:{unused_tcp_port}: is a broker running there?"
        )


async def test_a_host_without_address():
    async with linked("mqtt://broker.invalid") as link:
        assert "no host named 'broker.invalid'" in await problem_of(link, "broker.invalid' ")


async def test_something_else_listens_there(unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(session, "GREETING_TIMEOUT_S", 0.1)
    release = asyncio.Event()

    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", unused_tcp_port)
    async with server, linked(f"mqtt://127.0.0.1:{unused_tcp_port}") as link:
        assert "is that an MQTT broker?" in await problem_of(link, "no answer")
        release.set()


async def test_a_wildcard_is_no_place_to_publish(mosquitto: Mosquitto):
    async with linked(mosquitto.url) as link:
        with pytest.raises(ValueError, match="a topic has no wildcards"):
            await link.publish("a/#", b"")


async def test_closing_twice_is_no_harm_and_ends_the_thread(mosquitto: Mosquitto):
    link = MqttLink(LinkOptions(mosquitto.url, "closing"))
    await Watch(link).up()
    await link.close()
    await link.close()
    assert not link.connected
    assert link.problem == "closed"
    assert "mqtt closing" not in [thread.name for thread in threading.enumerate()]
    await link.publish("a", b"to nobody")


async def test_a_dead_network_thread_is_no_connection(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
):
    class Broken(BaseException):
        pass

    def broken(*_: object) -> None:
        raise Broken

    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    async with linked(mosquitto.url) as link:
        watch = Watch(link)
        await watch.up()
        monkeypatch.setattr(link._session._client, "loop", broken)
        await watch.down()
        assert link.problem == "the network thread has ended"


@pytest.mark.parametrize(
    "url", ["mqtt://", "mqtt://b:0x1", "mqtts://b?ca=none.pem", "mqtt://u:secret@b:1/x"]
)
async def test_an_address_that_is_none_is_a_matter_of_the_configuration(url: str):
    with pytest.raises(ConfigProblemError, match="broker address") as caught:
        MqttLink(LinkOptions(url, "test"))
    assert "secret" not in str(caught.value)


def test_both_schemes_are_offered():
    assert set(hub_link_factories()) == {"mqtt", "mqtts"}
