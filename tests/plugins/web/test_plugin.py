"""The web server in a real hub, asked as browsers and strangers ask it."""

import asyncio
import contextlib
import json
import random

import aiohttp
import pytest

from hub.api import (
    Command,
    Context,
    MeteringPoints,
    Plugin,
    PluginConfig,
    Reading,
    Rejected,
)
from hub.messages import PluginState
from hub.testing import running
from tests.plugins.web.site import serving

SCRIPT = "<img src=x onerror=alert(1)>"


class Actuator(Plugin[PluginConfig]):
    """Answers and obeys, as far as tests need it."""

    async def start(self, ctx: Context) -> None:
        self.ctx = ctx
        self.commands: list[Command] = []
        ctx.handle("house/+", self._obey)
        ctx.serve("market/info", self._info)
        ctx.serve("taps/status", self._broken)

    async def _obey(self, command: Command):
        self.commands.append(command)
        if command.action == "refuse":
            raise Rejected("the breaker is locked")
        return {"net_w": 10**20}

    async def _info(self, _):
        return {"rpc_url": "http://127.0.0.1:8545/path", "chain_id": 31337, "tick": 10**18}

    async def _broken(self, _):
        raise RuntimeError("secret detail")


ACTUATOR = "  actuator: {use: actuator}"
TYPES = {"actuator": Actuator}


@pytest.fixture
async def site(tmp_path):
    async with serving(tmp_path, plugins=ACTUATOR, types=TYPES) as site:
        yield site


@pytest.fixture
async def locked(tmp_path):
    async with serving(tmp_path, web=", password: open-sesame") as site:
        yield site


# -- what every answer carries ---------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/dapp", "/login"])
async def test_pages_come_with_a_strict_policy(site, path):
    async with site.client.get(site.url + path) as answer:
        assert answer.status == 200
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe-" not in policy
        assert "connect-src 'self';" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        text = await answer.text()
    assert "<script>" not in text
    assert "style=" not in text


async def test_modules_of_others_are_served(site):
    status, text = await site.get("/vendor/ethers.js")
    assert status == 200
    assert "export" in text


# -- who may ask -----------------------------------------------------------------------------------


async def test_a_strange_host_name_is_turned_away(site):
    status, text = await site.get("/api/state", headers={"Host": "evil.example"})
    assert status == 421
    assert "neighbourhood" not in text


@pytest.mark.parametrize("origin", [None, "null", "http://evil.example", "http://127.0.0.1:1"])
async def test_only_own_pages_may_command(site, origin):
    headers = {"Origin": origin} if origin else {}
    body = {"target": "house/house1", "action": "open_service"}
    async with site.client.post(f"{site.url}/api/command", json=body, headers=headers) as answer:
        assert answer.status == 403
    assert site.hub.plugins["actuator"].plugin.commands == []


@pytest.mark.parametrize("origin", [None, "http://evil.example"])
async def test_only_own_pages_may_listen(site, origin):
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await site.client.ws_connect(f"{site.url}/ws", origin=origin)
    assert refused.value.status == 403


async def test_without_login_there_is_nothing_to_see(locked):
    assert (await locked.get("/"))[0] == 302
    for path in ("/api/state", "/metrics", "/dapp-static/dapp.js", "/vendor/ethers.js"):
        assert (await locked.get(path))[0] == 401
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await locked.client.ws_connect(f"{locked.url}/ws", origin=locked.url)
    assert (await locked.get("/health"))[0] == 200
    assert (await locked.get("/static/theme.css"))[0] == 200


async def test_logging_in_and_out(locked):
    status, text = await locked.post("/login", data={"password": "wrong-one"})
    assert status == 401
    assert "That is not the password." in text
    async with locked.client.post(
        f"{locked.url}/login",
        data={"password": "open-sesame"},
        headers=locked.own,
        allow_redirects=False,
    ) as answer:
        assert answer.status == 303
        cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert (await locked.get("/api/state"))[0] == 200
    assert (await locked.post("/logout"))[0] == 303
    assert (await locked.get("/api/state"))[0] == 401


