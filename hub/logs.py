"""The hub's log: lines for people or JSON, without secrets, and the last thousand for the page.

Everything goes through the root logger. A plugin logs to `hub.plugins.<its key>`, so that its level
can be set by that key.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import traceback
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Literal, TextIO

from hub.problems import printable
from hub.redact import Redactor

PLUGIN_LOGGERS = "hub.plugins."
RING_SIZE = 1000
#: The name under which logging finds the root logger.
_ROOT = "root"

#: Libraries that tell of every message or call; they are heard from WARNING on.
_NOISY = (
    "aiohttp.access", "amqtt", "apscheduler", "asyncio", "paho", "sqlalchemy", "transitions",
    "urllib3", "web3", "websockets",
)  # fmt: skip
_LONGEST_TEXT = 20_000
_RESET = "\x1b[0m"
_DIM = "\x1b[2m"
_COLOURS: Mapping[int, str] = {
    logging.DEBUG: "\x1b[36m",
    logging.INFO: "\x1b[32m",
    logging.WARNING: "\x1b[33m",
    logging.ERROR: "\x1b[31m",
    logging.CRITICAL: "\x1b[1;31m",
}


@dataclass(frozen=True, slots=True)
class LogLine:
    """One record, safe to be shown: no secrets, no line breaks in the message."""

    #: Counts up from 1 since the log was set up.
    number: int
    at: datetime
    levelno: int
    #: Key of the plugin that wrote it; empty for the core and for libraries.
    plugin: str
    logger: str
    message: str
    #: The traceback, in several lines; empty without one.
    exception: str

    @property
    def level(self) -> str:
        return logging.getLevelName(self.levelno).lower()

    @property
    def source(self) -> str:
        """Who wrote it, as people call it."""
        return self.plugin or self.logger

    def to_json(self) -> str:
        """Return the line as one JSON object."""
        fields = {
            "at": _iso(self.at),
            "level": self.level,
            "plugin": self.plugin or None,
            "logger": self.logger,
            "message": self.message,
        }
        if self.exception:
            fields["exception"] = self.exception
        return json.dumps(fields)

    def to_text(self, *, colour: bool = False) -> str:
        """Return the line for people; a traceback follows, indented."""
        paint = _COLOURS.get(self.levelno, "") if colour else ""
        dim, reset = (_DIM, _RESET) if colour else ("", "")
        text = (
            f"{dim}{_iso(self.at)}{reset} {paint}{self.level.upper():<8}{reset}"
            f"{self.source}: {self.message}"
        )
        # Indented, so that no text in an exception can pass for a line of the log.
        return "\n    ".join((text, *self.exception.splitlines()))


class LogRing:
    """The newest lines, for the page. Any thread may write, any may read."""

    def __init__(self, size: int = RING_SIZE) -> None:
        self._lines: deque[LogLine] = deque(maxlen=size)
        self._lock = threading.Lock()

    def append(self, line: LogLine) -> None:
        """Keep a line; the oldest is forgotten when there are too many."""
        with self._lock:
            self._lines.append(line)

    def recent(
        self, level: str = "debug", plugin: str | None = None, limit: int = 200, *, after: int = 0
    ) -> list[LogLine]:
        """Return up to `limit` newest lines, oldest first.

        Only those at least as severe as `level`, of one plugin if given, and with a number above
        `after`. Raises KeyError for an unknown level.
        """
        least = logging.getLevelNamesMapping()[level.upper()]
        with self._lock:
            lines = list(self._lines)
        wanted = [
            line
            for line in lines
            if line.levelno >= least
            and line.number > after
            and (plugin is None or line.plugin == plugin)
        ]
        return wanted[-limit:] if limit > 0 else []


class _Handler(logging.Handler):
    """Makes a safe line of each record, keeps it and writes it."""

    def __init__(self, stream: TextIO, redactor: Redactor, ring: LogRing, *, as_json: bool) -> None:
        super().__init__()
        self._stream = stream
        self._redactor = redactor
        self._ring = ring
        self._as_json = as_json
        self._colour = not as_json and _is_terminal(stream)
        self._numbers = count(1)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record. Never raises: a log that cannot be written must not stop the hub."""
        try:
            line = self._line(record)
            self._ring.append(line)
            text = line.to_json() if self._as_json else line.to_text(colour=self._colour)
            self._stream.write(text + "\n")
            self._stream.flush()
        except Exception:  # noqa: BLE001, S110  # logging's own report would show the raw record
            pass

    def _line(self, record: logging.LogRecord) -> LogLine:
        plugin = ""
        if record.name.startswith(PLUGIN_LOGGERS):
            plugin = record.name.removeprefix(PLUGIN_LOGGERS).partition(".")[0]
        return LogLine(
            number=next(self._numbers),
            at=datetime.fromtimestamp(record.created, UTC),
            levelno=record.levelno,
            plugin=plugin,
            logger=record.name,
            message=_shortened(printable(self._redactor(_message(record)))),
            exception=self._exception(record),
        )

    def _exception(self, record: logging.LogRecord) -> str:
        parts = []
        if record.exc_info and record.exc_info[0] is not None:
            parts += traceback.format_exception(*record.exc_info)
        elif record.exc_text:
            parts.append(record.exc_text)
        if record.stack_info:
            parts.append(record.stack_info)
        text = self._redactor("\n".join(part.rstrip("\n") for part in parts))
        return _shortened("\n".join(printable(line) for line in text.splitlines()))


