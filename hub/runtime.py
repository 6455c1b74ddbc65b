"""The context of one plugin instance: does what `Context` promises and takes it all back."""

from __future__ import annotations

import asyncio
import logging
import random
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar
from urllib.parse import urlsplit

from hub.bus import BatchHandler, Handler, Last
from hub.commands import CommandHandler
from hub.errors import ConfigProblemError, HubError
from hub.link import Link, LinkOptions
from hub.messages import Command, CommandResult, Message
from hub.plugin import Context
from hub.plugin_jobs import PluginJobs
from hub.scheduler import Job, cron, interval, once
from hub.services import Answerer
from hub.subscription import AnySubscription
from hub.tasks import was_cancelled
from hub.virtual import VirtualLoop
from hub.worker import Worker

if TYPE_CHECKING:
    from hub.core import Hub
    from hub.supervisor import Supervised

P = ParamSpec("P")
T = TypeVar("T")

MIN_JOB_TIMEOUT_S = 30.0
#: Tasks and links that do not end within this time are left behind.
CLOSE_LIMIT_S = 5.0


class PluginContext(Context):
    """Made afresh for every start of a plugin; closed after its stop."""

    def __init__(self, hub: Hub, supervised: Supervised) -> None:
        self._hub = hub
        self._supervised = supervised
        self.name = supervised.spec.name
        self.hub_name = hub.config.hub.name
        self.log = logging.getLogger(f"hub.plugins.{self.name}")
        self.clock = hub.clock
        self.houses = hub.config.houses
        self.base_dir = hub.base_dir
        self.data_dir = hub.data_dir
        self.time_lapse = hub.clock.time_lapse
        self.virtual = hub.virtual is not None
        self.random = random.Random(zlib.crc32(f"{hub.seed}/{self.name}".encode()))
        self.ledger = hub.ledger
        self.history = hub.history
        self.published = 0
        #: Set when the plugin begins to stop: what it reports from then on is no news.
        self.closed = False
        self._released = False
        self._undo: list[Callable[[], None]] = []
        self._jobs = PluginJobs(self.name, hub.scheduler, supervised)
        self._links: list[Link] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._worker: Worker | None = None

    # -- messages --

    def publish(self, message: Message) -> None:
        self.published += 1
        self._hub.bus.publish(message)

    def publish_all(self, messages: Sequence[Message]) -> None:
        self.published += len(messages)
        self._hub.bus.publish_all(messages)

    def _need_open(self) -> None:
        """Nothing may be registered that nobody would take back."""
        if self._released:
            raise HubError(f"plugin {self.name!r} has stopped")

    def subscribe(self, topic_filter: str, handler: Handler) -> Callable[[], None]:
        self._need_open()
        return self._closer(
            self._hub.bus.subscribe(
                topic_filter,
                handler,
                owner=self.name,
                on_error=partial(self._supervised.handler_failed, topic_filter),
            )
        )

    def subscribe_batches(
        self, topic_filters: Sequence[str], handler: BatchHandler
    ) -> Callable[[], None]:
        self._need_open()
        return self._closer(
            self._hub.bus.subscribe_batches(
                topic_filters,
                handler,
                owner=self.name,
                on_error=partial(self._supervised.handler_failed, " ".join(topic_filters)),
            )
        )

    def _closer(self, subscription: AnySubscription) -> Callable[[], None]:
        """Have a subscription end with the plugin; return what ends it earlier."""
        self._undo.append(subscription.close)

        def close() -> None:
            if subscription.close in self._undo:
                self._undo.remove(subscription.close)
            subscription.close()

        return close

    def last(self, topic: str, *, stale_after_s: float | None = None) -> Last | None:
        return self._hub.bus.last(topic, stale_after_s=stale_after_s)

    def last_values(
        self, topics: Sequence[str], *, stale_after_s: float | None = None
    ) -> list[float | None]:
        return self._hub.bus.last_values(topics, stale_after_s=stale_after_s)

    def last_matching(self, topic_filter: str) -> Mapping[str, Last]:
        return self._hub.bus.last_matching(topic_filter)

    # -- commands and questions --

    def handle(self, target: str, handler: CommandHandler) -> None:
        self._need_open()
        try:
            self._undo.append(self._hub.commands.register(target, handler, self.name))
        except ValueError as error:
            raise ConfigProblemError(str(error)) from None

    async def send(self, command: Command) -> CommandResult:
        return await self._hub.commands.send(command)

    def serve(self, name: str, answerer: Answerer) -> None:
        self._need_open()
        try:
            self._undo.append(self._hub.services.register(name, answerer, self.name))
        except ValueError as error:
            raise ConfigProblemError(str(error)) from None

    async def ask(self, name: str, request: Any = None, timeout_s: float = 10.0) -> Any:
        return await self._hub.services.ask(name, request, timeout_s)

    @property
    def services(self) -> Mapping[str, str]:
        return self._hub.services.names

    # -- time --

    def every(
        self,
        seconds: float,
        function: Callable[[], Awaitable[None]],
        *,
        name: str | None = None,
        timeout_s: float | None = None,
        now: bool = False,
    ) -> Job:
        self._need_open()
        start = self.clock.now() + timedelta(seconds=seconds)
        limit_s = max(MIN_JOB_TIMEOUT_S, 3 * seconds) if timeout_s is None else timeout_s
        return self._jobs.add(function, interval(seconds, start), name, limit_s, now=now)

    def at(
        self, when: datetime, function: Callable[[], Awaitable[None]], *, name: str | None = None
    ) -> Job:
        self._need_open()
        trigger = once(max(when, self.clock.now()))
        return self._jobs.add(function, trigger, name, 4 * MIN_JOB_TIMEOUT_S, last=True)

    def cron(
        self,
        expression: str,
        function: Callable[[], Awaitable[None]],
        *,
        name: str | None = None,
    ) -> Job:
        self._need_open()
        try:
            trigger = cron(expression)
        except ValueError as error:
            raise ConfigProblemError(f"{expression!r} is no cron line: {error}") from None
        return self._jobs.add(function, trigger, name, 4 * MIN_JOB_TIMEOUT_S)

    # -- work --

    def background(self, work: Awaitable[None], *, name: str) -> asyncio.Task[None]:
        async def guarded() -> None:
            try:
                await work
            except SystemExit as error:  # let through, it would end the whole hub
                raise RuntimeError(f"it called sys.exit({error.code})") from error
            except asyncio.CancelledError as error:
                if was_cancelled():
                    raise
                raise RuntimeError("something it waited for was cancelled") from error

        task = asyncio.get_running_loop().create_task(guarded(), name=f"task:{self.name}/{name}")
        self._tasks.add(task)
        task.add_done_callback(partial(self._ended, name))
        return task

    def _ended(self, name: str, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        # Asked for in any case: asyncio would report an error that nobody has seen.
        error = None if task.cancelled() else task.exception()
        if error is not None and not self.closed:
            self._supervised.crashed(error, f"task {name!r}")

    async def run_blocking(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        self._need_open()
        if self._worker is None:
            self._worker = Worker(f"plugin-{self.name}")
        return await self._worker.run(partial(function, *args, **kwargs))

    @asynccontextmanager
    async def outside(self) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        if isinstance(loop, VirtualLoop):
            with loop.outside():
                yield
        else:
            yield

    async def connect(
        self,
        url: str,
        *,
        client_id: str | None = None,
        username: str | None = None,
        password: str | None = None,
        will_topic: str | None = None,
        will_payload: bytes = b"",
    ) -> Link:
        self._need_open()
        options = LinkOptions(
            url=url,
            client_id=client_id or f"{self.hub_name}-{self.name}",
            username=username,
            password=password,
            will_topic=will_topic,
            will_payload=will_payload,
        )
        if self.virtual:
            link: Link = self._hub.loopback.connect(options)
        else:
            scheme = urlsplit(url).scheme
            factory = self._hub.loader.link_factory(scheme)
            if factory is None:
                raise ConfigProblemError(
                    f"no plugin connects to {scheme or 'no scheme'!r} addresses; "
                    f"expected one such as mqtt://127.0.0.1:1883"
                )
            link = factory(options)
        self._links.append(link)
        return link

    # -- state --

    def degraded(self, reason: str) -> None:
        if not self.closed:
            self._supervised.report("self", reason)

    def online(self) -> None:
        if not self.closed:
            self._supervised.report("self", None)

    # -- the hub itself --

    def hub_state(self) -> Mapping[str, Any]:
        return self._hub.state()

    async def reload(self) -> Mapping[str, Any]:
        return await self._hub.reload()

    def plugin_hooks(self) -> Any:
        return self._hub.loader.hooks

    # -- the end --

    async def close(self) -> None:
        """Release everything that was registered, latest first. Idempotent."""
        self.closed = self._released = True
        undo, self._undo = self._undo[::-1], []
        for release in undo:
            release()
        await self.end_jobs()
        await self._end(self._tasks)
        links, self._links = self._links[::-1], []
        for link in links:
            try:
                async with asyncio.timeout(CLOSE_LIMIT_S):
                    await link.close()
            except Exception as error:  # a transport is a stranger's code; the rest must go on
                self.log.warning("a link was not closed: %r", error)
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    async def end_jobs(self) -> None:
        """Fire no more jobs and cancel those under way."""
        await self._end(self._jobs.cancel())

    async def _end(self, tasks: Iterable[asyncio.Task[Any]]) -> None:
        waited = tuple(tasks)
        for task in waited:
            task.cancel()
        if waited:
            _, stubborn = await asyncio.wait(waited, timeout=CLOSE_LIMIT_S)
            for task in stubborn:
                self.log.warning("%s does not end; left behind", task.get_name())