async def test_guessing_is_slowed_down(locked):
    for _ in range(5):
        assert (await locked.post("/login", data={"password": "wrong-one"}))[0] == 401
    assert (await locked.post("/login", data={"password": "open-sesame"}))[0] == 429


async def test_a_stranger_cannot_log_somebody_in(locked):
    data = {"password": "open-sesame"}
    status, _ = await locked.post("/login", data=data, headers={"Origin": "http://evil.example"})
    assert status == 403


async def test_beyond_loopback_a_password_is_needed(tmp_path):
    text = "plugins:\n  web: {use: web, host: 0.0.0.0, port: 0}"
    async with running(tmp_path, text) as hub:
        await hub.settled()
        status = hub.plugins["web"].status()
    assert status.state is PluginState.FAILED
    assert "so a password is needed" in status.reason


async def test_a_taken_port_is_named(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    async with serving(tmp_path / "a") as site:
        port = site.url.rsplit(":", 1)[1]
        async with running(tmp_path / "b", f"plugins:\n  web: {{use: web, port: {port}}}") as hub:
            await hub.settled()
            reason = hub.plugins["web"].status().reason
    assert f"cannot listen on 127.0.0.1:{port}" in reason


# -- answers ---------------------------------------------------------------------------------------


async def test_the_state_names_plugins_and_houses(site):
    status, state = await site.get("/api/state")
    assert status == 200
    assert {p["plugin"]: p["state"] for p in state["plugins"]}["actuator"] == "ONLINE"
    assert state["houses"]["house2"]["name"] == "House 2"
    assert state["houses"]["house2"]["battery"] is True


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/api/market/book", "market/book"),
        ("/api/alarms", "faults/alarms"),
        ("/api/history?device=a&quantity=b", "history/series"),
    ],
)
async def test_a_question_nobody_answers_is_said_plainly(site, path, said):
    status, body = await site.get(path)
    assert status == 503
    assert said in body["error"]


async def test_an_error_inside_stays_inside(site):
    assert await site.get("/api/taps") == (
        500,
        {"error": "an error inside the hub; its log tells more"},
    )


async def test_without_a_feeder_there_is_none(site):
    assert await site.get("/api/feeder") == (404, "no such feeder is running")


async def test_a_bad_request_says_what_was_expected(site):
    status, body = await site.get("/api/alarms?limit=all")
    assert (status, body["error"]) == (
        400,
        "limit: expected a whole number from 1 to 1000, got 'all'",
    )
    status, body = await site.post("/api/command", data="[" * 60_000)
    assert (status, body) == (400, {"error": "expected JSON"})


async def test_numbers_beyond_53_bits_are_text(site):
    assert (await site.get("/api/market/info"))[1]["tick"] == "1000000000000000000"


async def test_a_command_is_carried_out_or_refused_with_the_reason(site):
    body = {"target": "house/house1", "action": "set_power", "args": {"net_w": 5}}
    status, answer = await site.post("/api/command", json=body)
    assert (status, answer["status"]) == (200, "done")
    assert answer["data"] == {"net_w": "100000000000000000000"}
    status, answer = await site.post("/api/command", json={**body, "action": "refuse"})
    assert (status, answer["reason"]) == (409, "the breaker is locked")


async def test_metrics_show_fresh_readings(site):
    now = site.hub.clock.now()
    site.hub.bus.publish(Reading("house1", "power", 512.0, "W", now))
    status, text = await site.get("/metrics")
    assert status == 200
    assert 'hub_meter_power_watts{device="house1"} 512.0' in text


