"""Dispatch and storage: limits hold and no energy appears or vanishes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.opendss_grid.devices import PERFORMANCE_RATIO, Fleet
from plugins.opendss_grid.houses import HouseSpec
from plugins.opendss_grid.set_points import KINDS, SetPoints
from plugins.opendss_grid.vehicles import Presence

POWER = st.floats(0, 20_000)


def house(**changes) -> HouseSpec:
    return HouseSpec(name="h", device="h", bus="b", phases=(1,), **changes)


@st.composite
def houses(draw) -> HouseSpec:
    ev_kw = draw(st.sampled_from([0.0, 3.7, 11.0]))
    battery_kw = draw(st.sampled_from([0.0, 5.0, 11.0]))
    return house(
        pv_kwp=draw(st.sampled_from([0.0, 4.0, 9.9])),
        inverter_kw=draw(st.sampled_from([None, 3.0])),
        battery_kw=battery_kw,
        battery_kwh=draw(st.floats(0.5, 30)) if battery_kw else 0.0,
        battery_efficiency=draw(st.floats(0.5, 1)),
        battery_initial=draw(st.floats(0, 1)),
        battery_reserve=draw(st.floats(0, 0.5)),
        ev_kw=ev_kw,
        ev_kwh=60.0 if ev_kw else 0.0,
        ev_discharge=draw(st.booleans()),
        ev_initial=draw(st.floats(0, 1)),
        ev_driving_kwh_per_day=0.0,
        site=draw(st.sampled_from(["home", "plant"])),
    )


@given(
    spec=houses(),
    steps=st.lists(
        st.tuples(
            POWER,
            st.floats(0, 1200),
            st.one_of(st.none(), st.floats(-30_000, 30_000)),
            st.one_of(st.just(0.0), st.floats(1e-8, 2)),
            st.booleans(),
        ),
        max_size=8,
    ),
)
def test_limits_hold_and_energy_is_conserved(spec, steps) -> None:
    fleet = Fleet([spec])
    for load_w, light, set_point, hours, live in steps:
        fleet.set_point_w[0] = np.nan if set_point is None else set_point
        before = {s: s.energy_wh[0] for s in (fleet.battery, fleet.ev)}
        powers = fleet.dispatch(np.array([load_w]), np.array([light]), hours)
        fleet.integrate(powers, np.array([live]), hours)

        available_w = min(
            spec.pv_kwp * light * PERFORMANCE_RATIO, (spec.inverter_kw or spec.pv_kwp) * 1000
        )
        assert -1e-6 <= powers.pv_w[0] <= available_w + 1e-6
        assert abs(powers.battery_w[0]) <= spec.battery_kw * 1000 + 1e-6
        assert powers.ev_w[0] <= spec.ev_kw * 1000 + 1e-6
        assert powers.ev_w[0] >= (-spec.ev_kw * 1000 if spec.ev_discharge else 0) - 1e-6
        net = load_w - powers.pv_w[0] + powers.battery_w[0] + powers.ev_w[0]
        assert powers.net_w[0] == pytest.approx(net, abs=1e-6)

        for storage, power_w in ((fleet.battery, powers.battery_w[0]), (fleet.ev, powers.ev_w[0])):
            assert -1e-6 <= storage.energy_wh[0] <= storage.capacity_wh[0] + 1e-6
            change = storage.energy_wh[0] - before[storage]
            flow = power_w * hours if live else 0.0
            one_way = storage.one_way[0]
            expected = flow * one_way if flow > 0 else flow / one_way
            assert change == pytest.approx(expected, abs=1e-3)
            if flow < 0:
                assert storage.energy_wh[0] >= storage.floor_wh[0] - 1e-3


@given(spec=houses(), load_w=POWER, light=st.floats(0, 1200), target=st.floats(-30_000, 30_000))
def test_a_set_point_is_met_or_every_device_is_at_its_end(spec, load_w, light, target) -> None:
    fleet = Fleet([spec])
    fleet.set_point_w[0] = target
    powers = fleet.dispatch(np.array([load_w]), np.array([light]), 0.25)
    missing = target - powers.net_w[0]
    battery = [limit[0] for limit in fleet.battery.limits_w(0.25)]
    ev = [limit[0] for limit in fleet.ev.limits_w(0.25)]
    if missing > 1e-6:
        assert powers.battery_w[0] == pytest.approx(battery[1])
        assert powers.ev_w[0] == pytest.approx(ev[1])
        assert powers.pv_w[0] == pytest.approx(0, abs=1e-6)
    elif missing < -1e-6:
        assert powers.battery_w[0] == pytest.approx(battery[0])
        assert powers.ev_w[0] == pytest.approx(ev[0])


@given(
    spec=houses(),
    load_w=POWER,
    light=st.floats(0, 1200),
    target=st.one_of(st.none(), st.floats(-30_000, 30_000)),
    battery=st.one_of(st.none(), st.floats(-12_000, 12_000)),
    vehicle=st.one_of(st.none(), st.floats(-12_000, 12_000)),
    cap=st.one_of(st.just(np.inf), st.floats(0, 9000)),
    away=st.booleans(),
)
def test_commands_to_devices_hold_within_their_limits(
    spec, load_w, light, target, battery, vehicle, cap, away
) -> None:
    fleet = Fleet([spec])
    points = SetPoints(fleet)
    for kind, value in (("power", target), ("battery", battery), ("ev", vehicle), ("pv", cap)):
        if value is not None:
            points.hold(kind, 0, value, None)
    presence = Presence(np.array([away]), np.array([2.0]))
    powers = fleet.dispatch(np.array([load_w]), np.array([light]), 0.25, presence)
    assert -1e-6 <= powers.pv_w[0] <= cap + 1e-6
    low, high = (limit[0] for limit in fleet.battery.limits_w(0.25))
    assert low - 1e-6 <= powers.battery_w[0] <= high + 1e-6
    if battery is not None:
        assert powers.battery_w[0] == pytest.approx(min(max(battery, low), high))
    low, high = (0.0, 0.0) if away else (limit[0] for limit in fleet.ev.limits_w(0.25))
    assert low - 1e-6 <= powers.ev_w[0] <= high + 1e-6
    if vehicle is not None and vehicle >= 0:
        assert powers.ev_w[0] == pytest.approx(min(vehicle, high), abs=1e-6)
    net = load_w - powers.pv_w[0] + powers.battery_w[0] + powers.ev_w[0]
    assert powers.net_w[0] == pytest.approx(net, abs=1e-6)
    for kind in KINDS:
        points.release(kind, 0)
    assert not fleet.devices_commanded
    free = Fleet([spec]).dispatch(np.array([load_w]), np.array([light]), 0.25, presence)
    again = fleet.dispatch(np.array([load_w]), np.array([light]), 0.25, presence)
    assert again.net_w[0] == free.net_w[0]


def dispatch(fleet: Fleet, load_w: float, light: float):
    return fleet.dispatch(np.array([load_w]), np.array([light]), 0.1)


def test_a_house_by_itself_stores_its_surplus_and_covers_its_need() -> None:
    fleet = Fleet([house(pv_kwp=8, battery_kwh=13.5, battery_kw=5, battery_initial=0.5)])
    sunny = dispatch(fleet, 500, 500)
    assert sunny.battery_w[0] == pytest.approx(8000 * 0.5 * PERFORMANCE_RATIO - 500)
    assert sunny.net_w[0] == pytest.approx(0)
    night = dispatch(fleet, 700, 0)
    assert night.battery_w[0] == pytest.approx(-700)


def test_a_plant_delivers_nothing_until_it_is_told_to() -> None:
    fleet = Fleet([house(pv_kwp=2500, site="plant")])
    assert dispatch(fleet, 0, 1000).net_w[0] == 0
    fleet.set_point_w[0] = -1_978_000
    assert dispatch(fleet, 0, 1000).net_w[0] == pytest.approx(-1_978_000)
    assert dispatch(fleet, 0, 100).net_w[0] == pytest.approx(-2_500_000 * 0.1 * PERFORMANCE_RATIO)


def test_an_empty_vehicle_charges_by_itself_up_to_its_floor() -> None:
    fleet = Fleet([house(ev_kw=11, ev_kwh=60, ev_initial=0.1)])
    assert dispatch(fleet, 0, 0).ev_w[0] == pytest.approx(11_000)
    fleet.ev.energy_wh[0] = 60_000 * 0.2
    assert dispatch(fleet, 0, 0).ev_w[0] == 0


def test_driving_takes_energy_out_of_the_vehicle() -> None:
    fleet = Fleet([house(ev_kw=11, ev_kwh=60, ev_initial=0.5, ev_driving_kwh_per_day=24)])
    fleet.integrate(dispatch(fleet, 0, 0), np.array([True]), 2.0)
    assert fleet.ev.energy_wh[0] == pytest.approx(28_000)
