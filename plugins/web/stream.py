"""The live stream: one queue and one writer for every page that is open."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence

from aiohttp import web

from hub.api import (
    Context,
    Message,
    MeteringPoints,
    PluginStatus,
    Reading,
    Telegram,
    encode,
    telegrams,
)

from .live import MAX_BACKLOG, LiveState

FRAME_EVERY_S = 0.25
HEARTBEAT_S = 20.0
#: Pages send nothing; whatever else arrives is small.
MAX_FROM_PAGE = 4096


class Page:
    """One page that listens. It is let go when it does not keep up; it reconnects by itself."""

    def __init__(self, request: web.Request) -> None:
        self.socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, max_msg_size=MAX_FROM_PAGE)
        self._request = request
        self._frames: asyncio.Queue[str] = asyncio.Queue(MAX_BACKLOG)

    def offer(self, text: str) -> bool:
        """Queue a frame; returns False if the page has not read the last ones."""
        try:
            self._frames.put_nowait(text)
        except asyncio.QueueFull:
            return False
        return True

    def cut(self) -> None:
        """Close at once: a page that does not read would not read a farewell either."""
        if self._request.transport is not None:
            self._request.transport.abort()

    async def run(self) -> None:
        """Send until the page goes."""
        writer = asyncio.create_task(self._write())
        try:
            async for _ in self.socket:
                pass
        finally:
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await writer

    async def _write(self) -> None:
        while True:
            await self.socket.send_str(await self._frames.get())


class Stream:
    """What happens on the bus, for the pages that are open."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._live = LiveState(encode)
        self._pages: set[Page] = set()

    def start(self) -> None:
        """Listen to everything, and tell the pages a few times a second."""
        self._ctx.subscribe_batches(("#",), self._absorb)
        self._ctx.every(FRAME_EVERY_S, self._send_frame, name="frame")

    def stop(self) -> None:
        """Let all pages go."""
        for page in tuple(self._pages):
            page.cut()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve `/ws`: a snapshot, then frames. See `live` for their form."""
        page = Page(request)
        await page.socket.prepare(request)
        page.offer(json.dumps(self._live.snapshot(), allow_nan=False))
        self._pages.add(page)
        try:
            await page.run()
        finally:
            self._pages.discard(page)
        return page.socket

    def _absorb(self, messages: Sequence[Message]) -> None:
        for message in messages:
            if isinstance(message, Telegram | Reading):
                for telegram in telegrams((message,)):
                    self._live.hear(telegram)
            elif not isinstance(message, MeteringPoints):  # only simulated meters may know those
                is_state = message.conflated or isinstance(message, PluginStatus)
                kind = type(message).__name__
                self._live.absorb(kind, message.topic, message, conflated=is_state)

    async def _send_frame(self) -> None:
        frame = self._live.frame()
        if frame is None or not self._pages:
            return
        text = json.dumps(frame, allow_nan=False)
        for page in tuple(self._pages):
            if not page.offer(text):
                self._pages.discard(page)
                page.cut()
                self._ctx.log.info("a page did not keep up with the stream and was let go")
