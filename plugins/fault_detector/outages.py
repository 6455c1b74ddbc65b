"""Raises and clears `outage` (one house) and `fault` (a phase of the feeder)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from .alarms import CRITICAL, FAULT, OUTAGE, Finding, Register
from .channels import Channel, Channels
from .supply import Judgement, SupplyRules, Verdict, is_dead, judge


def phases_subject(phases: Iterable[str]) -> str:
    """Return the subject of a fault: `phase_a`, `phases_abc`, `phase_all` if wiring is unknown."""
    letters = "".join(sorted(phases))
    return f"{'phases' if len(letters) > 1 else 'phase'}_{letters or 'all'}"


def phases_of(subject: str) -> frozenset[str]:
    """Return the phases that a subject names; the empty phase if wiring is unknown."""
    letters = subject.partition("_")[2]
    return frozenset({""} if letters == "all" else letters)


class OutageAlarms:
    """Judges the channels that are dead. Houses have alarms; the head only bears witness."""

    def __init__(self, channels: Channels, rules: SupplyRules, register: Register) -> None:
        self._channels = channels
        self._rules = rules
        self._register = register
        #: Phases of standing faults on which somebody has voltage again.
        self._relit: set[str] = set()

    @property
    def waiting(self) -> bool:
        """Whether a dead channel is not judged yet."""
        dark = self._channels.dark
        return bool(dark) and any(not self._explained(channel) for channel in dark)

    @property
    def concerned(self) -> bool:
        """Whether any sample may matter: somebody is dark, or was a moment ago."""
        return self._register.any_dark or self.waiting

    @property
    def quiet(self) -> bool:
        """Whether everybody has voltage, and nobody was told otherwise."""
        return not (self._register.any_dark or self._channels.dark)

    def check(self, now: datetime) -> list[Finding]:
        """Judge all channels as of now."""
        if not (self._channels.dark or self._register.any_dark or self._relit):
            return []
        found = self._clear_faults(now) + self._clear_outages(now)
        dark: dict[str, Judgement] = {}
        for channel in self._channels.dark:
            if self._explained(channel) or not is_dead(channel, self._rules, now):
                continue
            out = frozenset(alarm.subject for alarm in self._register.of_kind(OUTAGE))
            judgement = judge(channel, self._channels, out, self._rules, now)
            if judgement.verdict is Verdict.HOUSE:
                found += self._raise_outage(channel, judgement, now)
            elif judgement.verdict is Verdict.PHASE:
                dark[channel.phase] = judgement
        return found + (self._raise_fault(dark, now) if dark else [])

    def _explained(self, channel: Channel) -> bool:
        """Whether an alarm stands that accounts for this channel being dead."""
        house = channel.meter.house
        if house is None or self._register.get(OUTAGE, house) is not None:
            return True
        faults = self._register.of_kind(FAULT)
        covered = any(channel.phase in phases_of(alarm.subject) for alarm in faults)
        return covered and not self._lit(channel.phase)

    def _lit(self, phase: str) -> bool:
        """Whether any house of a phase has voltage."""
        return any(
            c.phase == phase
            and c.meter.house is not None
            and c.dead_since is None
            and (c.pu or 0.0) > self._rules.alive_above_pu
            for c in self._channels
        )

    def _raise_outage(self, channel: Channel, judgement: Judgement, now: datetime) -> list[Finding]:
        meter = channel.meter
        assert meter.house is not None
        channels = self._channels.of(meter.device)
        dead = [c for c in channels if is_dead(c, self._rules, now)]
        volts = channel.volts or 0.0
        return self._register.raise_alarm(
            OUTAGE,
            meter.house,
            now,
            severity=CRITICAL,
            text=(
                f"{meter.name} is without voltage{_phases(dead, channels)}: {volts:.1f} V of "
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

    def _raise_fault(self, dark: Mapping[str, Judgement], now: datetime) -> list[Finding]:
        """Tell of all dark phases at once, so wait until every meter has spoken or had time to."""
        dead = [
            c
            for c in self._channels.dark
            if c.phase in dark and c.meter.house is not None and is_dead(c, self._rules, now)
        ]
        since = max(c.dead_since for c in dead if c.dead_since is not None)
        if now < since + self._rules.settle and any(
            c.seen is not None and c.seen < since and c.fresh(now, self._rules.stale_after)
            for c in self._channels
        ):
            return []
        meters = len({c.meter.device for c in dead})
        count = "its only meter is" if meters == 1 else f"all {meters} meters there are"
        return self._register.raise_alarm(
            FAULT,
            phases_subject(dark),
            now,
            severity=CRITICAL,
            text=f"The feeder has no voltage on {_named(dark)}: {count} dead.",
            evidence={
                "phases": sorted(dark),
                "houses": sorted({c.meter.house for c in dead if c.meter.house is not None}),
                "primary_alive": False,
                "witnesses": {k: v for j in dark.values() for k, v in j.witnesses.items()},
            },
        )

    def _clear_faults(self, now: datetime) -> list[Finding]:
        found: list[Finding] = []
        covered: set[str] = set()
        for alarm in self._register.of_kind(FAULT):
            phases = phases_of(alarm.subject)
            lit = {phase for phase in phases if self._lit(phase)}
            self._give_time(lit - self._relit, now)
            covered |= lit
            if lit == phases:
                text = f"The feeder has voltage again on {_named(phases)}."
                found += self._register.clear_alarm(FAULT, alarm.subject, now, text=text)
        self._relit = covered
        return found

    def _give_time(self, phases: Collection[str], now: datetime) -> None:
        """Let those still dead settle anew: they may come back a moment after the others."""
        for channel in self._channels.dark:
            if channel.phase in phases:
                channel.dead_since = now

    def _clear_outages(self, now: datetime) -> list[Finding]:
        found: list[Finding] = []
        for alarm in self._register.of_kind(OUTAGE):
            meter = self._channels.meter_of(alarm.subject)
            if meter is None:
                continue
            channels = self._channels.of(meter.device)
            if all(self._alive(c, now) for c in channels):
                volts = min(c.volts or 0.0 for c in channels)
                found += self._register.clear_alarm(
                    OUTAGE,
                    alarm.subject,
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


def _named(phases: Iterable[str]) -> str:
    letters = sorted(phase.upper() for phase in phases if phase)
    if not letters:
        return "any phase"
    if len(letters) == 1:
        return f"phase {letters[0]}"
    return f"phases {', '.join(letters[:-1])} and {letters[-1]}"


def _phases(dead: Sequence[Channel], channels: Sequence[Channel]) -> str:
    if len(channels) < 2 or len(dead) == len(channels):
        return ""
    return " on " + _named(c.phase for c in dead)


def _primary(judgement: Judgement) -> str:
    if judgement.primary_alive is None:
        return "and no other meter tells whether the primary is alive"
    return "while its primary is alive"
