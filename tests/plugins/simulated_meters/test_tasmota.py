import json
from datetime import UTC, datetime, timedelta

from plugins.simulated_meters.meter import Meter, Sample
from plugins.simulated_meters.tasmota import availability, measurement

NOW = datetime(2026, 6, 21, 12, 0, 0, 250_000, tzinfo=UTC)


def sample(phases: tuple[str, ...] = ("",)) -> Sample:
    meter = Meter("m", phases)
    number = len(phases)
    meter.measure(
        NOW, 3600, [240.0, 241.0, 242.0][:number], [1200.0, -100.0, 50.0][:number], [500.0] * number
    )
    assert meter.sample is not None
    return meter.sample


def payload(of: Sample, clock_offset: timedelta = timedelta()) -> dict[str, object]:
    ((topic, text),) = measurement("house1", of, clock_offset)
    assert topic == "tele/house1/SENSOR"
    document = json.loads(text)
    assert isinstance(document, dict)
    return document


def test_keys_and_order_are_those_of_a_real_device():
    """As in the payload of github.com/arendst/Tasmota/issues/17671, without the daily sums."""
    document = payload(sample())
    assert list(document) == ["Time", "ENERGY"]
    energy = document["ENERGY"]
    assert isinstance(energy, dict)
    assert list(energy) == [
        "TotalStartTime", "Total", "ExportActive", "Power", "ApparentPower", "ReactivePower",
        "Factor", "Frequency", "Voltage", "Current",
    ]  # fmt: skip
    assert energy["Total"] == 1.2
    assert (energy["Power"], energy["ReactivePower"], energy["ApparentPower"]) == (1200, 500, 1300)
    assert (energy["Voltage"], energy["Current"], energy["Factor"]) == (240, 5.417, 0.92)


def test_the_time_is_the_meters_own_without_zone():
    assert payload(sample())["Time"] == "2026-06-21T12:00:00.250"
    late = payload(sample(), timedelta(seconds=-90))
    assert late["Time"] == "2026-06-21T11:58:30.250"


def test_three_phases_are_lists():
    energy = payload(sample(("a", "b", "c")))["ENERGY"]
    assert isinstance(energy, dict)
    assert energy["Power"] == [1200, -100, 50]
    assert energy["Voltage"] == [240, 241, 242]
    assert energy["Total"] == 1.15


def test_a_phase_that_is_not_connected_is_null():
    energy = payload(sample(("b", "c")))["ENERGY"]
    assert isinstance(energy, dict)
    assert energy["Power"] == [None, 1200, -100]


def test_birth_and_last_will():
    assert availability("house1", online=True) == ("tele/house1/LWT", b"Online")
    assert availability("house1", online=False) == ("tele/house1/LWT", b"Offline")
