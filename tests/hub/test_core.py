"""The hub as a whole: data directory, reload, safe mode, account of itself, control door."""

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hub.control import FILE, ControlServer, NotRunning, ask_hub
from hub.core import AlreadyRunning, Hub
from hub.errors import HubError
from hub.messages import PluginState
from hub.testing import make_hub, running
from tests.hub.plugin_types import TYPES

TWO = "plugins:\n  a: {use: steady}\n  b: {use: steady}\n"


async def test_a_second_hub_on_one_data_directory_is_refused(tmp_path: Path):
    async with running(tmp_path, TWO, types=TYPES):
        second = make_hub(tmp_path, TWO, types=TYPES)
        with pytest.raises(AlreadyRunning, match="another hub is running"):
            await second.start()
        await second.stop()
    third = make_hub(tmp_path, TWO, types=TYPES)
    await third.start()
    await third.stop()


async def test_safe_mode_starts_no_plugin_but_the_page(tmp_path: Path):
    class Page(TYPES["steady"]):  # type: ignore[misc]
        pass

    text = TWO + "  page: {use: web}\n"
    async with running(tmp_path, text, types={**TYPES, "web": Page}, safe=True) as hub:
        await hub.settled()
        assert list(hub.plugins) == ["page"]


async def test_reload_restarts_only_what_changed(tmp_path: Path):
    async with running(tmp_path, TWO, types=TYPES) as hub:
        await hub.settled()
        untouched = hub.plugins["a"].plugin
        (tmp_path / "hub.yaml").write_text(
            "plugins:\n  a: {use: steady}\n  c: {use: steady}\n  b: {use: misconfigured}\n"
        )
        assert await hub.reload() == {
            "stopped": ["b"], "started": ["c", "b"], "kept": ["a"], "after_restart": []
        }  # fmt: skip
        await hub.settled()
        assert hub.plugins["a"].plugin is untouched
        assert hub.plugins["b"].state is PluginState.FAILED
        # A failed plugin is started again by a reload of the same file.
        assert (await hub.reload())["started"] == ["b"]


async def test_reload_with_mistakes_changes_nothing(tmp_path: Path):
    async with running(tmp_path, TWO, types=TYPES) as hub:
        await hub.settled()
        before = {name: s.plugin for name, s in hub.plugins.items()}
        (tmp_path / "hub.yaml").write_text("plugins:\n  a: {use: staedy}\n  b: {use: steady, x: 1}")
        answer = await hub.reload()
        assert [problem.partition(": ")[0].split(":")[-2:] for problem in answer["problems"]] == [
            ["2", "12"],
            ["3", "20"],
        ]
        assert {name: s.plugin for name, s in hub.plugins.items()} == before


async def test_reload_of_houses_restarts_everything(tmp_path: Path):
    async with running(tmp_path, TWO, types=TYPES) as hub:
        (tmp_path / "hub.yaml").write_text("houses:\n  h: {bus: 671.1}\n" + TWO)
        assert (await hub.reload())["kept"] == []
        assert set(hub.config.houses) == {"h"}


async def test_reload_says_what_needs_a_restart_until_it_is_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    async with running(tmp_path, "hub: {time_lapse: 60}\n" + TWO, types=TYPES) as hub:
        await hub.settled()
        section = "hub: {data_dir: other, seed: 2, stale_after: 5s, log: {format: json}}\n"
        (tmp_path / "hub.yaml").write_text(section + TWO)
        expected = [
            f"hub.data_dir (stays {tmp_path / '.hub'}, not {tmp_path / 'other'})",
            "hub.time_lapse (stays 60, not 1)",
            "hub.seed (stays 1, not 2)",
            "hub.stale_after (stays 10, not 5)",
            "hub.log.format (stays text, not json)",
        ]
        for _ in range(2):
            answer = await hub.reload()
            assert answer["after_restart"] == expected
            assert answer["kept"] == ["a", "b"], "none of these restarts a plugin"
        assert f"not in effect until the hub is started anew: {expected[0]}" in caplog.text
        (tmp_path / "hub.yaml").write_text("hub: {time_lapse: 60}\n" + TWO)
        assert (await hub.reload())["after_restart"] == []


