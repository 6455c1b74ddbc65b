"""The vocabulary that plugins share on the bus: readings, alarms, notifications, commands.

What a feeder says is in `hub/grid_messages.py`, the market in `hub/market_messages.py`.

All messages are frozen dataclasses. Units are fixed per quantity: W, var, V, A, Hz, Wh; power is
positive when it is imported from the grid. Times are timezone-aware UTC. Prices are wei per kWh
and amounts are wei, always integers.

A class attribute `conflated` says how the bus treats a message when a subscriber lags: readings and
states are conflated (the newest per topic wins), everything else is delivered without exception.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any, ClassVar

#: The unit of every quantity. A phase suffix (`voltage_a`) has the unit of its base quantity.
UNITS: Mapping[str, str] = {
    "voltage": "V",
    "current": "A",
    "power": "W",
    "reactive_power": "var",
    "apparent_power": "VA",
    "power_factor": "1",
    "frequency": "Hz",
    "energy_import": "Wh",
    "energy_export": "Wh",
    "state_of_charge": "%",
    "tap": "1",
}
PHASES = ("a", "b", "c")


def unit_of(quantity: str) -> str:
    """Return the unit of a quantity such as `power` or `voltage_b`; KeyError if it is unknown."""
    unit = UNITS.get(quantity)
    if unit is None and quantity[-2:] in ("_a", "_b", "_c"):
        unit = UNITS.get(quantity[:-2])
    if unit is None:
        raise KeyError(f"unknown quantity {quantity!r}; known: {', '.join(UNITS)}")
    return unit


_ids: random.Random = random.SystemRandom()


def new_id() -> str:
    """Return a fresh identifier for a command or an alarm: 16 hexadecimal digits."""
    return f"{_ids.getrandbits(64):016x}"


def seed_ids(seed: int) -> None:
    """Make the identifiers of this process repeatable, for virtual time."""
    global _ids  # noqa: PLW0603 - the one place that knows whether time is virtual
    _ids = random.Random(seed)


class Quality(StrEnum):
    """How far a reading can be trusted. Age is judged apart, by the consumer's `stale_after`."""

    GOOD = "good"
    ESTIMATED = "estimated"
    BAD = "bad"


