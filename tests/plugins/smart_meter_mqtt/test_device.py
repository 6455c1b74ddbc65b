import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from plugins.smart_meter_mqtt.device import Device, troubles, within_its_second
from plugins.smart_meter_mqtt.preset import AvailabilityMap, Preset, load_preset
from tests.plugins.smart_meter_mqtt.measured import Measured, measured_in

PRESETS = Path(__file__).parents[3] / "config" / "meters"
NOW = datetime(2026, 6, 21, 12, tzinfo=UTC)


def preset(name: str) -> Preset:
    return load_preset(PRESETS / f"{name}.yaml")


def meter(name: str = "house1", make: str = "tasmota") -> Device:
    return Device(name, preset(make), UTC, max_power_w=100_000.0)


def tell(
    device: Device,
    at: datetime,
    now: datetime | None = None,
    *,
    retained: bool = False,
    **energy: float,
) -> dict[str, Measured]:
    """Have a Tasmota meter say something; return what the device makes of it, by quantity."""
    document = {"Time": at.replace(tzinfo=None).isoformat(), "ENERGY": energy}
    topic = device.preset.topics[0]
    payload = json.dumps(document).encode()
    reports = device.receive(topic, payload, now or at, retained=retained)
    return {each.quantity: each for each in measured_in(reports)}


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def test_a_message_is_measured_at_the_meters_own_time():
    measured = tell(meter(), NOW - seconds(3), NOW, Power=1200, Total=5.25)
    assert measured["power"] == Measured("power", 1200.0, NOW - seconds(3), estimated=False)
    assert measured["energy_import"].value == 5250.0


def test_without_a_time_of_its_own_a_message_is_of_now():
    device = meter()
    payload = b'{"ENERGY":{"Power":1}}'
    (measured,) = device.receive(device.preset.topics[0], payload, NOW, retained=False)
    assert measured.at == NOW


def test_a_duplicate_is_ignored():
    device = meter()
    assert tell(device, NOW, Power=1)
    assert not tell(device, NOW, NOW + seconds(1), Power=1)
    assert device.counts.duplicate == 1


def test_two_messages_within_one_second_of_the_meters_clock_both_count():
    device = meter()
    assert tell(device, NOW, Power=1)
    assert tell(device, NOW, Power=2)


def test_what_comes_late_is_ignored():
    device = meter()
    tell(device, NOW, Total=2)
    assert not tell(device, NOW - seconds(10), NOW + seconds(1), Total=1)
    assert device.counts.late == 1


@pytest.mark.parametrize("seed", range(20))
def test_shuffled_and_tripled_messages_count_the_same_energy(seed: int):
    chance = random.Random(seed)
    times = [NOW + seconds(10 * step) for step in range(30)]
    messages = [(at, index * 0.01) for index, at in enumerate(times)] * 3
    chance.shuffle(messages)
    device, highest = meter(), 0.0
    for at, total in messages:
        for measured in tell(device, at, NOW + seconds(300), Total=total).values():
            assert measured.value >= highest
            highest = measured.value
    assert highest == 290.0


def test_a_retained_message_is_an_estimate_of_its_own_time_and_no_sign_of_life():
    device = meter()
    measured = tell(device, NOW - timedelta(hours=2), NOW, retained=True, Power=7)
    assert measured["power"].estimated
    assert measured["power"].at == NOW - timedelta(hours=2)
    assert device.heard_at is None


def test_a_retained_message_without_a_time_says_nothing():
    device = meter(make="esphome")
    assert device.receive(device.preset.topics[0], b"231", NOW, retained=True) == []
    assert device.receive(device.preset.topics[0], b"231", NOW, retained=False)


def test_a_clock_far_ahead_is_not_believed():
    device = meter()
    assert tell(device, NOW + seconds(119), NOW, Power=1)
    assert not tell(device, NOW + seconds(121), NOW, Power=1)
    assert device.problem == "its clock is 121 s ahead of the hub's (or in another time zone)"


def test_a_reset_counter_goes_on_and_says_so():
    device = meter()
    tell(device, NOW, Total=100)
    tell(device, NOW + seconds(10), Total=100.1)
    told = tell(device, NOW + seconds(20), Total=0.05, Power=300)
    measured = told["energy_import"]
    assert (measured.value, measured.estimated) == (100_150.0, True)
    assert not told["power"].estimated
    measured = tell(device, NOW + seconds(30), Total=0.1)["energy_import"]
    assert (measured.value, measured.estimated) == (100_200.0, False)
    assert device.counts.cycles == 1


def test_parts_are_added_up_once_all_came_anew():
    device = meter(make="dsmr")
    topics = {topic.topic.rsplit("/", 1)[-1]: topic for topic in device.preset.topics}

    def say(name: str, payload: bytes) -> list[float]:
        reports = device.receive(topics[name], payload, NOW, retained=False)
        return [each.value for each in measured_in(reports)]

    assert say("electricity_currently_delivered", b"1.25") == []
    assert say("electricity_currently_returned", b"0.2") == [1050.0]
    assert say("electricity_currently_returned", b"0.3") == []
    assert say("electricity_currently_delivered", b"0") == [-300.0]
    assert say("electricity_delivered_1", b"1000.5") == []
    assert say("electricity_delivered_2", b"500.25") == [1_500_750.0]


