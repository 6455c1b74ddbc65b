"""The vocabulary that plugins share: everything that travels on the bus.

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


# --- The feeder -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FeederState(Message):
    """A whole feeder after one power flow; arrays share one order from step to step.

    `voltages_pu[i]` is the magnitude at `nodes[i]` (`bus.phase`, lower case), 0 where de-energised.
    `powers_w[i]` and `powers_var[i]` flow into the first terminal of `elements[i]`, all phases
    together. `feeder_time` is local there. `converged` False means that the arrays are those of the
    last good solution and `problem` says why.
    """

    feeder: str
    at: datetime
    feeder_time: datetime
    nodes: tuple[str, ...]
    voltages_pu: Sequence[float]
    taps: Mapping[str, int]
    elements: tuple[str, ...]
    powers_w: Sequence[float]
    powers_var: Sequence[float]
    source_w: float
    source_var: float
    losses_w: float
    converged: bool = True
    problem: str | None = None

    conflated: ClassVar[bool] = True

    @property
    def topic(self) -> str:
        return f"grid/{self.feeder}/state"

    def finite(self) -> bool:
        return math.isfinite(math.fsum(self.voltages_pu) + self.source_w + self.source_var)


@dataclass(frozen=True, slots=True)
class MeteringPoints(Message):
    """What is true at every metering point of a simulated feeder; for simulated meters only.

    One entry per channel: `devices[i]` with phase `phases[i]` (`a`, `b`, `c`; empty for a
    single-phase meter). Voltage is phase to neutral at the meter. `elapsed_s` is the feeder time
    since the message before.
    """

    feeder: str
    at: datetime
    feeder_time: datetime
    elapsed_s: float
    devices: tuple[str, ...]
    phases: tuple[str, ...]
    voltages_v: Sequence[float]
    powers_w: Sequence[float]
    powers_var: Sequence[float]

    @property
    def topic(self) -> str:
        return f"grid/{self.feeder}/metering"

    def finite(self) -> bool:
        return math.isfinite(math.fsum(self.voltages_v) + math.fsum(self.powers_w))


@dataclass(frozen=True, slots=True)
class ShortCircuit:
    """A fault at a bus: `type` has its phases, and `g` for ground, such as `ag`, `bc` or `abcg`."""

    bus: str
    type: str
    ohm: float


@dataclass(frozen=True, slots=True)
class PowerFlowCase:
    """One what-if question to a twin; what is not named stays as it is.

    `power_w` and `power_var` map a metering device to its net import, summed over its phases.
    `opened` names houses whose service is open, `faults` what is short-circuited.
    """

    taps: Mapping[str, int] = field(default_factory=dict)
    power_w: Mapping[str, float] = field(default_factory=dict)
    power_var: Mapping[str, float] = field(default_factory=dict)
    opened: frozenset[str] = frozenset()
    faults: tuple[ShortCircuit, ...] = ()


@dataclass(frozen=True, slots=True)
class PowerFlowQuestion:
    """Cases for the service `twin/<name>/solve`; every case starts from the twin's base state."""

    cases: tuple[PowerFlowCase, ...]


@dataclass(frozen=True, slots=True)
class PowerFlowAnswer:
    """One row per case: `voltages_pu[case][node]` in the order of `nodes`; rows of cases that did
    not converge are empty.
    """

    nodes: tuple[str, ...]
    voltages_pu: tuple[Sequence[float], ...]
    source_w: tuple[float, ...]
    converged: tuple[bool, ...]


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


# --- The market -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketEvent(Message):
    """Base of what happened on the market; mirrors an event of the contract.

    `market` is the plugin instance. `block` is 0 and `tx` empty where no chain is behind it.
    `confirmations` counts blocks on top, the event's own included.
    """

    market: str
    at: datetime
    block: int = 0
    tx: str = ""
    confirmations: int = 0
    cause: str | None = None

    name: ClassVar[str] = ""

    @property
    def topic(self) -> str:
        return f"market/{self.market}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPlaced(MarketEvent):
    """A bid or an ask entered the book."""

    order_id: int
    trader: str
    is_bid: bool
    price_wei_per_kwh: int
    qty_wh: int
    expiry: datetime
    name: ClassVar[str] = "order_placed"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCancelled(MarketEvent):
    """An order left the book: by its owner, by the owner of the market, or by expiry."""

    order_id: int
    trader: str
    reason: str = ""
    name: ClassVar[str] = "order_cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCleared(MarketEvent):
    """A round of the auction ended at one price."""

    round: int
    mcp_wei_per_kwh: int
    qty_wh: int
    trades: int
    name: ClassVar[str] = "batch_cleared"


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeMatched(MarketEvent):
    """A bid was matched with an ask."""

    trade_id: int
    bid_id: int
    ask_id: int
    buyer: str
    seller: str
    qty_wh: int
    price_wei_per_kwh: int
    name: ClassVar[str] = "trade_matched"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryScheduled(MarketEvent):
    """A trade is to be delivered from `start` to `end`; `buyer` and `seller` are house ids where
    the wallet belongs to a house of `hub.yaml`, else wallet addresses.
    """

    trade_id: int
    buyer: str
    seller: str
    qty_wh: int
    start: datetime
    end: datetime
    name: ClassVar[str] = "delivery_scheduled"


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeSettled(MarketEvent):
    """A trade was settled on the evidence of the meters."""

    trade_id: int
    buyer: str
    seller: str
    qty_wh: int
    delivered_wh: int
    received_wh: int
    paid_wei: int
    price_wei_per_kwh: int
    name: ClassVar[str] = "trade_settled"


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeExpired(MarketEvent):
    """A trade was not settled in time; `penalised` is the side at fault."""

    trade_id: int
    penalised: str
    name: ClassVar[str] = "trade_expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class PenaltyApplied(MarketEvent):
    """A deposit was slashed."""

    trader: str
    amount_wei: int
    name: ClassVar[str] = "penalty_applied"


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketStatus(MarketEvent):
    """The market's own condition: paused or not, the chain behind it, its last block."""

    chain_id: int
    paused: bool
    contract: str
    embedded: bool
    problem: str | None = None
    name: ClassVar[str] = "status"
    conflated: ClassVar[bool] = True