class LogHandle:
    """The log as set up: add secrets as they become known, read the newest lines, close it."""

    def __init__(
        self,
        handler: logging.Handler,
        redactor: Redactor,
        ring: LogRing,
    ) -> None:
        self.redactor = redactor
        self.ring = ring
        self._handler = handler
        self._levels_before: dict[str, int] = {}

    def set_levels(self, level: str, levels: Mapping[str, str]) -> None:
        """Set the level of all and those of single plugins; other levels return to the default."""
        wanted = _wanted_levels(level, levels)
        for name in self._levels_before.keys() - wanted.keys():
            logging.getLogger(name).setLevel(self._levels_before[name])
        for name, own in wanted.items():
            self._levels_before.setdefault(name, logging.getLogger(name).level)
            logging.getLogger(name).setLevel(own)

    def close(self) -> None:
        """Take the log away again; levels that were set are as before."""
        logging.getLogger().removeHandler(self._handler)
        for name, level in self._levels_before.items():
            logging.getLogger(name).setLevel(level)


def warn_with_stack(logger: logging.Logger, text: str, stack: str) -> None:
    """Log a warning with a stack that is not the present one."""
    if logger.isEnabledFor(logging.WARNING):
        record = logger.makeRecord(
            logger.name, logging.WARNING, __file__, 0, "%s", (text,), None, sinfo=stack or None
        )
        logger.handle(record)


_current: list[LogHandle] = []


def setup(
    level: str,
    levels: Mapping[str, str],
    fmt: Literal["text", "json"],
    stream: TextIO,
    secrets: Iterable[str],
) -> LogHandle:
    """Set up the log of this process; a log that was set up before is closed.

    `level` and `levels` (by plugin key) are debug, info, warning or error. A terminal gets colours
    unless the environment variable NO_COLOR is set.
    """
    while _current:
        _current.pop().close()
    redactor = Redactor(secrets)
    ring = LogRing()
    handler = _Handler(stream, redactor, ring, as_json=fmt == "json")
    handle = LogHandle(handler, redactor, ring)
    handle.set_levels(level, levels)
    logging.getLogger().addHandler(handler)
    _current.append(handle)
    return handle


def _wanted_levels(level: str, levels: Mapping[str, str]) -> dict[str, int | str]:
    least = logging.getLevelNamesMapping()[level.upper()]
    wanted: dict[str, int | str] = {_ROOT: least}
    wanted |= dict.fromkeys(_NOISY, max(least, logging.WARNING))
    return wanted | {PLUGIN_LOGGERS + name: text.upper() for name, text in levels.items()}


def _message(record: logging.LogRecord) -> str:
    """Return the message with its values; one that does not fit its values is not lost."""
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001  # a value's own __str__ may raise anything
        return f"{record.msg} (its values could not be written into it)"


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}… (shortened)"


def _is_terminal(stream: TextIO) -> bool:
    return "NO_COLOR" not in os.environ and stream.isatty()


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
