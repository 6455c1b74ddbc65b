"""The hub's own section of hub.yaml. Plugins bring the models of theirs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from hub.config_path import ConfigPath
from hub.duration import Duration


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


Level = Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class LogSection(_Section):
    """What is logged, and how."""

    level: Level = Field("info", description="the least severe record that is logged")
    levels: dict[str, Level] = Field(
        default_factory=dict, description="another level for single plugins, by their key"
    )
    format: Literal["text", "json"] = Field(
        "text", description="text for people, json for one JSON object a line"
    )


class HubSection(_Section):
    """The hub as a whole."""

    name: str = Field(
        "microgrid", min_length=1, max_length=64, description="what this hub is called"
    )
    data_dir: ConfigPath = Field(
        Path(".hub"), description="folder for ledger, history and chain state; default .hub"
    )
    time_lapse: float = Field(
        1.0, ge=1, le=86400, description="seconds on the simulated feeder per second of the hub"
    )
    seed: int = Field(1, ge=0, description="what all chance in simulations starts from")
    stale_after: Annotated[Duration, Field(gt=0)] = Field(
        10.0, description="a reading older than this is stale"
    )
    log: LogSection = Field(default_factory=LogSection, description="logging")
