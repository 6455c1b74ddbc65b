"""Meters whose clocks are wrong: nothing is counted twice, and each is named with what is wrong."""

from datetime import UTC, datetime, timedelta

import pytest

from .test_device import NOW, meter, seconds, tell


def test_a_clock_an_hour_ahead_is_told_though_the_meter_is_heard():
    """As of a meter in Berlin whose hub expects UTC: each of its messages is of the future."""
    device = meter()
    for step in range(5):
        now = NOW + seconds(10 * step)
        assert not tell(device, now + timedelta(hours=1), now, Power=1, Total=5)
    assert device.trouble(NOW + seconds(41), NOW, 30) == (
        "house1 sends nothing usable: its clock is 3600 s ahead of the hub's "
        "(or in another time zone)"
    )


def test_a_clock_hours_behind_is_told_and_its_readings_are_estimates():
    """As of a meter in New York: what it says is fresh, but would be taken for old."""
    device = meter()
    for step in range(5):
        now = NOW + seconds(10 * step)
        told = tell(device, now - timedelta(hours=5), now, Power=1, Total=5 + step / 1000)
        assert told["power"].estimated
        assert told["energy_import"].estimated
        assert told["power"].at == now - timedelta(hours=5)
    assert device.trouble(NOW + seconds(41), NOW, 30) == (
        "house1: its clock is 18000 s behind the hub's (or in another time zone)"
    )
    tell(device, NOW + seconds(50), Power=1)
    assert device.trouble(NOW + seconds(51), NOW, 30) is None


@pytest.mark.parametrize(("behind_s", "told"), [(110, False), (130, True)])
def test_two_minutes_behind_are_no_trouble(behind_s: float, told: bool):
    device = meter()
    measured = tell(device, NOW - seconds(behind_s), NOW, Power=1)
    assert measured["power"].estimated is told
    assert (device.trouble(NOW, NOW, 30) is not None) is told


def test_a_clock_that_is_set_back_by_an_hour_is_told_until_it_has_caught_up():
    device = meter()
    tell(device, NOW, Total=5)
    for step in range(1, 5):
        now = NOW + seconds(10 * step)
        assert not tell(device, now - timedelta(hours=1), now, Total=5 + step / 1000)
    text = device.trouble(NOW + seconds(41), NOW, 30)
    assert text is not None
    assert "3600 s behind the hub's" in text
    told = tell(device, NOW + seconds(50), Total=5.005)
    assert told["energy_import"].value == 5005


def test_a_board_that_does_not_know_the_time_yet_is_not_read():
    """As Tasmota after a start, until the network has told it the time."""
    device, unset = meter(), datetime(1970, 1, 1, 0, 0, 12, tzinfo=UTC)
    assert not tell(device, unset, NOW, Power=1, Total=0)
    assert not tell(device, unset, NOW, retained=True, Power=1, Total=0)
    assert device.problem == "its clock is not set: it says 1970-01-01 00:00"
    told = tell(device, NOW + seconds(10), Power=1, Total=7)
    assert told["energy_import"].value == 7000
    assert device.problem is None


def test_one_message_that_was_long_under_way_is_an_estimate_and_the_next_is_good():
    device = meter()
    assert tell(device, NOW - timedelta(minutes=10), NOW, Total=5)["energy_import"].estimated
    assert not tell(device, NOW, Total=5.01)["energy_import"].estimated
    assert device.trouble(NOW, NOW, 30) is None
