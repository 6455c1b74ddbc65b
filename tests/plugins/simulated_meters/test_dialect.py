"""Every dialect is understood by the preset of its name: what is measured comes out again."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest

from plugins.simulated_meters.dialect import ALONE, DIALECTS
from plugins.simulated_meters.meter import Meter, Sample
from plugins.simulated_meters.plugin import Config
from plugins.smart_meter_mqtt.device import Device
from plugins.smart_meter_mqtt.preset import load_preset
from plugins.smart_meter_mqtt.topics import topic_of
from tests.plugins.smart_meter_mqtt.measured import Measured, measured_in

PRESETS = Path(__file__).parents[3] / "config" / "meters"
NOW = datetime(2026, 6, 21, 12, 0, 0, 250_000, tzinfo=UTC)


def sample(phases: tuple[str, ...]) -> Sample:
    meter = Meter("m", phases)
    number = len(phases)
    meter.measure(
        NOW, 3600, [240.0, 241.5, 242.0][:number], [1200.0, -100.0, 50.0][:number], [0.0] * number
    )
    assert meter.sample is not None
    return meter.sample


@pytest.mark.parametrize("name", ["tasmota", "shelly_gen2", "zigbee2mqtt", "esphome"])
@pytest.mark.parametrize("phases", [("",), ("a", "b", "c")])
def test_what_is_exported_is_not_imported(name: str, phases: tuple[str, ...]):
    meter = Meter("m", phases)
    number = len(phases)
    for power_w in (-900.0, 300.0):
        meter.measure(NOW, 3600, [240.0] * number, [power_w] * number, [0.0] * number)
    assert meter.sample is not None
    found = heard(name, meter.sample)
    assert found["energy_import"].value == 300 * number
    assert found["energy_export"].value == 900 * number


def heard(name: str, of: Sample, clock_offset: timedelta = timedelta()) -> dict[str, Measured]:
    """Say a sample in a dialect and read it by the preset; return what was understood."""
    preset = load_preset(PRESETS / f"{name}.yaml")
    device = Device("m", preset, UTC, max_power_w=1e6)
    topics = {topic_of(topic.topic, "m"): topic for topic in preset.topics}
    measured = [
        each
        for topic, payload in DIALECTS[name].measurement("m", of, clock_offset)
        for each in measured_in(device.receive(topics[topic], payload, NOW, retained=False))
    ]
    assert device.problem is None
    return {each.quantity: each for each in measured}


#: Those whose topics name the device.
NAMED = sorted(DIALECTS.keys() - ALONE)


@pytest.mark.parametrize("name", NAMED)
def test_a_single_phase_meter_is_understood(name: str):
    found = {quantity: each.value for quantity, each in heard(name, sample(("",))).items()}
    expected = {
        "voltage": 240.0,
        "current": 5.0,
        "power": 1200.0,
        "frequency": 60.0,
        "energy_import": 1200.0,
        "energy_export": 0.0,
    }
    assert {quantity: found[quantity] for quantity in expected} == expected


@pytest.mark.parametrize("name", NAMED)
def test_a_three_phase_meter_is_understood(name: str):
    found = {q: each.value for q, each in heard(name, sample(("a", "b", "c"))).items()}
    assert (found["voltage_a"], found["voltage_b"], found["voltage_c"]) == (240.0, 241.5, 242.0)
    assert (found["power_a"], found["power_b"], found["power_c"]) == (1200.0, -100.0, 50.0)
    assert (found["power"], found["energy_import"]) == (1150.0, 1150.0)


@pytest.mark.parametrize("name", NAMED)
def test_a_phase_that_is_not_connected_is_left_out(name: str):
    found = {q: each.value for q, each in heard(name, sample(("b", "c"))).items()}
    assert "voltage_a" not in found
    assert (found["power_b"], found["power"]) == (1200.0, 1100.0)


@pytest.mark.parametrize("name", ["tasmota", "shelly_gen2", "zigbee2mqtt"])
def test_the_time_is_the_one_of_the_meters_clock(name: str):
    slow = timedelta(seconds=-30)
    assert {each.at for each in heard(name, sample(("",)), slow).values()} == {NOW + slow}


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("online", [True, False])
def test_birth_and_last_will_are_understood(name: str, online: bool):
    preset = load_preset(PRESETS / f"{name}.yaml")
    device = Device("m", preset, UTC, max_power_w=1e6, offline=online)
    topic, payload = DIALECTS[name].availability("m", online=online)
    assert preset.availability is not None
    assert topic == topic_of(preset.availability.topic, "m")
    device.receive_availability(preset.availability, payload)
    assert device.offline is not online


@pytest.mark.parametrize("power_w", [1200.0, -700.0])
def test_a_dsmr_meter_is_understood(power_w: float):
    meter = Meter("m", ("a", "b"))
    meter.measure(NOW, 3600, [231.4, 229.0], [power_w, 0.0], [0.0, 0.0])
    assert meter.sample is not None
    found = {quantity: each.value for quantity, each in heard("dsmr", meter.sample).items()}
    assert found == {
        "power": power_w,
        "energy_import": max(power_w, 0.0),
        "energy_export": max(-power_w, 0.0),
        "voltage_a": 231.4,
        "voltage_b": 229.0,
        "current_a": round(abs(power_w) / 231.4),
        "current_b": 0.0,
        "power_a": power_w,
        "power_b": 0.0,
    }
    assert DIALECTS["dsmr"].availability("m", online=True) is None


def test_zigbee2mqtt_names_phases_as_its_converters_do():
    ((_, payload),) = DIALECTS["zigbee2mqtt"].measurement("m", sample(("a", "b")), timedelta())
    state = json.loads(payload)
    assert (state["power"], state["power_phase_b"]) == (1200.0, -100.0)


def test_every_dialect_can_be_chosen():
    assert set(get_args(Config.model_fields["preset"].annotation)) == set(DIALECTS)
