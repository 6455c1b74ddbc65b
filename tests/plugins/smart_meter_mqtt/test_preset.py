from pathlib import Path

import pytest

from hub.api import unit_of
from plugins.smart_meter_mqtt.preset import PresetError, load_preset, split_pointer

PRESETS = sorted((Path(__file__).parents[3] / "config" / "meters").glob("*.yaml"))


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_every_preset_of_the_hub_is_in_the_hubs_units(path: Path):
    preset = load_preset(path)
    assert preset.title
    for topic in preset.topics:
        for field in topic.fields:
            assert field.hub_unit == unit_of(field.quantity)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("topics: []", "topics"),
        ("topics: [{topic: t, fields: []}]", "topics.0.fields"),
        ("topics: [{topic: t, fields: [{quantity: power, unit: BTU}]}]", "unknown unit 'BTU'"),
        (
            "topics: [{topic: t, fields: [{quantity: power, unit: W, pointer: ENERGY}]}]",
            "starts with '/'",
        ),
        (
            (
                "topics: [{topic: t, format: number, fields: "
                "[{quantity: power, unit: W}, {quantity: voltage, unit: V}]}]"
            ),
            "one number has one field",
        ),
        ("topics: [{topic: t, fields: [{quantity: power, unit: W}], tme: /x}]", "topics.0.tme"),
        ("topics: [", "while parsing"),
        ("7", "valid dictionary"),
    ],
)
def test_a_preset_that_is_none_is_refused_with_its_place(tmp_path: Path, text: str, words: str):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(PresetError, match=words) as caught:
        load_preset(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(PresetError, match=r"none\.yaml"):
        load_preset(tmp_path / "none.yaml")


def test_pointers_are_split_and_unescaped():
    assert split_pointer("/a~1b/c~0d/0") == ("a/b", "c~d", "0")
    assert split_pointer("") == ()
