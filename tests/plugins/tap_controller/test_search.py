import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.tap_controller.ranking import Bounds
from plugins.tap_controller.search import Decision, SearchError, Taps, probes, search
from plugins.tap_controller.windows import Regulator
from tests.plugins.tap_controller.linear_feeder import STEP_PU, LinearFeeder, regulators


def bounds(
    nodes: int, low: float = 0.952, high: float = 1.048, to_low: float = 0.0, to_high: float = 9.0
) -> Bounds:
    full = np.full
    return Bounds(
        full(nodes, low), full(nodes, high), full(nodes, max(low, to_low)),
        full(nodes, min(high, to_high)),
    )  # fmt: skip


def find(feeder: LinearFeeder, regs: list[Regulator], present: Taps, wanted: Bounds) -> Decision:
    probed = [feeder.solve(taps) for taps in probes(regs, present)]
    return feeder.run(search(regs, present, probed, wanted))


def cost(voltages: np.ndarray, taps: Taps, present: Taps, wanted: Bounds) -> tuple[float, ...]:
    beyond, beside = wanted.excess(voltages[np.newaxis, :])
    moves = sum(abs(a - b) for a, b in zip(taps, present, strict=True))
    return float(beyond[0]), float(beside[0]), moves


def brute_force(
    feeder: LinearFeeder, regs: list[Regulator], present: Taps, wanted: Bounds
) -> tuple[float, ...]:
    ranges = [range(r.lowest, r.highest + 1) for r in regs]
    everything = np.array(list(itertools.product(*ranges)))
    bend = feeder.bend * (everything**2).sum(axis=1, keepdims=True) * STEP_PU**2
    beyond, beside = wanted.excess(feeder.base + everything @ feeder.slopes + bend)
    moves = np.abs(everything - np.array(present)).sum(axis=1)
    best = np.lexsort((moves, beside, beyond))[0]
    return float(beyond[best]), float(beside[best]), int(moves[best])


def test_nothing_moves_while_everything_holds():
    feeder = LinearFeeder([1.0, 1.01], [[STEP_PU, STEP_PU]])
    decision = find(feeder, regulators(1), (3,), bounds(2))
    assert decision.taps == (3,)
    assert decision.moves == 0
    assert decision.limit_excess == decision.target_excess == 0


def test_as_few_steps_as_bring_the_voltage_inside():
    feeder = LinearFeeder([1.056], [[STEP_PU]])
    decision = find(feeder, regulators(1), (0,), bounds(1))
    assert decision.taps == (-2,)
    assert decision.after_pu[0] == pytest.approx(1.0435)
    assert decision.before_pu[0] == pytest.approx(1.056)


def test_the_target_goes_further_than_the_limit():
    feeder = LinearFeeder([1.056], [[STEP_PU]])
    decision = find(feeder, regulators(1), (0,), bounds(1, to_high=1.0165))
    assert decision.taps == (-7,)
    assert decision.after_pu[0] == pytest.approx(1.01225)


def test_a_regulator_that_does_not_help_does_not_move():
    feeder = LinearFeeder([1.06, 1.0], [[STEP_PU, 0.0], [0.0, STEP_PU]])
    assert find(feeder, regulators(2), (0, 5), bounds(2)).taps == (-2, 5)


def test_limits_come_before_the_target():
    # Node 2 would fall below its limit long before node 1 reaches the target.
    feeder = LinearFeeder([1.056, 0.960], [[STEP_PU, STEP_PU]])
    decision = find(feeder, regulators(1), (0,), bounds(2, low=0.945, to_high=1.0165))
    assert decision.limit_excess == 0
    assert decision.target_excess > 0
    assert decision.taps == (-2,)


def test_where_no_position_holds_the_least_violation_is_chosen():
    feeder = LinearFeeder([1.10, 0.90], [[STEP_PU, STEP_PU]])
    decision = find(feeder, regulators(1), (4,), bounds(2))
    assert decision.taps == (0,)
    assert decision.limit_excess == pytest.approx(0.052)


def test_the_ends_of_the_range_hold():
    feeder = LinearFeeder([1.3], [[STEP_PU]])
    assert find(feeder, regulators(1), (16,), bounds(1)).taps == (-16,)
    assert find(feeder, regulators(1, highest=16), (16,), bounds(1)).taps == (-16,)


