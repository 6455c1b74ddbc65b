"""Who watches a simulation, and what a watcher gets to see: the way for reports of `hub simulate`.

A watcher only looks. It subscribes, reads what was last said and asks questions, none of which
changes what happens: a run with watchers is the same as one without.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from hub import __version__
from hub.bus import BatchHandler, Handler, Last, Subscription
from hub.config_sections import TariffSection
from hub.errors import HubError
from hub.houses import House
from hub.scheduler import interval
from hub.subscription import AnySubscription
from hub.supervisor import describe

if TYPE_CHECKING:
    from hub.core import Hub

log = logging.getLogger("hub.simulate")

#: Looks at a regular time come so long after it (hub time), when all that is due then is done.
AFTER = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class SimulationRun:
    """One run in virtual time, as its watchers see it. `start` is hub time (UTC)."""

    version: str
    file: str
    name: str
    seed: int
    feeder_hours: float
    time_lapse: float
    start: datetime
    houses: Mapping[str, House]
    tariff: TariffSection | None
    _hub: Hub
    #: Called with what a watcher's handler or look raises.
    _failed: Callable[[BaseException], None] | None = None

    @classmethod
    def of(cls, hub: Hub, feeder_hours: float) -> SimulationRun:
        """Describe a hub in virtual time that has not started yet."""
        config = hub.config
        return cls(
            version=__version__,
            file=config.path.name,
            name=config.hub.name,
            seed=config.hub.seed,
            feeder_hours=feeder_hours,
            time_lapse=config.hub.time_lapse,
            start=hub.clock.now(),
            houses=config.houses,
            tariff=config.hub.tariff,
            _hub=hub,
        )

    def elapsed_s(self, at: datetime | None = None) -> float:
        """Return the feeder time from the start to a time of the hub (default: now) in seconds."""
        return ((at or self._hub.clock.now()) - self.start).total_seconds() * self.time_lapse

    def subscribe(self, topic_filter: str, handler: Handler) -> Subscription:
        """Call `handler` with every message whose topic matches, until its `close`."""
        return self._hub.bus.subscribe(
            topic_filter, handler, owner="watcher", on_error=self._failed
        )

    def subscribe_batches(
        self, topic_filters: Sequence[str], handler: BatchHandler
    ) -> AnySubscription:
        """Call `handler` with all messages that wait and match, telegrams whole, until `close`."""
        return self._hub.bus.subscribe_batches(
            topic_filters, handler, owner="watcher", on_error=self._failed
        )

    def last(self, topic: str) -> Last | None:
        """Return the last reading or state of a topic; None if there was none."""
        return self._hub.bus.last(topic)

    def last_matching(self, topic_filter: str) -> Mapping[str, Last]:
        """Return the last reading or state of every topic that matches."""
        return self._hub.bus.last_matching(topic_filter)

    @property
    def services(self) -> Mapping[str, str]:
        """Questions that are answered now, with the instance that does."""
        return self._hub.services.names

    async def ask(self, name: str, request: Any = None) -> Any:
        """Ask a question; None if nobody answers it."""
        try:
            return await self._hub.services.ask(name, request)
        except HubError:
            return None

    def every(self, feeder_s: float, look: Callable[[], Awaitable[None]]) -> None:
        """Call `look` at the start and every so much feeder time, right after what is due then."""

        async def guarded_look() -> None:
            try:
                await look()
            except Exception as error:
                if self._failed is None:
                    raise
                self._failed(error)

        start = self.start + AFTER
        self._hub.scheduler.add(
            "watcher", guarded_look, interval(feeder_s / self.time_lapse, start)
        )


class Watcher(Protocol):
    """One report on a run. Made by the hook `hub_simulation_watchers`."""

    def begin(self, run: SimulationRun) -> None:
        """Called before the first plugin starts."""

    async def end(self) -> None:
        """Called after the last step, while all plugins still answer."""

    def write(self, result: Mapping[str, Any]) -> Path | None:
        """Write the report and return its main file, None without one. `result` is what `--out`
        would write.
        """


class Guarded:
    """A watcher that cannot take the run with it: if it fails, that is said once, and it is left
    out of the rest.
    """

    def __init__(self, watcher: Watcher, folder: Path) -> None:
        """`folder` is where it writes."""
        self._watcher = watcher
        self._folder = folder
        self.failed = False

    def begin(self, run: SimulationRun) -> None:
        with self._spared():
            self._watcher.begin(replace(run, _failed=self._note))

    async def end(self) -> None:
        if not self.failed:
            with self._spared():
                await self._watcher.end()

    def write(self, result: Mapping[str, Any]) -> Path | None:
        if not self.failed:
            with self._spared():
                return self._write(result)
        return None

    def _write(self, result: Mapping[str, Any]) -> Path | None:
        try:
            return self._watcher.write(result)
        except OSError as error:
            self.failed = True
            text = "the report in %s is not whole, it cannot be written: %s"
            log.error(text, self._folder, error.strerror or error)
            return None

    @contextmanager
    def _spared(self) -> Iterator[None]:
        """Spare the run what the watcher raises."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  # a stranger's code may raise anything
            self._note(error)

    def _note(self, error: BaseException) -> None:
        if not self.failed:
            self.failed = True
            name = type(self._watcher).__name__
            log.error("%s failed, there will be no report of it: %s", name, describe(error))
