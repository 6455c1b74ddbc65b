from pathlib import Path

import pytest

from hub.houses import House
from plugins.smart_meter_mqtt.configuration import Config

HOUSES = {
    "home": House(bus="671.2"),
    "renamed": House(bus="645.3", meter="p1"),
    "works": House(bus="671.1.2.3"),
    "unwired": House(),
}


@pytest.mark.parametrize(
    ("make", "meters"),
    [("dsmr", {"home", "p1"}), ("zigbee2mqtt", {"home", "p1"}), ("tasmota", set())],
    ids=["tells the phases apart", "leaves out the first", "knows one phase only"],
)
def test_meters_of_one_phase_houses(make: str, meters: set[str]):
    config = Config(preset=make)
    preset = config.read_preset(Path())
    assert config.single_phase(HOUSES, preset) == meters