def test_what_lies_beyond_the_first_window_is_found():
    slopes = np.eye(3) * STEP_PU
    feeder = LinearFeeder([1.1, 0.95, 0.92], slopes.tolist())
    decision = find(feeder, regulators(3), (16, -16, -16), bounds(3, 0.99, 1.01))
    assert decision.taps == (-15, 7, 12)


def test_a_position_without_a_solution_is_never_chosen():
    feeder = LinearFeeder([1.056], [[STEP_PU]])
    feeder.unsolvable = {(-2,), (-3,)}
    assert find(feeder, regulators(1), (0,), bounds(1)).taps == (-4,)


def test_no_solution_at_present_is_said():
    feeder = LinearFeeder([1.056], [[STEP_PU]])
    feeder.unsolvable = {(0,)}
    with pytest.raises(SearchError, match="no solution at the present taps"):
        find(feeder, regulators(1), (0,), bounds(1))


def test_a_bent_feeder_is_answered_by_exact_solutions():
    feeder = LinearFeeder([1.056, 0.99], [[STEP_PU, STEP_PU]], bend=0.8)
    decision = find(feeder, regulators(1), (9,), bounds(2, to_high=1.0165))
    exact = feeder.solve(decision.taps)
    assert decision.after_pu == pytest.approx(exact)
    wanted = bounds(2, to_high=1.0165)
    assert cost(exact, decision.taps, (9,), wanted) == brute_force(
        feeder, regulators(1), (9,), wanted
    )


def test_seven_regulators_are_searched_without_trying_all():
    slopes = np.eye(7) * STEP_PU
    feeder = LinearFeeder([1.06, 1.0, 1.07, 1.0, 1.0, 0.94, 1.0], slopes.tolist())
    decision = find(feeder, regulators(7), (0,) * 7, bounds(7))
    assert decision.taps == (-2, 0, -4, 0, 0, 2, 0)
    assert len(feeder.solved) < 60


@given(
    base=st.lists(st.floats(0.93, 1.08), min_size=3, max_size=3),
    coupling=st.floats(0, 0.2),
    present=st.tuples(*[st.integers(-6, 6)] * 3),
    to_high=st.sampled_from([1.0165, 1.03, 9.0]),
)
def test_the_search_is_as_good_as_trying_everything(base, coupling, present, to_high):
    slopes = (np.eye(3) * (1 - coupling) + coupling / 3) * STEP_PU
    feeder = LinearFeeder(base, slopes.tolist())
    regs = regulators(3, -6, 6)
    wanted = bounds(3, to_high=to_high)
    decision = find(feeder, regs, present, wanted)
    found = cost(feeder.solve(decision.taps), decision.taps, present, wanted)
    assert found == brute_force(feeder, regs, present, wanted)


@given(
    base=st.lists(st.floats(0.90, 1.10), min_size=3, max_size=3),
    present=st.tuples(*[st.integers(-16, 16)] * 6),
    to_high=st.sampled_from([1.0165, 9.0]),
)
def test_regulators_in_series_come_to_rest(base, present, to_high):
    """Two in a row do the same: many positions are alike, and each could lead to the other."""
    slopes = np.vstack([np.eye(3), np.eye(3)]) * STEP_PU
    feeder = LinearFeeder(base, slopes.tolist())
    decision = find(feeder, regulators(6), present, bounds(3, to_high=to_high))
    assert decision.limit_excess == 0
    assert decision.target_excess == 0


def test_many_regulators_are_searched_a_few_at_a_time():
    """Four feeders of one substation, all equally high: no single move lowers the highest."""
    slopes = np.eye(12) * STEP_PU
    feeder = LinearFeeder([1.06, 1.06, 1.0] * 4, slopes.tolist())
    decision = find(feeder, regulators(12), (0,) * 12, bounds(12))
    assert decision.limit_excess == 0
    assert decision.taps == (-2, -2, 0) * 4


def test_a_large_feeder_with_many_regulators_takes_little_memory():
    slopes = np.repeat(np.eye(12), 700, axis=1) * STEP_PU
    feeder = LinearFeeder(np.repeat([1.06] * 3 + [1.0] * 9, 700), slopes)
    tracemalloc.start()
    decision = find(feeder, regulators(12), (0,) * 12, bounds(8400))
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert decision.limit_excess == 0
    assert most_bytes < 200e6
