"""The recorder's section of hub.yaml."""

from __future__ import annotations

from pydantic import Field, model_validator

from hub.api import Duration, PluginConfig

from .selection import Rule


class RecorderConfig(PluginConfig):
    """What is kept, how densely, and for how long."""

    min_interval: Duration = Field(5.0, description="small changes are kept this often at most")
    heartbeat: Duration = Field(60.0, gt=0, description="an unchanged value is kept this often")
    significant: float = Field(0.02, ge=0, le=1, description="share of change kept at once")
    keep_raw: Duration = Field(2 * 86_400.0, gt=0, description="age up to which all values stay")
    keep_minutes: Duration = Field(90 * 86_400.0, gt=0, description="the same for minutes")
    keep_events: Duration = Field(365 * 86_400.0, gt=0, description="the same for events")
    flush: Duration = Field(1.0, gt=0, le=60, description="pause between two writes")

    @model_validator(mode="after")
    def _ordered(self) -> RecorderConfig:
        if self.keep_raw > self.keep_minutes:
            raise ValueError("expected keep_minutes to be at least keep_raw")
        return self

    def rule(self) -> Rule:
        """Return what is kept as the selection takes it."""
        return Rule(self.min_interval, self.heartbeat, self.significant)
