"""Every actuator: its limits, its dwell, its count, and the next solve that shows it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from plugins.opendss_grid.houses import HouseSpec, TripSpec
from plugins.opendss_grid.order_arguments import Order
from plugins.opendss_grid.orders import carry_out
from plugins.opendss_grid.protocol import GridError

from .test_simulation import HOME, NOON, pu, simulation

CAR = HouseSpec(
    "car", "car", "684", (3,), annual_kwh=0, ev_kw=11, ev_kwh=60, ev_discharge=True,
    ev_discharge_kw=5, ev_initial=0.5, ev_driving_kwh_per_day=0,
)  # fmt: skip


class Bench:
    """A simulation whose clock is moved by hand, and that is ordered about."""

    def __init__(self, *houses: HouseSpec, **settings) -> None:
        self.sim = simulation(*houses, **settings)
        self.now = NOON
        self.result = self.sim.step(NOON, NOON)

    def wait(self, **span: float) -> None:
        self.now += timedelta(**span)
        self.result = self.sim.step(self.now, self.now)

    def __call__(self, kind: str, name: str, action: str, **args):
        verify = carry_out(self.sim, Order(kind, name, action, args, self.now))
        self.result = self.sim.step(self.now, self.now)
        return verify(self.sim, self.result)

    def pu(self, node: str) -> float:
        return pu(self.sim, self.result, node)


# --- switches -------------------------------------------------------------------------------------


def test_a_branch_opens_closes_and_is_counted() -> None:
    bench = Bench()
    assert bench("branch", "LINE.671_692", "open") == {
        "closed": False, "dead_nodes": 9, "operations": 1,
    }  # fmt: skip
    assert bench.pu("675.1") == 0
    # What is open already is not operated again.
    assert bench("branch", "line.671_692", "open")["operations"] == 1
    assert bench("branch", "line.671_692", "close") == {
        "closed": True, "dead_nodes": 0, "operations": 2,
    }  # fmt: skip
    assert bench.sim.network.deviations == []


def test_one_conductor_opens_alone() -> None:
    bench = Bench()
    bench("branch", "line.632_645", "open", phase=2)
    assert bench.pu("645.2") < 0.5
    assert bench.pu("645.3") > 0.9
    assert [d.text for d in bench.sim.network.deviations] == ["line.632_645 is open on phase B"]


def test_a_switch_rests_between_operations() -> None:
    bench = Bench(switch_dwell_s=60)
    bench("branch", "line.671_692", "open")
    bench.wait(seconds=20)
    with pytest.raises(GridError, match=r"line.671_692 may be operated again in 40 s"):
        bench("branch", "line.671_692", "close")
    bench("house", "house2", "open_service")
    with pytest.raises(GridError, match="house2 may be operated again in 60 s"):
        bench("house", "house2", "close_service")
    bench.wait(seconds=40)
    assert bench("branch", "line.671_692", "close")["dead_nodes"] == 1  # the house without service
    bench.wait(seconds=20)
    assert bench("house", "house2", "close_service")["energised"]


def test_a_bank_gives_its_vars_and_discharges_before_it_closes_again() -> None:
    bench = Bench()
    opened = bench("capacitor", "cap675", "open")
    assert opened == {"closed": False, "power_var": 0, "operations": 1}
    low = bench.pu("675.1")
    bench.wait(minutes=2)
    with pytest.raises(GridError, match=r"cap675 may be operated again in 180 s: it discharges"):
        bench("capacitor", "cap675", "close")
    bench.wait(minutes=3)
    closed = bench("capacitor", "CAP675", "close")
    assert closed["power_var"] == pytest.approx(600_000, rel=0.1)
    assert closed["operations"] == 2
    assert bench.pu("675.1") > low + 0.005
    with pytest.raises(GridError, match="capacitor cap9 is not in the circuit; it has: cap"):
        bench("capacitor", "cap9", "open")


def test_the_whole_feeder_opens_at_its_head() -> None:
    bench = Bench()
    opened = bench("feeder", "feeder", "open")
    assert opened["dead_nodes"] == len(bench.sim.circuit.nodes) - 3  # all but the source
    assert not bench.sim.energised("house2", bench.result)
    assert bench("feeder", "feeder", "close") == {"closed": True, "dead_nodes": 0, "operations": 2}
    assert bench.pu("671.1") > 0.95


def test_taps_rest_between_moves_and_are_counted() -> None:
    bench = Bench(tap_dwell_s=30)
    assert bench("regulator", "reg_a", "set_tap", tap=5)["operations"] == 2
    with pytest.raises(GridError, match="reg_a has moved just now; it may again in 30 s"):
        bench("regulator", "reg_a", "set_tap", tap=6)
    bench.wait(seconds=30)
    moved = bench("regulator", "reg_a", "set_tap", tap=6)
    assert moved["operations"] == 3
    assert moved["max_pu_after"] == pytest.approx(
        float(bench.result.solution.voltages_pu.max()), abs=1e-5
    )


# --- faults ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["ag", "bg", "cg", "ab", "bc", "ca", "abg", "bcg", "acg", "abc", "abcg"]
)
def test_every_type_of_fault_pulls_its_phases_down(kind: str) -> None:
    bench = Bench()
    healthy = [bench.pu(f"671.{phase}") for phase in (1, 2, 3)]
    answer = bench("fault", "f1", "apply", type=kind, bus="671", ohm=0.5)
    for phase, before in zip((1, 2, 3), healthy, strict=True):
        if "abc"[phase - 1] in kind:
            assert answer["voltages_pu"][phase] < before - 0.05
    bench("fault", "f1", "clear")
    assert [bench.pu(f"671.{p}") for p in (1, 2, 3)] == pytest.approx(healthy, abs=1e-4)
    with pytest.raises(GridError, match="there is no fault f1"):
        bench("fault", "f1", "clear")


def test_a_fault_of_high_impedance_is_a_small_load() -> None:
    bench = Bench()
    before = float(bench.result.solution.source_va.real.sum())
    bench("fault", "tree", "apply", type="ag", bus="652", ohm=300)
    drawn = float(bench.result.solution.source_va.real.sum()) - before
    assert drawn == pytest.approx(2401.8**2 / 300, rel=0.1)


# --- devices --------------------------------------------------------------------------------------


def test_a_battery_obeys_within_its_limits_and_is_released() -> None:
    bench = Bench()
    own_w = float(bench.result.powers.battery_w[0])
    assert bench("house", "house2", "set_battery", power_w=-500) == {
        "requested_w": -500, "achieved_w": -500, "operations": 1,
    }  # fmt: skip
    with pytest.raises(GridError, match="its battery takes -11000 to 11000 W, got 12000"):
        bench("house", "house2", "set_battery", power_w=12_000)
    # A command to the device stands above one to the house: PV and the rest do what they can.
    assert bench("house", "house2", "set_power", net_w=0)["achieved_w"] == pytest.approx(0, abs=1)
    assert bench.result.powers.battery_w[0] == -500
    bench("house", "house2", "release_power")
    assert bench("house", "house2", "release_battery")["achieved_w"] == pytest.approx(
        own_w, rel=0.1
    )


def test_an_empty_battery_says_what_it_achieved() -> None:
    bench = Bench()
    bench.sim.fleet.battery.energy_wh[0] = 0.1 * 13_500
    answer = bench("house", "house2", "set_battery", power_w=-3000)
    assert answer == {"requested_w": -3000, "achieved_w": 0, "operations": 1}
    # A hundredth of a Wh is no power that anybody could rely on.
    bench.sim.fleet.battery.energy_wh[0] += 0.01
    assert bench("house", "house2", "set_battery", power_w=-3000)["achieved_w"] > -40


def test_a_device_set_point_ends_at_its_time() -> None:
    bench = Bench()
    bench("house", "house2", "set_battery", power_w=-3000, until_s=10)
    bench.wait(seconds=9)
    assert bench.result.powers.battery_w[0] == -3000
    bench.wait(seconds=2)
    assert bench.result.powers.battery_w[0] > -3000


def test_pv_is_curtailed_by_power_or_by_percent() -> None:
    bench = Bench()
    free_w = float(bench.result.powers.pv_w[0])
    assert free_w > 4000
    assert bench("house", "house2", "limit_pv", power_w=1500)["achieved_w"] == 1500
    assert bench("house", "house2", "limit_pv", percent=25)["achieved_w"] == 2000
    assert bench("house", "house2", "limit_pv", power_w=0)["achieved_w"] == 0
    with pytest.raises(GridError, match="expected 0 to 100 for 'percent', got 120"):
        bench("house", "house2", "limit_pv", percent=120)
    with pytest.raises(GridError, match="0 W or more"):
        bench("house", "house2", "limit_pv", power_w=-1)
    assert bench("house", "house2", "release_pv")["achieved_w"] == pytest.approx(free_w, abs=1)


def test_a_vehicle_charges_and_feeds_back_to_its_reserve() -> None:
    bench = Bench(CAR)
    assert bench("house", "car", "set_ev", power_w=7000)["achieved_w"] == 7000
    assert bench("house", "car", "set_ev", power_w=-5000)["achieved_w"] == -5000
    with pytest.raises(GridError, match="its vehicle takes -5000 to 11000 W, got -6000"):
        bench("house", "car", "set_ev", power_w=-6000)
    bench.wait(hours=1)
    bench.wait(hours=9)
    assert bench.sim.fleet.ev.energy_wh[0] == pytest.approx(0.2 * 60_000)
    bench.wait(minutes=1)
    assert bench.result.powers.ev_w[0] == pytest.approx(0, abs=1e-6)


def test_a_vehicle_that_may_not_feed_the_grid_says_so() -> None:
    bench = Bench(HouseSpec("car", "car", "684", (3,), ev_kw=11, ev_kwh=60))
    with pytest.raises(GridError, match="its vehicle may not feed the grid, got -1000 W"):
        bench("house", "car", "set_ev", power_w=-1000)


def test_a_vehicle_that_is_away_refuses() -> None:
    trips = TripSpec((60, 1380), (60, 1380))  # from one in the morning until eleven at night
    away = HouseSpec("car", "car", "684", (3,), ev_kw=11, ev_kwh=60, ev_trips=trips)
    bench = Bench(away)
    while bench.sim.surroundings.returns_at(0, bench.now) is None:
        bench.wait(days=1)  # on some days it stays
    with pytest.raises(GridError, match=r"its vehicle is away until 2[123]:\d\d on the feeder"):
        bench("house", "car", "set_ev", power_w=3000)
    assert bench("house", "car", "set_power", net_w=9000)["achieved_w"] < 9000
    assert bench.result.powers.ev_w[0] == 0


@pytest.mark.parametrize(
    ("action", "args", "reason"),
    [
        ("set_battery", {"power_w": 1}, "house car: it has no battery"),
        ("limit_pv", {"power_w": 1}, "house car: it has no PV"),
        ("set_ev", {"power_w": "all"}, "expected a number for 'power_w', got 'all'"),
    ],
)
def test_what_is_not_there_cannot_be_commanded(action, args, reason) -> None:
    with pytest.raises(GridError, match=reason):
        Bench(CAR)("house", "car", action, **args)
    with pytest.raises(GridError, match="house house2: it has no vehicle"):
        Bench(HOME)("house", "house2", "set_ev", power_w=1)


@pytest.mark.parametrize(
    ("action", "release"),
    [("set_battery", "release_battery"), ("set_ev", "release_ev"), ("limit_pv", "release_pv")],
)
def test_a_device_is_counted_and_rests_between_two_set_points(action: str, release: str) -> None:
    house = replace(CAR, pv_kwp=5, battery_kwh=10, battery_kw=5)
    bench = Bench(house, device_dwell_s=60)
    assert bench("house", "car", action, power_w=1000)["operations"] == 1
    # The same again, for longer, is no operation.
    assert bench("house", "car", action, power_w=1000, until_s=600)["operations"] == 1
    bench.wait(seconds=20)
    with pytest.raises(GridError, match="it may have another in 40 s"):
        bench("house", "car", action, power_w=2000)
    # Who lets go is always heard, but that starts no new rest.
    assert bench("house", "car", release)["operations"] == 1
    bench.wait(seconds=40)
    assert bench("house", "car", action, power_w=2000)["operations"] == 2


def test_a_fuse_that_has_aged_blows_by_command_and_stays_so_until_it_is_replaced() -> None:
    bench = Bench()
    assert bench("house", "house2", "blow_fuse")["energised"] is False
    (left,) = bench.sim.network.deviations
    assert left.text == "the service fuse of house2 (200 A) has blown"
    for action, reason in (("blow_fuse", "has blown already"), ("close_service", "puts a new one")):
        with pytest.raises(GridError, match=reason):
            bench("house", "house2", action)
    again = Bench()
    assert again.sim.network.restore(bench.sim.network.snapshot()) == []
    assert again("house", "house2", "replace_fuse")["energised"] is True


def test_a_fault_may_be_anywhere_along_a_line_and_outlives_a_restart() -> None:
    bench = Bench()
    answer = bench("fault", "tree", "apply", type="ag", line="650_632", at=0.25, ohm=0.5)
    assert 0.1 < answer["voltages_pu"][1] < 1.05
    (left,) = bench.sim.network.deviations
    assert left.text == "fault tree: ag at 25% of line.650_632 with 0.5 ohm"
    again = Bench()
    assert again.sim.network.restore(bench.sim.network.snapshot()) == []
    again.wait(seconds=1)
    assert again.pu("632.1") == pytest.approx(bench.pu("632.1"), abs=1e-4)
    bench("fault", "tree", "clear")
    assert bench.pu("632.1") > 1.0
    for place in ({}, {"bus": "671", "line": "650_632"}):
        with pytest.raises(GridError, match="expected either 'bus', or 'line' and 'at'"):
            bench("fault", "tree", "apply", type="ag", **place)
