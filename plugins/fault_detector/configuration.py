"""The fault detector's section of hub.yaml."""

from __future__ import annotations

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hub.api import Duration, PluginConfig

from .limits import LimitRules
from .rules import Rules
from .supply import SupplyRules


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Limits(_Section):
    """A pair of voltage limits."""

    low: float = Field(gt=0, lt=1, description="lower limit in pu of nominal")
    high: float = Field(gt=1, lt=2, description="upper limit in pu of nominal")


class Head(_Section):
    """The measurement at the head of the feeder."""

    device: str = Field("head", description="device name of its readings")
    nominal_v: float = Field(2401.78, gt=0, description="its nominal voltage, phase to neutral")


class FaultDetectorConfig(PluginConfig):
    """Thresholds in pu of each meter's nominal voltage."""

    head: Head | None = Field(default_factory=Head, description="head meter; null if there is none")
    dead_below: float = Field(0.1, gt=0, lt=0.5, description="no voltage, below this")
    alive_above: float = Field(0.8, gt=0.5, lt=1, description="service is back, above this")
    confirm_samples: int = Field(1, ge=1, le=100, description="dead samples before an alarm")
    settle: Duration = Field(0.25, description="time for the other meters of the phase to report")
    stale_after: Duration = Field(5.0, gt=0, description="silence after which a meter is lost")
    normal: Limits = Field(
        default_factory=lambda: Limits(low=0.95, high=1.05), description="outside is a warning"
    )
    emergency: Limits = Field(
        default_factory=lambda: Limits(low=0.90, high=1.08), description="outside is critical"
    )
    hysteresis: float = Field(0.003, ge=0, lt=0.05, description="inside the limits by this is back")
    dwell: Duration = Field(10.0, description="time outside the normal limits before an alarm")
    emergency_dwell: Duration = Field(2.0, description="the same for the emergency limits")

    @model_validator(mode="after")
    def _nested(self) -> FaultDetectorConfig:
        if self.emergency.low > self.normal.low or self.emergency.high < self.normal.high:
            raise ValueError("expected the emergency limits outside the normal limits")
        if self.normal.low + self.hysteresis >= self.normal.high - self.hysteresis:
            raise ValueError("expected a hysteresis smaller than half of the normal band")
        return self

    def rules(self) -> Rules:
        """Return the thresholds as the rules take them."""
        stale_after = timedelta(seconds=self.stale_after)
        return Rules(
            supply=SupplyRules(
                dead_below_pu=self.dead_below,
                alive_above_pu=self.alive_above,
                confirm_samples=self.confirm_samples,
                settle=timedelta(seconds=self.settle),
                stale_after=stale_after,
            ),
            limits=LimitRules(
                low_pu=self.normal.low,
                high_pu=self.normal.high,
                emergency_low_pu=self.emergency.low,
                emergency_high_pu=self.emergency.high,
                hysteresis_pu=self.hysteresis,
                dwell=timedelta(seconds=self.dwell),
                emergency_dwell=timedelta(seconds=self.emergency_dwell),
                dead_below_pu=self.dead_below,
            ),
            stale_after=stale_after,
        )
