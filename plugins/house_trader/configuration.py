"""The trader's section of hub.yaml."""

from __future__ import annotations

from pydantic import Field, field_validator

from hub.api import CheckContext, Duration, PluginConfig

from .coin import wei_per_kwh
from .quoting import Limits


class HousePrices(PluginConfig):
    """Price limits of one house, in coin per kWh."""

    buy_max: str | None = Field(None, description="the most this house pays per kWh")
    sell_min: str | None = Field(None, description="the least this house takes per kWh")

    @field_validator("buy_max", "sell_min")
    @classmethod
    def _price(cls, value: str | None) -> str | None:
        if value is not None:
            wei_per_kwh(value)
        return value


class Config(PluginConfig):
    """Trades for households within their price limits."""

    market: str = Field("market", description="the market's key under plugins:")
    houses: tuple[str, ...] | None = Field(
        None, description="houses to trade for; default: all whose account the hub holds"
    )
    quote: bool = Field(True, description="place orders; false: only deliver what others traded")
    every: Duration | None = Field(
        None, gt=0, description="how often orders are reviewed; default: once a window"
    )
    buy_max: str = Field("0.0002", description="the most a house pays, in ETH per kWh")
    sell_min: str = Field("0.00005", description="the least a house takes, in ETH per kWh")
    prices: dict[str, HousePrices] = Field(
        default_factory=dict, description="other limits for single houses"
    )
    opening_permille: int = Field(
        500, ge=0, lt=1000, description="how far inside its limit a price starts"
    )
    steps: int = Field(4, ge=1, description="reviews until an unanswered price is at its limit")
    confidence: float = Field(
        0.85,
        ge=0.5,
        le=0.99,
        description="share of the cases in which a house without storage "
        "should have in full what it offers or buys; less trades more and is penalised more often",
    )
    battery_share: float = Field(
        0.5, ge=0, le=1, description="part of what a battery could give that is offered"
    )
    ahead: Duration = Field(
        2.0,
        description="set-points are sent so long before a window and kept so long after it, as "
        "devices follow late and meters' clocks are off",
    )

    @field_validator("buy_max", "sell_min")
    @classmethod
    def _price(cls, value: str) -> str:
        wei_per_kwh(value)
        return value

    def limits(self, house: str) -> Limits:
        """The price limits of a house in wei per kWh."""
        special = self.prices.get(house, HousePrices())
        return Limits(
            wei_per_kwh(special.buy_max or self.buy_max),
            wei_per_kwh(special.sell_min or self.sell_min),
        )


def check_houses(config: Config, check: CheckContext) -> list[str]:
    """Name the houses that the section mentions and that do not exist."""
    named = [("houses", house) for house in config.houses or ()]
    named += [(f"prices.{house}", house) for house in config.prices]
    return [
        f"{key}: there is no house {house!r} under houses:"
        for key, house in named
        if house not in check.houses
    ]
