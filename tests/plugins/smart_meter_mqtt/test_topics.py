import pytest

from plugins.smart_meter_mqtt.topics import check_names, filters_for, topic_of


@pytest.mark.parametrize(
    ("template", "names", "expected"),
    [
        ("tele/{device}/SENSOR", ["a", "b"], ["tele/+/SENSOR"]),
        ("tele/{device}/SENSOR", ["a"], ["tele/a/SENSOR"]),
        ("zigbee2mqtt/{device}", ["a", "hall/b"], ["zigbee2mqtt/a", "zigbee2mqtt/hall/b"]),
        ("tele/meter_{device}/SENSOR", ["a", "b"], ["tele/meter_a/SENSOR", "tele/meter_b/SENSOR"]),
        ("dsmr/reading/power", ["a"], ["dsmr/reading/power"]),
    ],
)
def test_the_fewest_filters_cover_all_meters(template: str, names: list[str], expected: list[str]):
    assert filters_for(template, names) == expected


def test_the_name_at_the_broker_stands_in_the_topic():
    assert topic_of("{device}/{device}/x", "m1") == "m1/m1/x"


@pytest.mark.parametrize(
    ("names", "template", "words"),
    [
        ({"house1": "a+b"}, "t/{device}", "no topic has that"),
        ({"house1": "#"}, "t/{device}", "no topic has that"),
        ({"house1": ""}, "t/{device}", "no topic has that"),
        ({"house1": "m", "house2": "m"}, "t/{device}", "the same meter at the broker: m"),
        ({"house1": "a", "house2": "b"}, "t", "the same for all 2 meters"),
    ],
)
def test_names_that_cannot_work_are_refused(names: dict[str, str], template: str, words: str):
    problem = check_names(names, [template])
    assert problem is not None
    assert words in problem


def test_good_names_pass():
    assert check_names({"house1": "hall/meter 1"}, ["t"]) is None
    assert check_names({"house1": "a", "house2": "b"}, ["t/{device}"]) is None
