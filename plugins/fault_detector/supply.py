"""Where supply is missing: at one house, or on a phase of the feeder.

A meter below 0.1 pu means nothing by itself: what counts is whether the primary lives. That is
judged from the other meters of the phase, which must have reported since, so that the first dead
meter of a feeder outage is not taken for an outage at a house.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from .channels import Channel, Channels


class Verdict(Enum):
    """What a dead channel means."""

    HOUSE = "house"
    PHASE = "phase"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and what it rests on: the witnesses with their voltages in pu.

    `primary_alive` is None if nobody can tell.
    """

    verdict: Verdict
    primary_alive: bool | None
    witnesses: dict[str, float]


@dataclass(frozen=True, slots=True)
class SupplyRules:
    """Thresholds in pu of nominal; times in seconds.

    IEEE 1159 calls less than 0.1 pu an interruption; a witness proves a living primary from 0.5 pu
    and service is back from 0.8 pu.
    """

    dead_below_pu: float = 0.1
    primary_above_pu: float = 0.5
    alive_above_pu: float = 0.8
    confirm_samples: int = 1
    settle: timedelta = timedelta(seconds=0.25)
    stale_after: timedelta = timedelta(seconds=5)


def is_dead(channel: Channel, rules: SupplyRules, now: datetime) -> bool:
    """Return whether a channel reports no voltage, often enough and not long ago."""
    return channel.dead_samples >= rules.confirm_samples and channel.fresh(now, rules.stale_after)


def judge(
    channel: Channel,
    channels: Channels,
    houses_out: frozenset[str],
    rules: SupplyRules,
    now: datetime,
) -> Judgement:
    """Return what a dead channel means. `houses_out` are dark already and prove nothing."""
    assert channel.dead_since is not None
    since = channel.dead_since
    settled = now >= since + rules.settle

    def heard(other: Channel) -> bool:
        return settled or (other.seen is not None and other.seen >= since)

    siblings = [c for c in channels.of(channel.meter.device) if c.fresh(now, rules.stale_after)]
    witnesses = [
        c
        for c in channels.witnesses(channel)
        if c.fresh(now, rules.stale_after) and c.meter.house not in houses_out
    ]
    answered = [c for c in witnesses if heard(c)]
    seen = _voltages(answered)
    if not all(heard(c) for c in siblings):
        return Judgement(Verdict.WAIT, None, seen)
    houses = [c for c in answered if c.meter.house is not None]
    if any(_lives(c, rules) for c in houses):
        return Judgement(Verdict.HOUSE, True, seen)
    if len(answered) < len(witnesses):
        return Judgement(Verdict.WAIT, None, seen)
    head_dark = any(_dark(c, rules) for c in answered if c.meter.house is None)
    if head_dark or (houses and all(_dark(c, rules) for c in houses)):
        return Judgement(Verdict.PHASE, False, seen)
    if answered:
        return Judgement(Verdict.HOUSE, any(_lives(c, rules) for c in answered) or None, seen)
    return _judge_by_other_phases(channel, channels, houses_out, rules, now)


def _judge_by_other_phases(
    channel: Channel,
    channels: Channels,
    houses_out: frozenset[str],
    rules: SupplyRules,
    now: datetime,
) -> Judgement:
    """With no witness on its own phase, a meter is judged by the rest of the feeder, if any."""
    others = [
        c
        for c in channels
        if c.meter.device != channel.meter.device
        and c.fresh(now, rules.stale_after)
        and c.meter.house not in houses_out
    ]
    seen = _voltages(others)
    if others and all(_dark(c, rules) for c in others):
        return Judgement(Verdict.PHASE, False, seen)
    return Judgement(Verdict.HOUSE, True if others else None, seen)


def _voltages(channels: list[Channel]) -> dict[str, float]:
    return {c.label: round(c.pu or 0.0, 4) for c in channels}


def _dark(channel: Channel, rules: SupplyRules) -> bool:
    return abs(channel.pu or 0.0) < rules.dead_below_pu


def _lives(channel: Channel, rules: SupplyRules) -> bool:
    return (channel.pu or 0.0) >= rules.primary_above_pu