class Severity(StrEnum):
    """How urgent an alarm or a notification is."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Priority(IntEnum):
    """Who wins when two commands meet at one actuator; the larger number does."""

    MARKET = 10
    TAP_CONTROLLER = 20
    OPERATOR = 30
    FAULT = 40


class Message:
    """Base of everything on the bus."""

    __slots__ = ()
    conflated: ClassVar[bool] = False

    @property
    def topic(self) -> str:
        raise NotImplementedError

    def finite(self) -> bool:
        """Return False if the message carries NaN or infinity; the bus then refuses it."""
        return True


# --- Measurements -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reading(Message):
    """One value of one quantity at one device, in the unit of `UNITS`."""

    device: str
    quantity: str
    value: float
    unit: str
    at: datetime
    quality: Quality = Quality.GOOD
    cause: str | None = None

    conflated: ClassVar[bool] = True

    @property
    def topic(self) -> str:
        return f"reading/{self.device}/{self.quantity}"

    def finite(self) -> bool:
        return math.isfinite(self.value)


@dataclass(frozen=True, slots=True)
class ReadingBatch(Message):
    """One quantity at many devices at one instant: `values[i]` belongs to `devices[i]`.

    Subscribers of `readings/#` receive the batch; subscribers of `reading/...` receive single
    `Reading`s, which the bus makes only where somebody listens.
    """

    source: str
    quantity: str
    unit: str
    devices: tuple[str, ...]
    values: Sequence[float]
    at: datetime
    quality: Quality = Quality.GOOD
    cause: str | None = None

    conflated: ClassVar[bool] = True

    @property
    def topic(self) -> str:
        return f"readings/{self.source}/{self.quantity}"

    def finite(self) -> bool:
        return math.isfinite(math.fsum(self.values))

    def reading(self, index: int) -> Reading:
        """Return one of its values as a reading."""
        return Reading(
            self.devices[index], self.quantity, float(self.values[index]), self.unit, self.at,
            self.quality, self.cause,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Telegram(Message):
    """What one device reported at one instant: `values[i]` is of `quantities[i]`, in its unit.

    Subscribers of batches (`subscribe_batches`) receive it whole; all others receive the single
    `Reading`s in it, which the bus makes only where somebody listens. Telegrams of one device with
    the same quantities are conflated.
    """

    device: str
    quantities: tuple[str, ...]
    values: tuple[float, ...]
    at: datetime
    quality: Quality = Quality.GOOD
    cause: str | None = None

    conflated: ClassVar[bool] = True

    @property
    def topic(self) -> str:
        return f"reading/{self.device}"

    def finite(self) -> bool:
        return math.isfinite(sum(self.values))

    def get(self, quantity: str) -> float | None:
        """Return the value of a quantity; None if it is not in it."""
        quantities = self.quantities
        return self.values[quantities.index(quantity)] if quantity in quantities else None

    def reading(self, index: int) -> Reading:
        """Return one of its values as a reading."""
        quantity = self.quantities[index]
        return Reading(
            self.device, quantity, self.values[index], unit_of(quantity), self.at, self.quality,
            self.cause,
        )  # fmt: skip


def telegrams(messages: Iterable[Message]) -> Iterator[Telegram]:
    """Return the measurements among messages as telegrams, whatever form they came in."""
    for message in messages:
        if type(message) is Telegram:
            yield message
        elif type(message) is Reading:
            yield Telegram(
                message.device, (message.quantity,), (message.value,), message.at, message.quality,
                message.cause,
            )  # fmt: skip
        elif type(message) is ReadingBatch:
            quantities = (message.quantity,)
            for device, value in zip(message.devices, message.values, strict=True):
                yield Telegram(
                    device, quantities, (float(value),), message.at, message.quality, message.cause
                )


# --- Alarms, notifications, plugins ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Alarm(Message):
    """Something is wrong with a subject, or (`cleared`) no longer is. `id` is the same for both.

    Kinds in use: `outage` (a house without supply), `meter_lost`, `broker_lost`, `voltage` (limits
    violated), `fault`.
    """

    kind: str
    subject: str
    severity: Severity
    at: datetime
    text: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    cleared: bool = False
    id: str = field(default_factory=new_id)
    cause: str | None = None

    @property
    def topic(self) -> str:
        return f"alarm/{self.kind}/{self.subject}"


@dataclass(frozen=True, slots=True)
class Notification(Message):
    """A message to a person. `audience` is `substation` or the id of a house."""

    audience: str
    text: str
    at: datetime
    severity: Severity = Severity.INFO
    link: str | None = None
    id: str = field(default_factory=new_id)
    cause: str | None = None

    @property
    def topic(self) -> str:
        return f"notification/{self.audience}"


class PluginState(StrEnum):
    """The states of a plugin instance."""

    LOADED = "LOADED"
    STARTING = "STARTING"
    ONLINE = "ONLINE"
    DEGRADED = "DEGRADED"
    BACKOFF = "BACKOFF"
    FAILED = "FAILED"
    STOPPED = "STOPPED"


@dataclass(frozen=True, slots=True)
class PluginStatus(Message):
    """The state of one plugin instance, with the reason in words where there is one."""

    plugin: str
    plugin_type: str
    state: PluginState
    at: datetime
    reason: str = ""
    attempt: int = 0
    attempts: int = 0
    retry_in_s: float = 0.0

    @property
    def topic(self) -> str:
        return f"plugin/{self.plugin}/status"


@dataclass(frozen=True, slots=True)
class ScenarioStep(Message):
    """One line of a scenario's narration. `outcome` is `running`, `passed` or `failed`; the last
    line of a run has `last` set.
    """

    scenario: str
    run: str
    text: str
    at: datetime
    elapsed_s: float
    outcome: str = "running"
    last: bool = False
    figures: Mapping[str, Any] = field(default_factory=dict)

    @property
    def topic(self) -> str:
        return f"scenario/{self.scenario}"


# --- Commands -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Command:
    """An order to one actuator; goes to exactly one handler and is always answered.

    `deadline_s` bounds the wait for the answer. With `hold_s`, commands of lower priority to the
    same target are rejected for that long. `cause` names what led to it (an alarm's or trade's id).
    """

    target: str
    action: str
    args: Mapping[str, Any] = field(default_factory=dict)
    priority: Priority = Priority.OPERATOR
    cause: str | None = None
    deadline_s: float = 10.0
    hold_s: float = 0.0
    id: str = field(default_factory=new_id)


class CommandStatus(StrEnum):
    """What became of a command."""

    DONE = "done"
    REJECTED = "rejected"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class CommandResult(Message):
    """The answer to a command; also published, so that every action can be traced."""

    command: Command
    status: CommandStatus
    at: datetime
    reason: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def topic(self) -> str:
        return f"command/{self.command.target}"

    @property
    def done(self) -> bool:
        return self.status is CommandStatus.DONE
