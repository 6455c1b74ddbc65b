"""`hub run`: a hub on the wall clock, with signals, a log and a line when it is ready."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import threading
import time
from typing import Any

from hub import logs
from hub.config import HubConfig
from hub.control import ControlServer
from hub.core import Hub
from hub.errors import HubError
from hub.loader import Loader
from hub.messages import PluginState

log = logging.getLogger("hub")

#: Plugins that have not settled by then are named while the hub goes on.
READY_WAIT_S = 60.0
#: Threads that still work so long after the end are left behind.
THREAD_WAIT_S = 2.0


def run(config: HubConfig, loader: Loader, *, safe: bool) -> int:
    """Run until a signal ends it; returns the exit status."""
    section = config.hub.log
    handle = logs.setup(section.level, section.levels, section.format, sys.stderr, config.secrets)
    for warning in config.warnings:
        log.warning("%s", warning)
    status = asyncio.run(_run(config, loader, handle, safe))
    leave_behind_threads(status)
    return status


def leave_behind_threads(status: int) -> None:
    """Exit at once if a plugin's thread still works; Python would wait for it, for ever."""
    deadline_s = time.monotonic() + THREAD_WAIT_S
    for thread in threading.enumerate():
        if thread is threading.current_thread() or thread.daemon:
            continue
        thread.join(max(0.0, deadline_s - time.monotonic()))
        if thread.is_alive():
            log.warning("thread %s does not end; left behind", thread.name)
            logging.shutdown()
            sys.stdout.flush()
            os._exit(status)


async def _run(config: HubConfig, loader: Loader, log_handle: logs.LogHandle, safe: bool) -> int:
    began = time.monotonic()
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    hub = Hub(config, loader, safe=safe)

    def on_config(new: HubConfig) -> None:
        for secret in new.secrets:
            log_handle.redactor.add(secret)
        log_handle.set_levels(new.hub.log.level, new.hub.log.levels)

    async def recent(request: Any) -> list[dict[str, Any]]:
        return [json.loads(line.to_json()) for line in log_handle.ring.recent(**(request or {}))]

    hub.on_config = on_config
    hub.services.register("hub/log", recent, "hub")
    control = ControlServer(hub)

    def end() -> None:
        if ended.is_set():
            log.warning("told twice to stop: left at once")
            logging.shutdown()
            os._exit(1)
        ended.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    reloads: set[asyncio.Task[object]] = set()

    def reload() -> None:
        task: asyncio.Task[object] = loop.create_task(hub.reload(), name="reload")
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    loop.add_signal_handler(signal.SIGHUP, reload)
    try:
        await hub.start()
        await control.start()
        ready = loop.create_task(_ready(hub, began), name="ready")
        await ended.wait()
        ready.cancel()
        log.info("stopping")
    except HubError as error:
        log.error("%s", error)
        return 1
    finally:
        await control.stop()
        await hub.stop()
    return 0


async def _ready(hub: Hub, began: float) -> None:
    """Say when every plugin has settled, what does not run, and where the page is."""
    try:
        async with asyncio.timeout(READY_WAIT_S):
            await hub.settled()
    except TimeoutError:
        late = [n for n, s in hub.plugins.items() if s.state is PluginState.STARTING]
        log.warning("still starting: %s", ", ".join(late))
    running = [s for s in hub.plugins.values() if s.state is PluginState.ONLINE]
    for name, supervised in hub.plugins.items():
        if supervised.state is not PluginState.ONLINE:
            log.warning("%s is %s: %s", name, supervised.state, supervised.reason)
    log.info(
        "%d of %d plugins online after %.1f s",
        len(running), len(hub.plugins), time.monotonic() - began,
    )  # fmt: skip
    if "web/address" in hub.services.names:
        log.info("ready: open %s", await hub.services.ask("web/address"))
