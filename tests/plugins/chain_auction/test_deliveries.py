"""Delivery windows, and what the meters at their edges prove."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.chain_auction.deliveries import DeliveryPlan, WindowRule
from plugins.chain_auction.metering import Gaps, Meters

LENGTH_MS = 30_000
T0 = 1_000_000_000_000
DEADLINE = T0 + 600_000


def make_plan(*, accuracy_permille: int = 10, aligned: bool = False) -> DeliveryPlan:
    rule = WindowRule(lead_ms=5_000, length_ms=LENGTH_MS, aligned=aligned, spare_ms=10_000)
    return DeliveryPlan(rule, Meters(Gaps(15_000, away_ms=7_200_000)), accuracy_permille)


def run_meter(
    plan: DeliveryPlan, device: str, *, export_w: int = 0, import_w: int = 0, seconds: int = 120
) -> None:
    """A meter that reports every second."""
    for second in range(seconds + 1):
        at_ms = T0 + second * 1000
        plan.meters.add(device, ("energy_import",), at_ms, (500 + import_w * second / 3600,))
        plan.meters.add(device, ("energy_export",), at_ms, (900 + export_w * second / 3600,))


@given(st.integers(0, 10**7), st.booleans())
def test_a_window_starts_after_the_lead_on_a_whole_second(offset_ms: int, aligned: bool):
    rule = WindowRule(lead_ms=5_000, length_ms=LENGTH_MS, aligned=aligned, spare_ms=0)
    start_ms, end_ms = rule.window(T0 + offset_ms)
    wait_ms = start_ms - (T0 + offset_ms)
    assert end_ms - start_ms == LENGTH_MS
    assert start_ms % (LENGTH_MS if aligned else 1000) == 0
    assert 5_000 <= wait_ms < 5_000 + (LENGTH_MS if aligned else 1000)


def test_a_full_delivery_is_proved_by_both_meters():
    plan = make_plan()
    run_meter(plan, "seller", export_w=120_000)
    run_meter(plan, "buyer", import_w=120_000)
    plan.schedule(1, 1000, buyer_device="buyer", seller_device="seller",
                  deadline_ms=DEADLINE, now_ms=T0)  # fmt: skip
    assert plan.measure(T0 + 20_000) == []  # the window is still open
    [done] = plan.measure(T0 + 60_000)
    assert (done.state, done.delivered_wh, done.received_wh) == ("measured", 1000, 1000)


def test_a_short_delivery_is_reported_as_metered():
    plan = make_plan()
    run_meter(plan, "seller", export_w=60_000)
    run_meter(plan, "buyer", import_w=120_000)
    plan.schedule(1, 1000, buyer_device="buyer", seller_device="seller",
                  deadline_ms=DEADLINE, now_ms=T0)  # fmt: skip
    [done] = plan.measure(T0 + 60_000)
    assert (done.delivered_wh, done.received_wh) == (500, 1000)


@pytest.mark.parametrize(("permille", "expected"), [(10, 1000), (5, 991)])
def test_a_shortfall_within_the_meters_accuracy_is_none(permille: int, expected: int):
    plan = make_plan(accuracy_permille=permille)
    run_meter(plan, "seller", export_w=119_000)  # 991.7 Wh in the window
    run_meter(plan, "buyer", import_w=120_000)
    plan.schedule(1, 1000, buyer_device="buyer", seller_device="seller",
                  deadline_ms=DEADLINE, now_ms=T0)  # fmt: skip
    [done] = plan.measure(T0 + 60_000)
    assert done.delivered_wh == expected


def test_two_trades_of_one_house_share_what_its_meter_counted():
    plan = make_plan(accuracy_permille=0)
    run_meter(plan, "seller", export_w=120_000)
    for trade, qty_wh in ((1, 900), (2, 300)):
        plan.schedule(trade, qty_wh, buyer_device=None, seller_device="seller",
                      deadline_ms=DEADLINE, now_ms=T0)  # fmt: skip
    done = plan.measure(T0 + 60_000)
    assert [d.delivered_wh for d in done] == [750, 250]


def test_a_buyer_without_a_meter_here_receives_what_was_delivered():
    plan = make_plan()
    run_meter(plan, "seller", export_w=60_000)
    plan.schedule(1, 1000, buyer_device=None, seller_device="seller",
                  deadline_ms=DEADLINE, now_ms=T0)  # fmt: skip
    [done] = plan.measure(T0 + 60_000)
    assert (done.delivered_wh, done.received_wh) == (500, 500)


def test_a_seller_without_a_meter_proves_nothing():
    plan = make_plan()
    delivery = plan.schedule(1, 1000, buyer_device="buyer", seller_device=None,
                             deadline_ms=DEADLINE, now_ms=T0)  # fmt: skip
    assert delivery.state == "unproven"
    assert "no meter" in delivery.reason


def test_a_meter_that_falls_silent_proves_nothing_and_is_named():
    plan = make_plan()
    run_meter(plan, "seller", export_w=120_000)
    run_meter(plan, "buyer", import_w=120_000, seconds=20)
    plan.schedule(1, 1000, buyer_device="buyer", seller_device="seller",
                  deadline_ms=DEADLINE, now_ms=T0)  # fmt: skip
    assert plan.measure(T0 + 40_000) == []  # a late reading may still come
    [done] = plan.measure(T0 + 90_000)
    assert done.state == "unproven"
    assert "buyer energy_import: no reading within 15 s after" in done.reason


def test_a_meter_that_never_spoke_is_named():
    plan = make_plan()
    plan.schedule(1, 1000, buyer_device=None, seller_device="seller",
                  deadline_ms=DEADLINE, now_ms=T0)  # fmt: skip
    [done] = plan.measure(T0 + 90_000)
    assert "seller energy_import: no reading at all" in done.reason


def test_a_trade_without_time_for_a_window_gets_none():
    plan = make_plan()
    delivery = plan.schedule(1, 1000, buyer_device="buyer", seller_device="seller",
                             deadline_ms=T0 + 40_000, now_ms=T0)  # fmt: skip
    assert delivery.state == "unproven"
    assert "too late" in delivery.reason


def test_edges_are_read_once_each_and_survive_the_loss_of_readings():
    plan = make_plan()
    run_meter(plan, "seller", export_w=120_000)
    plan.schedule(1, 1000, buyer_device=None, seller_device="seller",
                  deadline_ms=DEADLINE, now_ms=T0)  # fmt: skip
    first = plan.read_edges(T0 + 10_000)
    assert [(e.device, e.at_ms) for e in first] == [("seller", T0 + 5_000)]
    last = plan.read_edges(T0 + 40_000)
    assert [(e.device, e.at_ms) for e in last] == [("seller", T0 + 35_000)]
    # After a restart the ledger's edges are enough.
    again = make_plan()
    for edge in first + last:
        again.meters.remember(edge.device, edge.at_ms, edge.counters)
    again.schedule(1, 1000, buyer_device=None, seller_device="seller",
                   deadline_ms=DEADLINE, now_ms=T0)  # fmt: skip
    [done] = again.measure(T0 + 60_000)
    assert done.delivered_wh == 1000


def test_closed_deliveries_are_forgotten_after_a_while():
    plan = make_plan()
    run_meter(plan, "seller", export_w=120_000)
    delivery = plan.schedule(1, 1000, buyer_device=None, seller_device="seller",
                             deadline_ms=DEADLINE, now_ms=T0)  # fmt: skip
    plan.measure(T0 + 60_000)
    delivery.state = "settled"
    plan.forget_closed(T0 + 60_000)
    assert plan.get(1) is delivery
    plan.forget_closed(T0 + 20 * LENGTH_MS)
    assert plan.get(1) is None
