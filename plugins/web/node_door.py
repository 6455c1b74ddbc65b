"""The way from the trading page to the embedded chain, through the hub's own door.

The development node asks nobody who he is. It answers no page of strangers (it sends no CORS
headers), so the hub's page speaks to it through the hub, which lets in only its own pages. Wallets
go to the node themselves.
"""

from __future__ import annotations

import json
import re
from typing import Any

import aiohttp
from aiohttp import web

from hub.api import Context, NotServed, Unavailable

from .answers import BadRequest

#: What wallets and pages need; `anvil_setBalance` gives coin that is worth nothing.
_METHODS = re.compile(r"(eth|net|web3)_[A-Za-z0-9]{1,60}|anvil_setBalance")
MOST_AT_ONCE = 100
ANSWER_S = 20.0


def check_calls(body: Any) -> None:
    """Raise BadRequest for what is no JSON-RPC call, or list of them, that a page may make."""
    calls = body if isinstance(body, list) else [body]
    if not 1 <= len(calls) <= MOST_AT_ONCE:
        raise BadRequest(f"expected 1 to {MOST_AT_ONCE} calls, got {len(calls)}")
    for call in calls:
        method = call.get("method") if isinstance(call, dict) else None
        if not isinstance(method, str) or not _METHODS.fullmatch(method):
            raise BadRequest(f"method: expected one such as eth_call, got {str(method)[:60]!r}")


class NodeDoor:
    """Passes calls on to the embedded node."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._session: aiohttp.ClientSession | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve `/rpc`. Raises NotServed without a market and Unavailable if its node is away."""
        try:
            body = await request.json()
        except (ValueError, RecursionError):
            raise BadRequest("expected JSON") from None
        check_calls(body)
        info = await self._ctx.ask("market/info")
        if not info.get("embedded"):
            raise NotServed("this market has no chain of its own; a wallet reaches its node")
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_S))
        try:
            async with self._session.post(info["rpc_url"], json=body) as answer:
                told = await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unavailable(f"the chain does not answer: {type(error).__name__}") from None
        if answer.status != 200 or not _is_json(told):
            raise Unavailable(f"the chain does not answer: HTTP {answer.status}")
        return web.Response(body=told, content_type="application/json")

    async def close(self) -> None:
        """Let the connections go."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
