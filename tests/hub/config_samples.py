"""Plugin types as strangers would write them, and a way to load a text as hub.yaml."""

from collections.abc import Mapping
from datetime import date, time
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AnyHttpUrl,
    AnyUrl,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from hub.config import ConfigError, ConfigPath, HubConfig, load
from hub.duration import Duration
from hub.houses import WalletAddress


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Protocol(StrEnum):
    MQTT3 = "3.1.1"
    MQTT5 = "5"


class Device(Strict):
    name: str = Field(description="what the meter calls itself")
    factor: float = 1.0
    enabled: bool = True


class Limits(Strict):
    low_pu: float = Field(0.95, gt=0, lt=2)
    high_pu: float = Field(1.05, gt=0, lt=2)


class Meters:
    """Settings of every kind."""

    class Config(Strict):
        broker: AnyUrl = Field(AnyUrl("mqtt://127.0.0.1:1883"), description="URL of the broker")
        preset: Literal["tasmota", "shelly", "generic"] = "tasmota"
        interval: Annotated[Duration, Field(gt=0)] = 10.0
        qos: int = Field(1, ge=0, le=2)
        protocol: Protocol = Protocol.MQTT5
        devices: list[Device] = Field(default_factory=list, max_length=3)
        by_bus: dict[int, Device] = Field(default_factory=dict)
        limits: Limits = Field(default_factory=Limits)
        password: SecretStr | None = None
        prefix: str = Field("tele", min_length=1, pattern=r"^[a-z/]+$")
        label: str | None = Field(None, max_length=8)
        retain: bool = False
        price: Decimal | None = Field(None, max_digits=6)
        factor: float | Literal["auto"] = 1.0
        at: time | None = None
        since: date | None = None
        owner: WalletAddress | None = None
        page: AnyHttpUrl | None = None
        anything: Any = None
        names: dict[str, str] = Field(default_factory=dict)

        @field_validator("label")
        @classmethod
        def _no_slash(cls, label: str | None) -> str | None:
            if label and "/" in label:
                raise ValueError(f"the label {label!r} holds a slash")
            return label


class Grid:
    """One setting without a default, one that depends on another."""

    class Config(Strict):
        feeder: ConfigPath = Field(description="the .dss file of the circuit")
        step: Duration = 1.0
        low_v: float = 110.0
        high_v: float = 130.0

        @model_validator(mode="after")
        def _ordered(self) -> "Grid.Config":
            if self.low_v >= self.high_v:
                raise ValueError("low_v must be below high_v")
            return self


class Lax:
    """A type whose author forgot to refuse unknown keys, and whose check has a bug."""

    class Config(BaseModel):
        count: int = 0

        @field_validator("count")
        @classmethod
        def _buggy(cls, count: int) -> int:
            return [0, 1, 2][count]


class Bare:
    """A type without settings."""


TYPES: Mapping[str, type] = {"meters": Meters, "grid": Grid, "lax": Lax, "bare": Bare}


def resolve(use: str) -> type | None:
    if use == "raises":
        raise ImportError("No module named 'numpi'")
    return TYPES.get(use)


def load_text(folder: Path, text: str | bytes, **others: str) -> HubConfig:
    """Load a text as hub.yaml; further files are given by their name with `_` for the dot."""
    path = folder / "hub.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    for name, content in others.items():
        (folder / name.replace("_", ".")).write_text(content)
    return load(path, resolve, known_types=TYPES)


def mistakes(folder: Path, text: str | bytes, **others: str) -> list[str]:
    """Return the lines that a user sees, with the folder left out; empty if the file is valid."""
    try:
        load_text(folder, text, **others)
    except ConfigError as error:
        return [str(problem).replace(f"{folder}/", "") for problem in error.problems]
    return []
