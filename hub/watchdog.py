"""Sees from a thread of its own when the event loop is blocked, and by whom.

Every task of the hub is named `kind:plugin...`; while the loop does not answer, the name of the
running task tells the plugin, and the main thread's stack the place.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType

PERIOD_S = 0.1
#: A wait that took so much longer than it should says that the process stood still.
STARVED_S = 0.5
#: Frames of a stack that are shown, the innermost ones.
FRAMES_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Block:
    """The loop stood still: for how long, in which task, and where in the code."""

    seconds: float
    task: str
    place: str
    stack: str


#: Called on the loop afterwards.
Report = Callable[[Block], None]


class Watchdog:
    """Measures how late the loop is; `lag_s` is the last figure and `worst_s` the worst."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, report: Report, blocked_s: float = 0.5
    ) -> None:
        self.lag_s = 0.0
        self.worst_s = 0.0
        self._loop = loop
        self._report = report
        self._blocked_s = blocked_s
        self._stop = threading.Event()
        self._answered = threading.Event()
        self._main = threading.get_ident()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._answered.set()

    def _watch(self) -> None:
        while not self._stop.wait(PERIOD_S):
            asked = time.monotonic()
            self._answered.clear()
            try:
                self._loop.call_soon_threadsafe(self._answered.set)
            except RuntimeError:
                return  # the loop is closed
            culprit: tuple[str, str, str] | None = None
            waited = asked
            while not self._answered.wait(self._blocked_s) and not self._stop.is_set():
                before, waited = waited, time.monotonic()
                if waited - before > self._blocked_s + STARVED_S:
                    # This thread was kept from running, too: who runs now need not be to blame.
                    culprit = culprit or ("", "a moment when the whole process stood still", "")
                else:
                    culprit = culprit or self._look()
            self.lag_s = time.monotonic() - asked
            self.worst_s = max(self.worst_s, self.lag_s)
            if culprit is not None and not self._stop.is_set():
                with suppress(RuntimeError):  # the loop is closed
                    self._loop.call_soon_threadsafe(self._report, Block(self.lag_s, *culprit))

    def _look(self) -> tuple[str, str, str]:
        try:
            task = asyncio.current_task(self._loop)
        except RuntimeError:
            task = None
        frame = sys._current_frames().get(self._main)
        stack = "".join(traceback.format_stack(frame, FRAMES_SHOWN)) if frame else ""
        return (task.get_name() if task else ""), place(frame), stack


def place(frame: FrameType | None) -> str:
    """Return `file.py:line` of the innermost frame that belongs to a plugin, else of the last."""
    first = frame
    while frame is not None:
        path = frame.f_code.co_filename.replace("\\", "/")
        if "/plugins/" in path and "site-packages" not in path:
            return "/".join(path.split("/")[-2:]) + f":{frame.f_lineno}"
        frame = frame.f_back
    if first is None:
        return "?"
    return "/".join(first.f_code.co_filename.split("/")[-2:]) + f":{first.f_lineno}"


def plugin_of(task_name: str) -> str | None:
    """Return the plugin instance a task works for, by the task's name."""
    kind, _, rest = task_name.partition(":")
    if kind in ("bus", "command", "job", "plugin", "service", "task"):
        return rest.replace(":", "/").split("/")[0] or None
    return None
