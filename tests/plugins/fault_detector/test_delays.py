from datetime import UTC, datetime, timedelta

from plugins.fault_detector.delays import Delays

START = datetime(2026, 6, 21, tzinfo=UTC)


class Meter:
    """Readings of one meter that arrive at a time and are so many seconds old by its clock."""

    def __init__(self) -> None:
        self._delays = Delays(timedelta(seconds=5))

    def believed(self, arrives_s: float, age_s: float) -> bool:
        now = START + timedelta(seconds=arrives_s)
        return self._delays.is_current("m", now - timedelta(seconds=age_s), now)


def test_a_slow_clock_is_believed():
    meter = Meter()
    assert all(meter.believed(second, 60 + second % 3) for second in range(30))


def test_what_was_measured_before_a_pause_is_not_taken_for_now():
    meter = Meter()
    assert meter.believed(0, 0.1)
    # After a minute without a network, all of it in one burst, then the present.
    assert not any(meter.believed(60 + i / 60, 60 - i) for i in range(50))
    assert meter.believed(61.1, 0.1)
    assert not meter.believed(62, 30)


def test_a_clock_that_was_fast_and_is_set_right_is_believed_again_after_a_while():
    meter = Meter()
    assert all(meter.believed(second, -30) for second in range(10))
    after = [meter.believed(10 + second, 0.1) for second in range(10)]
    assert after == [False] * 6 + [True] * 4