async def test_a_plugin_adds_its_own_routes(tmp_path):
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "greeter.py").write_text(
        "from aiohttp import web\n"
        "from hub.api import Plugin, PluginConfig, hookimpl\n"
        "class Greeter(Plugin[PluginConfig]):\n"
        "    async def start(self, ctx): pass\n"
        "async def greet(request): return web.Response(text='hello')\n"
        "@hookimpl\n"
        "def hub_plugin_types(): return {'greeter': Greeter}\n"
        "@hookimpl\n"
        "def hub_web_routes(ctx): return [('GET', '/api/greeting', greet)]\n"
    )
    async with serving(tmp_path, plugins="  greeter: {use: greeter}") as site:
        assert await site.get("/api/greeting") == (200, "hello")
        assert (await site.get("/api/greeting", headers={"Host": "evil.example"}))[0] == 421


# -- the live stream -------------------------------------------------------------------------------


async def test_a_hostile_device_name_stays_data(site):
    async with site.client.ws_connect(f"{site.url}/ws", origin=site.url) as socket:
        await socket.receive_json(timeout=5)
        now = site.hub.clock.now()
        site.hub.bus.publish(Reading(SCRIPT, "power", 1.0, "W", now))
        frame = await socket.receive_json(timeout=5)
        assert SCRIPT in frame["readings"]
    async with site.client.get(f"{site.url}/") as page:
        assert SCRIPT not in await page.text()


async def test_a_hostile_hub_name_is_escaped(tmp_path):
    text = f"hub: {{name: '{SCRIPT}'}}\nplugins:\n  web: {{use: web, port: 0}}"
    async with running(tmp_path, text) as hub:
        await hub.settled()
        url = await hub.services.ask("web/address")
        async with aiohttp.ClientSession() as client, client.get(url) as answer:
            page = await answer.text()
    assert SCRIPT not in page
    assert "&lt;img" in page


async def test_a_page_is_not_told_what_only_simulated_meters_may_know(site):
    async with site.client.ws_connect(f"{site.url}/ws", origin=site.url) as socket:
        await socket.receive_json(timeout=5)
        now = site.hub.clock.now()
        truth = MeteringPoints("grid", now, now, 1.0, ("house1",), ("a",), (240.0,), (1.0,), (0.0,))
        site.hub.bus.publish(truth)
        site.hub.bus.publish(Reading("house1", "power", 1.0, "W", now))
        frame = json.dumps(await socket.receive_json(timeout=5))
    assert "house1" in frame
    assert "MeteringPoints" not in frame


async def test_a_page_that_does_not_read_is_let_go_and_others_go_on(site):
    reader = await site.client.ws_connect(f"{site.url}/ws", origin=site.url)
    address = site.url.removeprefix("http://")
    answer, slow = await asyncio.open_connection(*address.split(":"))
    # A browser that asks for the stream and then never reads: all buffers fill up.
    slow.write(
        f"GET /ws HTTP/1.1\r\nHost: {address}\r\nOrigin: {site.url}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    stream = site.hub.plugins["web"].plugin._stream
    await answer.readuntil(b"\r\n\r\n")
    slow.transport.pause_reading()
    assert len(stream._pages) == 2
    received = []

    async def read() -> None:
        while "last" not in (frame := await reader.receive_json())["readings"]:
            received.append(frame)

    reading = asyncio.create_task(read())
    now = site.hub.clock.now()
    async with asyncio.timeout(20):
        while len(stream._pages) > 1:
            for number in range(20):
                name = f"{number}-{random.randbytes(5000).hex()}"
                site.hub.bus.publish(Reading(name, "power", 1.0, "W", now))
            await asyncio.sleep(0)
            await stream._send_frame()
            await asyncio.sleep(0)
        site.hub.bus.publish(Reading("last", "power", 7.0, "W", now))
        await reading
    assert len(received) > 10
    # Its connection is cut: what lay in the buffers comes, then the end.
    slow.transport.resume_reading()
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionError):
            await answer.read()
    slow.close()
    await reader.close()
