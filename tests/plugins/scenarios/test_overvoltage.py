"""How the overvoltage ends: which meters count, and what is said if the voltage stays high."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from plugins.scenarios import overvoltage
from plugins.scenarios.stage import Point, ScenarioFailed

START = datetime(2026, 6, 1, tzinfo=UTC)


def point(house: str, phase: str = "", node: str = "1.1") -> Point:
    label = f"{house} phase {phase}" if phase else house
    return Point(house, phase, label, f"reading/{house}/voltage_{phase}", node, 230.0)


HIGH, LOW, DARK = point("high"), point("low"), point("dark")


class Meters:
    """A stage of meters alone. `said` has, per point, what it says from which second on."""

    def __init__(self, said: Mapping[Point, Mapping[float, float]]) -> None:
        self.elapsed_s = 0.0
        self._said = said

    async def pause(self, seconds: float) -> None:
        self.elapsed_s += seconds

    def voltage_pu(self, at: Point, since: datetime) -> float | None:
        seconds = [second for second in self._said[at] if second <= self.elapsed_s]
        return self._said[at][max(seconds)] if seconds else None

    def name(self, house: str) -> str:
        return house.title()


def told(said: Mapping[Point, Mapping[float, float]]) -> tuple[Mapping[Point, float], float]:
    """Return what was told in the end, and when that was."""
    meters: Any = Meters(said)
    end = asyncio.run(overvoltage._all_told(meters, list(said), START, 1.02))
    return end, meters.elapsed_s


def test_every_meter_is_waited_for_and_must_be_safe():
    end, at_s = told({HIGH: {0.5: 1.05, 1.5: 1.016}, LOW: {2.0: 0.99}})
    assert end == {HIGH: 1.016, LOW: 0.99}
    assert at_s == pytest.approx(2.0)


def test_a_house_without_supply_is_no_low_voltage():
    assert told({HIGH: {0.0: 1.016}, DARK: {0.0: 0.0}}) == ({HIGH: 1.016}, 0.0)


def test_a_meter_that_stays_silent_is_not_waited_for_forever():
    end, at_s = told({HIGH: {0.0: 1.016}, LOW: {}})
    assert end == {HIGH: 1.016}
    assert at_s == pytest.approx(60, abs=0.2)


def test_a_voltage_that_stays_high_fails_and_is_named():
    with pytest.raises(ScenarioFailed, match=r"fall to 1.02 p\.u\.: high has 1\.0310 p\.u\."):
        told({HIGH: {0.0: 1.056, 5.0: 1.031}, LOW: {0.0: 1.0}})
    with pytest.raises(ScenarioFailed, match="no meter told its voltage"):
        told({HIGH: {}})


def test_the_watched_phase_must_be_one_that_a_meter_tells():
    stage: Any = Meters({})
    points = [point("works", "a"), point("works", "b"), point("mill")]
    assert overvoltage._point(stage, points, "works", "b") is points[1]
    assert overvoltage._point(stage, points, "mill", "") is points[2]
    with pytest.raises(ScenarioFailed, match="`phase` to be one of a, b for Works, got ''"):
        overvoltage._point(stage, points, "works", "")
    with pytest.raises(ScenarioFailed, match="Mill has one phase only: leave out `phase`"):
        overvoltage._point(stage, points, "mill", "c")
    with pytest.raises(ScenarioFailed, match="Barn does not hang on the feeder"):
        overvoltage._point(stage, points, "barn", "")
