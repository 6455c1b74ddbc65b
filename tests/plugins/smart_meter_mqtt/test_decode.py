import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.smart_meter_mqtt.decode import Decoded, decode
from plugins.smart_meter_mqtt.preset import Preset, load_preset
from tests.plugins.smart_meter_mqtt import samples

PRESETS = Path(__file__).parents[3] / "config" / "meters"
NOW = datetime(2026, 6, 21, 12, tzinfo=UTC)


def preset(name: str) -> Preset:
    return load_preset(PRESETS / f"{name}.yaml")


def read(name: str, suffix: str, payload: bytes) -> Decoded:
    """Decode a payload as the preset's topic that ends like that does."""
    (topic,) = (topic for topic in preset(name).topics if topic.topic.endswith(suffix))
    return decode(topic, payload, UTC, NOW)


def values(decoded: Decoded) -> dict[str, float]:
    assert decoded.problems == []
    return {value.quantity: float(value.value) for value in decoded.values}


def test_tasmota_plug():
    decoded = read("tasmota", "SENSOR", samples.TASMOTA_PLUG)
    assert decoded.at == datetime(2021, 7, 10, 11, 54, 41, tzinfo=UTC)
    assert values(decoded) == {
        "voltage": 246,
        "current": 0.098,
        "power": 22,
        "reactive_power": 11,
        "power_factor": 0.9,
        "energy_import": 3,
    }


def test_tasmota_three_phases():
    found = values(read("tasmota", "SENSOR", samples.TASMOTA_SDM630))
    assert (found["voltage_a"], found["voltage_c"]) == (230.75, 230.327)
    assert (found["power_a"], found["power_b"]) == (-136.495, 0)
    assert found["power"] == -214.973
    assert found["frequency"] == 49.9
    # Total (16647.945) is import plus export here; ImportActive is what was imported.
    assert found["energy_import"] == 11489575
    assert found["energy_export"] == 5134481
    assert "voltage" not in found
    assert "energy_import_a" not in found


def test_tasmota_two_channels_with_one_voltage():
    found = values(read("tasmota", "SENSOR", samples.TASMOTA_TWO_CHANNELS))
    assert found["voltage"] == 231
    assert (found["current_a"], found["current_b"]) == (0.087, 0)
    assert (found["power_a"], found["power_b"], found["power"]) == (12, 0, 12)
    assert found["energy_import"] == 1650


def test_shelly_notification_of_energy():
    decoded = read("shelly_gen2", "events/rpc", samples.SHELLY_NOTIFICATION)
    assert values(decoded) == {"energy_import": 26289.57, "energy_export": 131881.86}
    assert decoded.at is not None
    assert decoded.at.isoformat() == "2025-09-05T08:18:00.210000+00:00"


def test_shelly_notification_of_something_else_is_no_problem():
    assert values(read("shelly_gen2", "events/rpc", samples.SHELLY_CLOUD)) == {}


def test_shelly_three_phase_status():
    found = values(read("shelly_gen2", "status/em:0", samples.SHELLY_EM))
    assert found["power"] == 25442.703
    assert (found["voltage_a"], found["current_b"], found["power_c"]) == (234.6, 35.352, 11091.4)


def test_shelly_switch_counts_in_wh():
    found = values(read("shelly_gen2", "status/switch:0", samples.SHELLY_SWITCH))
    assert found == {"power": 8.9, "voltage": 237.5, "current": 0.117, "energy_import": 6.532}


def test_shelly_switch_that_returned_nothing():
    found = values(read("shelly_gen2", "status/switch:0", samples.SHELLY_1PM))
    assert (found["energy_import"], found["energy_export"]) == (2690.73, 0)


def test_shelly_counts_what_was_returned_as_energy_too():
    found = values(read("shelly_gen2", "events/rpc", samples.SHELLY_PV))
    assert (found["power"], found["energy_import"], found["energy_export"]) == (-220.3, 2000, 1000)


def test_zigbee_plug():
    decoded = read("zigbee2mqtt", "{device}", samples.ZIGBEE_PLUG)
    assert decoded.at == datetime(2026, 6, 21, 10, tzinfo=UTC)
    found = values(decoded)
    assert found == {
        "voltage": 231,
        "current": 0.05,
        "power": 12,
        "frequency": 50,
        "energy_import": 3210,
    }