@pytest.mark.parametrize(("single_phase", "quantity"), [(True, "voltage"), (False, "voltage_a")])
def test_the_first_conductor_of_a_one_phase_house_is_its_only_one(
    single_phase: bool, quantity: str
):
    device = Device("house1", preset("dsmr"), UTC, 100_000.0, single_phase=single_phase)
    (topic,) = (each for each in device.preset.topics if each.topic.endswith("voltage_l1"))
    (report,) = device.receive(topic, b"231.4", NOW, retained=False)
    assert (report.quantities, report.values) == ((quantity,), (231.4,))


def test_a_one_phase_house_at_a_meter_that_names_its_phases_in_one_payload():
    device = Device("house1", preset("shelly_gen2"), UTC, 100_000.0, single_phase=True)
    (topic,) = (each for each in device.preset.topics if each.topic.endswith("status/em:0"))
    payload = b'{"a_voltage":231.4,"a_current":2.5,"total_act_power":578.5}'
    (report,) = device.receive(topic, payload, NOW, retained=False)
    found = dict(zip(report.quantities, report.values, strict=True))
    assert found == {"voltage": 231.4, "current": 2.5, "power": 578.5}


def test_a_payload_with_something_odd_in_it_says_the_rest():
    device = meter()
    tell(device, NOW, Power=1, Total=5)
    topic, at = device.preset.topics[0], NOW + seconds(10)
    payload = (
        b'{"Time":"2026-06-21T12:00:10","ENERGY":{"Power":"off","Total":5.001,"Voltage":[230]}}'
    )
    (report,) = device.receive(topic, payload, at, retained=False)
    found = dict(zip(report.quantities, report.values, strict=True))
    assert found == {"voltage": 230.0, "energy_import": 5001.0}
    assert device.problem == "power: a text instead of a number"
    tell(device, NOW + seconds(20), Power=2)
    assert device.problem is None


def test_what_is_unusable_is_counted_and_logged_once_a_minute():
    device = meter()
    for second in range(90):
        now = NOW + seconds(second)
        assert device.receive(device.preset.topics[0], b"{", now, retained=False) == []
        line = device.log_line(now)
        assert (line is not None) is (second in (0, 60))
    assert device.counts.unusable == 90
    tell(device, NOW + seconds(91), Power=1)
    assert device.log_line(NOW + timedelta(hours=1)) is None


def test_trouble_is_told_from_silence():
    device = meter()
    assert device.trouble(NOW + seconds(10), NOW, 10) is None
    assert device.trouble(NOW + seconds(11), NOW, 10) == "house1 was never heard"
    tell(device, NOW + seconds(11), Power=1)
    assert device.trouble(NOW + seconds(21), NOW, 10) is None
    assert device.trouble(NOW + seconds(22), NOW, 10) == "house1 is silent since 12:00:11 UTC"
    assert device.trouble(NOW + seconds(22), NOW + seconds(20), 10) is None
    device.receive(device.preset.topics[0], b"{", NOW + seconds(22), retained=False)
    text = device.trouble(NOW + seconds(22), NOW, 10)
    assert text is not None
    assert text.startswith("house1 sends nothing usable: not JSON")


@pytest.mark.parametrize(
    ("where", "payload", "offline"),
    [
        (AvailabilityMap(topic="t"), b"offline", True),
        (AvailabilityMap(topic="t"), b"online\n", False),
        (AvailabilityMap(topic="t", pointer="/state"), b'{"state":"offline"}', True),
        (AvailabilityMap(topic="t", pointer="/state"), b"offline", True),
        (AvailabilityMap(topic="t", pointer="/state"), b'{"state":["offline"]}', False),
        (AvailabilityMap(topic="t", pointer="/state"), b"[" * 60_000, False),
        (AvailabilityMap(topic="t"), b"\xff\xfe", False),
    ],
)
def test_a_meter_says_whether_it_is_there(where: AvailabilityMap, payload: bytes, offline: bool):
    device = meter()
    device.receive_availability(where, payload)
    assert device.offline is offline
    assert (device.trouble(NOW, NOW, 10) == "house1 has gone offline") is offline


def test_many_troubles_are_told_in_short():
    devices = {name: meter(name) for name in ("h1", "h2", "h3", "h4", "h5")}
    text = troubles(devices, NOW + seconds(60), NOW, 10)
    assert text == ("h1 was never heard; h2 was never heard; h3 was never heard; and 2 more meters")
    assert troubles(devices, NOW, NOW, 10) is None


@pytest.mark.parametrize(
    ("arrived_s", "measured_s"),
    [
        (0.0, 0.0),
        (0.4, 0.4),
        (0.99, 0.99),
        (1.3, 1.0),
        (1.99, 1.0),
        (2.0, 0.0),
        (60, 0.0),
        (-5, 0.0),
    ],
)
def test_a_time_in_whole_seconds_is_refined_by_the_arrival(arrived_s: float, measured_s: float):
    at = datetime(2026, 6, 1, 12, 0, 7, tzinfo=UTC)
    arrived = at + timedelta(seconds=arrived_s)
    assert within_its_second(at, arrived) == at + timedelta(seconds=measured_s)


def test_a_time_with_fractions_stays_as_it_is():
    at = datetime(2026, 6, 1, 12, 0, 7, 123456, tzinfo=UTC)
    assert within_its_second(at, at + timedelta(seconds=0.5)) == at
