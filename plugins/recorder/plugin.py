"""Wires the recorder to the hub: everything on the bus in, the history database out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hub.api import (
    Alarm,
    Command,
    CommandResult,
    Context,
    FeederState,
    HubError,
    MarketEvent,
    MarketStatus,
    Message,
    Notification,
    Plugin,
    PluginStatus,
    Reading,
    ReadingBatch,
    ScenarioStep,
    Severity,
    Telegram,
    field_names,
    hookimpl,
    telegrams,
)

from . import tables
from .buffer import Buffer, Event
from .configuration import RecorderConfig
from .selection import Selection
from .sentences import sentence
from .writing import SeriesIds, write

MEASUREMENTS = (Telegram, Reading, ReadingBatch)
#: What is kept of a feeder's state.
SUMMARY = (
    "source_power", "source_reactive_power", "losses", "voltage_max_pu", "voltage_min_pu",
)  # fmt: skip
#: Below this a node counts as without voltage.
DEAD_PU = 0.1
#: Rows in one transaction, and how many wait in memory at most.
MOST_ROWS, MOST_WAITING = 5_000, 50_000
#: The same in virtual time, where no power cut can cost what waits, and where a day is written in
#: a minute: the more rows are written together, the fewer pages of the file each of them touches.
VIRTUAL_ROWS, VIRTUAL_WAITING = 100_000, 500_000
VIRTUAL_FLUSH_S = 30.0
#: So many reports are looked at together: one by one they would take several times as long.
REPORTS_AT_ONCE = 256
#: How an event's figures are kept. Made once, as `json.dumps` would make it anew each time.
JSON = json.JSONEncoder(default=str, allow_nan=False)
#: How often old samples are thinned out, and how many series in one transaction.
THIN_OUT_S = 600.0
SERIES_AT_ONCE = 50
#: Bounds on what one question may ask for.
MOST_POINTS = 5000
MOST_EVENTS = 1000


class Recorder(Plugin[RecorderConfig]):
    """Writes the history and answers `history/series` and `history/events`."""

    Config = RecorderConfig
    summary = "keeps readings and events in SQLite and serves them for plots"

    async def start(self, ctx: Context) -> None:
        self._ctx = ctx
        self._selection = Selection(self.config.rule())
        self._most_rows = VIRTUAL_ROWS if ctx.virtual else MOST_ROWS
        self._reports: list[Telegram] = []
        self._buffer = Buffer(VIRTUAL_WAITING if ctx.virtual else MOST_WAITING)
        self._flushing = asyncio.Lock()
        self._due = False
        self._series: SeriesIds = {}
        self._states: dict[str, tuple[str, str]] = {}
        self._failing = False
        await ctx.history.create(tables.tables)
        if ctx.history.set_aside is not None:
            self._tell_of_loss(ctx.history.set_aside)
        ctx.serve("history/series", self._answer_series)
        ctx.serve("history/events", self._answer_events)
        # One subscription for all: so events come in their order.
        ctx.subscribe_batches(("#",), self._on_messages)
        every_s = max(self.config.flush, VIRTUAL_FLUSH_S) if ctx.virtual else self.config.flush
        ctx.every(every_s, self._flush, name="flush")
        ctx.every(THIN_OUT_S, self._thin_out, name="thin out", timeout_s=THIN_OUT_S)

    async def stop(self) -> None:
        if hasattr(self, "_buffer"):
            await self._flush()

    def _tell_of_loss(self, aside: Path) -> None:
        """The history begins anew because its file was damaged; say where the old one is."""
        now = self._ctx.clock.now()
        text = f"The history was damaged and begins anew; the old file is {aside.name}."
        self._ctx.log.error("%s", text)
        alarm = Alarm("history_lost", self._ctx.name, Severity.WARNING, now, text)
        self._happened(alarm, now)
        self._ctx.publish(alarm)

    # -- in ----------------------------------------------------------------------------------------

    def _on_messages(self, messages: Sequence[Message]) -> None:
        self._reports += telegrams(messages)
        for message in messages:
            if isinstance(message, MEASUREMENTS):
                continue
            if isinstance(message, FeederState):
                self._reports.append(_summary(message))
            else:
                self._note(message)
        if len(self._reports) >= REPORTS_AT_ONCE:
            self._select()
        if len(self._buffer) >= self._most_rows and not self._due:
            self._due = True
            self._ctx.at(self._ctx.clock.now(), self._flush, name="flush many")

    def _select(self) -> None:
        """Put what is worth keeping of the reports on its way to the disk."""
        reports, self._reports = self._reports, []
        self._buffer.add_samples(self._selection.choose(reports))

    def _note(self, message: Message) -> None:
        match message:
            case PluginStatus():
                state = (message.state, message.reason)
                if self._states.get(message.plugin) != state:
                    self._states[message.plugin] = state
                    self._happened(message, message.at)
            case MarketStatus():
                pass
            case Alarm() | Notification() | CommandResult() | MarketEvent() | ScenarioStep():
                self._happened(message, message.at)

    def _happened(self, message: Message, at: datetime) -> None:
        data = _figures(message)
        try:
            kept = JSON.encode(data)
        except ValueError:
            # Not a number in somebody's evidence: what happened is kept without its figures.
            kept = "{}"
        text = sentence(type(message).__name__, data)
        at_ms = round(at.timestamp() * 1000)
        self._buffer.add_event(Event(at_ms, message.topic, text, kept))

    # -- out ---------------------------------------------------------------------------------------

    async def _flush(self) -> None:
        async with self._flushing:
            await self._write()
        self._due = False

    async def _write(self) -> None:
        self._select()
        while len(self._buffer):
            batch = self._buffer.take(self._most_rows)
            names, known = self._selection.names, self._series
            try:
                self._series |= await self._ctx.history.run(
                    partial(write, batch=batch, names=names, known=known)
                )
            except HubError as error:
                self._buffer.give_back(batch)
                self._failing = True
                self._ctx.degraded(
                    f"the history is not written: {error}; {len(self._buffer)} rows wait in memory"
                )
                return
        if self._failing:
            self._failing = False
            lost = f", {self._buffer.lost} rows were lost" if self._buffer.lost else ""
            self._ctx.log.info("the history is written again%s", lost)
            self._ctx.online()

    async def _thin_out(self) -> None:
        now_ms = round(self._ctx.clock.now().timestamp() * 1000)
        config = self.config
        try:
            numbers = await self._ctx.history.run(tables.all_series)
            for first in range(0, len(numbers), SERIES_AT_ONCE):
                await self._ctx.history.run(
                    partial(
                        tables.thin_out,
                        numbers=numbers[first : first + SERIES_AT_ONCE],
                        now_ms=now_ms,
                        raw_ms=round(config.keep_raw * 1000),
                        minutes_ms=round(config.keep_minutes * 1000),
                    )
                )
            before_ms = now_ms - round(config.keep_events * 1000)
            await self._ctx.history.run(partial(tables.forget_events, before_ms=before_ms))
        except HubError as error:
            self._ctx.log.warning("the history is not thinned out: %s", error)

    # -- questions ---------------------------------------------------------------------------------

    async def _answer_series(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        now = self._ctx.clock.now()
        until = _time(request.get("until"), now)
        since = _time(request.get("since"), until - timedelta(hours=1))
        points = max(1, min(int(request.get("points", 300)), MOST_POINTS))
        await self._flush()
        buckets = await self._ctx.history.run(
            partial(
                tables.read_series,
                device=str(request["device"]),
                quantity=str(request["quantity"]),
                since_ms=round(since.timestamp() * 1000),
                until_ms=round(until.timestamp() * 1000) + 1,
                points=points,
            )
        )
        return {
            "at": [_iso(bucket.at_ms) for bucket in buckets],
            "value": [bucket.mean for bucket in buckets],
            "min": [bucket.low for bucket in buckets],
            "max": [bucket.high for bucket in buckets],
        }

    async def _answer_events(self, request: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
        asked = request or {}
        limit = max(1, min(int(asked.get("limit", 100)), MOST_EVENTS))
        topics = tuple(str(topic) for topic in asked.get("topics") or ())
        await self._flush()
        rows = await self._ctx.history.run(partial(tables.read_events, limit=limit, topics=topics))
        return [
            {
                "at": _iso(row["at_ms"]),
                "topic": row["topic"],
                "text": row["text"],
                "data": json.loads(row["data"]),
            }
            for row in rows
        ]


def _summary(state: FeederState) -> Telegram:
    """Return what is kept of a feeder's state, as a device would say it."""
    voltages = np.asarray(state.voltages_pu)
    living = voltages[voltages > DEAD_PU]
    highest, lowest = (living.max(), living.min()) if len(living) else (0.0, 0.0)
    values = (state.source_w, state.source_var, state.losses_w, float(highest), float(lowest))
    return Telegram(state.feeder, SUMMARY, values, state.at)


def _figures(message: Any) -> dict[str, Any]:
    """Return what a message says, and a command in it, by field; nothing is copied."""
    figures: dict[str, Any] = {}
    for name in field_names(message.__class__):
        value = getattr(message, name)
        figures[name] = _figures(value) if isinstance(value, Command) else value
    return figures


def _time(value: Any, default: datetime) -> datetime:
    """Return a time given as ISO text or datetime; without a zone it is UTC."""
    if value is None:
        return default
    at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat()


@hookimpl
def hub_plugin_types() -> Mapping[str, type[Plugin[Any]]]:
    """Register the type `recorder`."""
    return {"recorder": Recorder}
