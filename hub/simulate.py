"""A hub in virtual time: hours of the feeder in seconds, the same every time for a seed."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import json
import logging
import struct
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from hub.config import HubConfig
from hub.core import Hub
from hub.encoding import encode
from hub.grid_messages import FeederState
from hub.loader import Loader
from hub.market_messages import MarketEvent, TradeMatched, TradeSettled
from hub.messages import (
    Alarm,
    CommandResult,
    Message,
    Notification,
    PluginState,
    Reading,
    Telegram,
    seed_ids,
    telegrams,
)
from hub.virtual import VirtualLoop
from hub.watcher import SimulationRun, Watcher

#: The counters of every meter, which are added up.
ENERGIES = ("energy_import", "energy_export")

#: Made once, as `json.dumps` would make it anew each time.
SORTED_JSON = json.JSONEncoder(sort_keys=True)

#: Progress is told so often.
PARTS = 100
#: Called now and then with the share that is done, 0 to 1.
Progress = Callable[[float], None]


@dataclass(slots=True)
class Result:
    """What happened. `report` is the same for every run of one file and seed."""

    report: dict[str, Any]
    feeder_hours: float
    wall_s: float

    @property
    def speed(self) -> float:
        """Feeder time per wall time."""
        return self.feeder_hours * 3600 / self.wall_s

    def to_json(self) -> str:
        return json.dumps(self.report, indent=1, sort_keys=True, allow_nan=False) + "\n"


@dataclass(frozen=True, slots=True)
class _Form:
    """What all telegrams of a device with the same quantities have in common.

    `energies` has the place of each energy counter in them, and what it is added up as.
    """

    head: bytes
    pack: Callable[..., bytes]
    energies: tuple[tuple[str, int], ...]

    @classmethod
    def of(cls, device: str, quantities: tuple[str, ...]) -> _Form:
        energies = tuple(
            (f"{device}/{q}", quantities.index(q)) for q in ENERGIES if q in quantities
        )
        pack = struct.Struct(f"<{len(quantities)}d").pack
        return cls(f"{device} {quantities} ".encode(), pack, energies)


@dataclass(slots=True)
class _Ledger:
    """Adds up what is published, and fingerprints all of it in order."""

    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, float] = field(default_factory=dict)
    last: dict[str, float] = field(default_factory=dict)
    trades: list[dict[str, Any]] = field(default_factory=list)
    settled: list[dict[str, Any]] = field(default_factory=list)
    alarms: list[dict[str, Any]] = field(default_factory=list)
    notifications: list[dict[str, Any]] = field(default_factory=list)
    commands: Counter[str] = field(default_factory=Counter)
    voltage: dict[str, list[float]] = field(default_factory=dict)
    unconverged: int = 0
    digest: Any = field(default_factory=hashlib.sha256)
    _forms: dict[tuple[str, tuple[str, ...]], _Form] = field(default_factory=dict)

    def keep(self, messages: Sequence[Message]) -> None:
        """Take in what was published, in order."""
        for are_telegrams, group in groupby(messages, _is_telegram):
            if are_telegrams:
                self._telegrams(group)
            else:
                for message in group:
                    self._keep(message)

    def _keep(self, message: Message) -> None:
        if type(message) is not Reading:
            self.counts[type(message).__name__] += 1
        match message:
            case FeederState():
                self._feeder(message)
            case Reading():
                self._telegrams(telegrams((message,)))
            case CommandResult():
                key = f"{message.command.target} {message.command.action}: {message.status}"
                self.commands[key] += 1
                self._fingerprint(encode(message))
            case MarketEvent():
                self._market_event(message)
            case Alarm():
                self.alarms.append(encode(message))
                self._fingerprint(self.alarms[-1])
            case Notification():
                self.notifications.append(encode(message))
                self._fingerprint(self.notifications[-1])

    def _market_event(self, event: MarketEvent) -> None:
        """Only what is kept is worth encoding: there are thousands, all of plain figures."""
        self.digest.update(repr(event).encode())
        for kind, kept in ((TradeMatched, self.trades), (TradeSettled, self.settled)):
            if isinstance(event, kind):
                kept.append(encode(event))

    def _fingerprint(self, data: dict[str, Any]) -> None:
        self.digest.update(SORTED_JSON.encode(data).encode())

    def _telegrams(self, group: Iterable[Any]) -> None:
        """Count their readings. By far the most frequent messages: what is the same in many is
        written out once, and they enter the fingerprint together.
        """
        forms, last = self._forms, self.last
        told: list[bytes] = []
        said: Any = None
        tail = b""
        readings = 0
        for telegram in group:
            values = telegram.values
            readings += len(values)
            key = telegram.device, telegram.quantities
            form = forms.get(key)
            if form is None:
                form = forms[key] = _Form.of(*key)
                for name, place in form.energies:
                    self.first.setdefault(name, values[place])
            for name, place in form.energies:
                last[name] = values[place]
            if (telegram.at, telegram.quality, telegram.cause) != said:
                said = telegram.at, telegram.quality, telegram.cause
                tail = f"{telegram.at.isoformat()} {telegram.quality} {telegram.cause}\n".encode()
            told += (form.head, tail, form.pack(*values))
        self.counts["Reading"] += readings
        self.digest.update(b"".join(told))

    def _feeder(self, state: FeederState) -> None:
        live = [v for v in state.voltages_pu if v > 0]
        if not state.converged or not live:
            self.unconverged += 1
            return
        low, high = min(live), max(live)
        seen = self.voltage.setdefault(state.feeder, [low, high])
        seen[0], seen[1] = min(seen[0], low), max(seen[1], high)
        taps = ",".join(f"{name}={tap}" for name, tap in sorted(state.taps.items()))
        self.digest.update(f"{low:.9f} {high:.9f} {state.source_w:.3f} {taps}\n".encode())

    def energy(self) -> dict[str, dict[str, float]]:
        """Return Wh per device and direction."""
        found: dict[str, dict[str, float]] = {}
        for key, value in sorted(self.last.items()):
            device, quantity = key.split("/")
            found.setdefault(device, {})[quantity] = round(value - self.first[key], 3)
        return found


def _is_telegram(message: Message) -> bool:
    return type(message) is Telegram


def simulate(
    config: HubConfig,
    loader: Loader,
    hours: float,
    progress: Progress = lambda _: None,
    watchers: Sequence[Watcher] = (),
) -> Result:
    """Run a configuration for some feeder hours in virtual time, on a data directory of its own.

    Watchers see the run, but do not write: that is for who has the result.
    """
    began = time.perf_counter()
    with (
        tempfile.TemporaryDirectory(prefix="hub-simulate-") as folder,
        asyncio.Runner(loop_factory=VirtualLoop) as runner,
    ):
        report = runner.run(_run(config, loader, hours, Path(folder), progress, watchers))
    return Result(report, hours, time.perf_counter() - began)


async def _run(
    config: HubConfig,
    loader: Loader,
    hours: float,
    folder: Path,
    progress: Progress,
    watchers: Sequence[Watcher],
) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    seed_ids(config.hub.seed)
    hub = Hub(config, loader, virtual=loop, data_dir=folder)
    ledger = _Ledger()
    hub.bus.subscribe_batches(("#",), ledger.keep, owner="simulate")
    total_s, began_s = hours * 3600 / config.hub.time_lapse, loop.time()
    for watcher in watchers:
        watcher.begin(SimulationRun.of(hub, hours))
    await hub.start()
    try:
        with _rare_collections(), _logged_at(hub.clock.feeder_now):
            for part in range(1, PARTS + 1):
                await loop.sleep_until(began_s + total_s * part / PARTS)
                progress(part / PARTS)
            await loop.all_settled()
        for watcher in watchers:
            await watcher.end()
        plugins = {
            name: {"state": str(s.state), "reason": s.reason, "errors": s.errors}
            for name, s in sorted(hub.plugins.items())
        }
        bad = [name for name, s in hub.plugins.items() if s.state is PluginState.FAILED]
    finally:
        await hub.stop()
    return {
        "file": config.path.name,
        "seed": config.hub.seed,
        "feeder_hours": hours,
        "messages": dict(sorted(ledger.counts.items())),
        "energy_wh": ledger.energy(),
        "voltage_pu": {
            feeder: {"min": round(low, 6), "max": round(high, 6)}
            for feeder, (low, high) in sorted(ledger.voltage.items())
        },
        "steps_without_solution": ledger.unconverged,
        "trades": ledger.trades,
        "settled": ledger.settled,
        "alarms": ledger.alarms,
        "notifications": ledger.notifications,
        "commands": dict(sorted(ledger.commands.items())),
        "plugins": plugins,
        "failed": bad,
        "fingerprint": ledger.digest.hexdigest(),
    }


@contextmanager
def _logged_at(now: Callable[[], datetime]) -> Iterator[None]:
    """Give log lines the time in the simulation: the moment of the machine says nothing there."""
    before = logging.getLogRecordFactory()

    def record(*args: Any, **kwargs: Any) -> logging.LogRecord:
        made = before(*args, **kwargs)
        made.created = now().timestamp()
        return made

    logging.setLogRecordFactory(record)
    try:
        yield
    finally:
        logging.setLogRecordFactory(before)


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Look for cycles seldom, and not through what the plugins have set up, which stays.

    A step makes some ten objects for each meter, which all go without the collector. At Python's
    own threshold of 700 it took a tenth of a day of 1,000 houses.
    """
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(20_000, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