async def test_the_account_is_plain_json(tmp_path: Path):
    async with running(tmp_path, TWO, types=TYPES) as hub:
        await hub.settled()
        state = json.loads(json.dumps(hub.state(), allow_nan=False))
        assert [p["plugin"] for p in state["plugins"]] == ["a", "b"]
        assert {p["state"] for p in state["plugins"]} == {"ONLINE"}


# -- the control door ---------------------------------------------------------------------------


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    async with running(tmp_path, TWO, types=TYPES) as hub:
        control = ControlServer(hub)
        await control.start()
        await hub.settled()
        yield hub
        await control.stop()


async def all_of(hub: Hub, request: dict[str, Any]) -> list[dict[str, Any]]:
    return [answer async for answer in ask_hub(hub.data_dir, request)]


async def test_the_door_answers_state_and_probe(hub: Hub):
    (state,) = await all_of(hub, {"do": "state"})
    assert state["name"] == "microgrid"
    (probe,) = await all_of(hub, {"do": "probe", "plugin": "a"})
    assert probe["figures"]["state"] == "ONLINE"


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"do": "probe", "plugin": "z"}, "no plugin instance 'z' is running; there are: a, b"),
        ({"do": "probe"}, "the request lacks 'plugin'"),
        ({"do": "dance"}, "unknown request 'dance'"),
        ({"do": "ask", "service": "market/book"}, "nobody answers 'market/book'"),
        ({"do": "scenario", "scenario": "trade"}, "nothing handles 'scenario/trade'"),
    ],
)
async def test_the_door_says_what_is_wrong(hub: Hub, request_: dict[str, Any], message: str):
    with pytest.raises(HubError) as caught:
        await all_of(hub, request_)
    assert message in str(caught.value)


async def test_the_door_is_closed_without_the_token(hub: Hub):
    path = hub.data_dir / FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    door = json.loads(path.read_text())
    path.write_text(json.dumps({**door, "token": "guess"}))
    with pytest.raises(HubError, match="not allowed"):
        await all_of(hub, {"do": "state"})


@pytest.mark.parametrize("line", [b"\n", b"{]\n", b"[]\n", b"\xff\xfe\n", b"x" * 2_000_000])
async def test_the_door_survives_nonsense(hub: Hub, line: bytes):
    door = json.loads((hub.data_dir / FILE).read_text())
    reader, writer = await asyncio.open_connection("127.0.0.1", door["port"])
    writer.write(line)
    writer.write_eof()
    try:
        answer = await reader.read()
    except ConnectionResetError:  # too much for one line: the hub hangs up
        answer = b""
    assert answer in (b"", b'{"error": "not allowed"}\n')
    writer.close()
    assert len(await all_of(hub, {"do": "state"})) == 1


async def test_without_a_hub_the_door_says_so(tmp_path: Path):
    with pytest.raises(NotRunning, match="no hub is running on"):
        async for _ in ask_hub(tmp_path, {"do": "state"}):
            pass


class Odd(TYPES["steady"]):  # type: ignore[misc]
    """Its probe and its service raise; its scenario tells nothing."""

    async def start(self, ctx: Any) -> None:
        async def run(_: object) -> dict[str, Any]:
            return {"run": "r"}

        ctx.serve("odd", self.probe)
        ctx.handle("scenario/silent", run)

    async def probe(self, _: object = None) -> dict[str, Any]:
        raise KeyError("volts")


