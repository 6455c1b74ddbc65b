"""Keeps one plugin instance running, within bounds, and says at any time how it is.

A crash (start that raises, background task that raises) leads to a restart after 1, 2, 4 ... 60 s,
at most `MAX_RESTARTS` times; a minute online forgives. Something outside that is away
(`Unavailable`) is tried again for ever, quietly. A configuration error is not tried again.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from hub import logs
from hub.config import PluginSpec
from hub.errors import ConfigProblemError, HubError, Unavailable
from hub.messages import PluginState, PluginStatus
from hub.plugin import Plugin
from hub.runtime import PluginContext
from hub.tasks import was_cancelled
from hub.watchdog import Block

if TYPE_CHECKING:
    from hub.core import Hub

START_WARN_S = 10.0
START_LIMIT_S = 60.0
STOP_LIMIT_S = 5.0
#: A start that swallows its cancellation is cancelled this often before it is left behind.
MAX_CANCELS = 2
MAX_RESTARTS = 5
FORGIVEN_AFTER_S = 60.0
MAX_BACKOFF_S = 60.0
#: A handler's or job's failure colours the state for this long after the last one.
TROUBLE_SHOWN_S = 60.0
#: Blocks of the hub are summed up over this time.
BLOCKS_SUMMED_S = 60.0
#: A plugin is not stopped for blocking before it was warned of so often.
MIN_BLOCKS = 3


class Supervised:
    """One plugin instance under supervision."""

    def __init__(self, hub: Hub, spec: PluginSpec, cls: type[Plugin[Any]]) -> None:
        self.hub = hub
        self.spec = spec
        self.cls = cls
        self.log = logging.getLogger(f"hub.plugins.{spec.name}")
        self.state = PluginState.LOADED
        self.reason = ""
        self.since = hub.clock.now()
        self.restarts = 0
        self.errors = 0
        self.plugin: Plugin[Any] | None = None
        self.context: PluginContext | None = None
        self._attempt = 0
        self._retry_in_s = 0.0
        self._troubles: dict[str, str] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._logged: dict[str, datetime] = {}
        self._blocks: list[tuple[datetime, float]] = []
        self._crash: asyncio.Future[BaseException] | None = None
        self._task: asyncio.Task[None] | None = None
        self._releasing: asyncio.Task[None] | None = None
        self._started_once = False
        self._lost = False

    # -- life --

    def begin(self) -> None:
        """Start supervising, in a task of its own."""
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(
                self._run(), name=f"plugin:{self.spec.name}"
            )

    async def settled(self) -> None:
        """Wait until the first start has succeeded or failed."""
        while not self._started_once:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter

    @property
    def _waiters(self) -> list[asyncio.Future[None]]:
        return self.hub.state_waiters

    async def end(self) -> None:
        """Stop the plugin and the supervision."""
        task, self._task = self._task, None
        for _ in range(MAX_CANCELS):
            if task is None or task.done():
                break
            task.cancel()
            await asyncio.wait({task}, timeout=STOP_LIMIT_S)
        else:
            self.log.warning("its start does not let itself be cancelled; left behind")
        await self._release()
        self._set(PluginState.STOPPED)

    async def _run(self) -> None:
        while True:
            self._crash = asyncio.get_running_loop().create_future()
            online_since = None
            try:
                await self._start()
                online_since = self.hub.clock.now()
                error = await self._crash
            except asyncio.CancelledError as raised:
                if was_cancelled():
                    raise
                error = raised  # of something that the plugin waited for
            except Exception as raised:
                error = raised
            # A plugin may raise SystemExit; that is its own end, not the hub's.
            except (SystemExit, KeyboardInterrupt) as raised:
                error = raised
            await self._release()
            if online_since is not None:
                lasted_s = (self.hub.clock.now() - online_since).total_seconds()
                if lasted_s >= FORGIVEN_AFTER_S:
                    self._attempt = 0
            if not await self._wait_before_restart(error):
                return
            self.restarts += 1

    async def _start(self) -> None:
        self._set(PluginState.STARTING)
        self.plugin = self.cls(self.spec.config)
        self.context = PluginContext(self.hub, self)
        slow = asyncio.get_running_loop().call_later(
            START_WARN_S, self.log.warning, "still starting after %g s", START_WARN_S
        )
        limit = asyncio.timeout(START_LIMIT_S)
        try:
            async with limit:
                await self.plugin.start(self.context)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise HubError(f"did not start within {START_LIMIT_S:g} s") from error
        finally:
            slow.cancel()
        if self._lost:
            self.log.info("back")
            self._lost = False
        self._settle()

    async def _wait_before_restart(self, error: BaseException) -> bool:
        """Say what happened and wait; return whether to start again."""
        text = describe(error)
        if isinstance(error, ConfigProblemError):
            self.log.error("%s", text)
            self._set(PluginState.FAILED, text)
            return False
        self._attempt += 1
        away = isinstance(error, Unavailable)
        if not away and self._attempt > MAX_RESTARTS:
            self.log.error("given up after %d restarts: %s", MAX_RESTARTS, text)
            self._set(PluginState.FAILED, f"{text} (gave up after {MAX_RESTARTS} restarts)")
            return False
        delay_s = min(MAX_BACKOFF_S, 2.0 ** (self._attempt - 1)) * self.hub.random.uniform(0.9, 1.1)
        if away:
            if not self._lost:
                self.log.warning("%s; trying again until it is back", text)
                self._lost = True
        else:
            self.log.error(
                "crashed: %s; restart %d of %d in %.0f s",
                text,
                self._attempt,
                MAX_RESTARTS,
                delay_s,
                exc_info=None if isinstance(error, HubError) else error,
            )
        self._retry_in_s = delay_s
        self._set(PluginState.BACKOFF, text)
        await asyncio.sleep(delay_s)
        return True

    async def _release(self) -> None:
        """Stop the plugin and take back its context, to the end even if the caller is cancelled."""
        if self._releasing is None or self._releasing.done():
            self._releasing = asyncio.get_running_loop().create_task(
                self._take_back(), name=f"plugin:{self.spec.name}"
            )
        await asyncio.shield(self._releasing)

    async def _take_back(self) -> None:
        plugin, self.plugin = self.plugin, None
        context, self.context = self.context, None
        if context is not None:
            context.closed = True
            await context.end_jobs()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._troubles.clear()
        if plugin is not None:
            limit = asyncio.timeout(STOP_LIMIT_S)
            try:
                async with limit:
                    await plugin.stop()
            except (Exception, SystemExit, KeyboardInterrupt, asyncio.CancelledError) as error:
                if limit.expired():
                    self.log.warning("did not stop within %g s; left behind", STOP_LIMIT_S)
                else:
                    self.log.warning("stop raised %s", describe(error))
        if context is not None:
            await context.close()

    # -- trouble that does not end the plugin --

    def crashed(self, error: BaseException, where: str) -> None:
        """A background task has raised."""
        if self._crash is not None and not self._crash.done():
            self.log.debug("%s ended", where)
            self._crash.set_result(error)

    def handler_failed(self, topic_filter: str, error: BaseException) -> None:
        self.errors += 1
        text = f"handler of {topic_filter} raised {describe(error)}"
        self._log_seldom(text, None if isinstance(error, HubError) else error)
        self.report("handler", text, for_s=TROUBLE_SHOWN_S)

    def job_failed(
        self, job: str, text: str, *, error: BaseException | None = None, expected: bool = False
    ) -> None:
        self.errors += not expected
        line = f"job {job!r}: {text}"
        self._log_seldom(line, error)
        self.report(f"job {job}", line)

    def job_passed(self, job: str) -> None:
        if f"job {job}" in self._troubles:
            self.log.info("job %r is back", job)
            self.report(f"job {job}", None)

    def blocked(self, block: Block) -> None:
        """The plugin kept the whole hub from running. Warned of first, stopped if it goes on."""
        text = f"blocked the hub for {block.seconds:.1f} s at {block.place}"
        logs.warn_with_stack(self.log, text, block.stack)
        now = self.hub.clock.now()
        self._blocks.append((now, block.seconds))
        self._blocks = [
            (at, seconds)
            for at, seconds in self._blocks
            if (now - at).total_seconds() < BLOCKS_SUMMED_S
        ]
        total_s = sum(seconds for _, seconds in self._blocks)
        limit_s = self.hub.config.hub.blocking.stop_after
        if limit_s and total_s >= limit_s and len(self._blocks) >= MIN_BLOCKS:
            self.stop_for(
                f"{text}; {total_s:.0f} s within a minute, so it was stopped "
                f"(`hub: {{blocking: {{stop_after: ...}}}}` allows more)"
            )
        else:
            self.report("blocked", text, for_s=TROUBLE_SHOWN_S)

    def flooded(self, per_second: int, *, stop: bool) -> None:
        """The plugin publishes more than the hub should carry."""
        text = f"publishes {per_second} messages a second"
        if stop:
            self.stop_for(f"{text}, so it was stopped")
        else:
            self._log_seldom(text, None)
            self.report("flood", text, for_s=TROUBLE_SHOWN_S)

    def stop_for(self, reason: str) -> None:
        """End the plugin for good; `reload` starts it again."""
        if self._crash is not None and not self._crash.done():
            self._crash.set_result(ConfigProblemError(reason))

    def report(self, source: str, reason: str | None, *, for_s: float | None = None) -> None:
        """Note a reason (or its end) from one source and show the resulting state."""
        timer = self._timers.pop(source, None)
        if timer is not None:
            timer.cancel()
        if reason is None:
            self._troubles.pop(source, None)
        else:
            self._troubles[source] = reason
            if for_s is not None:
                self._timers[source] = asyncio.get_running_loop().call_later(
                    for_s, self.report, source, None
                )
        if self.state in (PluginState.ONLINE, PluginState.DEGRADED):
            self._settle()

    def _settle(self) -> None:
        reason = "; ".join(self._troubles.values())
        self._set(PluginState.DEGRADED if reason else PluginState.ONLINE, reason)

    def _set(self, state: PluginState, reason: str = "") -> None:
        if state is self.state and reason == self.reason:
            return
        self.state, self.reason, self.since = state, reason, self.hub.clock.now()
        self._started_once |= state not in (PluginState.LOADED, PluginState.STARTING)
        self.hub.bus.publish(self.status())
        waiters, self._waiters[:] = self._waiters[:], []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def status(self) -> PluginStatus:
        backoff = self.state is PluginState.BACKOFF
        return PluginStatus(
            plugin=self.spec.name,
            plugin_type=self.spec.use,
            state=self.state,
            at=self.since,
            reason=self.reason,
            attempt=self._attempt if backoff else 0,
            attempts=MAX_RESTARTS if backoff else 0,
            retry_in_s=self._retry_in_s if backoff else 0.0,
        )

    def account(self) -> dict[str, Any]:
        """Return how it is as plain data: the status, and what it has been through."""
        status = asdict(self.status())
        return {
            "type": status.pop("plugin_type"),
            **status,
            "at": self.since.isoformat(),
            "restarts": self.restarts,
            "errors": self.errors,
            "summary": self.cls.summary,
        }

    def _log_seldom(self, text: str, error: BaseException | None) -> None:
        """Log a repeated trouble once a minute."""
        now = self.hub.clock.now()
        logged = self._logged.get(text)
        if logged is None or (now - logged).total_seconds() >= 60:
            if len(self._logged) > 100:
                self._logged.clear()
            self._logged[text] = now
            self.log.error("%s", text, exc_info=error)


def describe(error: BaseException) -> str:
    """Return what went wrong in one line; for a stranger's exception with its type and place."""
    text = " ".join(str(error).split())
    if isinstance(error, HubError):
        return text
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename.rsplit('/', 1)[-1]}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{': ' + text if text else ''}{place}"
