"""The detector: samples in, findings out. It has no clock, no store and no bus of its own."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from .alarms import BROKER_LOST, FAULT, METER_LOST, OUTAGE, VOLTAGE, Finding, Register
from .channels import Channel, Channels, Device, Meter
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
    """Watches a set of meters. Call `hear` for each telegram, and `check` every second or so."""

    def __init__(
        self,
        meters: Iterable[Meter],
        rules: Rules,
        now: datetime,
        standing: Iterable[Finding] = (),
    ) -> None:
        """Begin with the alarms that stood when the detector was last stopped."""
        self._rules = rules
        self._channels = Channels(meters, now, self._band)
        self._register = Register(standing)
        self._outages = OutageAlarms(self._channels, rules.supply, self._register)
        self._limits = LimitAlarms(rules.limits, self._register)
        self._silence = SilenceAlarms(
            self._channels.devices, rules.stale_after, self._register, now
        )
        self._quiet = self._nobody_missed()

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

    def hear(
        self, device: str, quantities: tuple[str, ...], values: Sequence[float], now: datetime
    ) -> list[Finding]:
        """Take the voltages of a telegram in V, and from one without any that its meter reports.

        Devices that are not watched are ignored.
        """
        known = self._channels.devices.get(device)
        if known is None:
            return []
        places = known.voltages(quantities)
        if not places:  # it is there, at least
            found = self._silence.heard(known, now)
            self._quiet = self._nobody_missed()
            return found
        if self._quiet and known.calm and known.note_calm(places, values, now):
            return []
        found = []
        for place, channel in places:
            found += self._sample(known, channel, values[place], now)
        known.calm = known.inside  # which ends an alarm on its voltage
        self._quiet = self._nobody_missed()
        return found

    def _nobody_missed(self) -> bool:
        """Whether everybody reports and has voltage, and nobody was told otherwise."""
        return self._outages.quiet and self._silence.quiet

    def sample(self, device: str, quantity: str, volts: float, now: datetime) -> list[Finding]:
        """Take one voltage in V."""
        return self.hear(device, (quantity,), (volts,), now)

    def _sample(
        self, device: Device, channel: Channel, volts: float, now: datetime
    ) -> list[Finding]:
        was_dead = channel.dead_since is not None
        self._channels.take(channel, volts, now, self._rules.supply.dead_below_pu)
        found = self._silence.heard(device, now)
        if was_dead or channel.dead_since is not None or self._outages.concerned:
            found += self._outages.check(now)
        if device.meter.house is not None:
            found += self._limits.take(device.meter, self._fresh_pu(device, now), now)
        return found

    def _band(self, meter: Meter) -> tuple[float, float]:
        """Return where a voltage gives no reason to judge.

        The head's voltage is the affair of the network above: no limits there.
        """
        dead_below_pu = self._rules.supply.dead_below_pu
        if meter.house is None:
            return dead_below_pu, math.inf
        low, high = self._rules.limits.inside_pu
        return max(low, dead_below_pu), high

    def _fresh_pu(self, device: Device, now: datetime) -> list[float]:
        """Return the voltages of a meter's channels, one of which has just reported."""
        stale_after = self._rules.stale_after
        return [c.pu for c in device.channels if c.pu is not None and c.fresh(now, stale_after)]

    def link_changed(self, link: str, up: bool, now: datetime) -> None:
        """Note that the way to the meters is back or lost: no meter is blamed meanwhile."""
        self._silence.link_changed(link, up, now)

    def check(self, now: datetime) -> list[Finding]:
        """Judge everything as of now."""
        found = self._outages.check(now)
        found += self._limits.check(now)
        found += self._silence.check(now)
        self._quiet = self._nobody_missed()
        return found

    def clear_unwatched(self, now: datetime) -> list[Finding]:
        """Clear what stood against a house or meter that is no longer configured."""
        devices: set[str | None] = set(self._channels.devices)
        phases = {channel.phase for channel in self._channels}
        known: dict[str, set[str | None]] = {
            OUTAGE: {meter.house for meter in self._channels.meters},
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
        self._quiet = self._nobody_missed()
        return found