def test_a_bare_number_is_scaled():
    assert values(read("esphome", "energy/state", b"1.234")) == {"energy_import": 1234}
    (power,) = read("dsmr", "currently_returned", b"0.6").values
    assert (power.quantity, power.value, power.part) == ("power", Decimal("-600.0"), "export")


def tasmota(energy: object) -> Decoded:
    payload = json.dumps({"Time": "2026-06-21T12:00:00", "ENERGY": energy}).encode()
    return read("tasmota", "SENSOR", payload)


@pytest.mark.parametrize(
    ("energy", "problem"),
    [
        ({"Power": "22"}, "power: a text instead of a number"),
        ({"Power": True}, "power: true or false instead of a number"),
        ({"Power": {"a": 1}}, "power: an object instead of a number"),
        ({"Power": [1, 2, 3, 4]}, "power: a list of 4, expected one to three phases"),
        ({"Power": []}, "power: a list of 0, expected one to three phases"),
        ({"Power": 10**10}, "power: 1.000e+10 W is out of range"),
        ({"Power": 10**4000}, "power: 1.000e+4000 W is out of range"),
        ({"Total": -0.001}, "energy_import: -0.001 kWh is out of range"),
        ({"Frequency": -1}, "frequency: -1 Hz is out of range"),
        ({}, "no known field in it: is the preset the right one?"),
        ([], "no known field in it: is the preset the right one?"),
    ],
)
def test_what_cannot_be_measured_is_a_problem(energy: object, problem: str):
    decoded = tasmota(energy)
    assert decoded.problems == [problem]
    assert decoded.values == []


def test_1e999_is_out_of_range():
    decoded = read("tasmota", "SENSOR", b'{"ENERGY":{"Power":1e999,"Voltage":230}}')
    assert [value.quantity for value in decoded.values] == ["voltage"]
    assert decoded.problems == ["power: 1e+999 W is out of range"]


def test_numbers_whose_sum_would_overflow_are_out_of_range():
    decoded = read("tasmota", "SENSOR", b'{"ENERGY":{"Power":[9e999999,9e999999]}}')
    assert decoded.values == []
    assert decoded.problems == ["power: 9e+999999 W is out of range"]


def test_one_bad_field_does_not_take_the_others_with_it():
    decoded = tasmota({"Power": None, "Voltage": "x", "Current": 1})
    assert [value.quantity for value in decoded.values] == ["current"]
    assert decoded.problems == ["voltage: a text instead of a number"]


def test_a_phase_that_is_not_connected_is_left_out():
    decoded = tasmota({"Power": [None, 2, 3], "Voltage": [None, 230, 231]})
    found = [(value.quantity, value.value) for value in decoded.values]
    assert ("power_b", 2) in found
    assert ("power", 5) in found
    assert "voltage_a" not in dict(found)


def test_counters_are_not_added_up_while_one_is_missing():
    assert tasmota({"ExportActive": [1, None, 3], "Power": 1}).values[-1].quantity == "power"


def test_an_unreadable_time_makes_the_message_unusable():
    decoded = read("tasmota", "SENSOR", b'{"Time":"soon","ENERGY":{"Power":1}}')
    assert decoded.values == []
    assert decoded.problems == ["the time is not in ISO 8601"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["Power", "Voltage", "Total", "x"]), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(time=JSON, energy=JSON)
def test_no_document_gives_anything_but_finite_values_in_range(time: object, energy: object):
    payload = json.dumps({"Time": time, "ENERGY": energy}).encode()
    decoded = read("tasmota", "SENSOR", payload)
    for value in decoded.values:
        assert abs(float(value.value)) <= 10**13
        assert value.unit != "Wh" or value.value >= 0


@given(st.decimals(0, 10**7, allow_nan=False, places=6), st.sampled_from(["", "e0", "E+0"]))
def test_however_a_counter_is_written_it_counts_the_same(kwh: Decimal, tail: str):
    payload = b'{"ENERGY":{"Total":%s%s}}' % (f"{kwh:f}".encode(), tail.encode())
    (counter,) = read("tasmota", "SENSOR", payload).values
    assert counter.value == kwh * 1000


def test_the_whole_document_may_be_the_value():
    own = Preset.model_validate(
        {"topics": [{"topic": "t", "fields": [{"quantity": "power", "unit": "kW"}]}]}
    )
    (power,) = decode(own.topics[0], b"1.5", UTC, NOW).values
    assert (power.quantity, power.value) == ("power", Decimal("1500.0"))
    assert decode(own.topics[0], b'{"Power":1}', UTC, NOW).problems
