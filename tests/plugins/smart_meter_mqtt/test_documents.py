"""What users are shown can be used as it stands."""

import re
from pathlib import Path

import pytest
import yaml

from hub.config import load
from hub.loader import Loader
from plugins.smart_meter_mqtt.preset import Preset

ROOT = Path(__file__).parents[3]


def checked(path: Path) -> None:
    loader = Loader(path.parent)
    load(path, loader.resolve, known_types=loader.known_types())


def test_the_example_on_an_existing_broker_is_sound(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MQTT_PASSWORD", "x")
    checked(ROOT / "config" / "examples" / "mosquitto.yaml")


def blocks() -> list[str]:
    text = (ROOT / "docs" / "meters.md").read_text(encoding="utf-8")
    return re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("text", [block for block in blocks() if "plugins:" in block])
def test_the_documented_sections_are_sound(tmp_path: Path, text: str):
    (tmp_path / "secrets.yaml").write_text("mqtt_password: x\n")
    (tmp_path / "secrets.yaml").chmod(0o600)
    path = tmp_path / "hub.yaml"
    path.write_text(text)
    checked(path)


def test_the_documented_preset_is_one():
    (text,) = (block for block in blocks() if block.startswith("topics:"))
    Preset.model_validate(yaml.safe_load(text))
