"""web3's transport over an HTTP session of our own.

web3's own provider keeps sessions in a cache and opens a new one, never closed, when a request
meets a closed session; this one says instead that the connection is closed. A request that fails
is not repeated here: what must be sent again is in the ledger.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

import aiohttp
from web3.providers.async_base import AsyncJSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

#: Every request is answered within this or counts as lost.
REQUEST_TIMEOUT_S = 15.0


#: Wraps each wait for an answer, so that virtual time can stand still meanwhile.
Outside = Callable[[], AbstractAsyncContextManager[None]]


class RpcProvider(AsyncJSONBaseProvider):
    """JSON-RPC to one address. `open` before use, `close` after; both are idempotent."""

    def __init__(self, url: str, outside: Outside = nullcontext) -> None:
        super().__init__()
        self._url = url
        self._outside = outside
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make the session."""
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S)
            self._session = aiohttp.ClientSession(timeout=timeout, raise_for_status=True)

    async def close(self) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """Send one request. Raises aiohttp's errors, and ConnectionError once it is closed."""
        if self._session is None:
            raise ConnectionError("the connection is closed")
        body = self.encode_rpc_request(method, params)
        headers = {"Content-Type": "application/json"}
        async with self._outside():
            return await self._post(self._session, body, headers)

    async def _post(
        self, session: aiohttp.ClientSession, body: bytes, headers: dict[str, str]
    ) -> RPCResponse:
        try:
            async with session.post(self._url, data=body, headers=headers) as response:
                return self.decode_rpc_response(await response.read())
        except aiohttp.ServerDisconnectedError:
            # A kept connection had been closed meanwhile. Once more on a new one; that is harmless
            # for a transaction, too, whose bytes a node takes once.
            async with session.post(self._url, data=body, headers=headers) as response:
                return self.decode_rpc_response(await response.read())
