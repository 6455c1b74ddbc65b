"""Raises and clears `outage` (one house) and `fault` (a phase of the feeder)."""

from __future__ import annotations

from datetime import datetime

from .alarms import CRITICAL, FAULT, OUTAGE, Finding, Register
from .channels import Channel, Channels, Meter
from .supply import Judgement, SupplyRules, Verdict, is_dead, judge


def phase_subject(phase: str) -> str:
    """Return the subject of a fault on a phase: `phase_a`, `phase_all` if wiring is unknown."""
    return f"phase_{phase or 'all'}"


class OutageAlarms:
    """Judges the channels that are dead. Houses have alarms; the head only bears witness."""

    def __init__(self, channels: Channels, rules: SupplyRules, register: Register) -> None:
        self._channels = channels
        self._rules = rules
        self._register = register

    @property
    def waiting(self) -> bool:
        """Whether a dead channel is not judged yet."""
        return any(c.dead_since is not None and not self._explained(c) for c in self._channels)

    @property
    def concerned(self) -> bool:
        """Whether any sample may matter: somebody is dark, or was a moment ago."""
        return self._register.any_dark or self.waiting

    def check(self, now: datetime) -> list[Finding]:
        """Judge all channels as of now."""
        found = self._clear_faults(now) + self._clear_outages(now)
        for channel in self._channels:
            if self._explained(channel) or not is_dead(channel, self._rules, now):
                continue
            out = frozenset(alarm.subject for alarm in self._register.of_kind(OUTAGE))
            judgement = judge(channel, self._channels, out, self._rules, now)
            if judgement.verdict is Verdict.HOUSE:
                found += self._raise_outage(channel, judgement, now)
            elif judgement.verdict is Verdict.PHASE:
                found += self._raise_fault(channel, judgement, now)
        return found

    def _explained(self, channel: Channel) -> bool:
        """Whether an alarm stands that accounts for this channel being dead."""
        house = channel.meter.house
        return (
            house is None
            or self._register.get(OUTAGE, house) is not None
            or self._register.get(FAULT, phase_subject(channel.phase)) is not None
        )

    def _raise_outage(self, channel: Channel, judgement: Judgement, now: datetime) -> list[Finding]:
        meter = channel.meter
        assert meter.house is not None
        dead = [c for c in self._channels.of(meter.device) if is_dead(c, self._rules, now)]
        volts = channel.volts or 0.0
        return self._register.raise_alarm(
            OUTAGE,
            meter.house,
            now,
            severity=CRITICAL,
            text=(
                f"{meter.name} is without voltage{_phases(dead, meter)}: {volts:.1f} V of "
                f"{meter.nominal_v:g} V, {_primary(judgement)}."
            ),
            evidence={
                "voltage_v": round(volts, 2),
                "voltage_pu": round(channel.pu or 0.0, 4),
                "nominal_v": meter.nominal_v,
                "phases": [c.phase for c in dead if c.phase],
                "device": meter.device,
                "primary_alive": judgement.primary_alive,
                "witnesses": judgement.witnesses,
            },
        )

    def _raise_fault(self, channel: Channel, judgement: Judgement, now: datetime) -> list[Finding]:
        dark = [
            c.meter.house
            for c in self._channels
            if c.meter.house is not None
            and c.phase == channel.phase
            and is_dead(c, self._rules, now)
        ]
        where = f"on phase {channel.phase.upper()}" if channel.phase else "on any phase"
        count = "its only meter is" if len(dark) == 1 else f"all {len(dark)} meters are"
        return self._register.raise_alarm(
            FAULT,
            phase_subject(channel.phase),
            now,
            severity=CRITICAL,
            text=f"The feeder has no voltage {where}: {count} dead.",
            evidence={
                "phase": channel.phase,
                "houses": sorted(dark),
                "primary_alive": False,
                "witnesses": judgement.witnesses,
            },
        )

    def _clear_faults(self, now: datetime) -> list[Finding]:
        found: list[Finding] = []
        for alarm in self._register.of_kind(FAULT):
            back = next(
                (
                    c
                    for c in self._channels
                    if phase_subject(c.phase) == alarm.subject
                    and c.meter.house is not None
                    and self._alive(c, now)
                ),
                None,
            )
            if back is None:
                continue
            for channel in self._channels:
                # Those still dead get the settling time again, to come back with the others.
                if channel.dead_since is not None:
                    channel.dead_since = now
            where = f"on phase {back.phase.upper()}" if back.phase else "again"
            found += self._register.clear_alarm(
                FAULT,
                alarm.subject,
                now,
                text=f"The feeder has voltage {where}: {back.volts or 0.0:.1f} V at {back.label}.",
                evidence={"voltage_pu": round(back.pu or 0.0, 4), "device": back.meter.device},
            )
        return found

    def _clear_outages(self, now: datetime) -> list[Finding]:
        found: list[Finding] = []
        for meter in self._channels.meters.values():
            if meter.house is None or self._register.get(OUTAGE, meter.house) is None:
                continue
            channels = self._channels.of(meter.device)
            if all(self._alive(c, now) for c in channels):
                volts = min(c.volts or 0.0 for c in channels)
                found += self._register.clear_alarm(
                    OUTAGE,
                    meter.house,
                    now,
                    text=f"{meter.name} has voltage again: {volts:.1f} V.",
                    evidence={
                        "voltage_v": round(volts, 2),
                        "voltage_pu": round(volts / meter.nominal_v, 4),
                    },
                )
        return found

    def _alive(self, channel: Channel, now: datetime) -> bool:
        fresh = channel.fresh(now, self._rules.stale_after)
        return fresh and (channel.pu or 0.0) > self._rules.alive_above_pu


def _phases(dead: list[Channel], meter: Meter) -> str:
    if len(meter.phases) < 2 or len(dead) == len(meter.phases):
        return ""
    return " on phase " + " and ".join(c.phase.upper() for c in dead)


def _primary(judgement: Judgement) -> str:
    if judgement.primary_alive is None:
        return "and no other meter tells whether the primary is alive"
    return "while its primary is alive"
