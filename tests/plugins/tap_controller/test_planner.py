"""The planner against a twin that is linear in taps and power, and wrong by a known amount."""

from collections.abc import Mapping

import pytest

from plugins.tap_controller.planner import Case, Plan, Request, plan
from plugins.tap_controller.search import SearchError
from plugins.tap_controller.targets import Goal
from plugins.tap_controller.windows import Regulator

STEP_PU = 0.00625
NODES = ("650.1", "rg60.1", "671.1", "house1.1", "dark.1")


class Twin:
    """One regulator; `house1` exports lift its own node by 0.01 pu per 10 kW."""

    def __init__(self, lift: float = 0.0):
        self.lift = lift
        self.asked: list[Case] = []

    def solve(self, case: Case) -> list[float]:
        self.asked.append(case)
        tap = case.taps["reg"]
        if tap > 14:
            return []
        raised = 1.0 + tap * STEP_PU
        export_w = -case.power_w.get("house1", 0.0)
        return [1.0, raised, raised - 0.02, raised - 0.015 + export_w * 1e-6 + self.lift, 0.0]

    def run(self, request: Request) -> Plan:
        planning = plan(request)
        try:
            cases = next(planning)
            while True:
                cases = planning.send([self.solve(case) for case in cases])
        except StopIteration as end:
            found: Plan = end.value
            return found


def request(
    tap: int, measured: Mapping[str, float], *scenarios: Mapping[str, float], restore: bool = False
) -> Request:
    return Request(
        (Regulator("reg", -16, 16),),
        {"reg": tap},
        NODES,
        measured,
        Goal(),
        over=True,
        restore=restore,
        scenarios=scenarios or ({},),
    )


def test_meters_correct_the_model():
    # The twin says 1.0475 at the house; its meter says 1.056.
    found = Twin().run(request(10, {"house1.1": 1.056}))
    assert found.before_highest == pytest.approx(1.056)
    assert found.taps == {"reg": 8}
    assert found.after_highest == pytest.approx(1.0435)


def test_after_a_violation_voltages_come_to_rest_at_the_target():
    found = Twin().run(request(10, {"house1.1": 1.056}, restore=True))
    assert found.after_highest == pytest.approx(1.01225)
    assert found.limit_excess == found.target_excess == 0


def test_nodes_without_a_meter_hold_wider_limits_and_no_target():
    # At tap 10 rg60.1 has 1.0625: above the unmetered limit of 1.058.
    found = Twin().run(request(10, {"house1.1": 1.0}))
    assert found.taps == {"reg": 9}


def test_nodes_that_taps_cannot_move_or_that_are_dark_do_not_count():
    twin = Twin()
    found = twin.run(request(0, {"house1.1": 0.985}))
    assert found.moves == 0
    assert found.solved <= 8


def test_a_plan_holds_now_and_during_the_delivery():
    present = {"house1.1": 1.03}
    alone = Twin().run(request(7, present))
    assert alone.moves == 0
    both = Twin().run(request(7, present, {}, {"house1": -30_000.0}))
    assert both.before_highest == pytest.approx(1.06)
    assert both.after_highest <= 1.048 + 1e-9
    assert both.after_lowest >= 0.952
    assert both.taps == {"reg": 5}


def test_positions_without_a_solution_are_avoided():
    twin = Twin(lift=-0.2)
    found = twin.run(request(13, {"house1.1": 0.90}))
    assert found.taps["reg"] <= 14


def test_a_meter_far_from_the_twin_is_left_out_and_named():
    twin = Twin()
    found = twin.run(request(0, {"671.1": 0.98, "house1.1": 0.52}))
    assert found.taps == {"reg": 0}
    assert [(doubt.node, doubt.measured_pu) for doubt in found.doubted] == [("house1.1", 0.52)]
    assert found.doubted[0].expected_pu == pytest.approx(0.985)
    beside = twin.run(request(10, {"671.1": 1.056, "house1.1": 0.52}))
    assert beside.taps == {"reg": 8}


def test_a_twin_that_no_meter_agrees_with_moves_nothing():
    with pytest.raises(SearchError, match=r"no meter agrees with the twin within 0\.1 p\.u\."):
        Twin().run(request(0, {"house1.1": 0.52}))


def test_without_a_meter_behind_the_regulators_there_is_no_plan():
    with pytest.raises(SearchError, match="no meter lies behind the regulators"):
        Twin().run(request(0, {"650.1": 1.0}))


def test_without_a_solution_there_is_no_plan():
    with pytest.raises(SearchError, match="no solution at the present taps"):
        Twin().run(request(15, {"house1.1": 1.0}))
