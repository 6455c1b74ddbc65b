"""Makes that give the first of three phases no name."""

import pytest

from plugins.smart_meter_mqtt.phase_names import first_phase, only_phase

from . import samples
from .test_device import NOW, meter


def test_the_power_of_a_three_phase_zigbee_meter_is_that_of_all_phases():
    device = meter(make="zigbee2mqtt")
    (topic,) = device.preset.topics
    (report,) = device.receive(topic, samples.ZIGBEE_THREE_PHASES, NOW, retained=False)
    found = dict(zip(report.quantities, report.values, strict=True))
    assert (found["power"], found["power_a"]) == (720, 480)
    assert (found["voltage_a"], found["current_a"]) == (230.4, 2.1)
    assert "voltage" not in found
    assert found["energy_import"] == 812_400


def test_a_plug_is_no_three_phase_meter():
    device = meter(make="zigbee2mqtt")
    (report,) = device.receive(device.preset.topics[0], samples.ZIGBEE_PLUG, NOW, retained=False)
    found = dict(zip(report.quantities, report.values, strict=True))
    assert (found["voltage"], found["power"]) == (231, 12)
    assert "power_a" not in found


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ({"power_b": 5.0, "power_c": -2.0}, {"power_b": 5.0, "power_c": -2.0, "power": 3.0}),
        ({"power": 0.1, "power_b": 0.2}, {"power_a": 0.1, "power_b": 0.2, "power": 0.3}),
        ({"power": 9.0, "voltage": 230.0}, {"power": 9.0, "voltage": 230.0}),
    ],
)
def test_what_has_no_phase_is_of_the_first(said: dict[str, float], meant: dict[str, float]):
    assert first_phase(said) == meant


def test_where_only_one_conductor_is_in_use_it_needs_no_name():
    assert only_phase({"voltage_a": 1.0, "power": 2.0}) == {"voltage": 1.0, "power": 2.0}
