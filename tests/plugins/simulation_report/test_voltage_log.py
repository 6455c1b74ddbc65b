"""Voltages over time: extremes, time outside limits, bands."""

import numpy as np
import pytest

from plugins.simulation_report.voltage_log import VoltageLog


def log() -> VoltageLog:
    return VoltageLog(("a.1", "a.2", "house.1"), 100.0, 2)


def test_each_power_flow_counts_until_the_next():
    volts = log()
    volts.note(0, [1.0, 1.06, 1.0])
    volts.note(30, [0.94, 1.04, 1.0])
    volts.note(40, [1.0, 1.0, 1.0])
    volts.hold_until(200)
    first, second = volts.of("a.1"), volts.of("a.2")
    assert (first.below_s, first.above_s) == (10, 0)
    assert (second.below_s, second.above_s) == (0, 30)
    assert (first.lowest_pu, first.highest_pu) == (0.94, 1.0)
    assert second.mean_pu == pytest.approx((30 * 1.06 + 10 * 1.04 + 160) / 200)
    assert (volts.at_any_node.above_s, volts.at_any_node.below_s) == (30, 10)
    low, high = volts.extremes() or (None, None)
    assert low is not None
    assert high is not None
    assert (low.node, high.node) == ("a.1", "a.2")


def test_a_limit_itself_is_within():
    volts = log()
    volts.note(0, [0.95, 1.05, 1.0])
    volts.hold_until(10)
    assert volts.at_any_node.either_s == 0


def test_a_dead_node_is_dead_and_not_low():
    volts = log()
    volts.note(0, [1.0, 1.0, 0.0])
    volts.hold_until(50)
    dead = volts.of("house.1")
    assert (dead.dead_s, dead.below_s, dead.lowest_pu, dead.mean_pu) == (50, 0, None, None)


def test_time_without_a_solution_is_in_no_figure():
    volts = log()
    volts.note(0, [1.06, 1.0, 1.0])
    volts.interrupt(10)
    volts.note(60, [1.0, 1.0, 1.0])
    volts.hold_until(70)
    assert volts.of("a.1").above_s == 10
    assert volts.of("a.1").mean_pu == pytest.approx((10 * 1.06 + 10 * 1.0) / 20)


def test_limits_count_at_the_houses_meters_where_there_are_any():
    volts = log()
    volts.note(0, [1.06, 1.0, 1.0])
    assert volts.outside is volts.at_any_node
    volts.watch_houses({"house.1"})
    volts.note(10, [1.06, 1.0, 0.94])
    volts.note(15, [0.94, 1.06, 1.0])
    volts.note(22, [1.0, 1.0, 1.0])
    volts.hold_until(30)
    assert (volts.at_any_node.above_s, volts.at_any_node.below_s) == (22, 12)
    assert volts.at_any_node.either_s == 22  # not 34: some of it was at the same time
    assert volts.outside is volts.at_houses
    assert (volts.at_houses.above_s, volts.at_houses.below_s, volts.at_houses.either_s) == (0, 5, 5)


def test_bands_per_phase_and_interval_with_the_houses_apart():
    volts = log()
    volts.note(0, [1.02, 1.0, 0.99])
    volts.watch_houses({"house.1"})
    volts.note(50, [1.03, 1.0, 0.98])
    volts.note(150, [1.01, 0.0, 1.0])
    low, high = volts.nodes_band.of(0)
    assert (low.tolist(), high.tolist()) == ([0.98, 1.0], [1.03, 1.01])
    low, high = volts.houses_band.of(0)
    assert (low.tolist(), high.tolist()) == ([0.98, 1.0], [0.99, 1.0])
    _, second = volts.nodes_band.of(1)
    assert second[0] == 1.0
    assert np.isnan(second[1])
    assert np.isnan(volts.nodes_band.of(2)[0]).all()


def test_a_flow_at_the_very_end_is_of_the_last_interval():
    volts = log()
    volts.note(200, [1.0, 1.0, 1.0])
    assert volts.nodes_band.of(0)[0].tolist()[1] == 1.0
