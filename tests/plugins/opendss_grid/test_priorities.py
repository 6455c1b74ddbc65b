"""Who wins at a house: an operator over the market, the market over what a house does itself."""

import json
from datetime import timedelta

import pytest

from hub.api import Priority
from plugins.opendss_grid.order_arguments import Order
from plugins.opendss_grid.orders import carry_out
from plugins.opendss_grid.protocol import GridError
from plugins.opendss_grid.simulation_state import restore, snapshot

from .test_orders import Bench
from .test_simulation import NOON, simulation


class Ranked(Bench):
    """A bench on which each command has a priority."""

    priority = Priority.OPERATOR

    def __call__(self, kind: str, name: str, action: str, **args):
        order = Order(kind, name, action, args, self.now, int(self.priority))
        verify = carry_out(self.sim, order)
        self.result = self.sim.step(self.now, self.now)
        return verify(self.sim, self.result)

    def by_market(self, action: str, **args):
        self.priority = Priority.MARKET
        try:
            return self("house", "house2", action, **args)
        finally:
            self.priority = Priority.OPERATOR


def test_the_market_does_not_overrule_an_operator() -> None:
    bench = Ranked()
    assert bench.by_market("set_power", net_w=-2000, until_s=60)["achieved_w"] == -2000
    assert bench("house", "house2", "set_power", net_w=1500, until_s=30)["achieved_w"] == 1500
    reason = "house house2 is held at 1500 W until 17:00:30 UTC, which has the higher priority"
    for action, args in (("set_power", {"net_w": -2000, "until_s": 60}), ("release_power", {})):
        with pytest.raises(GridError, match=reason):
            bench.by_market(action, **args)
    assert bench.sim.fleet.set_point_w[0] == 1500
    bench.now += timedelta(seconds=30)  # it is over, though no step has seen that yet
    assert bench.by_market("set_power", net_w=-2000, until_s=60)["achieved_w"] == -2000


def test_who_let_go_leaves_the_house_to_the_market() -> None:
    bench = Ranked()
    bench("house", "house2", "set_battery", power_w=500)
    with pytest.raises(GridError, match="the battery of house2 is held at 500 W until it is rel"):
        bench.by_market("set_battery", power_w=-500)
    # The market may still ask for a net power: PV and vehicle do what they can.
    assert bench.by_market("set_power", net_w=0)["achieved_w"] == pytest.approx(0, abs=1)
    assert bench.result.powers.battery_w[0] == 500
    bench("house", "house2", "release_battery")
    assert bench.by_market("set_battery", power_w=-500)["achieved_w"] == -500


def test_the_priority_outlives_a_restart() -> None:
    bench = Ranked()
    bench("house", "house2", "set_power", net_w=1500)
    fresh = simulation()
    restore(fresh, json.loads(json.dumps(snapshot(bench.sim))))
    order = Order("house", "house2", "set_power", {"net_w": 0}, NOON, int(Priority.MARKET))
    with pytest.raises(GridError, match="which has the higher priority"):
        carry_out(fresh, order)
