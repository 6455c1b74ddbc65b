"""Stand-ins for n8n and Telegram: real HTTP servers on loopback that answer as told."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

TOKEN = "123456:AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr"


@dataclass
class Request:
    """One request that arrived; `at` is in seconds of the monotonic clock."""

    path: str
    headers: dict[str, str]
    raw: bytes
    json: Any
    at: float


Responder = Callable[[Request], Awaitable[web.StreamResponse]]


@dataclass
class FarSide:
    """A server that keeps what it got; `answer` decides what it says."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    answer: Responder | None = None
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, incoming: web.Request) -> web.StreamResponse:
        raw = await incoming.read()
        request = Request(
            incoming.path,
            {k.lower(): v for k, v in incoming.headers.items()},
            raw,
            await incoming.json(),
            time.monotonic(),
        )
        self.requests.append(request)
        self._arrived.set()
        if self.answer is not None:
            return await self.answer(request)
        return web.json_response({"ok": True, "result": {"message_id": len(self.requests)}})

    async def until(self, count: int, timeout_s: float = 20.0) -> list[Request]:
        """Return the requests once there are that many."""
        async with asyncio.timeout(timeout_s):
            while len(self.requests) < count:
                self._arrived.clear()
                await self._arrived.wait()
        return self.requests

    def script(self, *steps: int | web.Response | Responder) -> None:
        """Answer with these, one after the other, then with 200."""
        waiting = list(steps)

        async def answer(request: Request) -> web.StreamResponse:
            if not waiting:
                return web.json_response({"ok": True})
            step = waiting.pop(0)
            if isinstance(step, int):
                return web.json_response({"ok": False, "description": "as told"}, status=step)
            if isinstance(step, web.Response):
                return step
            return await step(request)

        self.answer = answer


@asynccontextmanager
async def far_side() -> AsyncIterator[FarSide]:
    """Run a server for the length of the block."""
    side = FarSide()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", side.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    side.url = f"http://127.0.0.1:{port}"
    try:
        yield side
    finally:
        await runner.cleanup()


async def hang(request: Request) -> web.StreamResponse:
    """Never answer."""
    await asyncio.Event().wait()
    raise AssertionError


async def eventually(check: Callable[[], Awaitable[bool]], timeout_s: float = 20.0) -> None:
    """Wait until a check holds that nothing announces."""
    async with asyncio.timeout(timeout_s):
        while True:
            if await check():
                return
            await asyncio.sleep(0.005)
