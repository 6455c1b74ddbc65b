"""The hub's own section of hub.yaml. Plugins bring the models of theirs."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

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


class BlockingSection(_Section):
    """What is done about a plugin that keeps the whole hub from running."""

    shown_after: Annotated[Duration, Field(gt=0)] = Field(
        0.5, description="so long in one piece, and the plugin and the place in its code are named"
    )
    stop_after: Duration = Field(
        30.0, description="so long within a minute, and the plugin is stopped; 0: never"
    )


def _price(value: str) -> str:
    try:
        wei = Decimal(value).scaleb(18)
    except InvalidOperation:
        wei = Decimal("NaN")
    if not wei.is_finite() or wei < 0 or wei != wei.to_integral_value():
        raise ValueError("expected a price in coin per kWh such as 0.0003, in whole wei")
    return value


Price = Annotated[str, AfterValidator(_price)]


class TariffSection(_Section):
    """What energy costs that is not traded between neighbours."""

    buy: Price = Field(description="price of energy from the grid, in ETH per kWh")
    sell: Price = Field("0", description="price paid for energy to the grid, in ETH per kWh")

    @property
    def buy_wei_per_kwh(self) -> int:
        return int(Decimal(self.buy).scaleb(18))

    @property
    def sell_wei_per_kwh(self) -> int:
        return int(Decimal(self.sell).scaleb(18))


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
    blocking: BlockingSection = Field(
        default_factory=BlockingSection, description="plugins that block the hub"
    )
    tariff: TariffSection | None = Field(
        None, description="the supplier's prices, for the bills in the report of `hub simulate`"
    )


def waiting_for_restart(running: HubSection, new: HubSection) -> list[str]:
    """Return what a reload cannot change while the hub runs, such as `hub.seed (1, not 2)`."""
    pairs = {key: (getattr(running, key), getattr(new, key)) for key in _AT_START}
    pairs["log.format"] = running.log.format, new.log.format
    pairs["blocking.shown_after"] = running.blocking.shown_after, new.blocking.shown_after
    return [
        f"hub.{key} (stays {_short(was)}, not {_short(wanted)})"
        for key, (was, wanted) in pairs.items()
        if was != wanted
    ]


#: Read once, when the hub starts.
_AT_START = ("data_dir", "time_lapse", "seed", "stale_after")


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
