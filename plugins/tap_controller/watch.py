"""When to act: a state machine over what is seen, without a clock of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Point:
    """One voltage channel: the node it measures, and how people call it."""

    node: str
    device: str
    quantity: str
    nominal_v: float
    label: str
    house: str


@dataclass(frozen=True, slots=True)
class Sight:
    """What is seen at one moment. `voltages_pu` holds fresh readings of living points by node,
    `expected` how many there should be; `taps` is None if any is not known."""

    at: datetime
    voltages_pu: Mapping[str, float]
    expected: int
    taps: Mapping[str, int] | None
    twin: bool
    frozen_by: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """Limits in pu; the rest bounds how often the tap changers move."""

    low_pu: float = 0.95
    high_pu: float = 1.05
    hysteresis_pu: float = 0.002
    dwell: timedelta = timedelta(seconds=2)
    hold: timedelta = timedelta(seconds=10)
    max_steps_per_hour: int = 240
    min_share: float = 0.5
    blind_after: timedelta = timedelta(seconds=10)
    sees_after: timedelta = timedelta(seconds=2)


class State(StrEnum):
    """What the controller does. BLIND leaves the regulators to their own controls."""

    STARTING = "starting"
    WATCHING = "watching"
    VIOLATED = "violated"
    HOLDING = "holding"
    EXHAUSTED = "exhausted"
    FROZEN = "frozen"
    BLIND = "blind"


class Do(StrEnum):
    """What is to be done now."""

    RAISE = "raise"
    CLEAR = "clear"
    ACT = "act"
    GO_LOCAL = "go_local"
    TAKE_COMMAND = "take_command"


@dataclass(slots=True)
class Watch:
    """Decides from one sight after the other."""

    settings: Settings
    alarmed: bool = False
    state: State = State.STARTING
    why: str = "looking for the first time"
    violated_since: datetime | None = None
    last_operation: datetime | None = None
    operations: deque[tuple[datetime, int]] = field(default_factory=deque)
    _unseen_since: datetime | None = None
    _seen_since: datetime | None = None

    def look(self, sight: Sight) -> list[Do]:
        """Return what is to be done, in order."""
        todo = self._see(sight)
        self._measure(sight)
        todo += self._alarm(sight)
        if self.state in (State.STARTING, State.BLIND) and Do.TAKE_COMMAND not in todo:
            return todo
        self.state, self.why = self._judge(sight)
        if self.state is State.VIOLATED and self._due(sight.at):
            todo.append(Do.ACT)
        return todo

    def acted(self, at: datetime, steps: int) -> None:
        """Note that taps were moved by so many steps, or that nothing better was found (0)."""
        self.last_operation = at
        self.violated_since = None
        if steps:
            self.operations.append((at, steps))

    def steps_since(self, since: datetime) -> int:
        """Return how many steps were made since a time."""
        return sum(steps for at, steps in self.operations if at >= since)

    # -- seeing ------------------------------------------------------------------------------------

    def _see(self, sight: Sight) -> list[Do]:
        blocked = self._blindness(sight)
        if blocked is None:
            self._unseen_since = None
            if self._seen_since is None:
                self._seen_since = sight.at
            if self.state is State.STARTING or (
                self.state is State.BLIND
                and sight.at - self._seen_since >= self.settings.sees_after
            ):
                return [Do.TAKE_COMMAND]
            return []
        self._seen_since = None
        if self._unseen_since is None:
            self._unseen_since = sight.at
        if self.state is State.BLIND:
            self.why = blocked
        elif sight.at - self._unseen_since >= self.settings.blind_after:
            self.state, self.why = State.BLIND, blocked
            return [Do.GO_LOCAL]
        return []

    def _blindness(self, sight: Sight) -> str | None:
        if sight.taps is None:
            return "the regulators do not report their taps"
        if not sight.twin:
            return "the twin does not answer"
        if (
            not sight.voltages_pu
            or len(sight.voltages_pu) < self.settings.min_share * sight.expected
        ):
            return f"only {len(sight.voltages_pu)} of {sight.expected} voltages are known"
        return None

    # -- measuring ---------------------------------------------------------------------------------

    def _measure(self, sight: Sight) -> None:
        if not sight.voltages_pu:
            return
        if self.outside(sight, 0.0):
            if self.violated_since is None:
                self.violated_since = sight.at
        else:
            self.violated_since = None

    def outside(self, sight: Sight, margin_pu: float) -> bool:
        """Return whether any voltage is outside the limits narrowed by a margin."""
        low, high = self.settings.low_pu + margin_pu, self.settings.high_pu - margin_pu
        voltages_pu = sight.voltages_pu.values()
        return bool(voltages_pu) and (min(voltages_pu) < low or max(voltages_pu) > high)

    def _due(self, at: datetime) -> bool:
        return self.violated_since is not None and at - self.violated_since >= self.settings.dwell

    def _alarm(self, sight: Sight) -> list[Do]:
        if self.alarmed:
            if sight.voltages_pu and not self.outside(sight, self.settings.hysteresis_pu):
                self.alarmed = False
                return [Do.CLEAR]
            return []
        if self._due(sight.at):
            self.alarmed = True
            return [Do.RAISE]
        return []

    # -- judging -----------------------------------------------------------------------------------

    def _judge(self, sight: Sight) -> tuple[State, str]:
        if sight.frozen_by is not None:
            return State.FROZEN, f"not moving while a fault stands: {sight.frozen_by}"
        held = self.last_operation is not None and (
            sight.at - self.last_operation < self.settings.hold
        )
        if self.violated_since is None:
            if held:
                return State.HOLDING, "watching what the last move did"
            return State.WATCHING, "all voltages are within limits"
        if held:
            return State.HOLDING, "a limit is violated; waiting for the last move to show"
        while self.operations and sight.at - self.operations[0][0] > timedelta(days=1):
            self.operations.popleft()
        made = self.steps_since(sight.at - timedelta(hours=1))
        if made >= self.settings.max_steps_per_hour:
            return State.EXHAUSTED, f"{made} steps in the last hour are the most that are allowed"
        return State.VIOLATED, "a limit is violated"
