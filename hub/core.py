"""The hub: makes the core's parts, keeps the plugin instances, and gives account of both."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hub import __version__, logs
from hub.bus import Bus
from hub.clock import Clock
from hub.commands import CommandRouter
from hub.config import ConfigError, HubConfig, load
from hub.config_sections import waiting_for_restart
from hub.errors import HubError
from hub.link import LoopbackNet
from hub.loader import Loader
from hub.messages import PluginState
from hub.runtime import PluginContext
from hub.scheduler import Scheduler, VirtualScheduler, WallScheduler, interval
from hub.services import Services
from hub.store import Database
from hub.supervisor import Supervised
from hub.virtual import VirtualLoop
from hub.watchdog import Block, Watchdog, plugin_of

log = logging.getLogger("hub")

#: Messages a second from one plugin above which its state says so, and above which it is stopped.
#: A batch counts once; 1,000 meters with 8 quantities a second are no flood.
FLOOD_SHOWN = 20_000
FLOOD_STOPPED = 50_000
#: The only plugin types that `--safe` starts.
SAFE_TYPES = frozenset({"web"})
#: Virtual time starts at midnight, so that a simulated day is a day.
VIRTUAL_START = datetime(2026, 6, 21, tzinfo=UTC)


class AlreadyRunning(HubError):
    """Another hub uses the same data directory."""


class Hub:
    """One hub on one configuration. Make it on its event loop, then `start`, finally `stop`."""

    def __init__(
        self,
        config: HubConfig,
        loader: Loader,
        *,
        virtual: VirtualLoop | None = None,
        safe: bool = False,
        data_dir: Path | None = None,
    ) -> None:
        self.config = config
        self._started_with = config.hub
        self.loader = loader
        self.virtual = virtual
        self.safe = safe
        self.base_dir = config.path.parent.absolute()
        self.data_dir = data_dir or config.hub.data_dir
        self.seed = config.hub.seed
        self.random = random.Random(self.seed)
        self.clock = (
            Clock.of_loop(virtual, VIRTUAL_START, config.hub.time_lapse)
            if virtual is not None
            else Clock.wall(config.hub.time_lapse)
        )
        self.bus = Bus(self.clock.now, config.hub.stale_after)
        self.commands = CommandRouter(self.clock.now, self.bus.publish)
        self.services = Services()
        self.loopback = LoopbackNet()
        self.scheduler: Scheduler = (
            VirtualScheduler(self.clock, virtual) if virtual is not None else WallScheduler()
        )
        self.ledger = Database.sqlite(self.data_dir / "ledger.db", durable=True)
        self.history = Database.sqlite(self.data_dir / "history.db", durable=False)
        self.plugins: dict[str, Supervised] = {}
        self.state_waiters: list[asyncio.Future[None]] = []
        #: Called with a file that was read again before anything is made of it: for the log.
        self.on_config: Callable[[HubConfig], None] = lambda _: None
        self.started_at = self.clock.now()
        self.watchdog: Watchdog | None = None
        self._published: dict[PluginContext, int] = {}
        self._counted_s = time.monotonic()
        self._flooding: dict[str, int] = {}
        self._lock: int | None = None
        self._reloading = asyncio.Lock()
        self._next_reload: asyncio.Task[Mapping[str, Any]] | None = None
        #: Kept because the loop itself holds its tasks only weakly.
        self._running_reload: asyncio.Task[Mapping[str, Any]] | None = None
        self._stopping = False

    # -- life --

    async def start(self) -> None:
        """Take the data directory and begin to start all plugins; does not wait for them.

        Raises `AlreadyRunning` if another hub has the data directory, `HubError` if it cannot be
        written or what is in it cannot be used.
        """
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            self._take_lock()
        except OSError as error:
            raise HubError(
                f"cannot write in {self.data_dir}: {error.strerror}; make it writable, "
                f"or name another folder with `hub: {{data_dir: ...}}`"
            ) from None
        if not self.safe:
            await self.ledger.check()
            await self.history.check()
        self.scheduler.start()
        if self.virtual is None:
            self.watchdog = Watchdog(
                asyncio.get_running_loop(), self._blocked, self.config.hub.blocking.shown_after
            )
            self.watchdog.start()
            now = self.clock.now()
            self.scheduler.add("hub/health", self._health, interval(1.0, now))
        for name, spec in self.config.plugins.items():
            if self._wanted(spec.use):
                await self._begin(name)

    def _wanted(self, use: str) -> bool:
        if self.safe:
            return use in SAFE_TYPES
        cls = self.loader.resolve(use)
        return self.virtual is None or cls is None or not cls.wall_clock_only

    async def _begin(self, name: str) -> None:
        spec = self.config.plugins[name]
        cls = self.loader.resolve(spec.use)
        if cls is None:  # it was there when the configuration was read
            raise HubError(f"plugins.{name}: the plugin type {spec.use!r} is gone")
        supervised = self.plugins[name] = Supervised(self, spec, cls)
        supervised.begin()
        if self.virtual is not None:
            # One after the other, so that the order of events is always the same.
            await supervised.settled()

    async def settled(self) -> None:
        """Wait until every plugin has started or failed to."""
        for supervised in tuple(self.plugins.values()):
            await supervised.settled()

    async def stop(self) -> None:
        """Stop all plugins, latest first, and release everything. Idempotent."""
        self._stopping = True  # a reload under way starts nothing more
        await self.scheduler.stop()
        async with self._reloading:
            for supervised in reversed(tuple(self.plugins.values())):
                await supervised.end()
            self.plugins.clear()
        if self.watchdog is not None:
            self.watchdog.stop()
        await self.bus.close()
        await self.ledger.close()
        await self.history.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _take_lock(self) -> None:
        path = self.data_dir / "lock"
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            raise AlreadyRunning(
                f"another hub is running on {self.data_dir}; stop it first, "
                f"or give this one its own `hub: {{data_dir: ...}}`"
            ) from None
        self._lock = handle

    # -- reload --

    async def reload(self) -> Mapping[str, Any]:
        """Read the file again and restart what changed. With mistakes in it nothing changes.

        Returns `{"problems": [...]}` or `{"stopped": [...], "started": [...], "kept": [...],
        "after_restart": [...]}`; the last names what changed and needs the hub started anew.
        """
        # In a task of its own: who asks may be a plugin that the reload itself stops.
        # Requests that come while one waits share it.
        if self._next_reload is None:
            self._next_reload = asyncio.get_running_loop().create_task(
                self._reload(), name="reload"
            )
        return await asyncio.shield(self._next_reload)

    async def _reload(self) -> Mapping[str, Any]:
        async with self._reloading:
            self._running_reload, self._next_reload = self._next_reload, None
            if self._stopping:
                return {"problems": ["the hub is stopping"]}
            try:
                new = load(
                    self.config.path, self.loader.resolve, known_types=self.loader.known_types()
                )
            except ConfigError as error:
                lines = [str(problem) for problem in error.problems]
                log.error("not reloaded, everything keeps running: %s", "; ".join(lines))
                return {"problems": lines}
            return await self._change_to(new)

    async def _change_to(self, new: HubConfig) -> Mapping[str, Any]:
        old = self.config
        self.on_config(new)
        # Contexts hand these to plugins when they start; what else is new is read where it is used.
        everything = new.houses != old.houses or new.hub.name != old.hub.name
        kept = [
            name
            for name, spec in new.plugins.items()
            if not everything
            and name in self.plugins
            and old.plugins[name].digest == spec.digest
            and self.plugins[name].state is not PluginState.FAILED
        ]
        stopped = [name for name in self.plugins if name not in kept]
        for name in reversed(stopped):
            await self.plugins[name].end()
            del self.plugins[name]
        self.config = new
        started = [n for n, s in new.plugins.items() if n not in kept and self._wanted(s.use)]
        if self._stopping:
            started = []
        for name in started:
            await self._begin(name)
        log.info(
            "reloaded: %d restarted or new, %d stopped, %d untouched",
            len(started), len(set(stopped) - set(started)), len(kept),
        )  # fmt: skip
        waiting = waiting_for_restart(self._started_with, new.hub)
        if waiting:
            log.warning("not in effect until the hub is started anew: %s", ", ".join(waiting))
        return {"stopped": stopped, "started": started, "kept": kept, "after_restart": waiting}

    # -- health --

    async def _health(self) -> None:
        now_s = time.monotonic()
        elapsed_s, self._counted_s = now_s - self._counted_s, now_s
        counted, self._published = self._published, {}
        for name, supervised in tuple(self.plugins.items()):
            context = supervised.context
            if context is None:
                continue
            before = counted.get(context, 0)
            self._published[context] = context.published
            # By the time that passed: after a stall the count is that of many seconds.
            per_second = round((context.published - before) / max(1.0, elapsed_s))
            if per_second > FLOOD_SHOWN:
                self._flooding[name] = self._flooding.get(name, 0) + (per_second > FLOOD_STOPPED)
                supervised.flooded(per_second, stop=self._flooding[name] >= 3)
            else:
                self._flooding.pop(name, None)

    def _blocked(self, block: Block) -> None:
        name = plugin_of(block.task)
        supervised = self.plugins.get(name) if name else None
        if supervised is not None:
            supervised.blocked(block)
        else:
            text = f"the hub was blocked for {block.seconds:.1f} s at {block.place} ({block.task})"
            logs.warn_with_stack(log, text, block.stack)

    # -- account --

    def state(self) -> Mapping[str, Any]:
        """Return the state of the hub as plain data."""
        return {
            "name": self.config.hub.name,
            "version": __version__,
            "safe": self.safe,
            "started_at": self.started_at.isoformat(),
            "now": self.clock.now().isoformat(),
            "feeder_now": self.clock.feeder_now().isoformat(),
            "time_lapse": self.clock.time_lapse,
            "config": str(self.config.path),
            "plugins": [supervised.account() for supervised in self.plugins.values()],
            "bus": {
                "published": self.bus.published,
                "refused": dict(self.bus.refused),
                "subscriptions": [
                    {
                        "owner": s.owner,
                        "filter": s.filter,
                        "backlog": s.backlog,
                        "delivered": s.counters.delivered,
                        "conflated": s.counters.conflated,
                        "errors": s.counters.errors,
                    }
                    for s in self.bus.subscriptions
                ],
            },
            "services": dict(self.services.names),
            "targets": dict(self.commands.targets),
            "loop_lag_s": self.watchdog.lag_s if self.watchdog else 0.0,
            "loop_worst_s": self.watchdog.worst_s if self.watchdog else 0.0,
        }
