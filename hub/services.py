"""Questions between plugins: one answerer per name, no side effects."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from hub.errors import NotServed, Unavailable
from hub.tasks import was_cancelled

Answerer = Callable[[Any], Awaitable[Any]]


class Services:
    """Names and who answers for them."""

    def __init__(self) -> None:
        self._answerers: dict[str, tuple[Answerer, str]] = {}
        #: Every name that is answered, and the instance that does.
        self.names: Mapping[str, str] = {}

    def register(self, name: str, answerer: Answerer, owner: str) -> Callable[[], None]:
        """Make `answerer` the one for `name`; returns what undoes it. ValueError if taken."""
        if name in self._answerers:
            raise ValueError(f"{name!r} is answered by {self._answerers[name][1]!r} already")
        entry = (answerer, owner)
        self._answerers[name] = entry
        self._name()

        def undo() -> None:
            if self._answerers.get(name) is entry:
                del self._answerers[name]
                self._name()

        return undo

    def _name(self) -> None:
        # Made anew, not changed: who has asked goes through the names he got.
        self.names = {name: owner for name, (_, owner) in self._answerers.items()}

    async def ask(self, name: str, request: Any = None, timeout_s: float = 10.0) -> Any:
        """Return the answer. Raises `NotServed` if nobody answers, `Unavailable` if too late;
        what the answerer raises passes through.
        """
        entry = self._answerers.get(name)
        if entry is None:
            raise NotServed(f"nobody answers {name!r}: the plugin that does is absent or stopped")
        answerer, owner = entry
        # A task of its own: by its name a plugin that blocks is found, not the one that asked.
        task = asyncio.get_running_loop().create_task(
            _call(answerer, request, owner), name=f"service:{owner}/{name}"
        )
        limit = asyncio.timeout(timeout_s)
        try:
            async with limit:
                return await task
        except TimeoutError:
            if not limit.expired():
                raise
            raise Unavailable(f"{owner} did not answer {name!r} in {timeout_s:g} s") from None
        except asyncio.CancelledError:
            if was_cancelled():
                raise
            raise Unavailable(f"{owner} was interrupted before it answered {name!r}") from None


async def _call(answerer: Answerer, request: Any, owner: str) -> Any:
    try:
        return await answerer(request)
    except (SystemExit, KeyboardInterrupt) as error:  # let through, it would end the whole hub
        raise Unavailable(f"{owner} failed: it raised {error!r}") from error
