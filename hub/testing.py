"""A real hub in process, for tests of plugins: no command line, no files of the user's.

    async with running(tmp_path, yaml_text) as hub:
        await hub.settled()

Plugin classes of the test's own are given as `types`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from hub.config import load
from hub.core import Hub
from hub.loader import Loader
from hub.messages import Message
from hub.plugin import Plugin
from hub.virtual import VirtualLoop

T = TypeVar("T")


class TestLoader(Loader):
    """A loader that knows some types beforehand."""

    __test__ = False

    def __init__(self, base_dir: Path, types: Mapping[str, type[Plugin[Any]]]) -> None:
        super().__init__(base_dir)
        self._types.update(types)


def make_hub(
    folder: Path,
    text: str,
    *,
    types: Mapping[str, type[Plugin[Any]]] | None = None,
    safe: bool = False,
) -> Hub:
    """Write `hub.yaml` into a folder and return a hub on it, not started. Needs a running loop."""
    path = folder / "hub.yaml"
    path.write_text(text)
    loader = TestLoader(folder, types or {})
    config = load(path, loader.resolve, known_types=loader.known_types())
    loop = asyncio.get_running_loop()
    virtual = loop if isinstance(loop, VirtualLoop) else None
    return Hub(config, loader, virtual=virtual, safe=safe)


@asynccontextmanager
async def running(
    folder: Path,
    text: str,
    *,
    types: Mapping[str, type[Plugin[Any]]] | None = None,
    safe: bool = False,
) -> AsyncIterator[Hub]:
    """Run a hub for the length of the block. Its plugins may still be starting: `hub.settled`."""
    hub = make_hub(folder, text, types=types, safe=safe)
    try:
        await hub.start()
        yield hub
    finally:
        await hub.stop()


class Recording:
    """Keeps what was published under a topic filter from now on, and waits for more.

    It is a subscriber as any other: of readings and states it keeps what it had time for, the
    newest of each topic; of all other messages, every one.
    """

    def __init__(self, hub: Hub, topic_filter: str = "#") -> None:
        self.messages: list[Message] = []
        self._arrived = asyncio.Event()
        hub.bus.subscribe(topic_filter, self._keep, owner="test")

    def _keep(self, message: Message) -> None:
        self.messages.append(message)
        self._arrived.set()

    async def until(
        self, condition: Callable[[list[Message]], T | None], timeout_s: float = 20.0
    ) -> T:
        """Return the first true value of `condition(messages)`; TimeoutError if it stays away."""
        async with asyncio.timeout(timeout_s):
            while True:
                found = condition(self.messages)
                if found:
                    return found
                self._arrived.clear()
                await self._arrived.wait()


def in_virtual_time(program: Callable[[], Awaitable[T]]) -> T:
    """Run an async program in virtual time and return what it returns."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:

        async def main() -> T:
            return await program()

        return runner.run(main())
