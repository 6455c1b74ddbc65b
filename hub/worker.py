"""One thread for blocking work, with a short way there and back.

`loop.run_in_executor` makes two futures, a work item and several locks for every call. A power flow
of 60 us spends longer on that than on its work; here a call is one queue entry on the way there and
one callback on the way back.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from hub.virtual import VirtualLoop

T = TypeVar("T")

#: The thread goes back to its pool, where Python can end it at exit, after so long without work.
IDLE_S = 2.0


class Worker:
    """Calls functions one after another, always on the same thread. Belongs to one event loop."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._calls: SimpleQueue[tuple[Callable[[], Any], asyncio.Future[Any]] | None]
        self._calls = SimpleQueue()
        self._serving = False
        self._lock = threading.Lock()

    async def run(self, function: Callable[[], T]) -> T:
        """Return what a function returned on the thread, or raise what it raised.

        If the caller is cancelled, a call that waits is dropped; one that runs is left to finish.
        In virtual time the function runs at once and on the loop's thread: time would stand still
        until it has returned, nobody watches the loop, and the way to a thread and back takes
        longer than most power flows, many times longer where other programs keep the cores busy.
        """
        if isinstance(self._loop, VirtualLoop):
            return function()
        return await self._put(function)

    def _put(self, function: Callable[[], T]) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self._loop.create_future()
        self._calls.put((function, future))
        with self._lock:
            if not self._serving:
                self._serving = True
                self._pool.submit(self._serve)
        return future

    def close(self) -> None:
        """Drop what waits and let the thread end after what it does. Idempotent."""
        while True:
            try:
                call = self._calls.get_nowait()
            except Empty:
                break
            if call is not None:
                call[1].cancel()
        self._calls.put(None)
        self._pool.shutdown(wait=False)

    def _serve(self) -> None:
        while (call := self._next()) is not None:
            function, future = call
            if future.cancelled():
                continue
            result: Any = None
            error: BaseException | None = None
            try:
                result = function()
            except StopIteration as stop:  # a future cannot carry it
                error = RuntimeError(f"{stop!r} was raised on the thread")
            except BaseException as raised:  # noqa: BLE001 - whoever waits for the call gets it
                error = raised
            try:
                self._loop.call_soon_threadsafe(_settle, future, result, error)
            except RuntimeError:  # the loop is closed, nobody waits
                return
            # While waiting for the next call nothing of this one may be kept alive.
            del call, function, future, result, error

    def _next(self) -> tuple[Callable[[], Any], asyncio.Future[Any]] | None:
        while True:
            try:
                return self._calls.get(timeout=IDLE_S)
            except Empty:
                with self._lock:
                    if self._calls.empty():
                        self._serving = False
                        return None


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():  # cancelled meanwhile
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
