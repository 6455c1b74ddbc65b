"""The market's section of hub.yaml, and what can be said about it without starting anything."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from hub.api import CheckContext, ConfigPath, Duration, House, PluginConfig, WalletAddress

from . import node
from .artefact import Artefact, load
from .chain_settings import ChainSettings, KeySettings, Place, SenderSettings
from .clearing import PricingMode
from .coin import wei
from .problems import Misconfigured
from .twin_records import MAX_OPEN_LOTS, Params

CONTRACTS = Path(__file__).parents[2] / "contracts"
BUILD = CONTRACTS / "build/EnergyDoubleAuction.json"
GWEI = 10**9
#: Time between the end of a window and the settlement deadline that settling must have.
SPARE_S = 10.0
#: A transaction is sent again after this, and with higher fees after that.
RESEND_AFTER_S = 15.0
REPLACE_AFTER_S = 60.0


class Config(PluginConfig):
    """The market: where it runs, its rules, and when it is cleared and settled."""

    backend: Literal["auto", "chain", "twin"] = Field(
        "auto", description="auto: a chain, and in virtual time its twin in Python"
    )
    rpc: SecretStr | None = Field(
        None, description="address of an Ethereum node; default: an embedded development chain"
    )
    wallet_rpc: str | None = Field(
        None, description="address of a node for browser wallets, if it may be shown to everybody"
    )
    port: int = Field(8545, ge=1, le=65535, description="port of the embedded chain")
    chain_id: int | None = Field(None, ge=1, description="refuse any other chain than this")
    contract: WalletAddress | None = Field(None, description="address of a deployed contract")
    first_block: int = Field(0, ge=0, description="block in which that contract was deployed")
    deploy: bool = Field(False, description="deploy the contract if there is none yet")
    key: SecretStr | None = Field(None, description="private key of the operator (use !secret)")
    oracle_key: SecretStr | None = Field(
        None, description="private key that signs meter reports; default: the operator's"
    )
    keys: dict[str, SecretStr] = Field(
        default_factory=dict, description="private keys of houses that the hub trades for"
    )
    artefact: ConfigPath | None = Field(None, description="the compiled contract, if elsewhere")
    confirmations: int = Field(1, ge=1, le=64, description="blocks until an event counts")
    max_fee_gwei: int = Field(200, ge=1, description="highest fee per gas that is ever paid")
    poll_every: Duration = Field(1.0, gt=0, description="how often the chain is read")
    receipt_timeout: Duration = Field(8.0, gt=0, description="wait for a transaction so long")
    match_every: Duration = Field(15.0, gt=0, description="how often the book is cleared")
    window: Duration = Field(30.0, ge=1, description="length of a delivery window")
    lead: Duration = Field(5.0, ge=0, description="time between match and delivery, at least")
    aligned: bool = Field(False, description="windows start at whole multiples of their length")
    meter_gap: Duration = Field(15.0, gt=0, description="readings farther apart prove nothing")
    outage_gap: Duration = Field(
        7200.0, ge=0, description="the same for the time the hub was away: estimated up to this"
    )
    meter_accuracy_permille: int = Field(
        10, ge=0, le=50, description="a shortfall within the meters' accuracy is no shortfall"
    )
    price_tick: str = Field("0.000001", description="smallest step of prices in ETH per kWh")
    lot_wh: int = Field(1, ge=1, description="smallest step of quantities in Wh")
    min_qty_wh: int = Field(100, ge=1, description="smallest order in Wh")
    order_ttl: Duration = Field(86_400.0, ge=60, description="longest life of an order")
    settlement_ttl: Duration = Field(600.0, ge=60, description="time to settle a trade")
    deposit_permille: int = Field(100, ge=0, le=1000, description="deposit in per mille of value")
    max_slippage_bp: int = Field(
        0, ge=0, le=10_000, description="prices farther from the last one are refused; 0: none"
    )
    pricing: PricingMode = Field(PricingMode.UNIFORM, description="who sets the price of a trade")
    strike_limit: int = Field(0, ge=0, le=255, description="failed trades until barred; 0: never")
    max_open_wh: int = Field(
        0, ge=0, description="what one trader may have on the book and in pending trades; 0: any"
    )
    withdraw_above: str | None = Field(
        "0", description="pay credits of own houses above this many ETH out; null: never"
    )

    @field_validator("price_tick", "withdraw_above")
    @classmethod
    def _amount(cls, value: str | None) -> str | None:
        if value is not None:
            wei(value)
        return value

    @field_validator("window")
    @classmethod
    def _whole_seconds(cls, value: float) -> float:
        if value != int(value):
            raise ValueError("expected whole seconds, since the chain counts in them")
        return value

    @model_validator(mode="after")
    def _time_to_settle(self) -> Config:
        needed_s = self.lead + 2 * self.window + self.meter_gap + SPARE_S
        if self.settlement_ttl < needed_s:
            raise ValueError(
                f"settlement_ttl must be at least {needed_s:g} s: "
                f"lead + two windows + meter_gap + {SPARE_S:g} s"
            )
        return self

    @model_validator(mode="after")
    def _room_for_an_order(self) -> Config:
        most_wh = MAX_OPEN_LOTS * self.lot_wh
        if self.max_open_wh and not self.min_qty_wh <= self.max_open_wh <= most_wh:
            raise ValueError(
                f"max_open_wh must be 0, or from min_qty_wh ({self.min_qty_wh}) to {most_wh}, "
                f"which is 2**24 - 1 lots"
            )
        return self

    @property
    def embedded(self) -> bool:
        """Whether the hub runs the chain itself."""
        return self.rpc is None

    def params(self) -> Params:
        """The settable rules of the contract."""
        return Params(
            min_qty_wh=self.min_qty_wh,
            order_ttl_s=int(self.order_ttl),
            settlement_ttl_s=int(self.settlement_ttl),
            deposit_rate_permille=self.deposit_permille,
            max_slippage_bp=self.max_slippage_bp,
            mode=self.pricing,
            strike_limit=self.strike_limit,
            max_open_wh=self.max_open_wh,
        )

    def load_artefact(self) -> Artefact:
        """The compiled contract. Raises `Misconfigured`."""
        return load(self.artefact or BUILD)

    def chain_settings(
        self, market: str, houses: Mapping[str, House], embedded_url: str
    ) -> ChainSettings:
        """The same as plain values, for a market on a chain."""
        return ChainSettings(
            place=Place(
                market=market,
                embedded=self.embedded,
                contract=self.contract,
                deploy=self.deploy,
                first_block=self.first_block,
                where=f"plugins.{market}",
            ),
            rpc_url=_plain(self.rpc) or embedded_url,
            wallet_rpc_url=self.wallet_rpc or embedded_url,
            chain_id=self.chain_id,
            confirmations=self.confirmations,
            price_tick_wei=wei(self.price_tick),
            lot_wh=self.lot_wh,
            params=self.params(),
            sender=SenderSettings(
                receipt_timeout_s=self.receipt_timeout,
                resend_after_s=RESEND_AFTER_S,
                replace_after_s=REPLACE_AFTER_S,
                max_fee_wei=self.max_fee_gwei * GWEI,
                # Nobody competes for a place in the embedded chain's blocks.
                tip_wei=0 if self.embedded else None,
            ),
            keys=KeySettings(
                houses=tuple(houses),
                wallets={name: house.wallet for name, house in houses.items() if house.wallet},
                operator_key=_plain(self.key),
                oracle_key=_plain(self.oracle_key),
                house_keys={house: key.get_secret_value() for house, key in self.keys.items()},
            ),
        )


def _plain(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def check_market(config: Config, check: CheckContext) -> list[str]:
    """What is wrong with a market, a sentence each."""
    if config.backend == "twin" or (config.backend == "auto" and check.virtual):
        return []
    found: list[str] = []
    try:
        config.load_artefact()
        if config.embedded:
            node.find_binary(CONTRACTS)
    except Misconfigured as error:
        found.append(str(error))
    if not config.embedded:
        check.unchecked.append("whether the node at rpc answers")
        if config.key is None:
            found.append("key: missing; an external chain needs the operator's key")
        if config.contract is None and not config.deploy:
            found.append("expected contract: 0x… or deploy: true")
    found += [
        f"keys.{house}: there is no house {house!r} under houses:"
        for house in config.keys
        if house not in check.houses
    ]
    return found + _address_problems(config, check)


def _address_problems(config: Config, check: CheckContext) -> list[str]:
    """Addresses whose letters are mixed must have the right checksum: a typo would lose money."""
    from eth_utils.address import is_checksum_address

    named = {f"houses.{h}.wallet": house.wallet for h, house in check.houses.items()}
    named["contract"] = config.contract
    return [
        f"{where}: {address} has a wrong checksum (EIP-55); copy it again, or write it in lower "
        f"case"
        for where, address in named.items()
        if address is not None
        and address[2:] not in (address[2:].lower(), address[2:].upper())
        and not is_checksum_address(address)
    ]
