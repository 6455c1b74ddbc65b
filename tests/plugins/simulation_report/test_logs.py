"""Taps and alarms from the messages they are made of."""

from plugins.simulation_report.alarm_log import AlarmLog, AlarmRecord
from plugins.simulation_report.tap_log import OWN_CONTROL, TapLog, TapMove


def test_each_change_of_a_tap_is_an_operation_with_who_wanted_it():
    log = TapLog()
    log.note(0, "grid", {"reg_a": 7, "reg_b": 6})
    log.note(60, "grid", {"reg_a": 5, "reg_b": 6})
    log.commanded(60, "tap controller")
    log.note(120, "grid", {"reg_a": 6, "reg_b": 6})
    log.note(180, "other", {"reg_a": 0})
    assert log.attributed() == [
        TapMove(60, "grid", "reg_a", 7, 5, "tap controller"),
        TapMove(120, "grid", "reg_a", 5, 6, OWN_CONTROL),
    ]
    assert [move.steps for move in log.moves] == [2, 1]
    assert log.start["grid", "reg_a"] == 7


def alarm(at_s: float) -> AlarmRecord:
    return AlarmRecord("outage", "house1", "critical", "dark", at_s)


def test_an_alarm_lasts_until_it_is_cleared_and_may_come_again():
    log = AlarmLog()
    log.note("x", alarm(10), cleared=False)
    log.note("x", alarm(20), cleared=False)  # said again
    log.note("x", alarm(30), cleared=True)
    log.note("x", alarm(50), cleared=False)
    log.note("stranger", alarm(60), cleared=True)
    assert [(a.raised_s, a.cleared_s) for a in log.alarms] == [(10, 30), (50, None)]
