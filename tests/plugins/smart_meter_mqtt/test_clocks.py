"""Meters whose clocks are wrong: nothing is counted twice, and each is named with what is wrong."""

from datetime import UTC, datetime, timedelta

import pytest

from .measured import Measured
from .test_device import NOW, meter, seconds, tell


@pytest.mark.parametrize(
    ("behind_s", "text"),
    [
        (-3600, "3600 s ahead of"),  # a meter in Berlin whose hub expects UTC
        (-40, "40 s ahead of"),
        (25, "25 s behind"),
        (5 * 3600, "18000 s behind"),  # one in New York
    ],
)
def test_a_clock_that_is_wrong_is_corrected_once_several_messages_agree(behind_s: float, text: str):
    device = meter()
    for step in range(8):
        now = NOW + seconds(10 * step)
        told = tell(device, now - seconds(behind_s), now, Power=1, Total=5 + step / 1000)
        if step >= 4:
            assert told["power"] == Measured("power", 1.0, now, estimated=False)
            assert told["energy_import"].value == 5000 + step
        else:
            assert all(each.at <= now for each in told.values())
    assert device.log_line(now) == (
        f"house1: its clock is {text} the hub's; its times are corrected"
    )
    assert device.log_line(now) is None
    assert device.trouble(now, NOW, 30) is None


def test_until_then_an_hour_is_told_though_the_meter_is_heard():
    device = meter()
    assert not tell(device, NOW + timedelta(hours=1), NOW, Power=1, Total=5)
    assert device.trouble(NOW + seconds(31), NOW, 30) == (
        "house1 sends nothing usable: its clock is 3600 s ahead of the hub's "
        "(or in another time zone)"
    )
    device = meter()
    told = tell(device, NOW - timedelta(hours=5), NOW, Power=1, Total=5)
    assert told["power"].estimated
    assert told["power"].at == NOW - timedelta(hours=5)
    assert device.trouble(NOW + seconds(1), NOW, 30) == (
        "house1: its clock is 18000 s behind the hub's (or in another time zone)"
    )


def test_a_clock_that_is_set_right_is_believed_again():
    device = meter()
    for step in range(16):
        now = NOW + seconds(10 * step)
        tell(device, now - seconds(600 if step < 8 else 0), now, Total=5 + step / 1000)
    assert device.clock.behind == seconds(0)
    told = tell(device, now + seconds(8), now + seconds(10), Total=6)
    assert told["energy_import"].at == now + seconds(8)
    assert device.log_line(now) == "house1: its clock is right again"


def test_a_backlog_is_no_wrong_clock():
    """Ten minutes of messages that waited for the broker, then live ones again."""
    device = meter()
    for step in range(60):
        at = NOW + seconds(10 * step)
        told = tell(device, at, NOW + seconds(600 + step / 100), Total=5 + step / 1000)
        assert told["energy_import"].at == at
    assert device.clock.behind == seconds(0)
    assert tell(device, NOW + seconds(610), Total=6)["energy_import"].at == NOW + seconds(610)


def test_one_old_message_that_comes_again_and_again_is_no_wrong_clock():
    device = meter()
    for repeat in range(20):
        tell(device, NOW, NOW + seconds(600 + repeat / 10), Total=5)
    assert device.clock.behind == seconds(0)


def test_a_drifting_clock_is_followed():
    device = meter()
    for step in range(40):
        now = NOW + seconds(10 * step)
        told = tell(device, now - seconds(60 + step * 0.2), now, Power=1)
    assert abs(told["power"].at - now) < seconds(2)


@pytest.mark.parametrize(("behind_s", "told"), [(110, False), (130, True)])
def test_two_minutes_behind_are_no_trouble(behind_s: float, told: bool):
    device = meter()
    measured = tell(device, NOW - seconds(behind_s), NOW, Power=1)
    assert measured["power"].estimated is told
    assert (device.trouble(NOW, NOW, 30) is not None) is told


def test_a_clock_that_is_set_back_by_an_hour_is_told_until_it_is_corrected():
    device = meter()
    tell(device, NOW, Total=5)
    for step in range(1, 5):
        now = NOW + seconds(10 * step)
        assert not tell(device, now - timedelta(hours=1), now, Total=5 + step / 1000)
    text = device.trouble(NOW + seconds(41), NOW, 30)
    assert text is not None
    assert "3600 s behind the hub's" in text
    now = NOW + seconds(50)
    told = tell(device, now - timedelta(hours=1), now, Total=5.005)
    assert told["energy_import"] == Measured("energy_import", 5005, now, estimated=False)
    assert device.trouble(now, NOW, 30) is None


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
