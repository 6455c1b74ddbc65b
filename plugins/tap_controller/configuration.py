"""The tap controller's section of hub.yaml."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hub.api import Duration, PluginConfig

from .targets import Goal
from .watch import Settings


class Limits(BaseModel):
    """A pair of voltages in pu of nominal."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    low: float = Field(gt=0.5, lt=1.2)
    high: float = Field(gt=0.8, lt=1.5)

    @model_validator(mode="after")
    def _ordered(self) -> Limits:
        if self.low >= self.high:
            raise ValueError("expected low below high")
        return self


class TapControllerConfig(PluginConfig):
    """What voltages are held where, and how often tap changers may move."""

    feeder: str = Field("grid", description="instance that has the regulators")
    twin: str = Field("twin", description="instance that answers what-if questions")
    mode: Literal["react", "predict"] = Field(
        "react", description="act on measured violations, or also before a delivery causes one"
    )
    limits: Limits = Field(
        default_factory=lambda: Limits(low=0.95, high=1.05), description="held at every meter"
    )
    margin: float = Field(0.002, ge=0, lt=0.02, description="kept from the limits, for noise")
    restore: Limits = Field(
        default_factory=lambda: Limits(low=0.97, high=1.0165),
        description="after a violation, voltages come to rest below high, or above low",
    )
    guard: float = Field(0.005, ge=0, lt=0.05, description="kept from the opposite limit then")
    unmetered: Limits = Field(
        default_factory=lambda: Limits(low=0.95, high=1.058),
        description="held by the model where no meter is",
    )
    distrust: float = Field(
        0.1, gt=0, le=1, description="a meter this far in pu from what the twin expects is left out"
    )
    dwell: Duration = Field(2.0, description="a violation must last this long")
    hold: Duration = Field(10.0, description="pause between two moves")
    max_steps_per_hour: int = Field(240, ge=1, description="tap steps in any hour, all together")
    stale_after: Duration = Field(5.0, gt=0, description="readings older than this are not used")
    min_share: float = Field(0.5, gt=0, le=1, description="share of meters needed to see")
    blind_after: Duration = Field(10.0, description="local control after so long without sight")
    local_after: Duration = Field(
        60.0, description="local control after so long without this agent; 0: hold the last taps"
    )
    interval: Duration = Field(0.5, gt=0, description="how often it looks")

    @model_validator(mode="after")
    def _reachable(self) -> TapControllerConfig:
        low, high = self.limits.low + self.margin, self.limits.high - self.margin
        if not low < self.restore.low < self.restore.high < high:
            raise ValueError("expected restore inside the limits narrowed by the margin")
        if self.limits.low + self.guard >= self.restore.high:
            raise ValueError("expected a guard that leaves room below restore.high")
        return self

    def settings(self) -> Settings:
        """Return what the watch takes."""
        return Settings(
            low_pu=self.limits.low,
            high_pu=self.limits.high,
            hysteresis_pu=self.margin,
            dwell=timedelta(seconds=self.dwell),
            hold=timedelta(seconds=self.hold),
            max_steps_per_hour=self.max_steps_per_hour,
            min_share=self.min_share,
            blind_after=timedelta(seconds=self.blind_after),
        )

    def goal(self) -> Goal:
        """Return what the planner takes."""
        return Goal(
            low=self.limits.low,
            high=self.limits.high,
            margin=self.margin,
            restore_low=self.restore.low,
            restore_high=self.restore.high,
            guard=self.guard,
            unmetered_low=self.unmetered.low,
            unmetered_high=self.unmetered.high,
        )
