"""What a feeder drew and lost, by hand."""

from plugins.simulation_report.supply_log import SupplyLog


def test_each_power_flow_counts_until_the_next():
    log = SupplyLog()
    log.note(0, 1000.0, 20.0)
    log.note(1800, -400.0, 10.0)
    log.note(3600, 50.0, 5.0)  # nothing has told yet what came after it
    assert (log.supplied_wh, log.returned_wh, log.lost_wh) == (500, 200, 10 + 5)


def test_time_without_a_solution_is_not_counted():
    log = SupplyLog()
    log.note(0, 1000.0, 20.0)
    log.interrupt(360)
    log.note(3600, 1000.0, 20.0)
    log.interrupt(3960)
    assert (log.supplied_wh, log.lost_wh) == (200, 4)