@pytest.fixture
async def odd_hub(tmp_path: Path) -> AsyncIterator[Hub]:
    async with running(tmp_path, "plugins:\n  x: {use: odd}\n", types={"odd": Odd}) as hub:
        control = ControlServer(hub)
        await control.start()
        await hub.settled()
        yield hub
        await control.stop()
        await control.stop()


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"do": "probe", "plugin": "x"}, "KeyError: 'volts' at test_core.py:"),
        ({"do": "ask", "service": "odd"}, "KeyError: 'volts' at test_core.py:"),
        ({"do": "ask", "service": ["odd"]}, "the request lacks 'service'"),
        ({"do": "send", "target": 1, "action": "x"}, "the request lacks 'target'"),
        ({"do": "send", "target": "a", "action": "x", "args": "y"}, "'args' must be an object"),
        ({"do": "scenario", "scenario": "silent"}, "has been silent for 0.05 s"),
    ],
)
async def test_the_door_tells_what_a_plugin_raised(
    odd_hub: Hub, request_: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("hub.control.SILENCE_S", 0.05)
    with pytest.raises(HubError) as caught:
        await all_of(odd_hub, request_)
    assert message in str(caught.value)
    assert len(odd_hub.bus.subscriptions) == 0


async def test_a_token_of_any_letters_is_refused(hub: Hub, caplog: pytest.LogCaptureFixture):
    path = hub.data_dir / FILE
    door = json.loads(path.read_text())
    path.write_text(json.dumps({**door, "token": "gu\u00e9ss\ud800"}))
    with pytest.raises(HubError, match="not allowed"):
        await all_of(hub, {"do": "state"})
    assert caplog.text == ""


async def test_a_request_nested_without_end_is_dropped(hub: Hub):
    door = json.loads((hub.data_dir / FILE).read_text())
    reader, writer = await asyncio.open_connection("127.0.0.1", door["port"])
    writer.write(b"[" * 500_000 + b"\n")
    assert await reader.read() == b""
    writer.close()


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"[]\n"])
async def test_another_program_on_a_dead_hubs_port_is_no_hub(tmp_path: Path, answer: bytes):
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    (tmp_path / FILE).write_text(json.dumps({"port": port, "token": "x"}))
    with pytest.raises(HubError, match=r"no hub|ended before"):
        async for _ in ask_hub(tmp_path, {"do": "state"}):
            pass
    server.close()
    await server.wait_closed()


async def test_a_data_directory_that_cannot_be_is_one_clear_line(tmp_path: Path):
    (tmp_path / "file").write_text("")
    hub = make_hub(tmp_path, f"hub: {{data_dir: {tmp_path}/file/sub}}\n" + TWO, types=TYPES)
    with pytest.raises(HubError, match=r"cannot write in .*/file/sub: Not a directory; make it"):
        await hub.start()
    await hub.stop()


async def test_a_door_that_cannot_be_written_is_one_clear_line(tmp_path: Path):
    async with running(tmp_path, TWO, types=TYPES) as hub:
        (hub.data_dir / "control.new").mkdir()
        control = ControlServer(hub)
        with pytest.raises(HubError, match=r"cannot write .*control\.json: Is a directory"):
            await control.start()
        await control.stop()


async def test_a_thousand_meters_are_no_flood_and_a_stall_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    async with running(tmp_path, TWO, types=TYPES) as hub:
        await hub.settled()
        await hub.scheduler.stop()
        context = hub.plugins["a"].context
        assert context is not None
        for elapsed_s, published, state in (
            (1.0, 8_000, "ONLINE"),
            (10.0, 100_000, "ONLINE"),  # ten seconds of meters at once, after a stall
            (1.0, 25_000, "DEGRADED"),
            (1.0, 60_000, "DEGRADED"),
            (1.0, 60_000, "DEGRADED"),
        ):
            hub._counted_s -= elapsed_s
            context.published += published
            await hub._health()
            assert str(hub.plugins["a"].state) == state, published
        hub._counted_s -= 1.0
        context.published += 60_000
        await hub._health()
        await asyncio.sleep(0)
        await hub.plugins["a"]._task  # type: ignore[misc]
        assert hub.plugins["a"].state is PluginState.FAILED
