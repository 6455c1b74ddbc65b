"""Voltage limits with dwell and hysteresis, per meter.

Two pairs of limits, as OpenDSS has them: outside the normal pair is a warning after `dwell`,
outside the emergency pair is critical after `emergency_dwell`. Back is back inside the normal pair
by the hysteresis. What is below `dead_below_pu` is an outage, not an undervoltage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from .alarms import CRITICAL, VOLTAGE, WARNING, Finding, Register
from .channels import Meter


class Level(IntEnum):
    """How far a voltage is from where it should be."""

    INSIDE = 0
    """Inside the normal limits by the hysteresis at least."""
    EDGE = 1
    """Inside, but too near to the limit to end an alarm."""
    NORMAL_EXCEEDED = 2
    EMERGENCY_EXCEEDED = 3


@dataclass(frozen=True, slots=True)
class LimitRules:
    """Limits in pu of nominal."""

    low_pu: float = 0.95
    high_pu: float = 1.05
    emergency_low_pu: float = 0.90
    emergency_high_pu: float = 1.08
    hysteresis_pu: float = 0.003
    dwell: timedelta = timedelta(seconds=10)
    emergency_dwell: timedelta = timedelta(seconds=2)
    dead_below_pu: float = 0.1

    def level(self, pu: float) -> Level:
        """Return where one voltage lies; ValueError for a dead one, which has no level."""
        if pu < self.dead_below_pu:
            raise ValueError(f"{pu:g} pu is an outage, not a violated limit")
        if pu < self.emergency_low_pu or pu > self.emergency_high_pu:
            return Level.EMERGENCY_EXCEEDED
        if pu < self.low_pu or pu > self.high_pu:
            return Level.NORMAL_EXCEEDED
        if pu < self.low_pu + self.hysteresis_pu or pu > self.high_pu - self.hysteresis_pu:
            return Level.EDGE
        return Level.INSIDE

    @property
    def inside_pu(self) -> tuple[float, float]:
        """From where to where a voltage lies INSIDE."""
        low = max(self.low_pu + self.hysteresis_pu, self.emergency_low_pu, self.dead_below_pu)
        return low, min(self.high_pu - self.hysteresis_pu, self.emergency_high_pu)


@dataclass(slots=True)
class LimitWatch:
    """The state of one meter: since when which limit is violated without a break."""

    rules: LimitRules
    exceeded_since: datetime | None = None
    emergency_since: datetime | None = None
    worst_pu: float = 1.0
    back: bool = False

    def take(self, voltages_pu: Sequence[float], now: datetime) -> None:
        """Note the voltages of all phases at one moment; dead phases are passed over."""
        rules = self.rules
        living = [pu for pu in voltages_pu if pu >= rules.dead_below_pu]
        if not living:
            self.exceeded_since = self.emergency_since = None
            self.back = False
            return
        lowest, highest = min(living), max(living)
        self.worst_pu = highest if highest - 1.0 >= 1.0 - lowest else lowest
        level = max(rules.level(lowest), rules.level(highest))
        self.back = level is Level.INSIDE
        if level < Level.NORMAL_EXCEEDED:
            self.exceeded_since = None
        elif self.exceeded_since is None:
            self.exceeded_since = now
        if level < Level.EMERGENCY_EXCEEDED:
            self.emergency_since = None
        elif self.emergency_since is None:
            self.emergency_since = now

    def due(self, now: datetime) -> Level:
        """Return the limit that has been violated for long enough, INSIDE if none."""
        rules = self.rules
        if self.emergency_since is not None and now - self.emergency_since >= rules.emergency_dwell:
            return Level.EMERGENCY_EXCEEDED
        if self.exceeded_since is not None and now - self.exceeded_since >= rules.dwell:
            return Level.NORMAL_EXCEEDED
        return Level.INSIDE


class LimitAlarms:
    """Raises and clears `voltage` alarms, one per meter."""

    def __init__(self, rules: LimitRules, register: Register) -> None:
        self._rules = rules
        self._register = register
        self._watches: dict[str, LimitWatch] = {}
        self._violating: dict[str, Meter] = {}

    def take(self, meter: Meter, voltages_pu: Sequence[float], now: datetime) -> list[Finding]:
        """Note the voltages of all phases of a meter at one moment."""
        watch = self._watches.get(meter.device)
        if watch is None:
            watch = self._watches[meter.device] = LimitWatch(self._rules)
        watch.take(voltages_pu, now)
        if watch.exceeded_since is not None:
            self._violating[meter.device] = meter
            return self._judge(meter, watch, now)
        self._violating.pop(meter.device, None)
        if watch.back and self._register.get(VOLTAGE, meter.device) is not None:
            return self._judge(meter, watch, now)
        return []

    def check(self, now: datetime) -> list[Finding]:
        """Judge as of now: a limit may have been violated for long enough."""
        found: list[Finding] = []
        for meter in self._violating.values():
            found += self._judge(meter, self._watches[meter.device], now)
        return found

    def _judge(self, meter: Meter, watch: LimitWatch, now: datetime) -> list[Finding]:
        pu = round(watch.worst_pu, 4)
        level = watch.due(now)
        if level is not Level.INSIDE:
            return self._exceeded(meter, level, pu, now)
        if not watch.back:
            return []
        return self._register.clear_alarm(
            VOLTAGE,
            meter.device,
            now,
            text=f"{meter.name}: the voltage is back within limits, {pu:.3f} pu.",
            evidence={"voltage_pu": pu},
        )

    def _exceeded(self, meter: Meter, level: Level, pu: float, now: datetime) -> list[Finding]:
        rules, emergency, over = self._rules, level is Level.EMERGENCY_EXCEEDED, pu > 1.0
        if over:
            limit, side = rules.emergency_high_pu if emergency else rules.high_pu, "above"
        else:
            limit, side = rules.emergency_low_pu if emergency else rules.low_pu, "below"
        return self._register.raise_alarm(
            VOLTAGE,
            meter.device,
            now,
            severity=CRITICAL if emergency else WARNING,
            text=f"{meter.name}: {pu:.3f} pu is {side} the limit of {limit:g} pu.",
            evidence={
                "voltage_pu": pu,
                "limit_pu": limit,
                "limits": "emergency" if emergency else "normal",
                "house": meter.house,
            },
        )
