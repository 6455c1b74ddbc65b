"""Scales, timelines and how figures are written."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.simulation_report import shown
from plugins.simulation_report.scale import number, scale_for
from plugins.simulation_report.tables import Column, Kind
from plugins.simulation_report.timeline import Timeline, interval_s

NOON = datetime.fromisoformat("2026-06-21T11:00")


def test_marks_are_round_and_within():
    assert scale_for(0, 12.4).marks == (0, 5, 10)
    assert scale_for(-165, 220).marks == (-100, 0, 100, 200)
    assert scale_for(0.95, 1.05).marks == (0.95, 0.975, 1.0, 1.025, 1.05)
    assert scale_for(-1, 8, whole=True).marks == (0, 2, 4, 6, 8)
    assert scale_for(0, 100, firm=(0, 100)).high == 100


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9), st.booleans())
def test_a_scale_holds_its_values_and_has_a_few_marks(low: float, span: float, whole: bool):
    scale = scale_for(low, low + span, whole=whole)
    assert scale.low <= low
    assert low + span <= scale.high
    assert 0 <= scale.percent(low) <= 100
    assert len(scale.marks) <= 9
    assert whole or len(scale.marks) >= 2
    assert len({scale.text(mark) for mark in scale.marks}) == len(scale.marks)


def test_a_single_value_gets_a_scale_too():
    assert scale_for(7, 7).low < 7 < scale_for(7, 7).high
    assert scale_for(0, 0).marks


def test_numbers_have_a_real_minus_and_no_negative_zero():
    assert number(-1234.5, 1) == "\u22121\u202f234.5"
    assert number(-0.01, 1) == "0.0"


def test_a_timeline_marks_round_times_of_the_day():
    line = Timeline(NOON, 900.0, 24 * 3600.0)
    assert [mark.label for mark in line.marks()][:5] == [
        "12:00", "15:00", "18:00", "21:00", "22 Jun",
    ]  # fmt: skip
    assert line.marks()[0].share == pytest.approx(1 / 24)
    assert (line.intervals, line.interval_text(0)) == (96, "2026-06-21 11:00\u201311:15")


def test_the_last_interval_may_be_shorter():
    line = Timeline(NOON, 300.0, 1000.0)
    assert line.edges_s() == [0, 300, 600, 900, 1000]
    assert line.shares()[-1] == 1


def test_a_rest_of_less_than_a_second_makes_no_interval():
    assert Timeline(NOON, 300.0, 600.0 + 1e-7).edges_s() == [0, 300, 600.0 + 1e-7]
    assert Timeline(NOON, 300.0, 36.0).edges_s() == [0, 36.0]


@pytest.mark.parametrize(
    ("hours", "minutes"), [(1, 5), (24, 15), (168, 15), (400, 60), (8784, 360)]
)
def test_long_runs_have_longer_intervals(hours: float, minutes: int):
    assert interval_s(hours) == minutes * 60
    assert Timeline(NOON, interval_s(hours), hours * 3600).intervals <= 1500


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (shown.energy(26_191_000), "26.2 kWh"),
        (shown.energy(17_625_160_000), "17.6 MWh"),
        (shown.money(0), "0 ETH"),
        (shown.money(1_170_000_000_000_000), "1.17 mETH"),
        (shown.money(84_300_000_000_000), "84.3 \u00b5ETH"),
        (shown.duration(0), "0 min"),
        (shown.duration(20), "< 1 min"),
        (shown.duration(5400), "90 min"),
        (shown.duration(9000), "2 h 30 min"),
        (shown.period(24), "24 hours"),
        (shown.period(72), "3 days"),
        (shown.share(None), "\u2013"),
        (shown.share(0.825), "82 %"),
        (shown.cell(Column("a", "A", Kind.ENERGY, absent="unknown"), None), "unknown"),
        (shown.cell(Column("a", "A", Kind.PRICE), 84_500_000_000_000), "84.5"),
    ],
)
def test_figures_for_people(text: str, expected: str):
    assert text == expected
