"""What a plugin is, and what it may do: the class to derive from and its context."""

from __future__ import annotations

import asyncio
import logging
import random
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Generic, ParamSpec, TypeVar

from pydantic import BaseModel, ConfigDict

from hub.bus import BatchHandler, Handler, Last
from hub.clock import Clock
from hub.commands import CommandHandler
from hub.houses import House
from hub.link import Link
from hub.messages import Command, CommandResult, Message
from hub.scheduler import Job
from hub.services import Answerer
from hub.store import Database

P = ParamSpec("P")
T = TypeVar("T")


class PluginConfig(BaseModel):
    """Base of a plugin's section in hub.yaml. Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


ConfigT = TypeVar("ConfigT", bound=PluginConfig)


class CheckContext:
    """What an offline check may look at."""

    def __init__(
        self,
        houses: Mapping[str, House],
        base_dir: Path,
        name: str,
        plugins: Mapping[str, Any] | None = None,
        *,
        virtual: bool = False,
    ) -> None:
        self.houses = houses
        self.base_dir = base_dir
        #: Whether it is for a run in virtual time (`hub simulate`).
        self.virtual = virtual
        self.name = name
        #: The configuration of every plugin of the file by its name, this one's too.
        self.plugins: Mapping[str, Any] = plugins or {}
        #: Sentences on what could not be checked offline; shown by `hub check`.
        self.unchecked: list[str] = []
        #: Problems with the place in the file that each belongs to.
        self.located: list[tuple[tuple[int | str, ...], str]] = []

    def problem(self, loc: tuple[int | str, ...], text: str) -> None:
        """Report a problem at a path from the top, such as `("houses", "house1", "bus")`."""
        self.located.append((loc, text))


class Plugin(ABC, Generic[ConfigT]):
    """One instance of a plugin type.

    The constructor does nothing but keep its arguments. `start` acquires, `stop` releases what the
    context does not release by itself (subscriptions, jobs, handlers, services, links and
    background tasks are released for the plugin). Both may be called again after each other.
    """

    #: The model of this type's section in hub.yaml.
    Config: ClassVar[type[PluginConfig]] = PluginConfig
    #: True for types that have no meaning in virtual time (sockets, pages); `simulate` skips them.
    wall_clock_only: ClassVar[bool] = False
    #: One sentence for `hub plugins`.
    summary: ClassVar[str] = ""

    def __init__(self, config: ConfigT) -> None:
        self.config = config

    @abstractmethod
    async def start(self, ctx: Context) -> None:
        """Begin to work. Raise `Unavailable` if something outside is away (it is tried again) and
        `ConfigProblemError` if only an edit of hub.yaml can help.
        """

    async def stop(self) -> None:
        """Release what the context does not."""
        return

    @classmethod
    def check(cls, config: Any, check: CheckContext) -> list[str]:
        """Look at what can be verified without starting: return a sentence per problem.

        What has a place in the file is better told to `check.problem`, which names line and column.
        """
        return []

    async def probe(self) -> Mapping[str, Any]:
        """Return one live look at the device behind this instance, for `hub probe`."""
        return {}


class Context(ABC):
    """A plugin's only door to the rest of the hub. Whatever is registered here ends with it."""

    name: str
    log: logging.Logger
    clock: Clock
    houses: Mapping[str, House]
    #: The folder of hub.yaml; relative paths in it start here.
    base_dir: Path
    #: Where this hub keeps its files.
    data_dir: Path
    #: Seconds on the simulated feeder per second of the hub.
    time_lapse: float
    #: Whether time is virtual (`hub simulate`).
    virtual: bool
    #: Seeded from `hub.seed` and the instance name; the only source of chance.
    random: random.Random
    #: Orders, intents, checkpoints: every commit is on disk.
    ledger: Database
    #: Readings and events: fast, may lose the last moments in a power cut.
    history: Database
    hub_name: str

    # -- messages --
    @abstractmethod
    def publish(self, message: Message) -> None:
        """Put a message on the bus. Never blocks, never raises; call it on the hub's loop."""

    @abstractmethod
    def publish_all(self, messages: Sequence[Message]) -> None:
        """Publish several messages in their order; for many telegrams this is much cheaper."""

    @abstractmethod
    def subscribe(self, topic_filter: str, handler: Handler) -> Callable[[], None]:
        """Call `handler(message)` for every message whose topic matches; returns what ends it."""

    @abstractmethod
    def subscribe_batches(
        self, topic_filters: Sequence[str], handler: BatchHandler
    ) -> Callable[[], None]:
        """Call `handler(messages)` with all messages that wait and match one of the filters.

        For who reads many meters: a `Telegram` or `ReadingBatch` comes whole, unsplit, if a filter
        matches any reading in it; `telegrams(messages)` makes all of them telegrams. What the
        handler raises costs it the messages it was given.
        """

    @abstractmethod
    def last(self, topic: str, *, stale_after_s: float | None = None) -> Last | None:
        """Return the last reading or state of a topic with its age; None if there was none."""

    @abstractmethod
    def last_values(
        self, topics: Sequence[str], *, stale_after_s: float | None = None
    ) -> list[float | None]:
        """Return the value of the last reading of each topic; None where it is stale, bad or
        absent. For who looks at all meters at once.
        """

    @abstractmethod
    def last_matching(self, topic_filter: str) -> Mapping[str, Last]:
        """Return the last reading or state of every topic that matches."""

    # -- commands and questions --
    @abstractmethod
    def handle(self, target: str, handler: CommandHandler) -> None:
        """Carry out the commands for `target` (wildcards allowed). The handler returns figures for
        the answer or raises `Rejected`.
        """

    @abstractmethod
    async def send(self, command: Command) -> CommandResult:
        """Have a command carried out and return the answer; never raises."""

    @abstractmethod
    def serve(self, name: str, answerer: Answerer) -> None:
        """Answer the question `name`."""

    @abstractmethod
    async def ask(self, name: str, request: Any = None, timeout_s: float = 10.0) -> Any:
        """Ask a question; raises `NotServed` or `Unavailable` if there is no answer."""

    @property
    @abstractmethod
    def services(self) -> Mapping[str, str]:
        """Names that are answered, with the instance that does."""

    # -- time --
    @abstractmethod
    def every(
        self,
        seconds: float,
        function: Callable[[], Awaitable[None]],
        *,
        name: str | None = None,
        timeout_s: float | None = None,
        now: bool = False,
    ) -> Job:
        """Run an async function every `seconds`, the first time after one interval (or at once).

        A run is cancelled after `timeout_s` (default: 30 s or three intervals, whichever is more);
        it never overlaps with itself.
        """

    @abstractmethod
    def at(
        self, when: datetime, function: Callable[[], Awaitable[None]], *, name: str | None = None
    ) -> Job:
        """Run an async function once, at a time (UTC) or at once if that is past."""

    @abstractmethod
    def cron(
        self,
        expression: str,
        function: Callable[[], Awaitable[None]],
        *,
        name: str | None = None,
    ) -> Job:
        """Run an async function by a five-field cron line in UTC."""

    # -- work --
    @abstractmethod
    def background(self, work: Awaitable[None], *, name: str) -> asyncio.Task[None]:
        """Run a coroutine until the plugin stops. If it raises, the plugin has crashed."""

    @abstractmethod
    async def run_blocking(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a blocking function on this plugin's own single thread, calls in order.

        In virtual time it runs on the hub's thread: nothing else could go on meanwhile.
        """

    @asynccontextmanager
    async def outside(self) -> AsyncIterator[None]:
        """Mark an await on something outside the hub, so that virtual time waits for it."""
        yield

    @abstractmethod
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
        """Open a link such as `mqtt://127.0.0.1:1883`; it connects by itself, again and again."""

    # -- state --
    @abstractmethod
    def degraded(self, reason: str) -> None:
        """Say that the plugin works only in part, and why, in a sentence."""

    @abstractmethod
    def online(self) -> None:
        """Say that all is well (again)."""

    # -- the hub itself, for the page and the command line --
    @abstractmethod
    def hub_state(self) -> Mapping[str, Any]:
        """Return the hub's own state as plain data: plugins, bus counters, jobs, log tail."""

    @abstractmethod
    async def reload(self) -> Mapping[str, Any]:
        """Read hub.yaml again and restart what changed; returns what was done or the problems."""

    @abstractmethod
    def plugin_hooks(self) -> Any:
        """Return the pluggy relay, to collect what plugins contribute (routes and the like)."""
