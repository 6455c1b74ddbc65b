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
        assert await hub.reload() == {"stopped": ["b"], "started": ["c", "b"], "kept": ["a"]}
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
