"""What is read quickly is what is read exactly; whatever else is left to be read exactly."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.smart_meter_mqtt.decode import decode
from plugins.smart_meter_mqtt.fields import LIMITS
from plugins.smart_meter_mqtt.payload import MAX_PAYLOAD_BYTES
from plugins.smart_meter_mqtt.preset import Preset, TopicMap, load_preset
from plugins.smart_meter_mqtt.quick import Said
from tests.plugins.smart_meter_mqtt import samples

PRESETS = Path(__file__).parents[3] / "config" / "meters"
NOW = datetime(2026, 6, 21, 12, tzinfo=UTC)


def topic(name: str, suffix: str) -> TopicMap:
    (found,) = (t for t in load_preset(PRESETS / f"{name}.yaml").topics if t.topic.endswith(suffix))
    return found


TASMOTA = topic("tasmota", "SENSOR")


def own(**field: Any) -> TopicMap:
    fields = [{"quantity": "power", "unit": "W", "pointer": "/P", **field}]
    return Preset.model_validate({"topics": [{"topic": "t", "fields": fields}]}).topics[0]


def quickly(where: TopicMap, payload: bytes) -> Said | None:
    assert where.quick is not None
    return where.quick.read(payload, UTC, NOW)


def exactly(where: TopicMap, payload: bytes) -> Said | None:
    """Return the same by way of `decode`; None if that has something to complain of."""
    decoded = decode(where, payload, UTC, NOW)
    if decoded.problems or not decoded.values:
        return None
    numbers = {v.quantity: float(v.value) for v in decoded.values if v.unit != "Wh"}
    counts = {v.quantity: round(v.value * 1000) for v in decoded.values if v.unit == "Wh"}
    return Said(numbers, counts, decoded.at)


@pytest.mark.parametrize(
    ("where", "payload"),
    [
        (TASMOTA, samples.TASMOTA_PLUG),
        (TASMOTA, samples.TASMOTA_SDM630),
        (TASMOTA, samples.TASMOTA_TWO_CHANNELS),
        (topic("shelly_gen2", "events/rpc"), samples.SHELLY_NOTIFICATION),
        (topic("shelly_gen2", "status/em:0"), samples.SHELLY_EM),
        (topic("shelly_gen2", "status/switch:0"), samples.SHELLY_SWITCH),
        (topic("shelly_gen2", "status/switch:0"), samples.SHELLY_1PM),
        (topic("shelly_gen2", "events/rpc"), samples.SHELLY_PV),
        (topic("zigbee2mqtt", "{device}"), samples.ZIGBEE_PLUG),
        (topic("zigbee2mqtt", "{device}"), samples.ZIGBEE_THREE_PHASES),
    ],
)
def test_what_real_meters_sent_is_read_quickly_and_right(where: TopicMap, payload: bytes):
    found = quickly(where, payload)
    assert found is not None
    assert found == exactly(where, payload)


#: Now and then something is in the place of a number that is none.
NUMBERS = st.none() | st.integers(0, 10**6) | st.decimals(-(10**6), 10**7, places=6)
ODDITIES = st.sampled_from(["1", True, {}, [], [1], [1, 2, 3, 4], [1, "2"], 10**400, 10**12, -1])
ITEMS = st.lists(NUMBERS, min_size=2, max_size=3)
ENERGY = st.dictionaries(
    st.sampled_from(["Power", "Voltage", "Factor", "Total", "ImportActive", "ExportActive"]),
    NUMBERS | NUMBERS | ITEMS | ITEMS | ODDITIES,
    max_size=5,
)
TIMES = st.sampled_from([None, "2026-06-21T12:00:00", 1_782_043_200, 1.5, "soon", [], 1e300])


def written(document: object) -> bytes:
    """Return JSON with decimals written out in full."""
    text = json.dumps(document, default=lambda number: f"#{number:f}#")
    return text.replace('"#', "").replace('#"', "").encode()


@given(time=TIMES, energy=ENERGY)
def test_whatever_is_read_quickly_is_what_is_read_exactly(time: object, energy: dict[str, object]):
    payload = written({"Time": time, "ENERGY": energy})
    found, expected = quickly(TASMOTA, payload), exactly(TASMOTA, payload)
    assert found is None or found == expected


@given(energy=st.dictionaries(st.sampled_from(["Power", "Total"]), st.integers(0, 10**6)))
def test_an_ordinary_payload_is_never_left_to_be_read_exactly(energy: dict[str, int]):
    payload = json.dumps({"ENERGY": energy}).encode()
    assert (quickly(TASMOTA, payload) is None) is (not energy)


@given(st.decimals(0, 10**8, places=6))
def test_a_counter_is_exact_to_the_mwh(kwh: Decimal):
    found = quickly(TASMOTA, b'{"ENERGY":{"Total":%s}}' % f"{kwh:f}".encode())
    assert found is not None
    assert found.counts_mwh == {"energy_import": int(kwh * 10**6)}


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[" * 60_000,
        b"[]",
        b"7",
        b'{"ENERGY":{"Power":1}} x',
        b'{"ENERGY":{"Power":1},"x":NaN}',
        b'{"ENERGY":{"Power":1},"x":"\xff"}',
        b'{"ENERGY":{"Power":1},"x":"%s"}' % (b"x" * MAX_PAYLOAD_BYTES),
        b'{"ENERGY":{"Power":1e999}}',
        b'{"ENERGY":{"Power":1000000001}}',
        b'{"ENERGY":{"Power":[1e9,1e9]}}',
        b'{"ENERGY":{"Power":true}}',
        b'{"ENERGY":[1]}',
        b'{"ENERGY":null}',
        b'{"Time":"soon","ENERGY":{"Power":1}}',
        b'{"ENERGY":{"Total":1000000000.5}}',
    ],
)
def test_what_is_out_of_the_ordinary_is_left_to_be_read_exactly(payload: bytes):
    assert quickly(TASMOTA, payload) is None


@pytest.mark.parametrize(
    "field",
    [
        {"unit": "kW"},
        {"scale": "-1"},
        {"part": "import"},
        {"pointer": ""},
        {"quantity": "energy_import", "unit": "Ws"},
    ],
)
def test_fields_that_need_arithmetic_are_left_to_be_read_exactly(field: dict[str, str]):
    assert own().quick is not None
    assert own(**field).quick is None


@given(total=NUMBERS | ODDITIES, less=NUMBERS | ODDITIES)
def test_what_belongs_elsewhere_is_taken_off_alike(total: object, less: object):
    where = own(quantity="energy_import", unit="Wh", less="/R")
    payload = written({"P": total, "R": less})
    found = quickly(where, payload)
    assert found is None or found == exactly(where, payload)


def test_sums_are_as_if_added_up_in_decimals():
    found = quickly(TASMOTA, b'{"ENERGY":{"Power":[0.1,0.2],"Total":[0.1,0.2]}}')
    assert found is not None
    assert 0.1 + 0.2 != 0.3
    assert (found.numbers["power"], found.counts_mwh) == (0.3, {"energy_import": 300_000})


def test_a_phase_that_is_not_connected_counts_nothing_and_leaves_no_sum_of_counters():
    found = quickly(TASMOTA, b'{"ENERGY":{"Power":[null,2,3],"ExportActive":[1,null,3]}}')
    assert found == Said({"power_b": 2.0, "power_c": 3.0, "power": 5.0}, {}, None)


def test_the_limits_are_those_of_the_hub():
    low, high = LIMITS["W"]
    for power, quick in ((low, True), (high, True), (low - 1, False), (high + 1, False)):
        assert (quickly(own(), b'{"P":%d}' % power) is not None) is quick


def test_a_time_without_zone_is_in_the_meters_zone():
    assert TASMOTA.quick is not None
    payload = b'{"Time":"2026-06-21T14:00:00","ENERGY":{"Power":1}}'
    said = TASMOTA.quick.read(payload, ZoneInfo("Europe/Berlin"), NOW)
    assert said is not None
    assert said.at == NOW
