"""The page's way to the embedded chain: open to the hub's own pages, for what they need."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from hub.api import Context, Plugin, PluginConfig
from plugins.web.answers import BadRequest
from plugins.web.node_door import check_calls
from tests.plugins.web.site import Site, serving


class Market(Plugin[PluginConfig]):
    """Says where the chain is."""

    url = ""
    embedded = True

    async def start(self, ctx: Context) -> None:
        ctx.serve("market/info", self._info)

    async def _info(self, _: Any) -> dict[str, Any]:
        return {"rpc_url": self.url, "embedded": self.embedded}


class Node:
    """A chain that answers every call with what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.answer = web.json_response

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked.append(body)
        return self.answer({"echo": body})


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    node = Node()
    app = web.Application()
    app.router.add_post("/", node.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    Market.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    Market.embedded = True
    yield node
    await runner.cleanup()


@pytest.fixture
async def site(tmp_path, node: Node) -> AsyncIterator[Site]:
    text = "  market: {use: market}"
    async with serving(tmp_path, plugins=text, types={"market": Market}) as site:
        yield site


CALL = {"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []}


@pytest.mark.parametrize("body", [CALL, [CALL, {**CALL, "method": "anvil_setBalance"}]])
async def test_calls_of_own_pages_reach_the_node(site: Site, node: Node, body: Any):
    assert await site.post("/rpc", json=body) == (200, {"echo": body})
    assert node.asked == [body]


async def test_strangers_pages_reach_nothing(site: Site, node: Node):
    for headers in ({}, {"Origin": "http://evil.example"}):
        async with site.client.post(f"{site.url}/rpc", json=CALL, headers=headers) as answer:
            assert answer.status == 403
    assert node.asked == []


@pytest.mark.parametrize(
    "body",
    [
        {**CALL, "method": "anvil_impersonateAccount"},
        [CALL, {**CALL, "method": "evm_setNextBlockTimestamp"}],
        {**CALL, "method": "eth_call; anvil_reset"},
        {**CALL, "method": 7},
        [],
        [CALL] * 101,
        ["eth_call"],
        "eth_call",
        None,
    ],
)
def test_what_no_page_needs_is_refused(body: Any):
    with pytest.raises(BadRequest):
        check_calls(body)


async def test_a_refused_call_is_not_passed_on(site: Site, node: Node):
    status, told = await site.post("/rpc", json={**CALL, "method": "anvil_reset"})
    assert (status, node.asked) == (400, [])
    assert "expected one such as eth_call" in told["error"]
    assert (await site.post("/rpc", data=b"no json"))[0] == 400


async def test_a_chain_of_somebody_else_is_not_spoken_to(site: Site, node: Node):
    Market.embedded = False
    status, told = await site.post("/rpc", json=CALL)
    assert (status, node.asked) == (503, [])
    assert "no chain of its own" in told["error"]


async def test_a_node_that_is_away_or_talks_rubbish_is_said(site: Site, node: Node):
    node.answer = lambda _: web.Response(text="<html>", content_type="application/json")
    assert "does not answer" in (await site.post("/rpc", json=CALL))[1]["error"]
    Market.url = "http://127.0.0.1:1/"
    status, told = await site.post("/rpc", json=CALL)
    assert status == 503
    assert told == {"error": "the chain does not answer: ClientConnectorError"}
