"""The detector: samples in, findings out. It has no clock, no store and no bus of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from .alarms import BROKER_LOST, FAULT, METER_LOST, OUTAGE, VOLTAGE, Finding, Register
from .channels import Channel, Channels, Meter
from .limits import LimitAlarms, LimitRules
from .outages import OutageAlarms, phases_of
from .silence import ALL_METERS, SilenceAlarms
from .supply import SupplyRules


@dataclass(frozen=True, slots=True)
class Rules:
    """All thresholds of the detector."""

    supply: SupplyRules = field(default_factory=SupplyRules)
    limits: LimitRules = field(default_factory=LimitRules)
    stale_after: timedelta = timedelta(seconds=5)


class Detector:
    """Watches a set of meters. Call `sample` for each voltage, and `check` every second or so."""

    def __init__(
        self,
        meters: Iterable[Meter],
        rules: Rules,
        now: datetime,
        standing: Iterable[Finding] = (),
    ) -> None:
        """Begin with the alarms that stood when the detector was last stopped."""
        self._rules = rules
        self._channels = Channels(meters)
        self._register = Register(standing)
        self._outages = OutageAlarms(self._channels, rules.supply, self._register)
        self._limits = LimitAlarms(rules.limits, self._register)
        self._silence = SilenceAlarms(self._channels.meters, rules.stale_after, self._register, now)

    @property
    def active(self) -> tuple[Finding, ...]:
        return self._register.active

    @property
    def recent(self) -> tuple[Finding, ...]:
        """The last findings, oldest first."""
        return tuple(self._register.recent)

    @property
    def waiting(self) -> bool:
        """Whether a dead channel is not judged yet: `check` is due after the settling time."""
        return self._outages.waiting

    def sample(self, device: str, quantity: str, volts: float, now: datetime) -> list[Finding]:
        """Take one voltage in V; devices that are not watched are ignored."""
        channel = self._channels.find(device, quantity)
        if channel is None:
            return []
        was_dead = channel.dead_since is not None
        self._channels.take(channel, volts, now, self._rules.supply.dead_below_pu)
        found = self._silence.heard(device, now)
        if was_dead or channel.dead_since is not None or self._outages.concerned:
            found += self._outages.check(now)
        if channel.meter.house is not None:
            # The head's voltage is the affair of the network above: no limits there.
            found += self._limits.take(channel.meter, self._fresh_pu(channel, now), now)
        return found

    def _fresh_pu(self, channel: Channel, now: datetime) -> list[float]:
        """Return the voltages of a channel that has just reported and of its meter's others."""
        channels = self._channels.of(channel.meter.device)
        if len(channels) == 1:
            assert channel.pu is not None
            return [channel.pu]
        stale_after = self._rules.stale_after
        return [c.pu for c in channels if c.pu is not None and c.fresh(now, stale_after)]

    def link_changed(self, link: str, up: bool, now: datetime) -> None:
        """Note that the way to the meters is back or lost: no meter is blamed meanwhile."""
        self._silence.link_changed(link, up, now)

    def check(self, now: datetime) -> list[Finding]:
        """Judge everything as of now."""
        found = self._outages.check(now)
        found += self._limits.check(now)
        return found + self._silence.check(now)

    def clear_unwatched(self, now: datetime) -> list[Finding]:
        """Clear what stood against a house or meter that is no longer configured."""
        devices: set[str | None] = set(self._channels.meters)
        phases = {channel.phase for channel in self._channels}
        known: dict[str, set[str | None]] = {
            OUTAGE: {meter.house for meter in self._channels.meters.values()},
            FAULT: {
                alarm.subject
                for alarm in self._register.of_kind(FAULT)
                if phases_of(alarm.subject) <= phases
            },
            VOLTAGE: devices,
            METER_LOST: devices,
            BROKER_LOST: {ALL_METERS},
        }
        found: list[Finding] = []
        for alarm in self._register.active:
            if alarm.subject not in known.get(alarm.kind, ()):
                found += self._register.clear_alarm(
                    alarm.kind,
                    alarm.subject,
                    now,
                    text=f"{alarm.subject} is no longer watched.",
                    evidence={"reason": "no longer configured"},
                )
        return found
