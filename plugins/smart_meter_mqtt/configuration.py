"""The section of `smart_meter_mqtt` in hub.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, field_validator

from hub.api import Duration, House, PluginConfig, unit_of

from .preset import AvailabilityMap, Preset, PresetError, load_preset

#: The device name of the measurement at the head of the feeder.
HEAD = "head"
#: Presets that come with the hub.
PRESETS = Path(__file__).parents[2] / "config" / "meters"


class Config(PluginConfig):
    """Meters on an MQTT broker."""

    broker: str = Field(
        "mqtt://127.0.0.1:1883", description="address of the broker, mqtt:// or mqtts://"
    )
    username: str | None = Field(None, description="user name at the broker")
    password: SecretStr | None = Field(None, description="password at the broker (use !secret)")
    preset: str = Field(
        "tasmota",
        description="make of the meters: a name in config/meters, or the path of a YAML file",
    )
    map: Preset | None = Field(None, description="a field map of your own, instead of a preset")
    topic: str | None = Field(
        None, description="overrides the preset's first topic, such as home/{device}/tele/SENSOR"
    )
    availability_topic: str | None = Field(
        None, description="overrides the topic on which a meter says whether it is online"
    )
    devices: tuple[str, ...] | dict[str, str] | None = Field(
        None,
        description="meters to read, or a mapping from the hub's name to the name at the broker; "
        "default: the meters of all houses, and head",
    )
    timezone: str = Field("UTC", description="zone of meter times that name none")
    stale_after: Duration = Field(30.0, description="a meter silent for longer is reported")
    max_power_w: float = Field(
        10_000_000.0,
        gt=0,
        description="the most power one meter can see; counters that run faster were swapped",
    )

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("expected a time zone such as UTC or Europe/Berlin") from None
        return name

    @field_validator("broker")
    @classmethod
    def _known_scheme(cls, url: str) -> str:
        if not url.startswith(("mqtt://", "mqtts://")):
            raise ValueError("expected an address such as mqtt://127.0.0.1:1883")
        return url

    def names(self, houses: Mapping[str, House]) -> dict[str, str]:
        """Return the meters: name in the hub and name at the broker."""
        if isinstance(self.devices, dict):
            return self.devices
        if self.devices is not None:
            return {device: device for device in self.devices}
        return {name: name for name in [*(h.device(i) for i, h in houses.items()), HEAD]}

    def single_phase(self, houses: Mapping[str, House], preset: Preset) -> frozenset[str]:
        """Return the meters of one-phase houses, if this make tells the phases apart: what hangs
        on their first terminal is the house's only phase, whichever of the feeder's that is.
        """
        named = (f.quantity.endswith("_a") for topic in preset.topics for f in topic.fields)
        if not (any(named) or any(topic.first_phase_unnamed for topic in preset.topics)):
            return frozenset()
        return frozenset(h.device(i) for i, h in houses.items() if len(h.phases) == 1)

    def read_preset(self, base_dir: Path) -> Preset:
        """Return the field map with the overrides in it; PresetError if there is none."""
        preset = self.map or load_preset(self._preset_path(base_dir))
        for topic in preset.topics:
            for field in topic.fields:
                _check_unit(field.quantity, field.hub_unit)
        update: dict[str, object] = {}
        if self.topic is not None:
            first = preset.topics[0].model_copy(update={"topic": self.topic})
            update["topics"] = (first, *preset.topics[1:])
        if self.availability_topic is not None:
            where = preset.availability or AvailabilityMap(topic="")
            update["availability"] = where.model_copy(update={"topic": self.availability_topic})
        return preset.model_copy(update=update)

    def _preset_path(self, base_dir: Path) -> Path:
        if self.preset.endswith((".yaml", ".yml")):
            return base_dir / self.preset
        own = base_dir / "config" / "meters" / f"{self.preset}.yaml"
        path = own if own.is_file() else PRESETS / f"{self.preset}.yaml"
        if not path.is_file():
            known = ", ".join(sorted(each.stem for each in PRESETS.glob("*.yaml")))
            raise PresetError(f"no preset {self.preset!r} in config/meters; there are: {known}")
        return path


def _check_unit(quantity: str, unit: str) -> None:
    try:
        expected = unit_of(quantity)
    except KeyError as error:
        raise PresetError(f"preset: {error.args[0]}") from error
    if unit != expected:
        raise PresetError(f"preset: {quantity} is in {expected}, but its field is in {unit}")
