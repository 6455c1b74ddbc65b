"""What strangers write into a command: every mistake is refused in words, none is passed over."""

from datetime import timedelta

import pytest

from plugins.opendss_grid.order_arguments import Order
from plugins.opendss_grid.orders import carry_out_all
from plugins.opendss_grid.protocol import GridError

from .test_orders import Bench
from .test_simulation import NOON


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize(
    ("target", "action", "args", "reason"),
    [
        # Left out silently, a misspelt end would hold the battery for good.
        (
            "house/house2", "set_battery", {"power_w": 500, "untils": 60},
            "house house2: set_battery has no argument 'untils'; it takes power_w, until_s, until",
        ),
        ("house/house2", "open_service", {"phase": 1}, "'phase'; it takes no arguments"),
        ("house/house2", "limit_pv", {"power_w": 1, "percent": 2}, "'power_w' and 'percent', got"),
        (
            "house/house2", "set_power",
            {"net_w": 1, "until_s": 5, "until": (NOON + timedelta(hours=1)).isoformat()},
            "expected one of 'until_s' and 'until', got both",
        ),
        ("house/house2", "set_power", {"net_w": 1, "until_s": 0}, "more than 0 and up to 604800 s"),
        (
            "house/house2", "set_power", {"net_w": 1, "until": NOON.isoformat()},
            r"'until' is over: 2026-06-21T17:00:00\+00:00",
        ),
        (
            "house/house2", "set_power", {"net_w": 1, "until": "2027-01-01T00:00:00Z"},
            "'until' is more than a week ahead",
        ),
        ("house/house2", "set_power", {"net_w": 10**400}, "expected a number for 'net_w', got 10"),
        ("branch/line.684_611", "open", {"phase": True}, "expected phase 1, 2 or 3, got True"),
        ("branch/line.684_611", "open", {"phase": 1.5}, "expected phase 1, 2 or 3, got 1.5"),
        ("fault/tree", "apply", {"type": "ag", "bus": "611"}, "611, which has only phase c"),
        ("fault/tree", "apply", {"type": "c", "bus": "611"}, "expected cg, or several"),
        (
            "fault/tree", "apply", {"type": "cg", "bus": "611", "at": 0.3},
            "expected either 'bus', or 'line' and 'at'",
        ),
        ("motor/saw", "start", {"kva": 50}, "motor saw: expected 'bus', such as 671"),
        ("sky/sky", "set", {"clearness": 1, "irradiance_w_per_m2": 9}, "^sky: expected one of"),
        ("sky/sky", "dim", {}, "^sky: no action 'dim'"),
        ("control/control", "local", {"for_s": 10}, "local has no argument 'for_s'"),
    ],
)  # fmt: skip
def test_a_mistake_is_refused_in_words(bench: Bench, target, action, args, reason) -> None:
    kind, name = target.split("/")
    with pytest.raises(GridError, match=reason):
        bench(kind, name, action, **args)
    assert not bench.sim.network.deviations
    assert not bench.sim.set_points.held


def test_a_phase_may_be_written_with_a_decimal_point(bench: Bench) -> None:
    assert bench("branch", "line.671_684", "open", phase=3.0)["closed"] is False
    assert [d.text for d in bench.sim.network.deviations] == ["line.671_684 is open on phase C"]
    assert bench("branch", "line.671_684", "close", phase=3)["closed"] is True


def test_an_order_that_cannot_be_does_not_take_the_others_of_its_moment_with_it(
    bench: Bench,
) -> None:
    orders = [
        Order("house", "house2", "set_battery", {"power_w": power_w}, NOON)
        for power_w in (700, 10**400, None)
    ]
    _, outcomes = carry_out_all(bench.sim, orders)
    assert isinstance(outcomes[0], dict)
    assert outcomes[0]["achieved_w"] == 700
    assert [type(outcome) for outcome in outcomes[1:]] == [GridError, GridError]
    bench("house", "house2", "release_battery")


def test_a_motor_is_answered_with_the_voltages_of_its_start(bench: Bench) -> None:
    before = bench.pu("671.1")
    started = bench("motor", "saw", "start", bus="671", kva=500)
    assert started["voltages_pu"][1] == pytest.approx(bench.pu("671.1"), abs=1e-4)
    assert started["voltages_pu"][1] < before - 0.05
    bench("motor", "saw", "stop")
